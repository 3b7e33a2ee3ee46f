"""Overseas, the day of a Caf is not that of Paris: a lieu is late only when a day is over in both (NOT-4.i). Pure.

What is destroyed at the end of a day, and all that concerns families, goes by Paris alone (CNS-1).
"""

from datetime import date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from extranet.core.dates import PARIS, paris_date


class Zone(NamedTuple):
    """Where a Caf is, as sentences name it, and its clock."""

    nom: str
    clock: ZoneInfo


# By the Caf that a lieu depends on: Saint-Martin and Saint-Barthélemy have the Caf of Guadeloupe, and its time.
ZONES = {
    "caf-971": Zone("Guadeloupe", ZoneInfo("America/Guadeloupe")),
    "caf-972": Zone("Martinique", ZoneInfo("America/Martinique")),
    "caf-973": Zone("Guyane", ZoneInfo("America/Cayenne")),
    "caf-974": Zone("La Réunion", ZoneInfo("Indian/Reunion")),
    "caf-976": Zone("Mayotte", ZoneInfo("Indian/Mayotte")),
}


def clock_of(caf: str) -> ZoneInfo:
    """The clock of a Caf: that of Paris, but overseas."""
    return ZONES[caf].clock if caf in ZONES else PARIS


def date_at(now: datetime, caf: str) -> date:
    """Today, as the lieux of `caf` say it."""
    return now.astimezone(clock_of(caf)).date()


def day_at(now: datetime, caf: str) -> date:
    """The day to which limits of the lieux of `caf` are held: as long as it lasts in Paris or there."""
    return min(paris_date(now), now.astimezone(clock_of(caf)).date())


def end_of(last: date, caf: str) -> datetime:
    """The moment from which `last` is over in Paris and there."""
    midnight = datetime.combine(last + timedelta(days=1), time())
    return max(midnight.replace(tzinfo=PARIS), midnight.replace(tzinfo=clock_of(caf)), key=datetime.timestamp)


def behind(now: datetime) -> dict[str, date]:
    """The Cafs where a day lasts that is over in Paris, and that day."""
    days = {caf: day_at(now, caf) for caf in ZONES}
    return {caf: day for caf, day in days.items() if day < paris_date(now)}
