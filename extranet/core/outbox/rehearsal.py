"""The mails that an act would send, before it is done: written by the writers that the outbox uses, kept nowhere."""

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from extranet.core.outbox import kinds
from extranet.core.outbox.models import Message
from extranet.core.outbox.sending import compose

HEARD: ContextVar[list[Message] | None] = ContextVar("outbox_heard", default=None)


@dataclass(frozen=True, slots=True)
class Draft:
    """A mail as it would leave: to whom in words and to how many, and its text."""

    to: str
    count: int
    address: str
    subject: str
    text: str


def rehearse(act: Callable[[], object], *, now: datetime) -> list[Draft]:
    """Do `act` in a transaction that is undone: what it would post for now, one draft a kind. Raises what `act` raises.

    For acts whose only effect is in the database. A writer that makes a secret makes one that is undone too.
    """
    heard: list[Message] = []
    token = HEARD.set(heard)
    try:
        with transaction.atomic():
            act()
            drafts = _written([message for message in heard if message.due_at <= now], now)
            transaction.set_rollback(True)
    finally:
        HEARD.reset(token)
    return drafts


def _written(messages: list[Message], now: datetime) -> list[Draft]:
    by_kind: dict[str, list[Message]] = {}
    for message in messages:
        by_kind.setdefault(message.kind, []).append(message)
    found = []
    for name, some in by_kind.items():
        kind, addresses = kinds.KINDS[name], kinds.addresses_of((one.recipient for one in some), now)
        reached = [message for message in some if message.recipient in addresses]
        if not reached:
            continue
        first, address = reached[0], addresses[reached[0].recipient]
        first.loaded = dict(kind.load([first], now)).get(first.pk) if kind.load else None
        if content := kind.write(first, now):
            mail = compose(first, address, content)
            found.append(Draft(kind.to, len(reached), address, str(mail.subject), str(mail.body)))
    return found
