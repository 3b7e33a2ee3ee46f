"""The last day that a lieu has for something, overseas too: when it is over in queries, and in words (NOT-4.i)."""

from datetime import date, datetime

from django.db.models import Q

from extranet.core.dates import PARIS, paris_date, start_of_day
from extranet.core.languages import date_longue
from extranet.territory.zones import ZONES, behind, end_of


def over(now: datetime, day: str, caf: str) -> Q:
    """Rows whose last day (field `day`) is over in Paris and for their Caf (path `caf`): `zones.day_at`, in SQL."""
    found = Q(**{f"{day}__lt": paris_date(now)})
    for code, lasts in behind(now).items():
        found &= ~Q(**{caf: code, f"{day}__gte": lasts})
    return found


def until(last: date, caf: str, *, at_paris: bool = False) -> str:
    """« 16 mars 2026 »; overseas with both times: « 16 mars 2026 à minuit, heure de Guyane (le lendemain à 4 h, heure
    de Paris) ». `at_paris`: that day ends in Paris alone, as that of a destruction does.
    """
    if caf not in ZONES:
        return date_longue(last)
    there = ZONES[caf]
    end = start_of_day(date.fromordinal(last.toordinal() + 1)) if at_paris else end_of(last, caf)
    first, second = ("Paris", PARIS), (there.nom, there.clock)
    if end.astimezone(PARIS).hour:
        first, second = second, first
    other = end.astimezone(second[1])
    when = f"{'le lendemain à ' if other.date() > last else ''}{other.hour}\u00a0h"
    return f"{date_longue(last)} à minuit, heure de {first[0]} ({when}, heure de {second[0]})"
