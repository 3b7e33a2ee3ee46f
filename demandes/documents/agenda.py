"""An appointment for a calendar, which outlives the dossier: the reference and a link, nothing of the family."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

LASTS = timedelta(minutes=30)


def write(*, identifier: UUID, reference: str, at: datetime, link: str, now: datetime) -> bytes:
    """One event (RFC 5545), at the hour of `at` as it is written, wherever the calendar is."""
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//monenfant.fr//Extranet partenaires//FR",
        "BEGIN:VEVENT",
        f"UID:rendez-vous-{identifier}",
        f"DTSTAMP:{now.astimezone(UTC):%Y%m%dT%H%M%SZ}",
        f"DTSTART:{at:%Y%m%dT%H%M%S}",
        f"DTEND:{at + LASTS:%Y%m%dT%H%M%S}",
        f"SUMMARY:Rendez-vous monenfant.fr – demande {reference}",
        f"DESCRIPTION:{link}",
        f"URL:{link}",
        "CLASS:PRIVATE",
        "END:VEVENT",
        "END:VCALENDAR",
    ]
    return "".join(_folded(line) for line in lines).encode()


def _folded(line: str) -> str:
    """At most 75 bytes a line, the next begins with a space."""
    parts, part = list[str](), ""
    for letter in line:
        if len(f"{part}{letter}".encode()) > 74:
            parts.append(part)
            part = ""
        part += letter
    return "\r\n ".join([*parts, part]) + "\r\n"
