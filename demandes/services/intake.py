"""Taking in what families ask, from any door, by one set of rules (ING-3, ING-4, DEM-3)."""

import base64
import hashlib
import hmac
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction

from conventions import queries as conventions
from conventions.models import Lieu
from demandes import rules
from demandes.documents.recue import Lue as Record
from demandes.documents.recue import Recue
from demandes.models import MODES, Demande, Dossier, Livraison, Rejet
from demandes.services import transmission
from demandes.workflow import ALIVE, DEMANDE, Etat
from extranet.core import bulk
from extranet.core.dates import paris_date
from extranet.core.errors import Refused
from extranet.core.journal import services as journal
from extranet.core.outbox import services as outbox
from extranet.territory.models import Commune
from extranet.territory.queries import CodeEntry, codes_index

AHEAD = timedelta(hours=1)
INVISIBLE = re.compile("[\u00ad\u200b\u2060\ufeff]")
# Control characters, bidirectional marks that change the order read, noncharacters.
_MARKS = "\u202a-\u202e\u2066-\u2069\ufdd0-\ufdef\ufffe\uffff" + "".join(
    chr(plane * 0x10000 + 0xFFFE) + chr(plane * 0x10000 + 0xFFFF) for plane in range(1, 17)
)
BAD_LINE = re.compile(f"[\x00-\x1f\x7f-\x9f{_MARKS}]")
BAD_TEXT = re.compile(f"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f{_MARKS}]")
OVERSEAS = {
    "0590": "590", "0690": "590", "0691": "590", "0594": "594", "0694": "594", "0596": "596", "0696": "596",
    "0697": "596", "0262": "262", "0263": "262", "0269": "262", "0639": "262", "0692": "262", "0693": "262",
    "0508": "508",
}  # fmt: skip


@dataclass(slots=True)
class World:
    """What a record is checked and routed against, read once for many."""

    codes: dict[str, CodeEntry]
    lieux: dict[str, list[int]]
    named: dict[str, int]
    now: datetime

    @classmethod
    def at(cls, now: datetime) -> "World":
        named = dict(conventions.lieux_in_force(now).values_list("code", "pk"))
        return cls(codes_index(), conventions.lieux_by_commune(now), named, now)

    def candidates(self, code: str) -> list[int]:
        """Lieux that cover a commune, or the whole town of an arrondissement."""
        own = self.lieux.get(code, [])
        parente = self.codes[code].parente
        return own if not parente else own + [pk for pk in self.lieux.get(parente, []) if pk not in own]


class Aside(Exception):
    """A record is set aside: a code, and a sentence without a word of its content."""

    def __init__(self, code: str, motif: str):
        self.code, self.motif = code, motif
        super().__init__(code)


@dataclass(slots=True)
class Checked:
    """A record that passes: cleaned, with its commune, its lieu if there is one, and remarks."""

    recue: Recue
    commune: str
    caf: str
    lieu_vise: int | None
    content: str
    remarks: list[tuple[str, str]] = field(default_factory=list)
    line: int = 0


REMARKS = {
    "nfc": "Texte réécrit sous sa forme Unicode normalisée.",
    "invisibles": "Caractères invisibles retirés.",
    "enfants": "Enfant de six ans ou plus laissé de côté.",
    "lieu": "Lieu inconnu, sans convention ou ne couvrant pas la commune : non retenu.",
    "ancien-code": "Ancien code de commune, remplacé par l’actuel.",
}


def check(recue: Recue, world: World) -> Checked:
    """One record against the rules. Raises Aside. `recue` is cleaned in place."""
    seen: set[str] = set()
    _clean(recue, seen)
    _check_moments(recue, world.now)
    entry = world.codes.get(recue.commune)
    if entry is None:
        raise Aside("commune-inconnue", "Commune inconnue.")
    if not entry.caf:
        raise Aside("sans-caf", "Aucune Caf ne couvre ce territoire.")
    if entry.former:
        seen.add("ancien-code")
    day = paris_date(recue.deposee_le)
    _check_children(recue, day, seen)
    if not rules.is_plausible_start(date.fromisoformat(recue.besoin["a_partir_du"]), day):
        raise Aside("a-partir-du", "Date de début trop loin de la demande (un mois avant, trois ans après).")
    if len(set(recue.modes)) != len(recue.modes):
        raise Aside("mode-double", "Un mode d’accueil est donné deux fois.")
    if not recue.modes:
        raise Aside("sans-mode", "Aucun mode d’accueil.")
    if recue.besoin["horaires"]:
        _check_hours(recue.besoin["horaires"])
    candidates = world.candidates(entry.code)
    chosen = world.named.get(recue.lieu) if recue.lieu else None
    if recue.lieu and chosen not in candidates:
        chosen = None
        seen.add("lieu")
    if chosen is None and len(candidates) == 1:
        chosen = candidates[0]
    content = _content(recue, entry.code)
    return Checked(recue, entry.code, entry.caf, chosen, content, [(code, REMARKS[code]) for code in sorted(seen)])


_LINES = ("nom", "prenom", "courriel", "telephone", "ville", "creneau")


def _clean(recue: Recue, seen: set[str]) -> None:
    for name in _LINES:
        if value := getattr(recue, name):
            setattr(recue, name, _text(value, BAD_LINE, seen, name))
    if recue.message:
        recue.message = _text(recue.message.replace("\r\n", "\n").replace("\r", "\n"), BAD_TEXT, seen, "message")
    for enfant in recue.enfants:
        if "prenom" in enfant:
            enfant["prenom"] = _text(enfant["prenom"], BAD_LINE, seen, "prenom")
    if not recue.nom or not recue.prenom:
        raise Aside("vide", "Le nom ou le prénom est vide.")
    if not (recue.courriel or recue.telephone):
        raise Aside("contact", "Ni courriel ni téléphone.")
    if recue.telephone:
        recue.telephone = _phone(recue.telephone)
    if recue.courriel and (".." in recue.courriel or recue.courriel.startswith(".") or ".@" in recue.courriel):
        raise Aside("courriel", "Adresse de courriel impossible.")


def _text(value: str, bad: re.Pattern[str], seen: set[str], name: str) -> str:
    if value.isascii():
        text = value.strip()
    else:
        text = INVISIBLE.sub("", value)
        if text != value:
            seen.add("invisibles")
        if not unicodedata.is_normalized("NFC", text):
            seen.add("nfc")
            text = unicodedata.normalize("NFC", text)
        text = text.strip()
    if not text:
        raise Aside("vide", f"L’élément {name} est vide.")
    if bad.search(text):
        raise Aside("caracteres", f"L’élément {name} contient des caractères interdits.")
    return text


def _phone(typed: str) -> str:
    """E.164. Raises Aside when it cannot be a telephone."""
    digits = re.sub(r"[ .\-\u00a0]", "", typed)
    if digits.startswith("+"):
        number = digits[1:]
    elif len(digits) == 10 and digits.startswith("0"):
        number = OVERSEAS.get(digits[:4], "33") + digits[1:]
    else:
        raise Aside("telephone", "Numéro de téléphone impossible.")
    if number.startswith("330"):
        number = "33" + number[3:]
    if not number.isdigit() or not 7 <= len(number) <= 15 or (number.startswith("33") and len(number) != 11):
        raise Aside("telephone", "Numéro de téléphone impossible.")
    return f"+{number}"


def _check_moments(recue: Recue, now: datetime) -> None:
    if recue.deposee_le > now + AHEAD or (recue.modifiee_le and recue.modifiee_le > now + AHEAD):
        raise Aside("futur", "Date de dépôt ou de modification à venir.")
    if recue.modifiee_le and recue.modifiee_le < recue.deposee_le:
        raise Aside("modifiee-avant", "Modifiée avant d’avoir été déposée.")
    if rules.last_day_of_dossier(recue.deposee_le) < paris_date(now):
        raise Aside("echue", "Déposée il y a plus de six mois.")


def _check_children(recue: Recue, day: date, seen: set[str]) -> None:
    eligible = []
    for enfant in recue.enfants:
        if text := enfant.get("date_naissance"):
            born = date.fromisoformat(text)
            if born > day:
                raise Aside("naissance-future", "Date de naissance après la demande.")
            if rules.is_under_six(born, day):
                eligible.append(enfant)
        elif rules.is_plausible_due_date(date.fromisoformat(enfant["date_prevue"]), day):
            eligible.append(enfant)
        else:
            raise Aside("date-prevue", "Date prévue trop loin de la demande (six semaines avant, dix-huit mois après).")
    if not eligible:
        raise Aside("sans-enfant", "Aucun enfant de moins de six ans ou attendu.")
    if len(eligible) < len(recue.enfants):
        seen.add("enfants")
        recue.enfants = eligible


def _check_hours(hours: list[list[str]]) -> None:
    if rules.overlaps([(jour, de, a) for jour, de, a in hours]):
        raise Aside("horaires", "Horaires qui se chevauchent, ou finissent avant de commencer.")
    if max(Counter(jour for jour, _, _ in hours).values()) > 2:
        raise Aside("horaires", "Un jour est donné plus de deux fois.")


def _content(recue: Recue, commune: str) -> str:
    """HMAC of what the record says, whatever its order and its dates of modification."""
    values = [
        recue.deposee_le.timestamp(), commune, recue.lieu, recue.nom, recue.prenom, recue.courriel, recue.telephone,
        recue.code_postal, recue.ville, recue.allocataire, recue.contact_prefere, recue.creneau, recue.enfants,
        sorted(recue.modes), recue.besoin, recue.rendez_vous, recue.message,
    ]  # fmt: skip
    text = json.dumps(values, sort_keys=True, ensure_ascii=False)
    return hmac.digest(settings.SECRET_KEY.encode(), text.encode(), hashlib.sha256).hex()


# --- rows ----------------------------------------------------------------------------------------------------------


def _demande(checked: Checked, *, source: str, livraison: Livraison | None, now: datetime) -> Demande:
    recue = checked.recue
    return Demande(
        source=source,
        reference=recue.reference,
        content=checked.content,
        state=DEMANDE.initial,
        caf_id=checked.caf,
        commune_id=checked.commune,
        lieu_vise_id=checked.lieu_vise,
        livraison=livraison,
        deposee_le=recue.deposee_le,
        modifiee_le=recue.modifiee_le,
        received_at=now,
        last_day=rules.last_day_of_dossier(recue.deposee_le),
        **{mode: mode.replace("_", "-") in recue.modes for mode in MODES},
    )


_COPIED = (
    "nom", "prenom", "courriel", "telephone", "code_postal", "ville", "allocataire", "contact_prefere", "creneau",
    "enfants", "besoin", "rendez_vous", "message",
)  # fmt: skip


def _dossier(demande: Demande, recue: Recue) -> Dossier:
    return Dossier(demande=demande, **{name: getattr(recue, name) for name in _COPIED})


def preview(recue: Recue, commune: Commune) -> Demande:
    """The unsaved demande that `recue` would make, for a summary page."""
    modes = {mode: mode.replace("_", "-") in recue.modes for mode in MODES}
    demande = Demande(commune=commune, deposee_le=recue.deposee_le, **modes)
    demande.dossier = _dossier(demande, recue)
    return demande


# --- one, from the form --------------------------------------------------------------------------------------------

FORM_FIELDS = {
    "telephone": "telephone", "courriel": "courriel", "a-partir-du": "a_partir_du", "horaires": "a",
}  # fmt: skip


@transaction.atomic
def receive(recue: Recue, *, lieu: Lieu, nonce: str, now: datetime) -> Demande:
    """DEM-4: one family's demande, transmitted to `lieu`, acknowledged by mail. The same nonce makes one demande.

    Raises Refused with a sentence for the field at fault.
    """
    digest = hmac.digest(settings.SECRET_KEY.encode(), b"demande:" + nonce.encode(), hashlib.sha256)
    recue.reference = "F-" + base64.b32encode(digest).decode()[:10]
    known = Demande.objects.filter(source=Demande.Source.FORMULAIRE, reference=recue.reference).first()
    if known:
        return known
    try:
        checked = check(recue, World.at(now))
    except Aside as aside:
        raise Refused({FORM_FIELDS.get(aside.code, ""): aside.motif}) from aside
    if checked.lieu_vise != lieu.pk:
        raise Refused({"": "Ce lieu d’information ne couvre plus cette commune. Choisissez-en un autre."})
    demande = _demande(checked, source=Demande.Source.FORMULAIRE, livraison=None, now=now)
    demande.save(force_insert=True)
    _dossier(demande, recue).save(force_insert=True)
    journal.record("demande.recue", demande, by="famille", at=now)
    transmission.transmit_waiting(Demande.objects.filter(pk=demande.pk), livraison=None, now=now)
    outbox.post("demandes.accuse", key=str(demande.uuid), to=[f"demande:{demande.uuid}"], now=now, demande=demande.pk)
    demande.refresh_from_db()
    return demande


# --- many, from a file ---------------------------------------------------------------------------------------------


def receive_many(records: Sequence[Record], *, livraison: Livraison, world: World) -> Counter[str]:
    """ING-4: apply records in their order, in the caller's transaction. Returns counts by outcome of `Livraison`."""
    counts: Counter[str] = Counter()
    rejets: list[Rejet] = []
    waiting: dict[str, Checked] = {}
    for record in records:
        counts["lues"] += 1
        if record.recue is None:
            _set_aside(rejets, counts, livraison, record, record.code, record.motif)
            continue
        try:
            checked = check(record.recue, world)
        except Aside as aside:
            _set_aside(rejets, counts, livraison, record, aside.code, aside.motif)
            continue
        if record.reference in waiting:  # twice in one file: one after the other
            _apply(waiting, livraison, world, counts, rejets)
            waiting = {}
        checked.line = record.ligne
        waiting[record.reference] = checked
    _apply(waiting, livraison, world, counts, rejets)
    bulk.insert(rejets)
    return counts


def _set_aside(
    rejets: list[Rejet], counts: Counter[str], livraison: Livraison, record: Record, code: str, motif: str
) -> None:
    counts["ecartees"] += 1
    rejets.append(_rejet(livraison, record.ligne, record.reference, Rejet.Issue.ECARTEE, code, motif))


def _rejet(livraison: Livraison, line: int, reference: str, issue: str, code: str, motif: str) -> Rejet:
    return Rejet(livraison=livraison, ligne=line, reference=reference, issue=issue, code=code, motif=motif)


def _apply(
    waiting: dict[str, Checked], livraison: Livraison, world: World, counts: Counter[str], rejets: list[Rejet]
) -> None:
    """Records with distinct references: new ones inserted at once, the others one by one."""
    if not waiting:
        return
    known = {
        demande.reference: demande
        for demande in Demande.objects.select_for_update(of=("self",)).filter(
            source=Demande.Source.MONENFANT, reference__in=list(waiting)
        )
    }
    fresh = []
    for reference, checked in waiting.items():
        line = checked.line
        if reference in known:
            code, motif = _renew(known[reference], checked, livraison, world)
            counts[code] += 1
            if code == "ecartees":
                rejets.append(_rejet(livraison, line, reference, Rejet.Issue.ECARTEE, *motif))
                continue
        else:
            fresh.append(checked)
        rejets += [_rejet(livraison, line, reference, Rejet.Issue.REMARQUE, *remark) for remark in checked.remarks]
    demandes = [
        _demande(checked, source=Demande.Source.MONENFANT, livraison=livraison, now=world.now) for checked in fresh
    ]
    bulk.insert(demandes)
    bulk.insert([_dossier(demande, checked.recue) for demande, checked in zip(demandes, fresh, strict=True)])
    journal.record_many(
        journal.line("demande.recue", "demandes.demande", demande.pk, by="source", at=world.now, caf=demande.caf_id)
        for demande in demandes
    )
    counts["creees"] += len(demandes)


def _renew(
    demande: Demande, checked: Checked, livraison: Livraison, world: World
) -> tuple[str, tuple[str, str]]:
    """A reference that is there already: unchanged, updated while not picked up, else set aside."""
    if demande.state not in ALIVE:
        return "ecartees", ("detruite", "Demande détruite ou retirée : elle ne revient pas.")
    if demande.last_day < paris_date(world.now):
        return "ecartees", ("detruite", "Demande arrivée à son terme : elle ne revient pas.")
    recue = checked.recue
    older = demande.modifiee_le and recue.modifiee_le and recue.modifiee_le < demande.modifiee_le
    if older or checked.content == demande.content:
        return "inchangees", ("", "")
    if demande.state not in (Etat.A_ORIENTER, Etat.TRANSMISE):
        return "ecartees", ("deja-recuperee", "Déjà récupérée par le lieu : elle ne change plus.")
    moved = demande.commune_id != checked.commune or demande.lieu_id not in (None, checked.lieu_vise)
    changes: dict[str, Any] = {
        "content": checked.content,
        "caf_id": checked.caf,
        "commune_id": checked.commune,
        "modifiee_le": recue.modifiee_le,
        **{mode: mode.replace("_", "-") in recue.modes for mode in MODES},
    }
    if demande.state == Etat.TRANSMISE and moved and demande.lieu_id != checked.lieu_vise:
        DEMANDE.apply(demande, "take_back", by="source", now=world.now, lieu=None, transmission=None)
    if demande.state == Etat.A_ORIENTER:
        changes |= {"lieu_vise_id": checked.lieu_vise, "livraison_id": livraison.pk}
    Demande.objects.filter(pk=demande.pk).update(**changes)
    Dossier.objects.filter(demande=demande).update(**{name: getattr(recue, name) for name in _COPIED})
    journal.record("demande.mise-a-jour", demande, by="source", at=world.now)
    return "mises_a_jour", ("", "")
