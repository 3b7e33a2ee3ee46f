"""Taking demandes in: one set of rules for the family form and for deliveries (DEM-1, DEM-3, ING-3, ING-4)."""

import hashlib
import hmac
import json
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction

from conventions.models import Lieu
from demandes import rules
from demandes.documents.recue import CRENEAU, MESSAGE, NOM, Cleaning, Lue, Recue
from demandes.models import MODES, Demande, Dossier, Livraison, Rejet
from demandes.services import transmission
from demandes.services.transmission import Places
from demandes.workflow import ALIVE, DEMANDE, NOT_PICKED_UP, Etat, Fin
from extranet.core import bulk
from extranet.core.dates import paris_date
from extranet.core.errors import Refused, WrongState
from extranet.core.journal import services as journal
from extranet.core.outbox import services as outbox
from extranet.core.typed import e164

AHEAD = timedelta(hours=1)
LETTERS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"

# --- the rules -----------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Checked:
    """A record after the rules: cleaned values, where it belongs, faults (field → sentence) and remarks (code → sentence)."""

    recue: Recue
    caf: str = ""
    voulu: int | None = None
    faults: dict[str, str] = field(default_factory=dict)
    remarks: dict[str, str] = field(default_factory=dict)


def check(recue: Recue, now: datetime, places: Places) -> Checked:
    """Clean `recue` and hold it against every rule. It is taken in when there is no fault."""
    recue, cleaning = _cleaned(recue)
    done = Checked(recue, faults=cleaning.faults, remarks=cleaning.remarks)
    _check_dates(done, now)
    _check_place(done, places)
    _check_need(done)
    if not (recue.courriel or recue.telephone):
        done.faults.setdefault("courriel", "Un courriel ou un téléphone est nécessaire.")
    return done


def _cleaned(recue: Recue) -> tuple[Recue, Cleaning]:
    cleaning = Cleaning()
    text, recue = cleaning.text, replace(recue)
    recue.nom = text("nom", recue.nom, NOM)
    recue.prenom = text("prenom", recue.prenom, NOM)
    recue.ville = text("ville", recue.ville, NOM)
    recue.creneau = text("creneau", recue.creneau, CRENEAU)
    recue.message = text("message", recue.message, MESSAGE, lines=True)
    recue.courriel = recue.courriel.strip()
    if recue.telephone:
        recue.telephone = e164(recue.telephone)
        if not recue.telephone:
            cleaning.faults["telephone"] = "Téléphone : ce n’est pas un numéro possible."
    recue.enfants = [
        {key: text("enfants", value, NOM) if key == "prenom" else value for key, value in enfant.items() if value}
        for enfant in recue.enfants
    ]
    return recue, cleaning


def _check_dates(done: Checked, now: datetime) -> None:
    recue = done.recue
    if recue.deposee_le > now + AHEAD or (recue.modifiee_le and recue.modifiee_le > now + AHEAD):
        done.faults["date"] = "Date de dépôt ou de modification à venir."
    elif recue.modifiee_le and recue.modifiee_le < recue.deposee_le:
        done.faults["date"] = "Date de modification antérieure au dépôt."
    elif rules.last_day_of_dossier(recue.deposee_le, now) < paris_date(now):
        done.faults["echue"] = "Demande déposée il y a plus de six mois."


def _check_place(done: Checked, places: Places) -> None:
    recue = done.recue
    place = places.codes.get(recue.commune)
    if place is None:
        done.faults["commune"] = "Commune inconnue."
        return
    if not place.caf:
        done.faults["commune"] = "Commune d’un territoire sans Caf."
        return
    if place.former:
        done.remarks["ancienne-commune"] = f"Ancien code de commune, remplacé par {place.code}."
    recue.commune, done.caf = place.code, place.caf
    if recue.lieu:
        done.voulu = places.lieu_by_code.get(recue.lieu)
        if done.voulu not in places.covering(recue.commune):
            done.voulu = None
            done.remarks["lieu"] = (
                "Lieu inconnu, sans convention en cours ou qui ne couvre pas la commune : non retenu."
            )


def _check_need(done: Checked) -> None:
    recue, day = done.recue, paris_date(done.recue.deposee_le)
    if not set(recue.modes) <= MODE_NAMES or not recue.modes:
        done.faults["modes"] = "Au moins un mode d’accueil est nécessaire."
    kept = []
    for enfant in recue.enfants:
        if born := enfant.get("date_naissance"):
            if date.fromisoformat(born) > day:
                done.faults["enfants"] = "Date de naissance postérieure à la demande."
            elif rules.is_under_six(date.fromisoformat(born), day):
                kept.append(enfant)
        elif rules.is_plausible_due_date(date.fromisoformat(enfant["date_prevue"]), day):
            kept.append(enfant)
        else:
            done.faults["enfants"] = "Date prévue trop ancienne ou trop lointaine."
    if not kept:
        done.faults.setdefault("enfants", "Aucun enfant de moins de six ans ou attendu.")
    elif len(kept) < len(recue.enfants) and "enfants" not in done.faults:
        done.remarks["enfants"] = "Enfants de six ans ou plus non repris."
    recue.enfants = kept
    if not rules.is_plausible_start(date.fromisoformat(str(recue.besoin["a_partir_du"])), day):
        done.faults["a_partir_du"] = "Date de début du besoin trop ancienne ou trop lointaine."
    hours: Any = recue.besoin.get("horaires") or ()
    if hours:
        days = [jour for jour, _, _ in hours]
        if any(days.count(jour) > 2 for jour in days):
            done.faults["horaires"] = "Plus de deux plages d’horaires pour un même jour."
        elif rules.overlaps([tuple(plage) for plage in hours]):
            done.faults["horaires"] = "Horaires qui se chevauchent, ou qui finissent avant de commencer."


MODE_NAMES = frozenset(mode.replace("_", "-") for mode in MODES)


_encode = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode


def digest(recue: Recue) -> str:
    """HMAC of what a record says, dates of handling left out. A bare hash of a name and a number could be guessed."""
    values = [getattr(recue, name) for name in SAID]
    content = _encode([*values, sorted(recue.modes)])
    return hmac.digest(settings.SECRET_KEY.encode(), b"demande-content:" + content.encode(), hashlib.sha256).hex()


DOSSIER = (
    "nom",
    "prenom",
    "courriel",
    "telephone",
    "code_postal",
    "ville",
    "allocataire",
    "contact_prefere",
    "creneau",
    "enfants",
    "besoin",
    "rendez_vous",
    "message",
)
SAID = ("commune", "lieu", *DOSSIER)


# --- one demande, from the form ------------------------------------------------------------------------------------


def preview(recue: Recue, commune: Any) -> Demande:
    """What the summary page shows: a demande and its dossier, cleaned, that nothing has kept."""
    clean, _ = _cleaned(recue)
    demande = Demande(commune=commune, deposee_le=clean.deposee_le, **_modes(clean))
    Dossier(demande=demande, **_dossier(clean))
    return demande


@transaction.atomic
def receive(recue: Recue, *, lieu: Lieu | None, nonce: str, now: datetime, places: Places | None = None) -> Demande:
    """Take one demande of the form in and transmit it (DEM-4). The same `nonce` again gives the demande that it made.

    `places`, where the caller has just read them. Refused carries the sentence of each field that cannot be taken.
    """
    if known := Demande.objects.filter(nonce=nonce).first():
        return known
    done = check(recue, now, places or Places.of(now, commune=recue.commune))
    if done.faults:
        raise Refused(done.faults)
    if lieu is not None and done.voulu is None:
        raise Refused({"": "Ce lieu ne répond plus pour cette commune. Choisissez-en un autre."})
    last_day = rules.last_day_of_dossier(now, now)
    try:
        with transaction.atomic():
            demande = Demande.objects.create(
                source=Demande.Source.FORMULAIRE,
                reference=_new_reference(),
                nonce=nonce,
                content=digest(done.recue),
                caf_id=done.caf,
                commune_id=done.recue.commune,
                lieu_voulu=lieu,
                deposee_le=now,
                received_at=now,
                last_day=last_day,
                **_modes(done.recue),
            )
    except IntegrityError:  # the same sending, a moment before
        return Demande.objects.get(nonce=nonce)
    Dossier.objects.create(demande=demande, **_dossier(done.recue))
    journal.record("demande.recue", demande, by="famille", at=now, origine=demande.source)
    _acknowledge(demande, done.recue.courriel, now, key=str(demande.uuid))
    if lieu is not None:
        transmission.transmit(Demande.objects.filter(pk=demande.pk), lieu_id=lieu.pk, now=now)
        demande.refresh_from_db()
    return demande


@transaction.atomic
def correct(demande: Demande, recue: Recue, *, now: datetime, places: Places) -> None:
    """DEM-4.c: the family puts `recue` in the place of what its demande says, until it is picked up. Commune and lieu stay.

    Once more with the same changes nothing. `content` stays too: it is what the source said, so that the same record
    of a delivery is no news. Raises Refused, WrongState.
    """
    demande = Demande.objects.select_for_update(of=("self",)).get(pk=demande.pk)
    if demande.state not in NOT_PICKED_UP:
        raise WrongState("Le lieu d’information a récupéré votre demande entre-temps : dites-lui ce qui a changé.")
    done = check(recue, now, places)
    if done.faults:
        raise Refused(done.faults)
    dossier, values, modes = demande.dossier, _dossier(done.recue), _modes(done.recue)
    before = [{name: getattr(row, name) for name in new} for row, new in ((dossier, values), (demande, modes))]
    if before == [values, modes]:
        return
    for name, value in values.items():
        setattr(dossier, name, value)
    dossier.save(update_fields=list(values))
    Demande.objects.filter(pk=demande.pk).update(modifiee_le=now, **modes)
    journal.record("demande.corrigee", demande, by="famille", at=now)
    if values["courriel"] != before[0]["courriel"]:  # whoever mistyped the address has not had the link
        _acknowledge(demande, values["courriel"], now, key=f"{demande.uuid}:{now:%Y%m%d%H%M%S}")


def _new_reference() -> str:
    letters = "".join(secrets.choice(LETTERS) for _ in range(8))
    return f"F-{letters[:4]}-{letters[4:]}"


def _acknowledge(demande: Demande, courriel: str, now: datetime, *, key: str) -> None:
    if outbox.may_acknowledge(courriel, now):
        outbox.post("demandes.accuse", key=key, to=[f"demande:{demande.uuid}"], now=now, demande=demande.pk)


def _modes(recue: Recue) -> dict[str, bool]:
    return {mode: mode.replace("_", "-") in recue.modes for mode in MODES}


def _dossier(recue: Recue) -> dict[str, Any]:
    return {name: getattr(recue, name) for name in DOSSIER}


# --- many, from a delivery -----------------------------------------------------------------------------------------


@dataclass(slots=True)
class Counts:
    """What became of the records of a batch."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    set_aside: int = 0


@dataclass(slots=True)
class _Batch:
    """What a batch is about to write."""

    livraison: Livraison
    now: datetime
    counts: Counts = field(default_factory=Counts)
    rejets: list[Rejet] = field(default_factory=list)
    new: dict[str, tuple[Checked, str]] = field(default_factory=dict)

    def set_aside(self, lue: Lue, code: str, motif: str) -> None:
        """The record is left out, its line, reference and reason kept (ING-3)."""
        self.counts.set_aside += 1
        self._note(lue, Rejet.Issue.ECARTEE, code, motif)

    def remark(self, lue: Lue, remarks: dict[str, str]) -> None:
        """What was mended in a record that is taken in."""
        for code, motif in remarks.items():
            self._note(lue, Rejet.Issue.REMARQUE, code, motif)

    def _note(self, lue: Lue, issue: str, code: str, motif: str) -> None:
        self.rejets.append(
            Rejet(
                livraison=self.livraison,
                ligne=lue.ligne,
                reference=lue.reference,
                issue=issue,
                code=code,
                motif=motif[:300],
            )
        )


def receive_many(records: Sequence[Lue], livraison: Livraison, now: datetime, places: Places) -> Counts:
    """Apply a batch of records of a delivery. Call inside the transaction that moves the checkpoint."""
    batch = _Batch(livraison, now)
    references = [lue.reference for lue in records if lue.recue]
    stored = {
        demande.reference: demande
        for demande in Demande.objects.filter(source=Demande.Source.MONENFANT, reference__in=references)
        .order_by("pk")
        .select_for_update(of=("self",))
    }
    for lue in records:
        if lue.recue is None:
            batch.set_aside(lue, lue.code, lue.motif)
            continue
        done = check(lue.recue, now, places)
        if lue.reference in batch.new:  # the same reference again in this batch: what came before is written first
            written = Demande.objects.filter(source=Demande.Source.MONENFANT, reference__in=_create(batch))
            stored |= {demande.reference: demande for demande in written}
        if done.faults:
            code, motif = next(iter(done.faults.items()))
            batch.set_aside(lue, code, " ".join([motif, *list(done.faults.values())[1:]]))
        elif known := stored.get(lue.reference):
            _update(batch, lue, done, known, places)
        else:
            batch.remark(lue, done.remarks)
            batch.new[lue.reference] = (done, digest(done.recue))
            batch.counts.created += 1
    _create(batch)
    bulk.insert(batch.rejets)
    return batch.counts


def _update(batch: _Batch, lue: Lue, done: Checked, known: Demande, places: Places) -> None:
    """ING-4: what becomes of a record whose reference is known."""
    recue = done.recue
    if known.state not in ALIVE:
        batch.set_aside(lue, "detruite", "Demande déjà détruite ou retirée par la famille.")
        return
    if known.last_day < paris_date(batch.now):
        batch.set_aside(lue, "echue", "Demande arrivée à la fin de sa conservation.")
        return
    stale = recue.modifiee_le and known.modifiee_le and recue.modifiee_le < known.modifiee_le
    content = digest(recue)
    if stale or content == known.content:
        batch.counts.unchanged += 1
        if not stale and recue.modifiee_le and recue.modifiee_le != known.modifiee_le:
            known.modifiee_le = recue.modifiee_le
            Demande.objects.filter(pk=known.pk).update(modifiee_le=recue.modifiee_le)
        return
    if known.state not in NOT_PICKED_UP:
        batch.set_aside(lue, "deja-recuperee", "Demande déjà récupérée par le lieu : nouvelle version non reprise.")
        return
    batch.counts.updated += 1
    batch.remark(lue, done.remarks)
    if known.state == Etat.TRANSMISE and _goes_elsewhere(known, done, places):
        nowhere = {"lieu_id": None, "transmission_id": None, "pick_up_day": None}
        if DEMANDE.apply(known, "take_back", by="source", now=batch.now, **nowhere):
            transmission.end_attributions([known.pk], Fin.REPRISE, batch.now)
    changes: dict[str, Any] = {
        "content": content,
        "caf_id": done.caf,
        "commune_id": recue.commune,
        "livraison_id": batch.livraison.pk,
        "lieu_voulu_id": done.voulu,
        "deposee_le": recue.deposee_le,
        "modifiee_le": recue.modifiee_le,
        "last_day": min(known.last_day, rules.last_day_of_dossier(recue.deposee_le, known.received_at)),  # CNS-9
        **_modes(recue),
    }
    Demande.objects.filter(pk=known.pk).update(**changes)
    for name, value in changes.items():
        setattr(known, name, value)
    Dossier.objects.filter(demande=known.pk).update(**_dossier(recue))
    journal.record("demande.modifiee", known, by="source", at=batch.now, livraison=str(batch.livraison.uuid))


def _goes_elsewhere(known: Demande, done: Checked, places: Places) -> bool:
    """Another commune that its lieu does not answer for, or another choice of the family: it is routed again."""
    if done.recue.commune == known.commune_id and done.voulu == known.lieu_voulu_id:
        return False
    return places.target(done.recue.commune, done.voulu) != known.lieu_id


def _create(batch: _Batch) -> list[str]:
    """Write the new demandes of the batch; returns their references."""
    if not batch.new:
        return []
    now, livraison, waiting = batch.now, batch.livraison, list(batch.new.values())
    batch.new.clear()
    keys = bulk.new_keys(Demande, len(waiting))
    bulk.insert_values(
        Demande,
        COLUMNS,
        [
            (
                key,
                uuid.uuid4(),
                Demande.Source.MONENFANT.value,
                done.recue.reference,
                content,
                DEMANDE.initial.value,
                done.caf,
                done.recue.commune,
                livraison.pk,
                done.voulu,
                done.recue.deposee_le,
                done.recue.modifiee_le,
                now,
                rules.last_day_of_dossier(done.recue.deposee_le, now),
                *_modes(done.recue).values(),
            )
            for key, (done, content) in zip(keys, waiting, strict=True)
        ],
    )
    names = tuple(_dossier(waiting[0][0].recue))
    bulk.insert_values(
        Dossier,
        ("demande_id", *names),
        [(key, *_dossier(done.recue).values()) for key, (done, _) in zip(keys, waiting, strict=True)],
    )
    origin = {"origine": Demande.Source.MONENFANT.value, "livraison": str(livraison.uuid)}
    rows = [(key, done.caf) for key, (done, _) in zip(keys, waiting, strict=True)]
    journal.record_rows("demande.recue", "demandes.demande", rows, by="source", at=now, **origin)
    return [done.recue.reference for done, _ in waiting]


COLUMNS = (
    "id",
    "uuid",
    "source",
    "reference",
    "content",
    "state",
    "caf_id",
    "commune_id",
    "livraison_id",
    "lieu_voulu_id",
    "deposee_le",
    "modifiee_le",
    "received_at",
    "last_day",
    *MODES,
)
