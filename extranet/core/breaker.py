"""A server that did not answer is left alone for a while, so that the waits of one request, or of many,
do not add up.
"""

from functools import cache
from time import monotonic
from urllib.parse import urlsplit

PAUSE = 5.0  # seconds


class Breaker:
    """Whether one server may be asked now. Shared by the threads of a process."""

    def __init__(self) -> None:
        self._closed_until = 0.0

    def lets_through(self) -> bool:
        """True unless the server was silent within PAUSE; then one caller tries again, and the others go on without."""
        now = monotonic()
        if not self._closed_until:
            return True
        if now < self._closed_until:
            return False
        self._closed_until = now + PAUSE
        return True

    def note_silence(self) -> None:
        """It failed to answer: nobody asks it again for a while."""
        self._closed_until = monotonic() + PAUSE

    def note_answer(self) -> None:
        """It answered: everybody may ask it again."""
        self._closed_until = 0.0


def of(address: str) -> Breaker:
    """The breaker of the server behind a URL: the same for cache and broker where both are one Redis."""
    parts = urlsplit(address)
    return _of(parts.netloc or parts.path)


@cache
def _of(server: str) -> Breaker:
    return Breaker()
