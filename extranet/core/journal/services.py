"""Writing the journal; sealing it and each other append-only record, and finding what was changed (ACC-2,
decision 0007).
"""

import hmac
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any
from uuid import UUID

from django.core.cache import cache
from django.db import models

from extranet.core import apart, bulk
from extranet.core.accounts.models import User
from extranet.core.dates import add_months, paris_date, start_of_day
from extranet.core.journal import anchor, triggers
from extranet.core.journal.models import NEEDED_SINCE, SEALED, Departure, Entry, Seal
from extranet.core.keyring import KeyRing

# One key a line of `cles/journal.cles`: the last one seals, all of them prove.
KEYS = KeyRing("journal")
# Long enough for any transaction that took an id to have ended: what is sealed cannot be joined by a late row.
SETTLED = timedelta(minutes=15)
SEGMENT = 5_000
# Within two periods of the sweep every seal is outside.
FEW = 20  # lines, for which one INSERT costs less than keys and a COPY
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
    lines = list(entries)
    if len(lines) > FEW:
        bulk.insert(lines)
    else:
        Entry.objects.bulk_create(lines)


def record_rows(
    event: str, kind: str, rows: Iterable[tuple[UUID | str, str]], *, by: Actor, at: datetime, **details: Any
) -> None:
    """One line for each (uuid, Caf) of `rows`, objects of the model `kind`, all with the same details."""
    named = [(str(name), caf) for name, caf in rows]
    same = {"at": at, "event": event, "object_kind": kind, "actor": actor_name(by), "details": details}
    bulk.insert_values(Entry, ("object_id", "caf"), named, **same)


# --- seals ---------------------------------------------------------------------------------------------------------


def table(model: type[models.Model]) -> str:
    """The name of a record, in seals and in the file outside."""
    return model._meta.db_table


def columns(model: type[models.Model]) -> list[str]:
    """What of a line is sealed: all that it has."""
    return [field.attname for field in model._meta.concrete_fields]


def seal(*, now: datetime) -> int:
    """Seal the lines that were there at a run 15 minutes ago or more, then write the seals outside.
    Returns how many lines.

    A segment is of one record and one month, so that whole months can go (`let_go`). A moment in a line says nothing of
    when it was committed; an id seen long enough ago does. Two at once: a constraint keeps one.
    """
    try:
        return apart.each([table(model) for model in SEALED], lambda name: _seal(name, now), what="seal of")
    finally:
        anchor.write_missing(now)


def _model(name: str) -> type[models.Model]:
    return next(model for model in SEALED if table(model) == name)


def _month(moment: datetime) -> str:
    return f"{paris_date(moment):%Y-%m}"


def _seal(name: str, now: datetime) -> int:
    model = _model(name)
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
    key_name, key = KEYS.current()
    id_of, at_of = (itemgetter(columns(model).index(column)) for column in ("id", "at"))
    for month, segment in groupby(waiting, lambda line: _month(at_of(line))):
        held = list(segment)
        link = Seal(
            record=name,
            month=month,
            at=now,
            first_id=start,
            last_id=id_of(held[-1]),
            columns=",".join(columns(model)),
            key=key_name,
            previous=previous,
        )
        link.digest, link.count = _digest(link, held, key)
        link.save(force_insert=True)
        start, previous = link.last_id + 1, link.digest
    return len(waiting)


def _note_seen(model: type[models.Model], mark: str, now: datetime) -> None:
    last = model._default_manager.order_by("-pk").values_list("pk", flat=True).first()
    cache.set(mark, (now, last or 0), timeout=None)


def _digest(link: Seal, lines: Iterable[tuple[Any, ...]], key: bytes) -> tuple[str, int]:
    """The keyed digest over the link before, what this one says of itself, and its lines; and how many they are."""
    chain, count = hmac.new(key, digestmod="sha256"), 0
    head = [link.previous, link.record, link.month, link.columns, link.first_id, link.last_id, link.at]
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
    for own in (table(Seal), table(Departure)):
        if triggers.unguarded(own):
            yield f"{own}: the trigger that refuses changes is missing"
    yield from broken_seals(now=now)
    yield from anchor.faults(before=now - ANCHORED_WITHIN)


def broken_seals(*, now: datetime) -> list[str]:
    """Recompute every seal: a sentence for each that no longer matches its lines,
    their departure or the seal before.
    """
    return [fault for model in SEALED for fault in _broken(model, now)]


def _broken(model: type[models.Model], now: datetime) -> Iterator[str]:
    held, previous, start = KEYS.keys(), "", 0
    links = Seal.objects.filter(record=table(model)).select_related("departure").order_by("last_id")
    for link in links.iterator():
        departure: Departure | None = getattr(link, "departure", None)
        if fault := _fault(model, link, held) if departure is None else _departure_fault(model, departure, held, now):
            yield f"{link.record}: segment {link.first_id}-{link.last_id} {fault}"
        elif (link.previous, link.first_id) != (previous, start):
            yield f"{link.record}: segment {link.first_id}-{link.last_id} does not match its seal"
        previous, start = link.digest, link.last_id + 1


def _lines(model: type[models.Model], link: Seal) -> models.QuerySet:
    return model._default_manager.filter(pk__gte=link.first_id, pk__lte=link.last_id)


def _fault(model: type[models.Model], link: Seal, held: dict[str, bytes]) -> str:
    """What is wrong with the lines under `link`; empty when nothing is."""
    if (key := held.get(link.key)) is None:
        return f"is sealed by a key that is not in {KEYS.path.name}"
    names = link.columns.split(",")
    if set(names) - set(columns(model)):
        return "does not match its seal"
    digest, count = _digest(link, _lines(model, link).order_by("pk").values_list(*names).iterator(), key)
    return "" if hmac.compare_digest(digest, link.digest) and count == link.count else "does not match its seal"


# --- the end of the term ---------------------------------------------------------------------------------------------


def let_go(*, now: datetime) -> int:
    """Delete the lines of whole months that are past the term of their record (ACC-2.e). Returns how many lines.

    Each month of the journal mixes the acts of many conventions: one goes when it lies before the first act on the
    oldest that is still kept (`NEEDED_SINCE`). What it says of others, kept no more, waits for that.

    A month goes in one transaction, once it is sealed to its last line and every seal of it is proven; its seals stay.
    One that is not as it was sealed stays, and the obligation is shown as failed.
    """
    over = [
        f"{table(model)} {month}"  # in words: the log names the month that is left
        for model, term in SEALED.items()
        if term is not None
        for month in _months_over(model, term, now)
    ]
    return apart.each(over, lambda item: _let_go(item, now), what="end of term of")


def _kept_from(model: type[models.Model], term: int, now: datetime) -> date:
    """The first day of the oldest month that is kept."""
    past_term = add_months(paris_date(now).replace(day=1), -term)
    needed = NEEDED_SINCE[model]() if model in NEEDED_SINCE else None
    return min(past_term, paris_date(needed).replace(day=1)) if needed else past_term


def _months_over(model: type[models.Model], term: int, now: datetime) -> list[str]:
    """The months with lines of which all are sealed and past `term`."""
    kept_from = _kept_from(model, term, now)
    seals = Seal.objects.filter(record=table(model))
    sealed_to = seals.aggregate(last=models.Max("last_id"))["last"] or 0
    unsealed = model._default_manager.filter(pk__gt=sealed_to, at__lt=start_of_day(kept_from))
    waiting = {_month(at) for at in unsealed.values_list("at", flat=True)}
    over = seals.filter(month__lt=f"{kept_from:%Y-%m}", departure=None).values_list("month", flat=True)
    return sorted(set(over) - waiting)


def _let_go(name_and_month: str, now: datetime) -> int:
    name, month = name_and_month.split()
    model = _model(name)
    links = list(Seal.objects.filter(record=name, month=month).order_by("last_id").select_for_update())
    gone = set(Departure.objects.filter(seal__in=links).values_list("seal", flat=True))
    held, (key_name, key) = KEYS.keys(), KEYS.current()
    done = 0
    for link in links:
        if link.pk in gone:
            continue
        if fault := _fault(model, link, held):
            raise ValueError(f"segment {link.first_id}-{link.last_id} {fault}")
        departure = Departure(seal=link, at=now, key=key_name)
        departure.digest = _departure_digest(departure, key)
        departure.save(force_insert=True)
        done += _lines(model, link).delete()[0]
    return done


def _departure_digest(departure: Departure, key: bytes) -> str:
    link = departure.seal
    said = ["departure", link.record, link.month, link.first_id, link.last_id, link.count, link.digest, departure.at]
    return hmac.new(key, _written(said), "sha256").hexdigest()


def _departure_fault(model: type[models.Model], departure: Departure, held: dict[str, bytes], now: datetime) -> str:
    """What is wrong with lines that are said to have gone; empty when nothing is."""
    term, (year, month) = SEALED[model], departure.seal.month.split("-")
    if (key := held.get(departure.key)) is None:
        return f"was let go under a key that is not in {KEYS.path.name}"
    if not hmac.compare_digest(_departure_digest(departure, key), departure.digest):
        return "was let go, and not by the portal"
    # What is needed today was needed on that day too: new things need no month of before.
    if term is None or not date(int(year), int(month), 1) < _kept_from(model, term, min(departure.at, now)):
        return "was let go before the end of its term"
    return "was let go, and has lines" if _lines(model, departure.seal).exists() else ""


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
