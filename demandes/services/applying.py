"""Applying a delivery to its end, once, whatever is killed meanwhile (ING-4, ING-5).

Its checkpoint moves with the effects of each batch, only from where the batch began and only under this worker's lease,
so two workers or a kill cannot apply a record twice.
"""

import os
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Self

from django.db import IntegrityError, OperationalError, transaction
from django.db.models import Q

from demandes.documents import xml_reader
from demandes.documents.motifs import Motif
from demandes.models import Livraison
from demandes.services import delivery_files, retraits, transmission
from demandes.services.batch import Ready, prepare, receive_many
from demandes.services.deliveries import free_at, unapplied
from demandes.services.delivery_files import bring, folder, path_of, safe_name
from demandes.services.transmission import Places
from demandes.workflow import LIVRAISON, EtatLivraison
from extranet.core import bulk

BATCH, AHEAD = 1_000, 1  # read and waiting, besides the one that is being read
FOLDERS = {EtatLivraison.TRAITEE: delivery_files.DONE, EtatLivraison.REFUSEE: delivery_files.REFUSED}
# A worker renews its lease while it works; one that was killed is followed by another after this.
LEASE = timedelta(seconds=30)

Progress = Callable[[Livraison], None]


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
                _close(livraison, "refuse", lease, now, motifs=[Motif("absent")], sha256=None)
    except _Taken:
        livraison.refresh_from_db()
        return livraison if livraison.state != EtatLivraison.RECUE else None
    return livraison


def _apply(livraison: Livraison, lease: _Lease, now: datetime, progress: Progress | None) -> None:
    places = Places.of(now)

    def counted(count: int) -> None:
        livraison.enregistrements = count
        unapplied().filter(pk=livraison.pk).update(enregistrements=count)

    begun = livraison.checkpoint
    records = xml_reader.records(path_of(livraison), skip=begun, alive=lease.renew, counted=counted)

    def read() -> list[Ready]:
        return prepare(islice(records, BATCH), now, places)

    # While the database writes a batch, a thread reads the next ones.
    with bulk.fewer_collections(), closing(records), ThreadPoolExecutor(1) as reader:
        try:
            batch = read()
        except xml_reader.Unreadable as reason:
            if livraison.checkpoint:  # it was whole when it was begun
                raise
            _close(livraison, "refuse", lease, now, motifs=list(reason.motifs))
            return
        following = deque(reader.submit(read) for _ in range(AHEAD))
        while batch:
            following.append(reader.submit(read))
            _apply_batch(livraison, batch, lease, now, places)
            if progress:
                progress(livraison)
            batch = following.popleft().result()
    transmission.transmit_waiting(livraison, now=now, places=places, alive=lease.renew)
    transmission.tell_of_delivery(livraison, now)
    _close(livraison, "finish", lease, now)


def _apply_batch(livraison: Livraison, batch: list[Ready], lease: _Lease, now: datetime, places: Places) -> None:
    """A batch and its checkpoint, together. What fails is tried again by itself, the batches before it stand: another
    delivery wrote the same reference meanwhile, or the database undid one of two that waited for each other.
    """
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
        except (IntegrityError, OperationalError):
            if attempt == 2:
                raise
    for name, value in changes.items():
        setattr(livraison, name, value)
    retraits.say(counts.farewells, now=now, alive=lease.renew)


def _close(livraison: Livraison, act: str, lease: _Lease, now: datetime, **changes: Any) -> None:
    """Finish or refuse it. Where its bytes go is said with its new state; they move afterwards, or after a kill."""
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
    """Where its bytes may go, below DATA_DIR/livraisons: beside the inbox under their own name, or one surely free."""
    place = FOLDERS[EtatLivraison(LIVRAISON.moves[act].target)]
    own = safe_name(livraison.nom)
    found = [f"{place}/{own}", f"{place}/{livraison.uuid}-{own}"]
    return found[1:] if os.path.lexists(folder(place) / own) else found


def wait_for(livraison_id: int, *, now: datetime, progress: Progress | None = None) -> Livraison:
    """`ingest`, or wait until the worker that is at it has done it."""
    began = time.monotonic()
    while True:
        present = now + timedelta(seconds=time.monotonic() - began)
        if livraison := ingest(livraison_id, now=present, progress=progress):
            return livraison
        time.sleep(0.2)
