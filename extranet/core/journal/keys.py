"""The keys of the journal's seals: in a file of the data folder, apart from the database, for this purpose only.

The last one seals, all of them prove. To change it, add a line; never take one away.
"""

from pathlib import Path

from django.conf import settings

from extranet.core.keyring import Keyring


def key_file() -> Path:
    """Where the keys are."""
    return Path(settings.DATA_DIR) / "cles" / "journal.cles"


def keys() -> dict[str, bytes]:
    """Name → key, the current one last; none before the first seal."""
    return _ring().keys()


def current() -> tuple[str, bytes]:
    """The key that seals, made once."""
    return _ring().current()


def _ring() -> Keyring:
    return Keyring(key_file(), b"journal-key")
