"""The portal's one clock. Only edges read it; everything inside takes `now` as an argument."""

import re
import time
from datetime import date, datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from extranet.core.dates import PARIS, Reading, add_months, paris_date

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_SHIFT = re.compile(r"^([+-])(\d{1,4})(d|mo)$")


def now() -> datetime:
    """The moment it is, in UTC, moved by EXTRANET_CLOCK_SHIFT where demonstration or tests set it."""
    return shifted(timezone.now(), settings.CLOCK_SHIFT)  # noqa: TID251 -- this is the one place


def today() -> date:
    """The civil day in Paris."""
    return paris_date(now())


def reading() -> Reading | None:
    """The machine's own time, which EXTRANET_CLOCK_SHIFT does not move;
    None where it cannot tell one start from another.
    """
    try:
        boot, uptime = _BOOT.read_text().strip(), time.clock_gettime(time.CLOCK_BOOTTIME)
    except (OSError, AttributeError):
        return None
    return Reading(timezone.now(), timedelta(seconds=uptime), boot)  # noqa: TID251 -- this is the one place


def shifted(moment: datetime, shift: str) -> datetime:
    """`moment` moved by `shift` (`+16d`, `+6mo`, `-1d`) on Paris civil days, same time of day.
    ValueError if malformed.
    """
    if not shift:
        return moment
    if not (match := _SHIFT.match(shift)):
        raise ValueError(f"EXTRANET_CLOCK_SHIFT={shift!r}: expected +16d, +6mo or -1d")
    sign, amount, unit = match.groups()
    count = int(sign + amount)
    local = moment.astimezone(PARIS)
    day = local.date() + timedelta(days=count) if unit == "d" else add_months(local.date(), count)
    return datetime.combine(day, local.timetz()).astimezone(moment.tzinfo)
