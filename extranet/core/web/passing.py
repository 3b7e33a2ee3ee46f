"""What one page gives the next to be confirmed: sealed, for an hour, in the shared cache, never in a table.

Only the page that was given the key, sent by the same person, opens it: who reads the cache opens nothing.
"""

import base64
import hashlib
import secrets
import zlib

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from extranet.core import signed
from extranet.core.web.drafts import NoDraft, cached

LIFE = 3600  # seconds


def keep(data: bytes, owner: str) -> str:
    """The key that the page carries; empty when nothing can be kept for the moment."""
    key = secrets.token_urlsafe(24)
    sealed = _fernet(key, owner).encrypt(zlib.compress(data))
    try:
        cached(lambda store: store.set(_name(key), sealed, timeout=LIFE))
    except NoDraft:
        return ""
    return key


def read(key: str, owner: str) -> bytes | None:
    """What was kept; None when it is over, is another person's, or cannot be read for the moment."""
    if not key:
        return None
    try:
        sealed = cached(lambda store: store.get(_name(key)))
        return zlib.decompress(_fernet(key, owner).decrypt(sealed)) if sealed else None
    except (NoDraft, InvalidToken):
        return None


def _name(key: str) -> str:
    return f"passage:{hashlib.sha256(key.encode()).hexdigest()}"


def _fernet(key: str, owner: str) -> MultiFernet:
    return MultiFernet([Fernet(base64.urlsafe_b64encode(one)) for one in signed.keys("passage", f"{key}:{owner}")])
