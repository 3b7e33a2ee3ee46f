"""Keys of one purpose each: in files of the data folder, apart from the database, and not derived from the secret key.

One key a line, in hexadecimal: the last one makes, all of them prove or open what former ones made. To change the key,
add a line; take one away only when nothing needs it any more. What they protect outlives a change of
`EXTRANET_SECRET_KEY`.
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
    """The keys of the purpose `name`, in `cles/<name>.cles`, made at the first use."""

    name: str

    @property
    def path(self) -> Path:
        """The file of this purpose, readable by the portal only."""
        return Path(settings.DATA_DIR) / "cles" / f"{self.name}.cles"

    def keys(self) -> dict[str, bytes]:
        """Name → key, the current one last; none before the first use."""
        return read(self.path.read_text()) if self.path.exists() else {}

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


def read(text: str) -> dict[str, bytes]:
    """Name → key of each line of `text`; a name says nothing that would help to guess the key. ValueError when one is
    no hexadecimal.
    """
    keys = (bytes.fromhex(line) for line in text.split())
    return {hashlib.sha256(b"key-name:" + key).hexdigest()[:16]: key for key in keys}
