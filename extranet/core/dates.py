"""Civil dates of Paris: the only arithmetic of days and months in the product. Pure."""

import calendar
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache, lru_cache
from zoneinfo import ZoneInfo

import holidays

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


# Where a département has holidays of its own; the other names are the library's. 97 + 7, 8: the two islands that the
# Caf of Guadeloupe serves.
_OWN_HOLIDAYS = {"57": "57", "67": "6AE", "68": "6AE", "977": "BL", "978": "MF"}
_OWN_HOLIDAYS |= {code: code for code in ("971", "972", "973", "974", "976")}


@cache
def public_holidays(year: int, departement: str = "") -> frozenset[date]:
    """The national public holidays (code du travail, L3133-1), and those of a département: Alsace-Moselle, overseas."""
    return frozenset(holidays.country_holidays("FR", subdiv=_OWN_HOLIDAYS.get(departement), years=year))


def is_working_day(day: date, departement: str = "") -> bool:
    """Monday to Friday, no public holiday of `departement`."""
    return day.weekday() < 5 and day not in public_holidays(day.year, departement)


def working_day_at_or_before(day: date, departement: str = "") -> date:
    """`day` if it is worked in `departement`, else the last worked day before it (NOT-4)."""
    while not is_working_day(day, departement):
        day -= timedelta(days=1)
    return day


def working_day_at_or_after(day: date, departement: str = "") -> date:
    """`day` if it is worked in `departement`, else the next worked day (code de procédure civile, art. 642)."""
    while not is_working_day(day, departement):
        day += timedelta(days=1)
    return day
