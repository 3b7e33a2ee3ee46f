"""A file of keys: one a line, in hexadecimal; the last one is used, all of them prove or open what former ones made.

To change the key, add a line at the end; a line is taken away only when nothing needs it any more.
"""

import fcntl
import hashlib
import os
import secrets
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Keyring:
    """The keys of one purpose, in one file made at first use."""

    path: Path
    purpose: bytes

    def keys(self) -> dict[str, bytes]:
        """Name → key, the current one last; none before the first use."""
        return read(self.path.read_text(), self.purpose) if self.path.exists() else {}

    def current(self) -> tuple[str, bytes]:
        """The key in use, made once."""
        if not (held := self.keys()):
            self._draw()
            held = self.keys()
        return list(held.items())[-1]

    def _draw(self) -> None:
        """Draw the first key; two processes at once draw one."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(self.path.with_suffix(".verrou"), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if self.keys():
                return
            partial = self.path.with_suffix(".part")
            with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as target:
                target.write(secrets.token_hex(32) + "\n")
                target.flush()
                os.fsync(target.fileno())
            partial.rename(self.path)


def read(text: str, purpose: bytes) -> dict[str, bytes]:
    """Name → key of each line of `text`. ValueError when one is no hexadecimal."""
    keys = (bytes.fromhex(line) for line in text.split())
    return {hashlib.sha256(purpose + b":" + key).hexdigest()[:16]: key for key in keys}
