"""The seals outside the database: one line each in `journal/sceaux.jsonl` of the data folder, flushed to the disk.

Whoever can write the database alone, its owner included, cannot take away what was sealed without these lines
telling it.
"""

import json
import logging
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings

from extranet.core.journal.models import Seal

logger = logging.getLogger(__name__)


def anchor_file() -> Path:
    """The file outside the database that has one line a seal."""
    return Path(settings.DATA_DIR) / "journal" / "sceaux.jsonl"


def write_missing(now: datetime) -> int:
    """Add a line for each seal of the database that has none; returns how many.
    A kill in between costs a line, not two.
    """
    known = {(record, last) for record, last, _ in _lines() if record}
    missing = [link for link in Seal.objects.order_by("pk").iterator() if (link.record, link.last_id) not in known]
    if not missing:
        return 0
    path = anchor_file()
    if not path.exists() and missing[0].at < now:
        logger.error("%s was not there: it begins again with the seals of the database", path.name)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), "a+b") as target:
        if target.tell() and not _ends_whole(path):
            target.write(b"\n")  # of a line that was cut: it stays, and what it said is said again
        for link in missing:
            said = {"record": link.record, "last_id": link.last_id, "digest": link.digest}
            target.write(json.dumps(said | {"sealed_at": link.at.astimezone(UTC).isoformat()}).encode() + b"\n")
        target.flush()
        os.fsync(target.fileno())
    return len(missing)


def faults(*, before: datetime) -> Iterator[str]:
    """What the file knows and the database does not, and seals of `before` that the file does not know."""
    held = {(link.record, link.last_id): link for link in Seal.objects.iterator()}
    known = set()
    for record, last, digest in _lines():
        link = held.get((record, last))
        known.add((record, last))
        if link is None:
            yield f"{record}: the seal of the lines up to {last} is gone from the database"
        elif link.digest != digest:
            yield f"{record}: the lines up to {last} were sealed again"
    for key, link in sorted(held.items()):
        if key not in known and link.at < before:
            yield f"{link.record}: the seal of the lines up to {link.last_id} is not in {anchor_file().name}"


def _lines() -> Iterator[tuple[str, int, str]]:
    """Record, last id, digest of each whole line."""
    path = anchor_file()
    if not path.exists():
        return
    for text in path.read_text(encoding="utf-8").splitlines():
        try:
            said = json.loads(text)
            yield str(said["record"]), int(said["last_id"]), str(said["digest"])
        except (ValueError, KeyError, TypeError):
            logger.warning("a line of %s cannot be read", path.name)


def _ends_whole(path: Path) -> bool:
    return path.read_bytes().endswith(b"\n")
