"""Demandes as XML of the published schema, for lieux (TEL-2, TEL-3)."""

from collections.abc import Sequence
from datetime import datetime

from lxml import etree

from demandes import rules
from demandes.documents.xml_reader import NAMESPACE, NS, schema
from demandes.models import Demande
from extranet.core.dates import PARIS


def _moment(at: datetime) -> str:
    return at.astimezone(PARIS).isoformat(timespec="seconds")


def write(demandes: Sequence[Demande], now: datetime) -> bytes:
    """One document of all `demandes` (their dossier, commune, lieu and transmission at hand), valid against the schema."""
    root = etree.Element(f"{NS}demandes", nsmap={None: NAMESPACE})
    root.set("version", "1.0")
    root.set("emis-le", _moment(now))
    root.set("emetteur", "extranet-partenaires")
    for demande in demandes:
        _demande(root, demande)
    schema().assertValid(root)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def _add(parent: etree._Element, name: str, text: str = "", **attributes: str) -> etree._Element:
    element = etree.SubElement(parent, NS + name)
    if text:
        element.text = text
    for key, value in attributes.items():
        element.set(key.replace("_", "-"), value)
    return element


def _demande(root: etree._Element, demande: Demande) -> None:
    d, besoin = demande.dossier, demande.dossier.besoin
    one = _add(root, "demande", reference=demande.reference, deposee_le=_moment(demande.deposee_le))
    if demande.modifiee_le:
        one.set("modifiee-le", _moment(demande.modifiee_le))
    _add(one, "commune", code_insee=demande.commune_id)
    if demande.lieu:
        _add(one, "lieu", code=demande.lieu.code)
    parent = _add(one, "demandeur")
    for name in ("nom", "prenom", "courriel", "telephone"):
        if value := getattr(d, name):
            _add(parent, name, value)
    if d.code_postal and d.ville:
        adresse = _add(parent, "adresse")
        _add(adresse, "code-postal", d.code_postal)
        _add(adresse, "commune", d.ville)
    if d.allocataire is not None:
        _add(parent, "allocataire", "true" if d.allocataire else "false")
    for name, value in (("contact-prefere", d.contact_prefere), ("creneau", d.creneau)):
        if value:
            _add(parent, name, value)
    enfants = _add(one, "enfants")
    for child in d.enfants:
        enfant = _add(enfants, "enfant")
        for name in ("prenom", "date_naissance", "date_prevue"):
            if child.get(name):
                _add(enfant, name.replace("_", "-"), child[name])
    need = _add(one, "besoin")
    modes = _add(need, "modes")
    for mode in demande.modes:
        _add(modes, "mode", mode)
    _add(need, "a-partir-du", besoin["a_partir_du"])
    if besoin.get("regularite"):
        _add(need, "regularite", besoin["regularite"])
    if besoin.get("horaires"):
        horaires = _add(need, "horaires")
        for nom, de, a in besoin["horaires"]:
            _add(horaires, "jour", nom=nom, de=de, a=a)
    if besoin.get("atypiques"):
        atypiques = _add(need, "atypiques")
        for atypique in besoin["atypiques"]:
            _add(atypiques, "atypique", atypique)
    if d.rendez_vous:
        _add(one, "besoin-rendez-vous", d.rendez_vous)
    if d.message:
        _add(one, "message", d.message)
    if demande.lieu and demande.transmission:
        _transmission(one, demande)


def _transmission(one: etree._Element, demande: Demande) -> None:
    transmission = demande.transmission
    assert transmission is not None and demande.lieu is not None
    element = _add(one, "transmission", lieu=demande.lieu.code, transmise_le=_moment(transmission.transmitted_at))
    if transmission.notified_at:
        day = rules.last_day_to_pick_up(transmission.notified_at, demande.last_day)
        element.set("a-recuperer-avant", day.isoformat())
    element.set("a-detruire-avant", demande.last_day.isoformat())
