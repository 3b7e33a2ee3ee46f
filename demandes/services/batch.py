"""Taking many demandes in, from a delivery: what is new, what is known, what is set aside (ING-3, ING-4)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import uuid4

from demandes import rules
from demandes.contenu import texte
from demandes.documents.motifs import Motif
from demandes.documents.recue import Lue, Recue
from demandes.models import MODES, Demande, Dossier, Livraison, Rejet, Transmission
from demandes.services import checking, dossiers, retraits, transmission
from demandes.services.checking import Checked
from demandes.services.retraits import Farewell
from demandes.services.transmission import Places
from demandes.workflow import ALIVE, DEMANDE, NOT_PICKED_UP, Etat, Fin
from extranet.core import bulk
from extranet.core.dates import paris_date
from extranet.core.journal import services as journal
from extranet.core.languages import SOURCE


@dataclass(slots=True)
class Counts:
    """What became of the records of a batch."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    set_aside: int = 0
    farewells: list[Farewell] = field(default_factory=list)
    """Families to be told of their withdrawal once the batch is committed."""


@dataclass(slots=True)
class Ready:
    """A record held against every rule: all that is worked out of it before anything is locked."""

    lue: Lue
    done: Checked | None = None
    said: str = ""
    content: str = ""
    lieu: int | None = None
    """Where it goes, if anywhere for sure."""


def prepare(records: Iterable[Lue], now: datetime, places: Places) -> list[Ready]:
    """Clean and check the records of a batch; they are changed by it."""
    return [_ready(lue, now, places) for lue in records]


def _ready(lue: Lue, now: datetime, places: Places) -> Ready:
    if lue.recue is None:
        return Ready(lue)
    done = checking.check_own(lue.recue, now, places)
    if done.faults:
        return Ready(lue, done)
    said = texte(done.recue)
    return Ready(lue, done, said, checking.digest(done.recue, said), places.target(done.recue.commune, done.voulu))


@dataclass(slots=True)
class _Batch:
    """What a batch is about to write."""

    livraison: Livraison
    now: datetime
    counts: Counts = field(default_factory=Counts)
    rejets: list[Rejet] = field(default_factory=list)
    transmissions: dict[int, Transmission] = field(default_factory=dict)
    """By lieu, those that the delivery has made already."""
    new: dict[str, Ready] = field(default_factory=dict)

    def set_aside(self, lue: Lue, *motifs: Motif) -> None:
        """The record is left out, its line, reference and reasons kept (ING-3)."""
        self.counts.set_aside += 1
        self._note(lue, Rejet.Issue.ECARTEE, motifs)

    def remark(self, lue: Lue, remarks: Sequence[Motif]) -> None:
        """What was mended in a record that is taken in."""
        for motif in remarks:
            self._note(lue, Rejet.Issue.REMARQUE, [motif])

    def _note(self, lue: Lue, issue: str, motifs: Sequence[Motif]) -> None:
        kept = [[motif.code, motif.details] for motif in motifs]
        row = Rejet(livraison=self.livraison, ligne=lue.ligne, reference=lue.reference, issue=issue, motifs=kept)
        self.rejets.append(row)


def receive_many(records: Sequence[Ready], livraison: Livraison, now: datetime, places: Places) -> Counts:
    """Apply a batch of records of a delivery. Call inside the transaction that moves the checkpoint."""
    batch = _Batch(livraison, now)
    batch.transmissions = transmission.held_batches(livraison, {ready.lieu for ready in records if ready.lieu})
    references = [ready.lue.reference for ready in records if ready.done]
    stored = {
        demande.reference: demande
        for demande in Demande.objects.filter(source=Demande.Source.MONENFANT, reference__in=references)
        .order_by("pk")
        .select_for_update(of=("self",))
    }
    for ready in records:
        lue, done = ready.lue, ready.done
        if lue.retire_le:  # after the demandes, which it may be about
            continue
        if done is None:
            assert lue.motif is not None
            batch.set_aside(lue, lue.motif)
            continue
        if lue.reference in batch.new:  # the same reference again in this batch: what came before is written first
            written = Demande.objects.filter(source=Demande.Source.MONENFANT, reference__in=_create(batch))
            stored |= {demande.reference: demande for demande in written}
        if done.faults:
            batch.set_aside(lue, *done.faults.values())
        elif known := stored.get(lue.reference):
            _update(batch, ready, done, known, places)
        else:
            batch.remark(lue, done.remarks)
            batch.new[lue.reference] = ready
            batch.counts.created += 1
    _create(batch)
    _withdraw(batch, [ready.lue for ready in records if ready.lue.retire_le])
    bulk.insert(batch.rejets)
    return batch.counts


def _withdraw(batch: _Batch, wanted: Sequence[Lue]) -> None:
    if wanted:
        found = retraits.apply(wanted, batch.now)
        batch.counts.updated += found.done
        batch.counts.unchanged += found.unchanged
        batch.counts.farewells = found.farewells
        for lue, motif in found.refused:
            batch.set_aside(lue, motif)


def _update(batch: _Batch, ready: Ready, done: Checked, known: Demande, places: Places) -> None:
    """ING-4: what becomes of a record whose reference is known."""
    lue, recue, content = ready.lue, done.recue, ready.content
    if known.state not in ALIVE:
        batch.set_aside(lue, Motif("detruite"))
        return
    if known.last_day < paris_date(batch.now):
        batch.set_aside(lue, Motif("echue"))
        return
    stale = recue.modifiee_le and known.modifiee_le and recue.modifiee_le < known.modifiee_le
    if stale or content == known.content:
        batch.counts.unchanged += 1
        if not stale and recue.modifiee_le and recue.modifiee_le != known.modifiee_le:
            known.modifiee_le = recue.modifiee_le
            Demande.objects.filter(pk=known.pk).update(modifiee_le=recue.modifiee_le)
        return
    if known.state not in NOT_PICKED_UP:
        batch.set_aside(lue, Motif("deja-recuperee"))
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
        **checking.modes(recue),
    }
    Demande.objects.filter(pk=known.pk).update(**changes)
    for name, value in changes.items():
        setattr(known, name, value)
    dossiers.keep(known, recue)
    journal.record("demande.modifiee", known, by="source", at=batch.now, livraison=str(batch.livraison.uuid))


def _goes_elsewhere(known: Demande, done: Checked, places: Places) -> bool:
    """Another commune that its lieu does not answer for, or another choice of the family: it is routed again."""
    if done.recue.commune == known.commune_id and done.voulu == known.lieu_voulu_id:
        return False
    return places.target(done.recue.commune, done.voulu) != known.lieu_id


def _create(batch: _Batch) -> list[str]:
    """Write the new demandes of the batch, at their lieu where that is known; returns their references."""
    if not batch.new:
        return []
    now, livraison, waiting = batch.now, batch.livraison, list(batch.new.values())
    batch.new.clear()
    rows = _rows(batch, waiting)
    sealers = {day: Dossier.sealer(day) for day in {row.last_day for row in rows}}
    bulk.insert_values(
        Demande,
        COLUMNS,
        [
            (
                row.pk,
                row.uuid,
                row.recue.reference,
                row.ready.content,
                WAITS if row.transmission is None else GONE,
                row.caf,
                row.recue.commune,
                None if row.transmission is None else row.ready.lieu,
                row.transmission,
                row.voulu,
                row.recue.deposee_le,
                row.recue.modifiee_le,
                row.last_day,
                *row.modes,
            )
            for row in rows
        ],
        source=Demande.Source.MONENFANT.value,
        langue=SOURCE,
        livraison_id=livraison.pk,
        received_at=now,
    )
    bulk.insert_values(
        Dossier,
        ("demande_id", "jour", "scelle"),
        [(row.pk, row.last_day, sealers[row.last_day](row.uuid, row.ready.said)) for row in rows],
    )
    origin = {"origine": Demande.Source.MONENFANT.value, "livraison": str(livraison.uuid)}
    journal.record_rows(
        "demande.recue", "demandes.demande", [(row.uuid, row.caf) for row in rows], by="source", at=now, **origin
    )
    gone = [row for row in rows if row.transmission is not None]
    transmission.open_attributions([(row.pk, row.ready.lieu, row.transmission) for row in gone], now)
    transmission.tell_new_families([(row.pk, row.uuid, row.transmission) for row in gone if row.recue.courriel], now)
    DEMANDE.note_entered(Demande, "transmit", [(row.uuid, row.caf) for row in gone], by="systeme", now=now)
    return [row.recue.reference for row in rows]


WAITS, GONE = str(DEMANDE.initial), str(DEMANDE.moves["transmit"].target)


class _Row(NamedTuple):
    """A demande about to be inserted."""

    pk: int
    uuid: str
    last_day: date
    recue: Recue
    caf: str
    voulu: int | None
    modes: Iterable[bool]
    ready: Ready
    transmission: int | None


def _rows(batch: _Batch, waiting: Sequence[Ready]) -> list[_Row]:
    goals = {ready.lieu for ready in waiting if ready.lieu}
    opened = transmission.open_batches(batch.transmissions, goals, batch.livraison, batch.now)
    rows = []
    for key, ready in zip(bulk.new_keys(Demande, len(waiting)), waiting, strict=True):
        done = ready.done
        assert done is not None
        goal = opened.get(ready.lieu) if ready.lieu else None
        modes = checking.modes(done.recue).values()
        rows.append(_Row(key, str(uuid4()), done.last_day, done.recue, done.caf, done.voulu, modes, ready, goal))
    dossiers.ensure({row.last_day for row in rows})
    return rows


COLUMNS = (
    "id",
    "uuid",
    "reference",
    "content",
    "state",
    "caf_id",
    "commune_id",
    "lieu_id",
    "transmission_id",
    "lieu_voulu_id",
    "deposee_le",
    "modifiee_le",
    "last_day",
    *MODES,
)
