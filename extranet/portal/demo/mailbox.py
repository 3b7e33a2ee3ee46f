"""Mails of the demonstration: files in the data directory, read on a page. They never leave the machine."""

import email
import email.policy
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

from django.conf import settings
from django.core.mail.backends.base import BaseEmailBackend
from django.core.mail.message import EmailMessage as Sent

KEPT = timedelta(days=7)
_NAME = re.compile(r"^[0-9]{20}-[0-9a-f-]{36}\.eml$")


def folder() -> Path:
    """The folder of the kept mails, made at need."""
    path = settings.DATA_DIR / "courriels"
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path


class Backend(BaseEmailBackend):
    """Writes each mail to one file, by rename."""

    def send_messages(self, email_messages: Sequence[Sent]) -> int:
        for mail in email_messages:
            stamp = datetime.now(UTC).strftime("%Y%m%d%H%M%S%f")
            identifier = mail.extra_headers["Message-ID"][1:37]
            target = folder() / f"{stamp}-{identifier}.eml"
            part = target.with_suffix(".part")
            part.write_bytes(mail.message().as_bytes())
            part.rename(target)
        return len(email_messages)


def read_all() -> list[tuple[str, EmailMessage]]:
    """Name and mail, the newest first."""
    names = sorted((path.name for path in folder().iterdir() if _NAME.match(path.name)), reverse=True)
    return [(name, _parse((folder() / name).read_bytes())) for name in names[:500]]


def read(name: str) -> EmailMessage | None:
    """One mail, None when the name is not one of ours."""
    path = folder() / name
    return _parse(path.read_bytes()) if _NAME.match(name) and path.exists() else None


def _parse(raw: bytes) -> EmailMessage:
    return email.message_from_bytes(raw, policy=email.policy.default)


def forget_old(*, now: datetime) -> int:
    """Destroy what is older than seven days by the machine's clock."""
    limit, count = (datetime.now(UTC) - KEPT).timestamp(), 0
    for path in folder().iterdir():
        if path.stat().st_mtime < limit:
            path.unlink(missing_ok=True)
            count += 1
    return count
