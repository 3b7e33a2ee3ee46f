"""Writing the journal, sealing it, and proving that nothing was changed."""

import hashlib
import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.core.cache import cache
from django.db import transaction

from extranet.core import bulk
from extranet.core.journal.models import Entry, Seal

# Long enough for any transaction that took an id to have ended: what is sealed cannot be joined by a late row.
MARK = "journal:seen"
SETTLED = timedelta(minutes=15)
SEGMENT = 5_000


def actor_name(by: Any) -> str:
    """`user:<pk>` for a person, the text itself for `systeme`, `famille` or `source`."""
    return by if isinstance(by, str) else f"user:{by.pk}"


def entry(event: str, obj: Any, *, by: Any, at: datetime, caf: str = "", **details: Any) -> Entry:
    """An unsaved line about `obj`, for `record` and for bulk writers."""
    caf = caf or getattr(obj, "journal_caf", "")
    return line(event, obj._meta.label_lower, obj.pk, by=by, at=at, caf=caf, **details)


def line(event: str, kind: str, pk: Any, *, by: Any, at: datetime, caf: str, **details: Any) -> Entry:
    """`entry` for an object that is not at hand: its model's label and its key."""
    return Entry(
        at=at, event=event, object_kind=kind, object_id=str(pk), actor=actor_name(by), caf=caf, details=details
    )


def record(event: str, obj: Any, *, by: Any, at: datetime, caf: str = "", **details: Any) -> None:
    """Add one line, in the transaction of what it tells."""
    entry(event, obj, by=by, at=at, caf=caf, **details).save(force_insert=True)


def record_many(entries: Iterable[Entry]) -> None:
    """Add many lines at once."""
    bulk.insert(list(entries))


def record_rows(
    event: str, kind: str, rows: Iterable[tuple[Any, str]], *, by: Any, at: datetime, **details: Any
) -> None:
    """One line for each (key, Caf) of `rows`, objects of the model `kind`, all with the same details."""
    names = ("at", "event", "object_kind", "object_id", "actor", "caf", "details")
    actor = actor_name(by)
    bulk.insert_values(Entry, names, [(at, event, kind, str(pk), actor, caf, details) for pk, caf in rows])


def _digest(previous: str, entries: Iterable[Entry]) -> tuple[str, int, int]:
    chain, count, last = hashlib.sha256(previous.encode()), 0, 0
    for line in entries:
        values = [
            line.pk,
            line.at.timestamp(),
            line.event,
            line.object_kind,
            line.object_id,
            line.actor,
            line.caf,
            line.details,
        ]
        chain.update(json.dumps(values, sort_keys=True, ensure_ascii=False).encode())
        count, last = count + 1, line.pk
    return chain.hexdigest(), count, last


@transaction.atomic
def seal(*, now: datetime) -> int:
    """Chain, in one segment, the entries that were there at a run 15 minutes ago or more; returns how many.

    A moment in an entry says nothing of when it was committed; an id seen long enough ago does. Two at once: a constraint keeps one.
    """
    seen_at, seen_id = cache.get(MARK) or (None, 0)
    if seen_at is None or not timedelta(0) <= now - seen_at:
        _mark(now)
        return 0
    if now - seen_at < SETTLED:
        return 0
    head = Seal.objects.order_by("-last_id").first()
    start, previous = (head.last_id + 1, head.digest) if head else (0, "")
    waiting = list(Entry.objects.filter(pk__gte=start, pk__lte=seen_id).order_by("pk")[:SEGMENT])
    if len(waiting) < SEGMENT:
        _mark(now)
    if not waiting:
        return 0
    digest, count, last = _digest(previous, waiting)
    Seal.objects.create(at=now, first_id=start, last_id=last, count=count, previous=previous, digest=digest)
    return count


def _mark(now: datetime) -> None:
    last = Entry.objects.order_by("-pk").values_list("pk", flat=True).first()
    cache.set(MARK, (now, last or 0), timeout=None)


def broken_seals() -> list[str]:
    """Recompute every seal: a sentence for each that no longer matches its entries or the seal before."""
    faults, previous, start = [], "", 0
    for link in Seal.objects.order_by("last_id").iterator():
        lines = Entry.objects.filter(pk__gte=link.first_id, pk__lte=link.last_id).order_by("pk")
        digest, count, _ = _digest(link.previous, lines.iterator())
        if link.previous != previous or link.first_id != start or (digest, count) != (link.digest, link.count):
            faults.append(f"journal: segment {link.first_id}-{link.last_id} does not match its seal")
        previous, start = link.digest, link.last_id + 1
    return faults
