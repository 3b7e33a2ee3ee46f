"""Which date, which decision: pure functions, to be read beside the convention."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from extranet.core.dates import (
    add_months,
    paris_date,
    working_day_at_or_before,
)

PICK_UP_DAYS = 15
REMINDER_DAYS = (7, 12)


def fifteenth_day(notified_at: datetime) -> date:
    """NOT-3: fifteen calendar days in Paris, the day of sending not counted."""
    return paris_date(notified_at) + timedelta(days=PICK_UP_DAYS)


def last_day_to_pick_up(notified_at: datetime, last_day: date) -> date:
    """NOT-3: the fifteenth day; never after the day of destruction (NOT-4)."""
    return min(fifteenth_day(notified_at), last_day)


@dataclass(frozen=True, slots=True)
class Delay:
    """NOT-3, NOT-4: what is left, on `today`, of the days that a lieu has to pick a demande up."""

    last: date
    today: date

    @property
    def days_late(self) -> int:
        """How many days the last one is over; 0 in time."""
        return max(0, (self.today - self.last).days)

    @property
    def is_at_risk(self) -> bool:
        """In time, and the last reminder is due (day 12 on)."""
        return 0 <= (self.last - self.today).days <= PICK_UP_DAYS - REMINDER_DAYS[-1]


def last_day_of_dossier(deposited_at: datetime, received_at: datetime) -> date:
    """CNS-1, CNS-8, CNS-9: six calendar months from when the demande was made or came in, the earlier of both.

    Known before any transmission, so never after six months from one. From 00:00 of the next day the dossier is out of
    reach; whatever happens to the demande, that day only comes nearer.
    """
    return add_months(paris_date(min(deposited_at, received_at)), 6)


def reminder_day_due(notified_at: datetime, today: date, sent: Collection[int]) -> int | None:
    """NOT-4, NOT-5: of days 7 and 12, the latest reached and not yet told; on the working day before a day off.

    None once the fifteen days are over, or when a later reminder was told.
    """
    start = paris_date(notified_at)
    if today > start + timedelta(days=PICK_UP_DAYS):
        return None
    reached = [day for day in REMINDER_DAYS if working_day_at_or_before(start + timedelta(days=day)) <= today]
    if not reached or any(day >= reached[-1] for day in sent):
        return None
    return reached[-1]


def is_under_six(born_on: date, day: date) -> bool:
    """DEM-1: not yet six years old on `day` (born on 29 February: six on 28 February of a common year)."""
    return add_months(born_on, 72) > day


def is_plausible_due_date(expected_on: date, day: date) -> bool:
    """DEM-3: a birth or adoption expected up to 18 months ahead, or six weeks ago at most."""
    return day - timedelta(weeks=6) <= expected_on <= add_months(day, 18)


def is_plausible_start(start_on: date, day: date) -> bool:
    """The need starts between one month before and three years after the request."""
    return add_months(day, -1) <= start_on <= add_months(day, 36)


def overlaps(hours: Collection[tuple[str, str, str]]) -> bool:
    """True when two ranges (day, from, to) of one day overlap, or one ends before it starts ("HH:MM", "24:00" ends)."""
    by_day: dict[str, list[tuple[str, str]]] = {}
    for day, start, end in hours:
        if start >= end:
            return True
        by_day.setdefault(day, []).append((start, end))
    for ranges in by_day.values():
        ranges.sort()
        if any(later[0] < earlier[1] for earlier, later in zip(ranges, ranges[1:], strict=False)):
            return True
    return False
