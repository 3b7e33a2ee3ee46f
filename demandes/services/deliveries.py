"""Delivery files of monenfant.fr: each is taken once, applied once, and destroyed in time (ING-1, ING-4, ING-5).

The row says where its bytes are (services.delivery_files); they follow it, also after a kill. Its checkpoint moves with
the effects of each batch, only from where the batch began and only under this worker's lease, so two workers or a kill
cannot apply a record twice.
"""

import hashlib
import logging
import os
import time
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Self

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, Q, QuerySet

from demandes.documents import xml_reader
from demandes.documents.recue import Lue
from demandes.models import Livraison
from demandes.services import delivery_files, transmission
from demandes.services.batch import receive_many
from demandes.services.delivery_files import UPLOAD, bring, folder, path_of, remove, safe_name, shown_name
from demandes.services.transmission import Places
from demandes.workflow import LIVRAISON, EtatLivraison
from extranet.core import bell, bulk
from extranet.core.journal import services as journal

logger = logging.getLogger(__name__)

BATCH = 1_000
KEPT = {EtatLivraison.TRAITEE: timedelta(hours=24), EtatLivraison.REFUSEE: timedelta(days=15)}
FOLDERS = {EtatLivraison.TRAITEE: delivery_files.DONE, EtatLivraison.REFUSEE: delivery_files.REFUSED}
CHUNK = 1 << 20
LARGEST = 2 * 1024**3
# A worker renews its lease while it works; one that was killed is followed by another after this.
LEASE = timedelta(seconds=30)
# A bell that nobody answered is rung again after this.
RING_AGAIN = timedelta(minutes=2)

Progress = Callable[[Livraison], None]


class TooLarge(Exception):
    """More bytes than a delivery may have."""


# --- in ------------------------------------------------------------------------------------------------------------


def register(
    source: BinaryIO, *, nom: str, origine: str, by: Any = None, now: datetime, ring: bool = True
) -> Livraison:
    """Keep a delivery and ask for its ingestion. The same bytes again give the livraison that they made, `is_new` false.

    The bytes are there before the row, and are no delivery without it: whatever fails leaves neither. Call outside a
    transaction. Raises TooLarge.
    """
    key, done = uuid.uuid4(), False
    path = folder(delivery_files.IN_HAND) / f"{key}{UPLOAD}"
    try:
        digest = _write(source, path)
        with transaction.atomic():
            livraison = admit(path, key=key, sha256=digest, nom=nom, origine=origine, by=by, now=now, ring=ring)
            done = True
    except BaseException:
        if not done:  # else only the commit failed: the row may be there, and without it the bytes go within the hour
            path.unlink(missing_ok=True)
        raise
    if livraison.uuid != key:
        path.unlink(missing_ok=True)
    return livraison


def _write(source: BinaryIO, path: Path) -> str:
    digest = hashlib.sha256()
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as target:
        while chunk := source.read(CHUNK):
            digest.update(chunk)
            target.write(chunk)
            if target.tell() > LARGEST:
                raise TooLarge
        target.flush()
        os.fsync(target.fileno())
    return digest.hexdigest()


def admit(
    path: Path, *, key: uuid.UUID, sha256: str, nom: str, origine: str, by: Any, now: datetime, ring: bool
) -> Livraison:
    """The row of bytes that lie below `en-cours`, or, `is_new` false, that of the same bytes received before."""
    try:
        with transaction.atomic():
            livraison = Livraison.objects.create(
                uuid=key,
                nom=shown_name(nom),
                sha256=sha256,
                origine=origine,
                received_at=now,
                received_by=by,
                fichier=str(path.relative_to(settings.DATA_DIR / "livraisons")),
                rung_at=now if ring else None,
            )
            journal.record("livraison.recue", livraison, by=by or "systeme", at=now, sha256=sha256)
            if ring:
                bell.ring("demandes.tasks.ingest", livraison.pk)
    except IntegrityError:
        livraison = Livraison.objects.get(sha256=sha256)
        livraison.is_new = False
    return livraison


def unapplied() -> QuerySet[Livraison]:
    """Livraisons that are not applied to their end, the first received first."""
    return Livraison.objects.filter(state=EtatLivraison.RECUE).order_by("pk")


def free_at(now: datetime) -> Q:
    """No worker is at it."""
    return Q(lease_until=None) | Q(lease_until__lte=now)


def ring_unanswered(*, now: datetime) -> int:
    """Ring for what nobody is at: once when it comes or its worker dies, again when the bell was lost; returns how many."""
    lapsed = Q(rung_at__lt=F("lease_until"))
    lost = Q(rung_at=None) | Q(rung_at__lte=now - RING_AGAIN)
    done = 0
    for pk in unapplied().filter(free_at(now), lapsed | lost).values_list("pk", flat=True):
        with transaction.atomic():
            if unapplied().filter(free_at(now), lapsed | lost, pk=pk).update(rung_at=now):
                bell.ring("demandes.tasks.ingest", pk)
                done += 1
    return done


# --- applying ------------------------------------------------------------------------------------------------------


class _Taken(Exception):
    """Another worker has the lease."""


class _Lease:
    """One worker a delivery. It lapses when it is not renewed: the worker was killed, and another takes over.

    The moment to which it runs is what tells one lease from another.
    """

    def __init__(self, livraison: Livraison, now: datetime):
        self.livraison, self._now, self._began = livraison, now, time.monotonic()
        self.until = now
        self._hold(free_at(now))

    def moment(self) -> datetime:
        """`now`, and what has passed since."""
        return self._now + timedelta(seconds=time.monotonic() - self._began)

    def renew(self) -> None:
        """Call often; writes four times a lease at most. Raises _Taken when it was lost."""
        if self.moment() > self.until - LEASE * 3 / 4:
            self._hold(Q(lease_until=self.until))

    def _hold(self, where: Q) -> None:
        until = self.moment() + LEASE
        if unapplied().filter(where, pk=self.livraison.pk).update(lease_until=until) != 1:
            raise _Taken
        self.until = until

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        """Whatever happened, another may take it; after a failure no bell is rung before the next turn."""
        held = Livraison.objects.filter(pk=self.livraison.pk, lease_until=self.until)
        held.update(lease_until=self._now, rung_at=self.moment())


def ingest(livraison_id: int, *, now: datetime, progress: Progress | None = None) -> Livraison | None:
    """Apply a delivery from where it stands to its end. None when another worker is at it."""
    livraison = Livraison.objects.get(pk=livraison_id)
    if livraison.state != EtatLivraison.RECUE:
        return livraison
    try:
        with _Lease(livraison, now) as lease:
            livraison.refresh_from_db()
            if path_of(livraison).exists():
                _apply(livraison, lease, now, progress)
            else:
                # Without its digest, so that the same bytes may come again.
                _close(livraison, "refuse", lease, now, motif="fichier absent", sha256=None)
    except _Taken:
        livraison.refresh_from_db()
        return livraison if livraison.state != EtatLivraison.RECUE else None
    return livraison


def _apply(livraison: Livraison, lease: _Lease, now: datetime, progress: Progress | None) -> None:
    path = path_of(livraison)
    if not livraison.checkpoint:
        try:
            xml_reader.survey(path, alive=lease.renew)
        except xml_reader.Unreadable as reason:
            _close(livraison, "refuse", lease, now, motif=str(reason)[:300])
            return
    places = Places.of(now)
    records = xml_reader.records(path, skip=livraison.checkpoint, alive=lease.renew)
    with bulk.fewer_collections():
        while batch := list(islice(records, BATCH)):
            _apply_batch(livraison, batch, lease, now, places)
            if progress:
                progress(livraison)
    transmission.transmit_waiting(livraison, now=now, places=places, alive=lease.renew)
    _close(livraison, "finish", lease, now)


def _apply_batch(livraison: Livraison, batch: list[Lue], lease: _Lease, now: datetime, places: Places) -> None:
    """A batch and its checkpoint, together. Once more when another delivery wrote the same reference meanwhile."""
    lease.renew()
    for attempt in range(3):
        try:
            with transaction.atomic():
                counts = receive_many(batch, livraison, now, places)
                changes = {
                    "checkpoint": livraison.checkpoint + len(batch),
                    "lues": livraison.lues + len(batch),
                    "creees": livraison.creees + counts.created,
                    "mises_a_jour": livraison.mises_a_jour + counts.updated,
                    "inchangees": livraison.inchangees + counts.unchanged,
                    "ecartees": livraison.ecartees + counts.set_aside,
                }
                rows = unapplied().filter(pk=livraison.pk, checkpoint=livraison.checkpoint, lease_until=lease.until)
                if rows.update(**changes) != 1:
                    raise _Taken
            break
        except IntegrityError:
            if attempt == 2:
                raise
    for name, value in changes.items():
        setattr(livraison, name, value)


def _close(livraison: Livraison, act: str, lease: _Lease, now: datetime, **changes: Any) -> None:
    """Finish or refuse it. Where its bytes go is said with its new state; they are moved afterwards, by others after a kill."""
    source, mine = path_of(livraison), Q(lease_until=lease.until)
    for fichier in places_for(livraison, act):
        try:
            moved = LIVRAISON.apply(
                livraison, act, by="systeme", now=now, where=mine, finished_at=now, fichier=fichier, **changes
            )
        except IntegrityError:  # the name is another's
            continue
        if not moved:
            raise _Taken
        bring(livraison, source)
        return


def places_for(livraison: Livraison, act: str) -> list[str]:
    """Where its bytes may go, below DATA_DIR/livraisons: beside the inbox under their own name, or one that is free for sure."""
    place = FOLDERS[EtatLivraison(LIVRAISON.moves[act].target)]
    own = safe_name(livraison.nom)
    found = [f"{place}/{own}", f"{place}/{livraison.uuid}-{own}"]
    return found[1:] if os.path.lexists(folder(place) / own) else found


def summary(livraison: Livraison, nom: str = "") -> str:
    """The line that scripts read."""
    nom = nom or livraison.nom
    if not livraison.is_new:
        return f"{nom}: already received"
    if livraison.state == EtatLivraison.REFUSEE:
        return f"{nom}: refused ({livraison.motif})"
    return f"{nom}: " + " ".join(f"{name}={count}" for name, count in livraison.summary.items())


# --- out -----------------------------------------------------------------------------------------------------------


def destroy_old_files(*, now: datetime) -> int:
    """ING-5: a file goes 24 hours after success, 15 days after refusal; so do remains without a livraison.

    One that cannot be destroyed holds back no other. Raises OSError in the end when there was one: the duty is not done.
    """
    done, fault = 0, None
    due: list[tuple[Path, int | None]] = [(path, None) for path in delivery_files.remains()]
    for state, kept in KEPT.items():
        old = Livraison.objects.filter(state=state, finished_at__lte=now - kept).exclude(fichier="")
        due += [(path_of(livraison), livraison.pk) for livraison in old]
    for path, pk in due:
        try:
            remove(path)
        except OSError as error:
            logger.error("bytes of livraison %s not destroyed: %s", pk, type(error).__name__)
            fault = error
        else:
            Livraison.objects.filter(pk=pk).update(fichier="")
            done += 1
    if fault:
        raise fault
    return done


def wait_for(livraison_id: int, *, now: datetime, progress: Progress | None = None) -> Livraison:
    """`ingest`, or wait until the worker that is at it has done it."""
    began = time.monotonic()
    while True:
        present = now + timedelta(seconds=time.monotonic() - began)
        if livraison := ingest(livraison_id, now=present, progress=progress):
            return livraison
        time.sleep(0.2)
