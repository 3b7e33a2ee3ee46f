"""Posting mails with their facts, and sending what is due: at least once, never by two workers, never stale (NOT-2)."""

import logging
import smtplib
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from time import monotonic

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.template.loader import render_to_string

from extranet.core import bell
from extranet.core.outbox import kinds
from extranet.core.outbox.models import Message

logger = logging.getLogger(__name__)

LEASE = timedelta(minutes=5)
BATCH = 200
FIRST_RETRIES = [timedelta(minutes=minutes) for minutes in (1, 5, 15, 60)]
LATER_RETRIES = timedelta(hours=4)
GIVE_UP_AFTER = timedelta(hours=48)
KEPT = timedelta(days=90)


def post(
    kind: str, *, key: str, to: Iterable[str], now: datetime, due_at: datetime | None = None, **about: object
) -> None:
    """Say `kind` about `key` once to each addressee (`user:<pk>`…). Call inside the transaction of the fact."""
    post_many([(kind, key, recipient, about) for recipient in to], now=now, due_at=due_at)


def post_many(
    rows: Iterable[tuple[str, str, str, dict[str, object]]], *, now: datetime, due_at: datetime | None = None
) -> None:
    """`post` for many (kind, key, recipient, about) at once."""
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
        bell.ring("extranet.core.outbox.tasks.send_due")


def waiting(now: datetime) -> QuerySet[Message]:
    """Messages that may be taken now: due, without a fate, held by nobody."""
    return Message.objects.filter(
        Q(lease_until=None) | Q(lease_until__lt=now),
        sent_at=None,
        cancelled_at=None,
        failed_at=None,
        next_try_at__lte=now,
    )


def send_due(*, now: datetime, limit: int = 10_000) -> tuple[int, int]:
    """Send what is due; returns (sent, left for a later try). Safe with any number of workers at once."""
    done = sent = failed = 0
    started = monotonic()

    def moment() -> datetime:  # ten thousand mails take minutes: a lease and the fifteen days begin with their own mail
        return now + timedelta(seconds=int(monotonic() - started))

    while done < limit:
        batch = list(waiting(now).order_by("next_try_at", "pk")[:BATCH])
        if not batch:
            break
        connection = get_connection(fail_silently=False)  # opened by the first mail, so that a dead server fails mails
        try:
            for message in batch:
                if not _claim(message, moment()):
                    continue
                if _send(message, connection, moment):
                    sent += 1
                elif message.failed_at is None and message.cancelled_at is None:
                    failed += 1
        finally:
            connection.close()
        done += len(batch)
    return sent, failed


def _claim(message: Message, now: datetime) -> bool:
    """Take the message for LEASE, unless another worker did since it was read."""
    taken = waiting(now).filter(pk=message.pk, attempts=message.attempts)
    return taken.update(lease_until=now + LEASE, attempts=F("attempts") + 1) == 1


def _send(message: Message, connection: BaseEmailBackend, moment: Callable[[], datetime]) -> bool:
    message.attempts += 1
    now = moment()
    kind = kinds.KINDS[message.kind]
    try:
        address = kinds.address_of(message.recipient)
        content = kind.write(message, now) if address else None
    except Exception as error:  # one mail that cannot be written must not hold back the others
        logger.error("mail %s not written: %s", message.kind, type(error).__name__)
        return _note_failure(message, 0, now)
    if address is None or content is None:
        _close(message, cancelled_at=now)
        return False
    try:
        _compose(message, address, content, connection).send()
    except smtplib.SMTPRecipientsRefused as error:
        code = min(reply[0] for reply in error.recipients.values())
        return _note_failure(message, code, now)
    except smtplib.SMTPResponseException as error:
        connection.close()
        return _note_failure(message, error.smtp_code, now)
    except (smtplib.SMTPException, OSError):
        connection.close()
        return _note_failure(message, 0, now)
    now = moment()  # accepted
    with transaction.atomic():
        _close(message, sent_at=now, reply="250")
        if kind.after:
            kind.after(message, now)
    return True


def _compose(
    message: Message, address: str, content: kinds.Mail, connection: BaseEmailBackend
) -> EmailMultiAlternatives:
    context = {**content.context, "sujet": content.subject, "public_url": settings.PUBLIC_URL}
    domain = settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].rstrip(">")
    mail = EmailMultiAlternatives(
        subject=content.subject,
        body=render_to_string(f"{content.template}.txt", context),
        to=[address],
        connection=connection,
        # The same for every copy of this message, so that a second one after a kill is recognised.
        headers={"Message-ID": f"<{message.pk}@{domain}>", "Auto-Submitted": "auto-generated"},
    )
    mail.attach_alternative(render_to_string(f"{content.template}.html", context), "text/html")
    return mail


def _note_failure(message: Message, code: int, now: datetime) -> bool:
    """A refusal for good ends it; anything else is tried again, over 48 hours. Returns False (not sent)."""
    reply = str(code) if code else "injoignable"
    if code >= 500 or now - message.due_at >= GIVE_UP_AFTER:
        _close(message, failed_at=now, reply=reply)
    else:
        rank = message.attempts - 1
        pause = FIRST_RETRIES[rank] if rank < len(FIRST_RETRIES) else LATER_RETRIES
        Message.objects.filter(pk=message.pk).update(lease_until=None, next_try_at=now + pause, reply=reply)
    return False


def _close(message: Message, **fate: object) -> None:
    Message.objects.filter(pk=message.pk).update(lease_until=None, **fate)
    for name, value in fate.items():
        setattr(message, name, value)


def forget_old(*, now: datetime) -> int:
    """Delete the rows of mails whose fate is older than 90 days."""
    old = now - KEPT
    settled = Q(sent_at__lt=old) | Q(cancelled_at__lt=old) | Q(failed_at__lt=old)
    return Message.objects.filter(settled).delete()[0]
