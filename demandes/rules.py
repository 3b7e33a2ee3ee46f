"""Which date, which decision: pure functions, to be read beside the convention."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from extranet.core.dates import (
    add_months,
    paris_date,
    working_day_at_or_after,
    working_day_at_or_before,
)

PICK_UP_DAYS = 15
REMINDER_DAYS = (7, 12)  # where a Caf has not chosen others
AT_RISK = 3  # days left
AGENDA_DAYS = 7  # of appointments ahead that the list of a lieu shows
SOON_DESTROYED = 15  # days before the last one


def fifteenth_day(notified_at: datetime) -> date:
    """NOT-3: fifteen calendar days in Paris, the day of sending not counted."""
    return paris_date(notified_at) + timedelta(days=PICK_UP_DAYS)


def last_day_to_pick_up(notified_at: datetime, last_day: date) -> date:
    """NOT-3: the fifteenth day; never after the day of destruction (NOT-4)."""
    return min(fifteenth_day(notified_at), last_day)


def imputed_from(last: date, departement: str = "") -> date:
    """CTL-8, NOT-4.h: the first day from which a delay that ended on `last` counts against the lieu as a breach: that
    after the next day worked in its département. What lists show and mails say stays strict.
    """
    return working_day_at_or_after(last, departement) + timedelta(days=1)


class Prise(StrEnum):
    """SUI-2.a: how it went with the picking up of one demande at one lieu. Each is one of these, so they add up."""

    A_TEMPS = "a-temps"
    EN_RETARD = "en-retard"
    EN_COURS = "en-cours"
    PARTIE = "partie"


def prise_of(
    notified_on: date | None, last_day: date, *, picked_on: date | None, ended_on: date | None, today: date
) -> Prise:
    """SUI-2.a: in time is on the fifteenth day at the latest (NOT-3), late is after it or never. What the lieu was not
    told of is no delay, and what left before its last day was not its to pick up.
    """
    last = min(notified_on + timedelta(days=PICK_UP_DAYS), last_day) if notified_on else None
    if last and (picked_on or ended_on or today) > last:
        return Prise.EN_RETARD
    if picked_on:
        return Prise.A_TEMPS
    return Prise.PARTIE if ended_on else Prise.EN_COURS


@dataclass(frozen=True, slots=True)
class Delay:
    """NOT-3, NOT-4: what is left, on `today`, of the days that a lieu has to pick a demande up.

    `today` is the lieu's: overseas it lasts as long as the day of Paris or its own (`territory.zones.day_at`).
    """

    last: date
    today: date

    @property
    def days_late(self) -> int:
        """How many days the last one is over; 0 in time."""
        return max(0, (self.today - self.last).days)

    @property
    def is_at_risk(self) -> bool:
        """In time, with three days left or less."""
        return 0 <= (self.last - self.today).days <= AT_RISK


def shown_until(today: date) -> date:
    """SUI-1: the last day whose appointments are on the list of `today`; one that is over stays until it has a
    follow-up.
    """
    return today + timedelta(days=AGENDA_DAYS)


def soon_destroyed_until(today: date) -> date:
    """CNS-2: what has its last day by then is « bientôt détruite »."""
    return today + timedelta(days=SOON_DESTROYED)


def next_call(today: date, departement: str = "") -> date:
    """SUI-1: when to call again where nobody said when: the next day worked in the lieu's département."""
    return working_day_at_or_after(today + timedelta(days=1), departement)


def last_day_of_dossier(deposited_at: datetime, received_at: datetime) -> date:
    """CNS-1, CNS-8, CNS-9: six calendar months from when the demande was made or came in, the earlier of both.

    Known before any transmission, so never after six months from one. From 00:00 of the next day the dossier is out of
    reach; whatever happens to the demande, that day only comes nearer.
    """
    return add_months(paris_date(min(deposited_at, received_at)), 6)


@dataclass(frozen=True, slots=True)
class Relances:
    """NOT-4: on which of the fifteen days a lieu is reminded, as its Caf has set, and whose holidays it has."""

    days: tuple[int, ...] = REMINDER_DAYS
    departement: str = ""


def reminder_day_due(
    notified_at: datetime, today: date, sent: Collection[int], relances: Relances = Relances()
) -> int | None:
    """NOT-4, NOT-5: of the days set (7 and 12), the latest reached and not yet told; on the working day before a day
    off in the lieu's département.

    None once the fifteen days are over, or when a later reminder was told.
    """
    start = paris_date(notified_at)
    if today > start + timedelta(days=PICK_UP_DAYS):
        return None
    reached = [
        day
        for day in relances.days
        if working_day_at_or_before(start + timedelta(days=day), relances.departement) <= today
    ]
    if not reached or any(day >= reached[-1] for day in sent):
        return None
    return reached[-1]


RENEW_DAYS = 15


def renewable_from(last_day: date) -> date:
    """DEM-8.a: the day on which a family is asked whether it still looks: fifteen before its dossier's last one."""
    return last_day - timedelta(days=RENEW_DAYS)


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
