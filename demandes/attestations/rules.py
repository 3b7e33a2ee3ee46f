"""When an attestation is due, and of what the lieu is reminded: pure functions."""

from collections.abc import Collection
from datetime import date, timedelta

from extranet.core.dates import add_months

REMINDER_DAYS = (0, 15, 25)


def due_on(last_day: date) -> date:
    """CNS-3: one month chained from the end of the six months, never seven months."""
    return add_months(last_day, 1)


def reminder_due(opened_on: date, today: date, sent: Collection[int]) -> int | None:
    """CNS-5: of the opening, day 15 and day 25, the latest reached and not yet told."""
    reached = [day for day in REMINDER_DAYS if opened_on + timedelta(days=day) <= today]
    if not reached or any(day >= reached[-1] for day in sent):
        return None
    return reached[-1]
