"""The master key, which wraps the keys of days: from EXTRANET_KEYS_MASTER, else (demonstration, tests) a file.

One key a line; the last one wraps, all of them unwrap, so that it can be changed without touching what is sealed.
"""

import os
from datetime import date

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

from extranet.core import keyring

MASTER = keyring.KeyRing("maitre")
NONCE = 12


class Unwrappable(Exception):
    """Damaged, of another day, or wrapped by a master key that is not there."""


def keys() -> dict[str, bytes]:
    """Name → key, the current one last."""
    if settings.KEYS_MASTER:
        return keyring.read(settings.KEYS_MASTER)
    MASTER.current()
    return MASTER.keys()


def wrap(day: date, key: bytes) -> bytes:
    """`key` as its file keeps it: the name of the master key, and what only that one opens, for this day only."""
    name, master = list(keys().items())[-1]
    nonce = os.urandom(NONCE)
    wrapped = nonce + AESGCM(master).encrypt(nonce, key, _about(day))
    return f"{name} {wrapped.hex()}\n".encode()


def unwrap(day: date, wrapped: bytes) -> bytes:
    """The key of `day`. Raises Unwrappable."""
    try:
        name, text = wrapped.decode().split()
        raw = bytes.fromhex(text)
        return AESGCM(keys()[name]).decrypt(raw[:NONCE], raw[NONCE:], _about(day))
    except (ValueError, KeyError, InvalidTag) as fault:
        raise Unwrappable(type(fault).__name__) from fault


def is_current(wrapped: bytes) -> bool:
    """Whether the present master key wrapped it."""
    return wrapped.split(b" ")[0].decode() == list(keys())[-1]


def _about(day: date) -> bytes:
    return b"day-key:" + day.isoformat().encode()
