"""The portal's one clock. Only edges read it; everything inside takes `now` as an argument."""

import re
from datetime import date, datetime, timedelta

from django.conf import settings
from django.utils import timezone

from extranet.core.dates import PARIS, add_months, paris_date

_SHIFT = re.compile(r"^([+-])(\d{1,4})(d|mo)$")


def now() -> datetime:
    """The moment it is, in UTC, moved by EXTRANET_CLOCK_SHIFT where demonstration or tests set it."""
    return shifted(timezone.now(), settings.CLOCK_SHIFT)  # noqa: TID251 -- this is the one place


def today() -> date:
    """The civil day in Paris."""
    return paris_date(now())


def shifted(moment: datetime, shift: str) -> datetime:
    """`moment` moved by `shift` (`+16d`, `+6mo`, `-1d`) on Paris civil days, same time of day. ValueError if malformed."""
    if not shift:
        return moment
    if not (match := _SHIFT.match(shift)):
        raise ValueError(f"EXTRANET_CLOCK_SHIFT={shift!r}: expected +16d, +6mo or -1d")
    sign, amount, unit = match.groups()
    count = int(sign + amount)
    local = moment.astimezone(PARIS)
    day = local.date() + timedelta(days=count) if unit == "d" else add_months(local.date(), count)
    return datetime.combine(day, local.timetz()).astimezone(moment.tzinfo)
