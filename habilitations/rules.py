"""What makes an agent look twice, and how long is kept what nobody follows up: an application, an access. Pure."""

from datetime import date, timedelta

from extranet.core.dates import add_months

KEPT = 6  # months

PUBLIC_PROVIDERS = frozenset(
    [
        "gmail.com",
        "googlemail.com",
        "outlook.com",
        "outlook.fr",
        "hotmail.com",
        "hotmail.fr",
        "live.com",
        "live.fr",
        "msn.com",
        "yahoo.com",
        "yahoo.fr",
        "orange.fr",
        "wanadoo.fr",
        "free.fr",
        "sfr.fr",
        "neuf.fr",
        "bbox.fr",
        "laposte.net",
        "icloud.com",
        "me.com",
        "proton.me",
        "protonmail.com",
        "gmx.fr",
        "gmx.com",
        "aol.com",
        "numericable.fr",
    ]
)


def last_awaited_on(today: date) -> date:
    """Until when a complement may be awaited at most: six months without an exchange end an application (HAB-8.a)."""
    return add_months(today, 6)


def usually_awaited_on(today: date) -> date:
    """When a complement is awaited, unless the agent says otherwise: in a month."""
    return add_months(today, 1)


def is_public_provider(address: str) -> bool:
    """HAB-6: the address is at a provider where anybody can open one."""
    return address.rpartition("@")[2].lower() in PUBLIC_PROVIDERS


def last_day(last_exchange: date) -> date:
    """HAB-8.a: the last day of an application that is not accepted, from its refusal or the last exchange about it."""
    return add_months(last_exchange, KEPT)


def over_by(day: date) -> date:
    """HAB-8.a: the latest day of a last exchange whose months are over on `day`."""
    latest = add_months(day, -KEPT)
    while last_day(latest) >= day:
        latest -= timedelta(days=1)
    return latest


SHOWN, WARNED, CLOSED = timedelta(days=90), timedelta(days=165), timedelta(days=180)


def closes_on(used_on: date) -> date:
    """ACC-6.d: the day on which an access last used, or else opened, on `used_on` is suspended for want of use."""
    return used_on + CLOSED


def disuse(used_on: date, today: date) -> str:
    """ACC-6.c, ACC-6.d: "" while it is used; then `montree` to the Caf, `prevenue` by mail, and `suspendue`."""
    for since, state in ((CLOSED, "suspendue"), (WARNED, "prevenue"), (SHOWN, "montree")):
        if today - used_on >= since:
            return state
    return ""
