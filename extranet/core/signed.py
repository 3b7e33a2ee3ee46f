"""What the portal recognises as its own, by purpose: links that it gave, and values that it keeps as digests only.

A link is signed with `EXTRANET_SECRET_KEY` and opens under each of its fallbacks too, so that the secret can be changed
without closing the links that families hold. A digest that lies in a table must stay the same for as long as the row:
its key is in a file of its own (`cles/empreintes.cles`) and is not changed with the secret.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterator
from functools import cache
from uuid import UUID

from django.conf import settings
from django.utils.crypto import constant_time_compare, salted_hmac

from extranet.core.keyring import KeyRing

DIGESTS = KeyRing("empreintes")


def token(purpose: str, name: UUID) -> str:
    """The token of a link to `name`: 43 characters for an address, nothing to store, nothing to steal from a table."""
    return _token(purpose, name, settings.SECRET_KEY)


def read(purpose: str, text: str) -> UUID | None:
    """What the link of `purpose` with this token leads to; None unless the portal gave it,
    under a secret it still knows.
    """
    name = name_in(text)
    given = (_token(purpose, name, secret) for secret in _secrets()) if name else ()
    return name if any(constant_time_compare(text, known) for known in given) else None


def name_in(text: str) -> UUID | None:
    """What a token speaks of; it proves nothing."""
    try:
        return UUID(bytes=base64.urlsafe_b64decode(text[:22] + "=="))
    except ValueError:
        return None


def keys(purpose: str, value: str) -> list[bytes]:
    """32 bytes for `value` under each secret, the present one first: to seal for hours what nothing else may open."""
    return [_mac(purpose, value, secret) for secret in _secrets()]


def digest(purpose: str, value: str) -> str:
    """A digest of `value` that can be kept and compared, today and after the secret was changed;
    it cannot be guessed.
    """
    return hmac.digest(_digest_key(purpose, str(settings.DATA_DIR)), value.encode(), "sha256").hex()


def _token(purpose: str, name: UUID, secret: str) -> str:
    mac = _mac(f"lien.{purpose}", name.hex, secret)
    return base64.urlsafe_b64encode(name.bytes + mac[:16]).decode().rstrip("=")


def _mac(purpose: str, value: str, secret: str) -> bytes:
    return salted_hmac(purpose, value, secret=secret, algorithm="sha256").digest()


def _secrets() -> Iterator[str]:
    yield from (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)


@cache
def _digest_key(purpose: str, place: str) -> bytes:
    """That of `purpose`, from the file in the data folder `place`. Once a process: a delivery has a digest a record."""
    key = next(iter(DIGESTS.keys().values()), None) or DIGESTS.current()[1]
    return hashlib.sha256(purpose.encode() + key).digest()
