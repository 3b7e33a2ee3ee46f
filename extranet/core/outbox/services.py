"""Mails are posted with their facts, then sent when due: at least once, never by two workers, never stale (NOT-2).

What becomes of the mails of one batch is in `sending`.
"""

import logging
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from django.core.mail import get_connection
from django.db import transaction
from django.db.models import Count, F, Min, Q, QuerySet

from extranet.core import bell, bulk, signed
from extranet.core.dates import paris_date
from extranet.core.outbox import kinds
from extranet.core.outbox.models import Message
from extranet.core.outbox.rehearsal import HEARD
from extranet.core.outbox.sending import Batch, Run, compose, finish_accepted, hand_over, rows_of
from extranet.core.web import cache as counters

logger = logging.getLogger(__name__)

BATCH = 500  # of mails: what a batch costs beside them is paid by many
LEASE = timedelta(minutes=5)
RUN = timedelta(minutes=2)
OVERDUE = timedelta(minutes=15)
KEPT = timedelta(days=90)
AT_ONCE = 3  # seconds that a page waits for an answer of the server
ACKNOWLEDGEMENTS_A_DAY = 3
OURS = (Message.Cause.SERVER, Message.Cause.PORTAL)


# --- posting --------------------------------------------------------------------------------------------------------


def post(
    kind: str, *, key: str, to: Iterable[str], now: datetime, due_at: datetime | None = None, **about: object
) -> None:
    """Say `kind` about `key` once to each addressee (`user:<pk>`…). Call inside the transaction of the fact."""
    post_many([(kind, key, recipient, about) for recipient in to], now=now, due_at=due_at)


Row = tuple[str, str, str, dict[str, object]]
"""A mail to post: kind, key, addressee, about."""


def post_many(rows: Iterable[Row], *, now: datetime, due_at: datetime | None = None) -> None:
    """`post` for many at once."""
    messages = []
    for kind, key, recipient, about in rows:
        if kind not in kinds.KINDS:
            raise LookupError(f"unknown kind of mail: {kind}")
        if recipient.partition(":")[0] not in kinds.RESOLVERS:
            raise LookupError(f"unknown addressee: {recipient}")
        due = due_at or now
        messages.append(
            Message(kind=kind, key=key, recipient=recipient, about=about, created_at=now, due_at=due, next_try_at=due)
        )
    if messages:
        Message.objects.bulk_create(messages, ignore_conflicts=True, batch_size=2_000)
        if (heard := HEARD.get()) is not None:
            heard += messages
        bell.ring("extranet.core.outbox.tasks.send_due")


def post_new(kind: str, rows: Iterable[tuple[str, str, dict[str, object]]], *, now: datetime) -> None:
    """`post_many` of one kind (key, addressee, about) that cannot have been said: what it is about was made in this
    transaction. Rings no bell: whoever writes thousands rings once, at the end.
    """
    same = {"kind": kind, "created_at": now, "due_at": now, "next_try_at": now, "attempts": 0, "reply": "", "cause": ""}
    named = [(uuid4(), key, recipient, about) for key, recipient, about in rows]
    bulk.insert_values(Message, ("id", "key", "recipient", "about"), named, **same)


def bring_forward(kind: str, *, keys: Iterable[str], now: datetime) -> None:
    """What waits until later to say `kind` about `keys` is due now."""
    later = Message.objects.filter(kind=kind, key__in=keys, due_at__gt=now, attempts=0)
    if later.update(due_at=now, next_try_at=now):
        bell.ring("extranet.core.outbox.tasks.send_due")


def may_acknowledge(address: str, now: datetime) -> bool:
    """DEM-4.f: an address that nobody has verified gets three mails a day from the public forms, whichever they are.

    Counted apart from what was sent in: withdrawing it does not begin the count again.
    """
    if not address:
        return False
    counter = f"accuse:{paris_date(now)}:{signed.digest('outbox.accuse', address.lower())}"
    return counters.count({counter: 2 * 24 * 3600})[0] <= ACKNOWLEDGEMENTS_A_DAY


# --- what is seen of it ---------------------------------------------------------------------------------------------


def waiting(now: datetime) -> QuerySet[Message]:
    """Messages that may be taken now: due, without a fate, held by nobody."""
    return _free(now).filter(next_try_at__lte=now)


def _free(now: datetime) -> QuerySet[Message]:
    return Message.objects.filter(
        Q(lease_until=None) | Q(lease_until__lt=now), sent_at=None, cancelled_at=None, failed_at=None, due_at__lte=now
    )


@dataclass(frozen=True, slots=True)
class Trouble:
    """What does not leave by the mail server's fault or ours: for operators, nothing of addressees."""

    server: int
    portal: int
    replies: tuple[str, ...]


def trouble(now: datetime) -> Trouble | None:
    """NOT-2.a: what an operator must look at; None when all is well.

    The server's lasting refusals (5xx: login, sender, policy) and what the portal cannot write count at once; a server
    that does not answer, or asks to come again, once a mail has waited for 15 minutes.
    """
    stuck = Message.objects.filter(cause__in=OURS, cancelled_at=None, failed_at=None)
    rows = stuck.order_by("reply").values_list("cause", "reply").annotate(Count("pk"), Min("due_at"))
    found = [
        (cause, reply, count)
        for cause, reply, count, oldest in rows
        if cause == Message.Cause.PORTAL or reply.startswith("5") or now - oldest >= OVERDUE
    ]
    if not found:
        return None
    counts: Counter[str] = Counter()
    for cause, _, count in found:
        counts[cause] += count
    said = tuple(dict.fromkeys(reply for cause, reply, _ in found if cause == Message.Cause.SERVER))
    return Trouble(counts[Message.Cause.SERVER], counts[Message.Cause.PORTAL], said)


# --- sending --------------------------------------------------------------------------------------------------------


def send_due(*, now: datetime, within: timedelta | None = RUN, pauses: bool = True) -> tuple[int, int]:
    """Send what is due; returns (sent, left for a later try). Safe with any number of workers at once.

    Ends after `within`, or as soon as the server does not answer. `pauses` False tries again at once what waits for a
    later try.
    """
    run = Run(now, within, pauses)
    finish_accepted()
    while run.goes_on() and (batch := _claim(run)):
        Batch(run, batch).send()
    return run.sent, len(run.held) + run.put_back


def _claim(run: Run) -> list[Message]:
    """Take a batch for LEASE: two queries, and no other worker gets the same rows."""
    now = run.moment()
    rows = waiting(now) if run.pauses else _free(now).exclude(pk__in=run.held)
    with transaction.atomic():
        batch = list(rows.order_by("next_try_at", "pk").select_for_update(skip_locked=True)[:BATCH])
        if batch:
            lease = now + LEASE
            rows_of(batch).update(lease_until=lease, attempts=F("attempts") + 1)
            for message in batch:
                message.lease_until, message.attempts = lease, message.attempts + 1
            batch.sort(key=lambda one: (one.next_try_at, one.kind, one.key))  # what says the same, together
    return batch


def say_at_once(kind: str, *, address: str, now: datetime, **about: object) -> bool:
    """Send a mail now, outside any transaction, to an address that is kept nowhere; True when the server took it.

    For the one case where the address is being destroyed: no row, no second try.
    """
    message = Message(kind=kind, key="", recipient="", about=about, created_at=now, due_at=now, next_try_at=now)
    try:
        content = kinds.KINDS[kind].write(message, now)
        connection = get_connection(fail_silently=False, timeout=AT_ONCE, after_text=AT_ONCE)
        hand_over(compose(message, address, content, connection))  # type: ignore[arg-type]
    except Exception as error:  # whatever happens to the mail, the act is done
        logger.warning("mail %s not sent: %s", kind, type(error).__name__)
        return False
    return True


def forget_old(*, now: datetime) -> int:
    """Delete the rows of mails whose fate is older than 90 days."""
    old = now - KEPT
    settled = Q(sent_at__lt=old) | Q(cancelled_at__lt=old) | Q(failed_at__lt=old)
    return Message.objects.filter(settled).delete()[0]
