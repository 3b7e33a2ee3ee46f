"""Sealing values under the key of the day by which they must go, and opening them until that day is over (CNS-10).

A sealed value: version, name of the key, nonce, and the value under AES-256-GCM, bound to what it is `about`. It knows
neither what is sealed nor where it is kept.
"""

import hashlib
import hmac
import logging
import os
from collections.abc import Callable
from datetime import date
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

from extranet.core.errors import Gone, NoKey
from extranet.core.vault import days

logger = logging.getLogger(__name__)

VERSION, NAME, NONCE = b"\x01", 8, 12
HEAD = len(VERSION) + NAME
BODY = HEAD + NONCE
NOT_KEPT = (
    "Le service ne peut pas enregistrer de données pour le moment. Rien n’en a été gardé : recommencez dans quelques "
    "minutes."
)


class _Key(NamedTuple):
    head: bytes
    cipher: AESGCM
    mac: bytes
    file: str
    stamp: tuple[int, int]  # of that file


_keys: dict[tuple[str, date], _Key] = {}
_today = date.min


def seal(day: date, value: bytes, about: str) -> bytes:
    """`value` as it may be kept until the end of `day`. Raises NoKey where that day has none that can be used."""
    return sealer(day)(value, about)


def sealer(day: date) -> Callable[[bytes, str], bytes]:
    """`seal` for the values of one transaction: their key is looked at once. Raises NoKey."""
    try:
        key = _key(day)
        if key.stamp != days.stamp(key.file):  # lost or replaced since: what is written must be readable by all
            key = _key(day, anew=True)
    except days.Lost as lost:
        logger.error("nothing can be sealed under the key of %s", day)
        raise NoKey(NOT_KEPT) from lost

    def one(value: bytes, about: str) -> bytes:
        nonce = os.urandom(NONCE)
        return key.head + nonce + key.cipher.encrypt(nonce, value, about.encode())

    return one


def open(day: date, sealed: bytes | memoryview, about: str, *, today: date) -> bytes:
    """What was sealed. Gone by date alone once `day` is over, whether or not its key is destroyed. Raises NoKey."""
    if day < today:
        raise Gone
    if today != _today:
        forget(before=today)
    sealed = bytes(sealed)
    try:
        key = _key(day)
        if not sealed.startswith(key.head) and not sealed.startswith((key := _key(day, anew=True)).head):
            raise days.Lost(f"the key of {day} is not the one that sealed this")
        return key.cipher.decrypt(sealed[HEAD:BODY], sealed[BODY:], about.encode())
    except (days.Lost, InvalidTag) as fault:
        logger.error("%s cannot be opened by the key of %s: %s", about, day, type(fault).__name__)
        raise NoKey from fault


def digest(day: date, value: str) -> str:
    """Of `value` under the key of `day`: compared until then, and nothing to anybody once that key is destroyed, in
    whatever copy it lies. Raises NoKey.
    """
    try:
        return hmac.digest(_key(day).mac, value.encode(), "sha256").hex()
    except days.Lost as lost:
        raise NoKey from lost


def destroy(*, before: date) -> int:
    """Destroy the keys of all days `before` wherever they are kept, this process's memory included; how many days."""
    forget(before=before)
    return days.destroy(before=before)


def head(day: date) -> bytes:
    """How each value sealed under the key of `day` begins. Raises days.Lost."""
    return _key(day, anew=True).head


def forget(*, before: date) -> None:
    """Drop the keys of days that are over from the memory of this process."""
    global _today
    _today = before
    for known in [one for one in list(_keys) if one[1] < before]:
        _keys.pop(known, None)


def _key(day: date, *, anew: bool = False) -> _Key:
    """Read once a process."""
    where = (settings.KEYS_DIR or str(settings.DATA_DIR), day)
    if anew or (key := _keys.get(where)) is None:
        _keys.pop(where, None)
        file = str(days.file_of(day))
        stamp, raw = days.stamp(file), days.read(day)
        name = hashlib.sha256(b"day-key:" + raw).digest()[:NAME]
        mac = hashlib.sha256(b"day-mac:" + raw).digest()
        key = _keys[where] = _Key(VERSION + name, AESGCM(raw), mac, file, stamp)
    return key
