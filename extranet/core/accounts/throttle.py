"""Brakes on wrong tries (ACT-7): for an address that nobody has, the same as for any other."""

import hashlib
import secrets
import time

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare

from extranet.core import signed
from extranet.core.accounts.models import User
from extranet.core.web.cache import count

TOO_MANY = "too_many_login_attempts"  # the code of a refusal for too many tries
WRONG_IN_A_ROW = 10
HOLD = 15 * 60
ROW = 24 * 3600  # a row of wrong tries is forgotten after a day
DEVICE = "appareil"
DEVICE_LIFE = 365 * 24 * 3600


def counted_as(request: HttpRequest, email: str) -> str:
    """What tries for this address are counted under: on a device that it has used, apart from other people's tries."""
    number = _mark_of(request, email).partition(":")[0]
    address = email.strip().lower()
    return f"{address} {number}" if number else address


def is_own_device(request: HttpRequest, email: str) -> bool:
    """This address has logged in from this browser: other people's tries, from wherever, do not hold it (ACT-7)."""
    return bool(_mark_of(request, email))


def is_trusted_device(request: HttpRequest, user: User) -> bool:
    """ACC-4.d: this person has confirmed this browser, and has chosen no other password since."""
    return constant_time_compare(_mark_of(request, user.email).partition(":")[2], _age(user))


def remember_device(response: HttpResponse, user: User) -> None:
    """Mark the browser that this person has just logged in from. Several people of one browser each have their mark."""
    response.set_signed_cookie(
        _cookie(user.email),
        f"{secrets.token_hex(8)}:{_age(user)}",
        salt=_cookie(user.email),
        max_age=DEVICE_LIFE,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def _mark_of(request: HttpRequest, email: str) -> str:
    name = _cookie(email)
    return request.get_signed_cookie(name, default="", salt=name) or ""


def _cookie(address: str) -> str:
    return f"{DEVICE}-{signed.digest('accounts.appareil', address.strip().lower())[:16]}"


def _age(user: User) -> str:
    chosen = user.password_chosen_at.isoformat() if user.password_chosen_at else ""
    return signed.digest("accounts.appareil.age", f"{user.pk} {chosen}")[:16]


def is_held(counted: str) -> bool:
    """Ten wrong in a row, less than 15 minutes ago."""
    return cache.get(_key("held", counted), 0.0) > time.time()


def note_wrong(counted: str) -> None:
    """One more wrong try in a row; the tenth holds."""
    key = _key("wrong", counted)
    if count({key: ROW})[0] >= WRONG_IN_A_ROW:
        cache.set(_key("held", counted), time.time() + HOLD, HOLD)
        cache.delete(key)


def note_right(counted: str) -> None:
    """The row of wrong tries is over."""
    cache.delete(_key("wrong", counted))


def _key(name: str, counted: str) -> str:
    return f"accounts:{name}:{hashlib.sha256(counted.encode()).hexdigest()}"
