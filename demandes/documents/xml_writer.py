"""Writing demandes as XML, valid by the schema that deliveries follow (TEL-3)."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from lxml import etree

from demandes import rules
from demandes.contenu import Contenu, champs
from demandes.documents.xml_reader import NAMESPACE
from demandes.models import Demande
from extranet.core.dates import PARIS, paris_date

EMETTEUR = "extranet-partenaires"


def write(demandes: Sequence[Demande], now: datetime, emetteur: str = EMETTEUR) -> bytes:
    """The document of `demandes` (read with their dossier, lieu and transmission)."""
    root = etree.Element(_tag("demandes"), nsmap={None: NAMESPACE})  # type: ignore[dict-item]
    root.set("version", "1.0")
    root.set("emis-le", _moment(now))
    root.set("emetteur", emetteur)
    for demande in demandes:
        _demande(root, demande, paris_date(now))
    etree.indent(root)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8") + b"\n"


def _tag(name: str) -> str:
    return f"{{{NAMESPACE}}}{name}"


def _moment(moment: datetime) -> str:
    return moment.astimezone(PARIS).isoformat(timespec="seconds")


def _add(parent: Any, tag: str, text: str = "", /, **attributes: str) -> Any:
    """A child `tag`; attributes by their names, `_` for `-`."""
    child = etree.SubElement(parent, _tag(tag))
    for key, value in attributes.items():
        child.set(key.replace("_", "-"), value)
    if text:
        child.text = text
    return child


def _add_if(parent: Any, tag: str, text: str) -> None:
    if text:
        _add(parent, tag, text)


def _demande(root: Any, demande: Demande, today: date) -> None:
    contenu = demande.dossier.open(today)
    node = _add(root, "demande", reference=demande.reference, deposee_le=_moment(demande.deposee_le))
    if demande.modifiee_le:
        node.set("modifiee-le", _moment(demande.modifiee_le))
    _add(node, "commune", code_insee=demande.commune_id)
    if demande.lieu and demande.lieu_voulu_id == demande.lieu_id:
        _add(node, "lieu", code=demande.lieu.code)
    for name, champ in champs(type(contenu)).items():
        if name == "enfants":
            _enfants(node, contenu.enfants)
        elif name == "besoin":
            _besoin(node, demande, contenu.besoin)
        elif text := _text(contenu, name):
            _put(node, champ["chemin"], text)
    if demande.transmission and demande.lieu:
        _transmission(node, demande)


def _text(contenu: Contenu, name: str) -> str:
    if name in ADRESSE and not all(getattr(contenu, part) for part in ADRESSE):
        return ""
    value = getattr(contenu, name)
    return {True: "true", False: "false", None: ""}[value] if value in (True, False, None) else value


ADRESSE = ("code_postal", "ville")  # both or nothing, by the schema


def _put(node: Any, chemin: str, text: str) -> None:
    """The element at `chemin`, below the parents that the fields before it have opened."""
    *parents, tag = chemin.split("/")
    for parent in parents:
        known = node.find(_tag(parent))
        node = _add(node, parent) if known is None else known
    _add(node, tag, text)


def _enfants(node: Any, values: list[dict[str, str]]) -> None:
    enfants = _add(node, "enfants")
    for enfant in values:
        child = _add(enfants, "enfant")
        _add_if(child, "prenom", enfant.get("prenom", ""))
        name = "date_naissance" if "date_naissance" in enfant else "date_prevue"
        _add(child, name.replace("_", "-"), enfant[name])


def _besoin(node: Any, demande: Demande, values: dict[str, Any]) -> None:
    besoin = _add(node, "besoin")
    modes = _add(besoin, "modes")
    for mode in demande.modes:
        _add(modes, "mode", mode)
    _add(besoin, "a-partir-du", values["a_partir_du"])
    _add_if(besoin, "regularite", values.get("regularite", ""))
    if hours := values.get("horaires"):
        horaires = _add(besoin, "horaires")
        for jour, de, a in hours:
            _add(horaires, "jour", nom=jour, de=de, a=a)
    if unusual := values.get("atypiques"):
        atypiques = _add(besoin, "atypiques")
        for name in unusual:
            _add(atypiques, "atypique", name)


def _transmission(node: Any, demande: Demande) -> None:
    batch = demande.transmission
    assert batch is not None
    assert demande.lieu is not None
    out = _add(node, "transmission", lieu=demande.lieu.code, transmise_le=_moment(batch.transmitted_at))
    if batch.notified_at:
        out.set("a-recuperer-avant", rules.last_day_to_pick_up(batch.notified_at, demande.last_day).isoformat())
    out.set("a-detruire-avant", demande.last_day.isoformat())
