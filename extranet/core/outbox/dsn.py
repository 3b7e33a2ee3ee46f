"""What a mail says that came back: about which of ours, and whether for good (RFC 3464, and servers that only quote the
original). Pure: bytes in, whatever they are; nothing of what they say is kept but a code.
"""

import email
import re
from dataclasses import dataclass
from email.message import Message as Mail
from uuid import UUID

LONGEST = 512 * 1024  # bytes looked at: reports begin with what they have to say
MOST_BOUNDARIES = 20  # parts within parts cost more the deeper they lie
MOST_NAMED = 5

_UUID = r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"
_ENVELOPE = re.compile(rf"^original-envelope-id:\s*({_UUID})\s*$", re.IGNORECASE | re.MULTILINE)
_ORIGINAL = re.compile(rf"^message-id:\s*<({_UUID})@", re.IGNORECASE | re.MULTILINE)
_ANY = re.compile(rf"<({_UUID})@", re.IGNORECASE)
_ACTION = re.compile(r"^action:\s*([a-z]+)", re.IGNORECASE | re.MULTILINE)
_STATUS = re.compile(r"^status:\s*([245]\.\d{1,3}\.\d{1,3})", re.IGNORECASE | re.MULTILINE)
# RFC 3463, in a sentence: no address of a machine, no version of a server.
_ENHANCED = re.compile(r"(?<![\d.])([45]\.[0-7]\.\d{1,3})(?![\d.])")
_PLAIN = re.compile(r"(?:^|[\s:(<])([45]\d\d)[ -](?=[A-Za-z#<])", re.MULTILINE)
_SERVERS = re.compile(r"mailer-?daemon|postmaster|mail-?delivery|mdaemon|maildelivery", re.IGNORECASE)
_FOR_GOOD = re.compile(r"permanent (?:fatal )?error|permanently|I've given up", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Returned:
    """A report: which mails it may be about, the likeliest first; `status` is a code (RFC 3463 or SMTP), or empty."""

    identifiers: tuple[UUID, ...]
    status: str
    final: bool
    """Given up; else on its way still."""


def read(raw: bytes) -> Returned | None:
    """None when it is no report of a delivery, or names no mail: answers of persons, of holidays, whatever else."""
    head = raw[:LONGEST]
    if head.lower().count(b"boundary=") > MOST_BOUNDARIES:
        return None
    try:
        mail = email.message_from_bytes(head)
        said, about = _texts(mail), _top(mail)
        verdict = _reported(said) or _told(mail, said)
    except Exception:  # the library raises of many kinds on what somebody made up
        return None
    named = [*_ENVELOPE.findall(said), *_ORIGINAL.findall(said), *_ANY.findall(said), *_ANY.findall(about)]
    identifiers = tuple(dict.fromkeys(UUID(name) for name in named))[:MOST_NAMED]
    return Returned(identifiers, *verdict) if identifiers and verdict else None


def _texts(mail: Mail) -> str:
    """All that the parts say, decoded, with the headers of those inside; not the report's own, whose Message-ID may
    look like ours.
    """
    found = []
    for part in mail.walk():
        if part is not mail:
            found += [f"{name}: {value}" for name, value in part.items()]
        if not part.is_multipart():
            content = part.get_payload(decode=True)
            found.append(content.decode("utf-8", "replace") if isinstance(content, bytes) else str(content))
    return "\n".join(found)


def _top(mail: Mail) -> str:
    """The headers by which a report answers a mail."""
    return f"{mail.get('In-Reply-To', '')} {mail.get('References', '')}"


def _reported(said: str) -> tuple[str, bool] | None:
    """RFC 3464: what was done of it and its status; an alias that reached somebody has arrived."""
    actions, status = {action.lower() for action in _ACTION.findall(said)}, _STATUS.search(said)
    if not actions and status is None:
        return None
    code = status[1] if status else ""
    failed = "failed" in actions and not actions & {"delivered", "relayed", "expanded"}
    return code, failed if actions else code.startswith("5")


def _told(mail: Mail, said: str) -> tuple[str, bool] | None:
    """A server's own words."""
    named = "X-Failed-Recipients" in mail
    answers = str(mail.get("Auto-Submitted", "")).lower().startswith("auto-replied")
    if not named and (answers or not _SERVERS.search(str(mail.get("From", "")))):
        return None
    code = _ENHANCED.search(said) or _PLAIN.search(said)
    if named or _FOR_GOOD.search(said):
        return (code[1] if code else ""), True
    return (code[1], code[1].startswith("5")) if code else None
