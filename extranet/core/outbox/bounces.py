"""Mails that came back after they were accepted: read, tied to their message, destroyed (NOT-2.c).

The box is the portal's alone: whatever lies there is destroyed once looked at, as it holds addresses. A report is
believed when it names a message by its Message-ID, which only the addressee and the servers on the way have seen. One
that is forged by them marks that one mail as undeliverable, once: no date moves, no later mail is held back.
"""

import logging
from datetime import datetime
from time import monotonic

from extranet.core.outbox import dsn, letterbox
from extranet.core.outbox.models import Message

logger = logging.getLogger(__name__)

MOST = 500  # letters of one run
RUN = 30.0  # seconds
WITHOUT_CODE = "retour"


def take(*, now: datetime) -> int:
    """Note what came back for good; returns how many mails. A report read twice changes nothing the second time."""
    began, noted, seen = monotonic(), 0, 0
    for letter in letterbox.letters(MOST):
        returned = dsn.read(letter.raw)
        message = _message(returned) if returned else None
        if message is not None and not (message.sent_at or message.cancelled_at or message.failed_at):
            continue  # accepted, and not noted yet: the next run knows
        if message is not None and returned is not None and returned.final:
            noted += _note(message, returned.status, now)
        letter.destroy()
        seen += 1
        if monotonic() - began > RUN:
            break
    if seen:
        logger.info("returned mails: %d read, %d noted", seen, noted)
    return noted


def _message(returned: dsn.Returned) -> Message | None:
    known = Message.objects.in_bulk(returned.identifiers)
    return next((known[name] for name in returned.identifiers if name in known), None)


def _note(message: Message, status: str, now: datetime) -> int:
    free = Message.objects.filter(pk=message.pk, sent_at__isnull=False, bounced_at=None)
    return free.update(bounced_at=now, reply=status or WITHOUT_CODE)
