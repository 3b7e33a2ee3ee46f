"""ACC-4.d: without a second factor, a device not seen before is confirmed by a code sent by mail."""

import uuid
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F
from django.utils.crypto import constant_time_compare

from extranet.core import signed
from extranet.core.accounts.models import CodeAppareil, User
from extranet.core.outbox import services as outbox

LIFE = timedelta(minutes=15)
AN_HOUR = 5
DIGITS = 6
PURPOSE = "accounts.code-appareil"


@transaction.atomic
def ask(user: User, *, now: datetime) -> CodeAppareil | None:
    """A code for this person's mailbox; those asked for before stay good for their time. None past five an hour."""
    User.objects.select_for_update().get(pk=user.pk)
    if CodeAppareil.objects.filter(user=user, created_at__gt=now - timedelta(hours=1)).count() >= AN_HOUR:
        return None
    asked = CodeAppareil.objects.create(user=user, created_at=now, expires_at=now + LIFE)
    outbox.post("accounts.appareil", key=str(asked.uuid), to=[f"user:{user.pk}"], now=now, code=str(asked.uuid))
    return asked


def text_of(asked: CodeAppareil) -> str:
    """The six digits, for the mail that is being written."""
    return _texts(asked.uuid)[0]


def confirm(user: User, asked: str, text: str, *, now: datetime) -> bool | None:
    """True when `text` is that code, once; False for a wrong one; None when it opens nothing any more."""
    rows = CodeAppareil.objects.filter(user=user, uuid=asked, used_at=None, expires_at__gt=now, tries_left__gt=0)
    if not asked or rows.update(tries_left=F("tries_left") - 1) != 1:  # counted before it is judged
        return None
    if not any(constant_time_compare(text, known) for known in _texts(uuid.UUID(asked))):
        return False
    held = CodeAppareil.objects.filter(uuid=asked, used_at=None)
    return True if held.update(used_at=now) == 1 else None


def _texts(name: uuid.UUID) -> list[str]:
    """Under the present secret key, and under each of its fallbacks."""
    numbers = (int.from_bytes(key[:16], "big") % 10**DIGITS for key in signed.keys(PURPOSE, name.hex))
    return [f"{number:0{DIGITS}}" for number in numbers]
