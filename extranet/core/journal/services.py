"""Writing the journal; sealing it and each other append-only record, and finding what was changed (ACC-2, decision 0007)."""

import hmac
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.core.cache import cache
from django.db import models

from extranet.core import apart, bulk
from extranet.core.accounts.models import User
from extranet.core.journal import anchor, keys, triggers
from extranet.core.journal.models import SEALED, Entry, Seal

# Long enough for any transaction that took an id to have ended: what is sealed cannot be joined by a late row.
SETTLED = timedelta(minutes=15)
SEGMENT = 5_000
# Within two periods of the sweep every seal is outside.
ANCHORED_WITHIN = timedelta(hours=2)


Actor = User | str
"""Who acts: a person, or `systeme`, `famille`, `lieu`, `source`, `operateur`."""


def actor_name(by: Actor) -> str:
    """`user:<uuid>` for a person, the text itself for who has no account."""
    return by if isinstance(by, str) else f"user:{by.uuid}"


def name_of(obj: models.Model) -> str:
    """The public name of `obj`, which a restored database gives to nothing else: its uuid, or a key that is a code.

    A key from a sequence is no name: after a restore it is given again (CNS-7).
    """
    if name := getattr(obj, "uuid", None):
        return str(name)
    if isinstance(obj._meta.pk, models.AutoField | models.BigAutoField):
        raise TypeError(f"{obj._meta.label} has no public name")
    return str(obj.pk)


def entry(event: str, obj: models.Model, *, by: Actor, at: datetime, caf: str = "", **details: Any) -> Entry:
    """An unsaved line about `obj`, for writers of many."""
    return Entry(
        at=at,
        event=event,
        object_kind=obj._meta.label_lower,
        object_id=name_of(obj),
        actor=actor_name(by),
        caf=caf or getattr(obj, "journal_caf", ""),
        details=details,
    )


def record(event: str, obj: models.Model, *, by: Actor, at: datetime, caf: str = "", **details: Any) -> None:
    """Add one line, in the transaction of what it tells."""
    entry(event, obj, by=by, at=at, caf=caf, **details).save(force_insert=True)


def record_for_all(event: str, *, by: Actor, at: datetime, **details: Any) -> None:
    """Add one line about the portal as a whole: no object, no Caf."""
    Entry.objects.create(at=at, event=event, actor=actor_name(by), details=details)


def record_many(entries: Iterable[Entry]) -> None:
    """Add many lines at once."""
    bulk.insert(list(entries))


def record_rows(
    event: str, kind: str, rows: Iterable[tuple[UUID, str]], *, by: Actor, at: datetime, **details: Any
) -> None:
    """One line for each (uuid, Caf) of `rows`, objects of the model `kind`, all with the same details."""
    names = ("at", "event", "object_kind", "object_id", "actor", "caf", "details")
    actor = actor_name(by)
    bulk.insert_values(Entry, names, [(at, event, kind, str(name), actor, caf, details) for name, caf in rows])


# --- seals ---------------------------------------------------------------------------------------------------------


def table(model: type[models.Model]) -> str:
    """The name of a record, in seals and in the file outside."""
    return model._meta.db_table


def columns(model: type[models.Model]) -> list[str]:
    """What of a line is sealed: all that it has."""
    return [field.attname for field in model._meta.concrete_fields]


def seal(*, now: datetime) -> int:
    """Seal, in one segment a record, the lines that were there at a run 15 minutes ago or more, then write the seals outside.

    Returns how many lines. A moment in a line says nothing of when it was committed; an id seen long enough ago does.
    Two at once: a constraint keeps one.
    """
    try:
        return apart.each([table(model) for model in SEALED], lambda name: _seal(name, now), what="seal of")
    finally:
        anchor.write_missing(now)


def _seal(name: str, now: datetime) -> int:
    model = next(model for model in SEALED if table(model) == name)
    mark = f"journal:seen:{name}"
    seen_at, seen_id = cache.get(mark) or (None, 0)
    if seen_at is None or not timedelta(0) <= now - seen_at:
        _note_seen(model, mark, now)
        return 0
    if now - seen_at < SETTLED:
        return 0
    head = Seal.objects.filter(record=name).order_by("-last_id").first()
    start, previous = (head.last_id + 1, head.digest) if head else (0, "")
    lines = model._default_manager.filter(pk__gte=start, pk__lte=seen_id).order_by("pk")
    waiting = list(lines.values_list(*columns(model))[:SEGMENT])
    if len(waiting) < SEGMENT:
        _note_seen(model, mark, now)
    if not waiting:
        return 0
    key_name, key = keys.current()
    link = Seal(
        record=name,
        at=now,
        first_id=start,
        last_id=waiting[-1][columns(model).index("id")],
        columns=",".join(columns(model)),
        key=key_name,
        previous=previous,
    )
    link.digest, link.count = _digest(link, waiting, key)
    link.save(force_insert=True)
    return link.count


def _note_seen(model: type[models.Model], mark: str, now: datetime) -> None:
    last = model._default_manager.order_by("-pk").values_list("pk", flat=True).first()
    cache.set(mark, (now, last or 0), timeout=None)


def _digest(link: Seal, lines: Iterable[tuple[Any, ...]], key: bytes) -> tuple[str, int]:
    """The keyed digest over the link before, what this one says of itself, and its lines; and how many they are."""
    chain, count = hmac.new(key, digestmod="sha256"), 0
    head = [link.previous, link.record, link.columns, link.first_id, link.last_id, link.at]
    chain.update(_written(head))
    for count, line in enumerate(lines, start=1):  # noqa: B007 -- the last rank is the number
        chain.update(_written(line))
    return chain.hexdigest(), count


def _written(values: Iterable[Any]) -> bytes:
    return json.dumps(list(values), sort_keys=True, ensure_ascii=False, default=_plain).encode()


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(type(value).__name__)


def faults(*, now: datetime) -> Iterator[str]:
    """A sentence for each sign that a record, its seals or what is kept of them outside was changed."""
    for model in SEALED:
        name = table(model)
        if triggers.unguarded(name):
            yield f"{name}: the trigger that refuses changes is missing"
        if count := model._default_manager.filter(pk__lt=1).count():
            yield f"{name}: {count} lines with a key that no sequence gives"
    if triggers.unguarded(Seal._meta.db_table):
        yield f"{Seal._meta.db_table}: the trigger that refuses changes is missing"
    yield from broken_seals()
    yield from anchor.faults(before=now - ANCHORED_WITHIN)


def broken_seals() -> list[str]:
    """Recompute every seal: a sentence for each that no longer matches its lines or the seal before."""
    return [fault for model in SEALED for fault in _broken(model)]


def _broken(model: type[models.Model]) -> Iterator[str]:
    held, previous, start = keys.keys(), "", 0
    for link in Seal.objects.filter(record=table(model)).order_by("last_id").iterator():
        where = f"{link.record}: segment {link.first_id}-{link.last_id}"
        if (key := held.get(link.key)) is None:
            yield f"{where} is sealed by a key that is not in {keys.key_file().name}"
        elif set(link.columns.split(",")) - set(columns(model)):
            yield f"{where} does not match its seal"
        else:
            lines = model._default_manager.filter(pk__gte=link.first_id, pk__lte=link.last_id).order_by("pk")
            digest, count = _digest(link, lines.values_list(*link.columns.split(",")).iterator(), key)
            right = hmac.compare_digest(digest, link.digest) and count == link.count
            if not right or (link.previous, link.first_id) != (previous, start):
                yield f"{where} does not match its seal"
        previous, start = link.digest, link.last_id + 1


def heads() -> list[Seal]:
    """The last seal of each record that has one."""
    found = [Seal.objects.filter(record=table(model)).order_by("-last_id").first() for model in SEALED]
    return [link for link in found if link]


def find(digest: str) -> Seal | None:
    """The seal of that digest, as a mail to the Cnaf quotes it; None when the chain does not have it."""
    return Seal.objects.filter(digest=digest).first()


def label(link: Seal) -> str:
    """What its record is called."""
    return next(str(model._meta.verbose_name_plural) for model in SEALED if table(model) == link.record)


def sealed_lines(link: Seal) -> int:
    """How many lines the chain covers up to this link."""
    links = Seal.objects.filter(record=link.record, last_id__lte=link.last_id)
    return links.aggregate(lines=models.Sum("count"))["lines"] or 0
