"""The keys of the journal's seals: in a file of the data folder, apart from the database, for this purpose only.

One key a line, in hexadecimal; the last one seals, all of them prove. To change it, add a line; never take one away.
"""

import fcntl
import hashlib
import os
import secrets
from pathlib import Path

from django.conf import settings


def key_file() -> Path:
    """Where the keys are."""
    return Path(settings.DATA_DIR) / "cles" / "journal.cles"


def keys() -> dict[str, bytes]:
    """Name → key, the current one last; none before the first seal."""
    path = key_file()
    held = [bytes.fromhex(line) for line in path.read_text().split()] if path.exists() else []
    return {name_of(key): key for key in held}


def current() -> tuple[str, bytes]:
    """The key that seals, made once."""
    if not (held := keys()):
        add()
        held = keys()
    return list(held.items())[-1]


def add() -> None:
    """Draw the first key; two processes at once draw one."""
    path = key_file()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(path.with_suffix(".verrou"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if keys():
            return
        partial = path.with_suffix(".part")
        with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as target:
            target.write(secrets.token_hex(32) + "\n")
            target.flush()
            os.fsync(target.fileno())
        partial.rename(path)


def name_of(key: bytes) -> str:
    """What a seal says of its key: nothing that would help to guess it."""
    return hashlib.sha256(b"journal-key:" + key).hexdigest()[:16]
