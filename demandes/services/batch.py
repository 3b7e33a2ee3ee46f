"""Taking many demandes in, from a delivery: what is new, what is known, what is set aside (ING-3, ING-4)."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from demandes import rules
from demandes.documents.motifs import Motif
from demandes.documents.recue import Lue
from demandes.models import MODES, Demande, Dossier, Livraison, Rejet
from demandes.services import checking, dossiers, transmission
from demandes.services.checking import Checked
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


@dataclass(slots=True)
class _Batch:
    """What a batch is about to write."""

    livraison: Livraison
    now: datetime
    counts: Counts = field(default_factory=Counts)
    rejets: list[Rejet] = field(default_factory=list)
    new: dict[str, tuple[Checked, str]] = field(default_factory=dict)

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
            assert lue.motif is not None
            batch.set_aside(lue, lue.motif)
            continue
        done = checking.check(lue.recue, now, places)
        if lue.reference in batch.new:  # the same reference again in this batch: what came before is written first
            written = Demande.objects.filter(source=Demande.Source.MONENFANT, reference__in=_create(batch))
            stored |= {demande.reference: demande for demande in written}
        if done.faults:
            batch.set_aside(lue, *done.faults.values())
        elif known := stored.get(lue.reference):
            _update(batch, lue, done, known, places)
        else:
            batch.remark(lue, done.remarks)
            batch.new[lue.reference] = (done, checking.digest(done.recue))
            batch.counts.created += 1
    _create(batch)
    bulk.insert(batch.rejets)
    return batch.counts


def _update(batch: _Batch, lue: Lue, done: Checked, known: Demande, places: Places) -> None:
    """ING-4: what becomes of a record whose reference is known."""
    recue = done.recue
    if known.state not in ALIVE:
        batch.set_aside(lue, Motif("detruite"))
        return
    if known.last_day < paris_date(batch.now):
        batch.set_aside(lue, Motif("echue"))
        return
    stale = recue.modifiee_le and known.modifiee_le and recue.modifiee_le < known.modifiee_le
    content = checking.digest(recue)
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
    """Write the new demandes of the batch; returns their references."""
    if not batch.new:
        return []
    now, livraison, waiting = batch.now, batch.livraison, list(batch.new.values())
    initial = str(DEMANDE.initial)
    batch.new.clear()
    last_days = [rules.last_day_of_dossier(done.recue.deposee_le, now) for done, _ in waiting]
    dossiers.ensure(set(last_days))
    rows = [
        (key, uuid.uuid4(), day, done, content)
        for key, day, (done, content) in zip(bulk.new_keys(Demande, len(waiting)), last_days, waiting, strict=True)
    ]
    bulk.insert_values(
        Demande,
        COLUMNS,
        [
            (
                key,
                name,
                Demande.Source.MONENFANT.value,
                done.recue.reference,
                content,
                initial,
                SOURCE,
                done.caf,
                done.recue.commune,
                livraison.pk,
                done.voulu,
                done.recue.deposee_le,
                done.recue.modifiee_le,
                now,
                day,
                *checking.modes(done.recue).values(),
            )
            for key, name, day, done, content in rows
        ],
    )
    bulk.insert_values(
        Dossier,
        ("demande_id", "jour", "scelle"),
        [(key, day, Dossier.sealed(name, done.recue, day)) for key, name, day, done, _ in rows],
    )
    origin = {"origine": Demande.Source.MONENFANT.value, "livraison": str(livraison.uuid)}
    made = [(name, done.caf) for _, name, _, done, _ in rows]
    journal.record_rows("demande.recue", "demandes.demande", made, by="source", at=now, **origin)
    return [done.recue.reference for done, _ in waiting]


COLUMNS = (
    "id",
    "uuid",
    "source",
    "reference",
    "content",
    "state",
    "langue",
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
