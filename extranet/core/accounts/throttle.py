"""Brakes on wrong tries (ACT-7): for an address that nobody has, the same as for any other."""

import hashlib
import secrets
import time

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare

from extranet.core import signed

TOO_MANY = "too_many_login_attempts"  # the code of a refusal for too many tries
WRONG_IN_A_ROW = 10
HOLD = 15 * 60
ROW = 24 * 3600  # a row of wrong tries is forgotten after a day
DEVICE = "appareil"
DEVICE_LIFE = 365 * 24 * 3600


def counted_as(request: HttpRequest, email: str) -> str:
    """What tries for this address are counted under: on a device that it has used, apart from other people's tries."""
    address = email.strip().lower()
    device = request.get_signed_cookie(DEVICE, default="", salt=DEVICE)
    owner, _, number = (device or "").partition(":")
    return f"{address} {number}" if constant_time_compare(owner, _owner(address)) else address


def is_own_device(request: HttpRequest, email: str) -> bool:
    """This address has logged in from this browser: other people's tries, from wherever, do not hold it (ACT-7)."""
    return counted_as(request, email) != email.strip().lower()


def remember_device(response: HttpResponse, email: str) -> None:
    """Mark the browser that has just logged in with this address."""
    response.set_signed_cookie(
        DEVICE,
        f"{_owner(email)}:{secrets.token_hex(8)}",
        salt=DEVICE,
        max_age=DEVICE_LIFE,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def is_held(counted: str) -> bool:
    """Ten wrong in a row, less than 15 minutes ago."""
    return cache.get(_key("held", counted), 0.0) > time.time()


def note_wrong(counted: str) -> None:
    """One more wrong try in a row; the tenth holds."""
    key = _key("wrong", counted)
    cache.add(key, 0, ROW)
    if cache.incr(key) >= WRONG_IN_A_ROW:
        cache.set(_key("held", counted), time.time() + HOLD, HOLD)
        cache.delete(key)


def note_right(counted: str) -> None:
    """The row of wrong tries is over."""
    cache.delete(_key("wrong", counted))


def _owner(address: str) -> str:
    return signed.digest("accounts.appareil", address)[:32]


def _key(name: str, counted: str) -> str:
    return f"accounts:{name}:{hashlib.sha256(counted.encode()).hexdigest()}"
