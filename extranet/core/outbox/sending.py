"""One run through what is due: mails of a batch written, handed to the server one by one, their fates noted (NOT-2)."""

import logging
import smtplib
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from time import monotonic
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import translation

from extranet.core.outbox import kinds, layout, replies
from extranet.core.outbox.models import Message
from extranet.core.outbox.replies import Stage
from extranet.core.outbox.wire import Written, plain
from extranet.core.typed import is_address

logger = logging.getLogger(__name__)

HOLD = timedelta(seconds=60)  # a batch is put back after this: with one last slow dialogue it ends before its lease
FRESH = timedelta(seconds=5)  # what was read for a mail is read again when it is older
NOTED = 0.5  # seconds: what a killed worker had sent and not noted is said twice, with the same Message-ID
REFUSALS = 3  # the server has refused us so often in a row: the run ends
ALL_REFUSED = 5  # so many addressees of one batch refused and none taken: the server speaks of us
PAUSES = [timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 240)]
PAUSES_OF_SERVER = PAUSES[:3]  # it is the same for all: what it did not take leaves soon after it is well again
GIVE_UP_AFTER = timedelta(hours=48)
FOLLOWED = 200  # mails sent and not followed, taken up again by one run


class _Unanswered(Exception):
    """The server does not answer, or will not talk to us: nothing more can leave now."""

    def __init__(self, reply: str):
        self.reply = reply


class _Refused(Exception):
    """The server has answered, and not taken the mail."""

    def __init__(self, stage: Stage, code: int, text: str):
        self.code, self.of_addressee = code, replies.concerns_addressee(stage, code, text)
        self.final = self.of_addressee and replies.is_final(code, text)
        self.of_mail = stage != Stage.DIALOGUE


@dataclass(slots=True)
class Run:
    """One emptying of the outbox: its moment, which goes on, and what became of the mails."""

    now: datetime
    within: timedelta | None
    pauses: bool
    began: float = field(default_factory=lambda: monotonic())
    sent: int = 0
    held: set[Any] = field(default_factory=set)
    put_back: int = 0
    refusals: int = 0
    ended: bool = False

    def moment(self) -> datetime:
        """Many mails take minutes: a lease and the fifteen days begin with their own mail."""
        return self.now + timedelta(seconds=int(monotonic() - self.began))

    def goes_on(self) -> bool:
        """The server answers, and there is time left."""
        return not self.ended and (self.within is None or self.moment() - self.now < self.within)


def rows_of(messages: Iterable[Message]) -> QuerySet[Message]:
    """The rows of these messages."""
    return Message.objects.filter(pk__in=[message.pk for message in messages])


class Batch:
    """Mails of one claim: read together, sent one by one on one connection, noted together."""

    def __init__(self, run: Run, messages: list[Message]):
        self.run, self.messages = run, messages
        self.claimed_at = self.loaded_at = run.moment()
        self.connection: BaseEmailBackend = get_connection(fail_silently=False)
        self.addresses: dict[str, str] = {}
        self.last: tuple[kinds.Mail, tuple[str, str]] | None = None
        self.broken: set[Any] = set()
        self.accepted: list[Message] = []
        self.first_accepted = 0.0
        self.refused: list[tuple[Message, _Refused]] = []  # for good, unless the server refuses everybody
        self.taken = False

    def send(self) -> None:
        """Each mail by itself: whatever becomes of one, the next has its turn, unless the server does not answer."""
        todo = self.messages
        try:
            self._load(todo)
            while todo and not self.run.ended and self.run.moment() - self.claimed_at < HOLD:
                if self.run.moment() - self.loaded_at > FRESH:
                    self._load(todo)
                message, todo = todo[0], todo[1:]
                self._send_one(message)
                if self.accepted and monotonic() - self.first_accepted > NOTED:
                    self._note_accepted()
        except _Unanswered as silence:
            # Opening failed: it is nobody's mail. All of the batch have had their try.
            todo = self._without_fate()
            self._note_held(todo, Message.Cause.SERVER, silence.reply)
            todo, self.run.ended = [], True
        finally:
            self._note_accepted()
            self._note_refused()
            self._put_back(todo)
            with suppress(Exception):  # a server that hangs at the end has taken what it has taken
                self.connection.close()

    def _load(self, messages: Sequence[Message]) -> None:
        """Addresses and what writers need, in a few queries for all of them; one that cannot be read is set apart."""
        now = self.loaded_at = self.run.moment()
        self.last = None  # what it says was read before
        by_prefix: dict[str, list[Message]] = defaultdict(list)
        by_kind: dict[str, list[Message]] = defaultdict(list)
        for message in messages:
            by_prefix[message.recipient.partition(":")[0]].append(message)
            by_kind[message.kind].append(message)
        for group in by_prefix.values():
            self.addresses |= self._read(group, lambda some: kinds.addresses_of((one.recipient for one in some), now))
        for name, group in by_kind.items():
            kind = kinds.KINDS.get(name)
            if kind is not None and kind.load is not None:
                load = kind.load
                found = self._read(group, lambda some, load=load: load(some, now))  # type: ignore[misc]
                for message in group:
                    message.loaded = found.get(message.pk)

    def _read(self, messages: list[Message], read: Callable[[list[Message]], Any]) -> dict[Any, Any]:
        """`read` for all at once; when that fails, for each alone, so that the one at fault is known."""
        try:
            return dict(read(messages))
        except Exception as error:
            if len(messages) == 1:
                self._note_broken(messages[0], error)
                return {}
            found: dict[Any, Any] = {}
            for message in messages:
                found |= self._read([message], read)
            return found

    def _note_broken(self, message: Message, error: Exception) -> None:
        logger.error("mail %s %s not written: %s", message.kind, message.pk, type(error).__name__)
        self.broken.add(message.pk)

    def _without_fate(self) -> list[Message]:
        noted = {message.pk for message in self.accepted} | {message.pk for message, _ in self.refused}
        return [
            one
            for one in self.messages
            if one.lease_until and one.pk not in noted and not (one.cancelled_at or one.failed_at or one.sent_at)
        ]

    def _send_one(self, message: Message) -> None:
        if message.pk in self.broken:
            return self._note_held([message], Message.Cause.PORTAL, "illisible")
        address = self.addresses.get(message.recipient)
        if address is None:
            return self._cancel(message)
        if not _is_encodable(address):
            return self._fail(message, Message.Cause.ADDRESSEE, "adresse")
        self._open()
        now = self.run.moment()
        try:
            content = kinds.KINDS[message.kind].write(message, now)
            mail = content and compose(message, address, content, self.connection, self._texts(content))
        except Exception as error:  # one mail that cannot be written must not hold back the others
            self._note_broken(message, error)
            return self._note_held([message], Message.Cause.PORTAL, "non écrit")
        if not mail:
            return self._cancel(message)
        try:
            hand_over(mail)
        except _Refused as refusal:
            return self._note_refusal(message, refusal)
        except _Unanswered as silence:
            # This mail alone may have been the cause: it waits, the others come again soon.
            self.run.ended = True
            return self._note_held([message], Message.Cause.SERVER, silence.reply)
        except Exception as error:
            self._note_broken(message, error)
            return self._note_held([message], Message.Cause.PORTAL, "non écrit")
        message.sent_at = self.run.moment()
        self.accepted.append(message)
        if len(self.accepted) == 1:
            self.first_accepted = monotonic()
        self.taken, self.run.refusals = True, 0
        return None

    def _texts(self, content: kinds.Mail) -> tuple[str, str]:
        """Colleagues are told the same one after the other: it is rendered for the first."""
        if self.last is None or self.last[0] != content:
            self.last = content, render(content)
        return self.last[1]

    def _open(self) -> None:
        """One connection a batch; opened again when the server has closed it."""
        try:
            self.connection.open()
        except smtplib.SMTPResponseException as error:
            raise _Unanswered(str(error.smtp_code)) from error
        except (smtplib.SMTPException, OSError, ValueError) as error:
            raise _Unanswered("injoignable") from error

    # --- fates ---

    def _note_accepted(self) -> None:
        accepted, self.accepted = self.accepted, []
        self.run.sent += len(accepted)
        _note_sent(accepted)

    def _note_refusal(self, message: Message, refusal: _Refused) -> None:
        """A refusal of the addressee for good ends it; another is tried again, over 48 hours (NOT-2.a)."""
        if refusal.of_addressee:
            self.run.refusals = 0
            self.taken = self.taken or not refusal.final
        else:
            self.run.refusals += 1
            self.run.ended = self.run.refusals >= REFUSALS
            with suppress(Exception):
                self.connection.close()
        cause, code = self._cause(refusal), str(refusal.code)
        if refusal.final:
            self.refused.append((message, refusal))
        elif self._is_given_up(message, cause, refusal):
            self._fail(message, cause, code)
        else:
            self._note_held([message], cause, code)

    def _cause(self, refusal: _Refused) -> Message.Cause:
        return Message.Cause.ADDRESSEE if refusal.of_addressee else Message.Cause.SERVER

    def _is_given_up(self, message: Message, cause: Message.Cause, refusal: _Refused) -> bool:
        """48 hours of the same refusal. The server's own never ends a mail, unless it takes others meanwhile: then it
        is this mail that it does not want, and its addressee is shown as one who cannot be reached.
        """
        now = self.run.moment()
        if message.cause != cause or now - message.due_at < GIVE_UP_AFTER:
            return False
        if cause == Message.Cause.ADDRESSEE:
            return True
        return refusal.of_mail and Message.objects.filter(sent_at__gte=now - GIVE_UP_AFTER / 2).exists()

    def _note_refused(self) -> None:
        """Refusals for good, once the whole batch is known: a server that refuses everybody speaks of us."""
        refused, self.refused = self.refused, []
        everybody = not self.taken and len({message.recipient for message, _ in refused}) >= ALL_REFUSED
        for message, refusal in refused:
            if everybody:
                self._note_held([message], Message.Cause.SERVER, str(refusal.code))
            else:
                self._fail(message, Message.Cause.ADDRESSEE, str(refusal.code))

    def _note_held(self, messages: Sequence[Message], cause: Message.Cause, reply: str) -> None:
        """They are tried again later."""
        now = self.run.moment()
        pauses = PAUSES if cause == Message.Cause.ADDRESSEE else PAUSES_OF_SERVER
        by_pause: dict[timedelta, list[Message]] = defaultdict(list)
        for message in messages:
            by_pause[pauses[min(message.attempts, len(pauses)) - 1]].append(message)
            self.run.held.add(message.pk)
        for pause, some in by_pause.items():
            self._end_lease(some, next_try_at=now + pause, cause=cause, reply=reply)

    def _put_back(self, messages: Sequence[Message]) -> None:
        """What the batch had no time for: as if it had not been taken."""
        if not self.run.goes_on():
            self.run.put_back += len(messages)
        self._end_lease(messages, attempts=F("attempts") - 1)

    def _fail(self, message: Message, cause: Message.Cause, reply: str) -> None:
        self._end_lease([message], failed_at=self.run.moment(), cause=cause, reply=reply)

    def _cancel(self, message: Message) -> None:
        self._end_lease([message], cancelled_at=self.run.moment(), cause="")

    def _end_lease(self, messages: Sequence[Message], **changes: Any) -> None:
        """Only while the lease is ours: a worker that slept through it writes over nobody."""
        if messages:
            rows_of(messages).filter(lease_until=messages[0].lease_until).update(lease_until=None, **changes)
        for message in messages:
            message.lease_until = None
            for name in ("failed_at", "cancelled_at"):
                setattr(message, name, changes.get(name))


def _is_encodable(address: str) -> bool:
    """False for what no mail library can write on an envelope (a label of the domain empty or over 63…)."""
    if is_address(address):
        return True
    local, _, domain = address.rpartition("@")
    try:
        plain(address)
    except Exception:  # it raises several kinds
        return False
    return bool(local and domain)


def render(content: kinds.Mail) -> tuple[str, str]:
    """What a mail says, in text and in HTML."""
    context = {**content.context, "sujet": content.subject}
    with translation.override(content.langue):
        text, html = (
            layout.render(content.template, form, context, content.langue, settings.PUBLIC_URL)
            for form in ("txt", "html")
        )
    return text, html


def compose(
    message: Message,
    address: str,
    content: kinds.Mail,
    connection: BaseEmailBackend | None = None,
    texts: tuple[str, str] | None = None,
) -> EmailMultiAlternatives:
    """The mail as it leaves; `texts` are those of its content, where they are made."""
    domain = settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].rstrip(">")
    text, html = texts or render(content)
    mail = Written(
        subject=content.subject,
        body=text,
        to=[address],
        connection=connection,
        # The same for every copy of this message, so that a second one after a kill is recognised.
        headers={
            "Message-ID": f"<{message.pk}@{domain}>",
            "Auto-Submitted": "auto-generated",
            "Content-Language": content.langue,
        }
        | ({"List-Id": f"<{liste}.{domain}>"} if (liste := kinds.KINDS[message.kind].liste) else {}),
    )
    mail.attach_alternative(html, "text/html")
    return mail


def hand_over(mail: EmailMultiAlternatives) -> None:
    """One dialogue. Raises _Refused, _Unanswered, or what the portal itself did wrong."""
    try:
        mail.send()
    except smtplib.SMTPRecipientsRefused as error:
        [(code, text)] = error.recipients.values()
        raise _Refused(Stage.ADDRESSEE, code, _text(text)) from error
    except smtplib.SMTPDataError as error:
        raise _Refused(Stage.CONTENT, error.smtp_code, _text(error.smtp_error)) from error
    except smtplib.SMTPResponseException as error:
        raise _Refused(Stage.DIALOGUE, error.smtp_code, _text(error.smtp_error)) from error
    except (smtplib.SMTPException, OSError) as error:
        raise _Unanswered("injoignable") from error


def _text(reply: bytes | str) -> str:
    return reply.decode(errors="replace") if isinstance(reply, bytes) else reply


def _note_sent(accepted: list[Message]) -> None:
    """The mails are out: noted with their moments, and what follows from them (the fifteen days begin, NOT-3.a)."""
    for (moment, followed), some in groupby(accepted, key=lambda one: (one.sent_at, _after(one.kind) is not None)):
        free = {"sent_at": None, "cancelled_at": None, "failed_at": None}
        cause = Message.Cause.PORTAL if followed else Message.Cause.NONE  # until what follows is noted too
        rows_of(some).filter(**free).update(lease_until=None, sent_at=moment, reply="250", cause=cause)
    _finish([message for message in accepted if _after(message.kind)])


def _after(name: str) -> kinds.After | None:
    kind = kinds.KINDS.get(name)
    return kind.after if kind else None


def _finish(accepted: list[Message]) -> None:
    """What follows from accepted mails, in the transaction that says that it is done; what fails is tried again."""
    by_kind: dict[str, list[Message]] = defaultdict(list)
    for message in accepted:
        by_kind[message.kind].append(message)
    for name, some in by_kind.items():
        try:
            _follow(name, some)
        except Exception:
            for message in some:
                try:
                    _follow(name, [message])
                except Exception as error:
                    logger.error("mail %s %s sent, not followed: %s", name, message.pk, type(error).__name__)


def _follow(name: str, messages: list[Message]) -> None:
    with transaction.atomic():
        if after := _after(name):
            after(messages)
        rows_of(messages).update(cause="")


def finish_accepted() -> None:
    """What an earlier run had sent and could not follow."""
    _finish(list(Message.objects.filter(cause=Message.Cause.PORTAL, sent_at__isnull=False)[:FOLLOWED]))
