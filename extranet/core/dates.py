"""Civil dates of Paris: the only arithmetic of days and months in the product. Pure."""

import calendar
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache, lru_cache
from zoneinfo import ZoneInfo

PARIS = ZoneInfo("Europe/Paris")


@dataclass(frozen=True, slots=True)
class Reading:
    """What a machine says of time: its calendar (never shifted), how long it has been up,
    and which start of it that is.
    """

    wall: datetime
    uptime: timedelta
    boot: str

    @property
    def started_at(self) -> datetime:
        """When it started, by its calendar: the same at each reading, unless the calendar was moved."""
        return self.wall - self.uptime


def paris_date(moment: datetime) -> date:
    """The civil day in Paris of an aware moment."""
    return moment.astimezone(PARIS).date()


def start_of_day(day: date) -> datetime:
    """00:00 in Paris of `day`."""
    return datetime.combine(day, time(), PARIS)


@lru_cache(maxsize=4_096)
def add_months(day: date, months: int) -> date:
    """The same day number `months` later, or the last day of a shorter month (31 August + 6 = 28 or 29 February)."""
    years, month = divmod(day.month - 1 + months, 12)
    year, month = day.year + years, month + 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def easter(year: int) -> date:
    """Easter Sunday of the Gregorian calendar (the anonymous computus)."""
    golden, century, in_century = year % 19, year // 100, year % 100
    leap = (19 * golden + century - century // 4 - (century - (century + 8) // 25 + 1) // 3 + 15) % 30
    week = (32 + 2 * (century % 4) + 2 * (in_century // 4) - leap - in_century % 4) % 7
    late = (golden + 11 * leap + 22 * week) // 451
    month, day = divmod(leap + week - 7 * late + 114, 31)
    return date(year, month, day + 1)


@cache
def public_holidays(year: int) -> frozenset[date]:
    """The eleven national public holidays (code du travail, L3133-1)."""
    sunday = easter(year)
    fixed = [(1, 1), (5, 1), (5, 8), (7, 14), (8, 15), (11, 1), (11, 11), (12, 25)]
    moving = [sunday + timedelta(days=days) for days in (1, 39, 50)]
    return frozenset([*(date(year, month, day) for month, day in fixed), *moving])


def is_working_day(day: date) -> bool:
    """Monday to Friday, not a national public holiday."""
    return day.weekday() < 5 and day not in public_holidays(day.year)


def working_day_at_or_before(day: date) -> date:
    """`day` if it is worked, else the last worked day before it (NOT-4)."""
    while not is_working_day(day):
        day -= timedelta(days=1)
    return day
