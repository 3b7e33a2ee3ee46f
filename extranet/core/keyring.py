"""Keys of one purpose each: in files of the data folder, apart from the database, and not derived from the secret key.

One key a line, in hexadecimal. What they protect outlives a change of `EXTRANET_SECRET_KEY`.
"""

import fcntl
import hashlib
import logging
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The keys of the purpose `name`, in `cles/<name>.cles`.
    The last one makes, all of them prove; never take one away.
    """

    name: str

    @property
    def path(self) -> Path:
        """The file of this purpose, readable by the portal only."""
        return Path(settings.DATA_DIR) / "cles" / f"{self.name}.cles"

    def keys(self) -> dict[str, bytes]:
        """Name → key, the current one last; none before the first use."""
        held = [bytes.fromhex(line) for line in self.path.read_text().split()] if self.path.exists() else []
        return {_name_of(key): key for key in held}

    def current(self) -> tuple[str, bytes]:
        """The key that makes, drawn at the first use."""
        if not (held := self.keys()):
            self._draw()
            held = self.keys()
        return list(held.items())[-1]

    def _draw(self) -> None:
        """Write the first key; two processes at once write one."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(self.path.with_suffix(".verrou"), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if self.keys():
                return
            logger.warning("%s was not there: a first key is drawn", self.path.name)
            partial = self.path.with_suffix(".part")
            with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as target:
                target.write(secrets.token_hex(32) + "\n")
                target.flush()
                os.fsync(target.fileno())
            partial.rename(self.path)


def _name_of(key: bytes) -> str:
    """What may be said of a key: nothing that would help to guess it."""
    return hashlib.sha256(b"journal-key:" + key).hexdigest()[:16]
