"""Keeping files: bytes first, row next, so that a row never lacks its bytes; what has no row is swept."""

import hashlib
import math
import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from django.conf import settings
from django.db import transaction

from extranet.core import apart
from extranet.core.documents.models import StoredFile
from extranet.core.documents.uploads import checked_pdf  # noqa: F401 -- the way in of what is kept

# Longer than any transaction that may still write the row of bytes already on disk.
SETTLED = timedelta(hours=24)
CHUNK = 1 << 20


class Damaged(Exception):
    """The bytes of a kept file are gone, or are no longer those that were kept."""


def keep(data: bytes | BinaryIO, *, media_type: str, nature: str, now: datetime) -> StoredFile:
    """Keep bytes for good. Call inside the transaction of the fact that they prove."""
    stored = StoredFile(media_type=media_type, nature=nature, created_at=now)
    folder = stored.path.parent
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial = folder / f"{stored.pk}.part"
    digest, size = hashlib.sha256(), 0
    source = BytesIO(data) if isinstance(data, bytes) else data
    try:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "wb") as target:
            while chunk := source.read(CHUNK):
                digest.update(chunk)
                size += len(chunk)
                target.write(chunk)
            target.flush()
            os.fsync(target.fileno())
        # The portal's clock and not the machine's, since `orphans` compares with it.
        os.utime(partial, (now.timestamp(), now.timestamp()))
        partial.rename(stored.path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    _fsync(folder)
    stored.sha256, stored.size = digest.hexdigest(), size
    stored.save(force_insert=True)
    return stored


def open_file(stored: StoredFile) -> BinaryIO:
    """The kept bytes, read once to be proven before the first is handed over. Close it after use."""
    try:
        kept = open(stored.path, "rb")  # noqa: SIM115 -- handed over open
    except OSError as error:
        said = "no bytes" if isinstance(error, FileNotFoundError) else f"bytes out of reach ({type(error).__name__})"
        raise Damaged(f"{stored}: {said}") from None
    try:
        intact = hashlib.file_digest(kept, "sha256").hexdigest() == stored.sha256
    except OSError as error:  # a bad sector, a folder where the file should be
        kept.close()
        raise Damaged(f"{stored}: bytes out of reach ({type(error).__name__})") from None
    if not intact:
        kept.close()
        raise Damaged(f"{stored}: bytes differ from what was kept")
    kept.seek(0)
    return kept


def read(stored: StoredFile) -> bytes:
    """All the proven bytes of a small file."""
    with open_file(stored) as kept:
        return kept.read()


def destroy(stored: StoredFile) -> None:
    """Forget the file: the row with the transaction under way, the bytes once it is committed."""
    path = stored.path
    with transaction.atomic():
        stored.delete()
        transaction.on_commit(lambda: path.unlink(missing_ok=True))


def orphans(*, now: datetime) -> Iterator[Path]:
    """Bytes without a row: of a transaction that rolled back, or of a process that was killed in the middle."""
    limit = (now - SETTLED).timestamp()
    for folder in sorted((settings.DATA_DIR / "fichiers").glob("??")):
        old = {path.name: path for path in folder.iterdir() if _written_at(path) < limit}
        whole = [name for name in old if not name.endswith(".part")]
        known = set(whole) & {
            str(pk) for pk in StoredFile.objects.filter(pk__in=_keys(whole)).values_list("pk", flat=True)
        }
        yield from (path for name, path in sorted(old.items()) if name not in known)


def _written_at(path: Path) -> float:
    """When; never for what another process has swept meanwhile."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return math.inf


def _keys(names: list[str]) -> list[UUID]:
    """The keys that these names are; a stray file may have any name."""
    keys = []
    for name in names:
        with suppress(ValueError):
            keys.append(UUID(name))
    return keys


def sweep_orphans(*, now: datetime) -> int:
    """Delete what `orphans` finds; returns how many. Raises Incomplete, after all others,
    when some cannot be deleted.
    """
    return apart.each([str(path) for path in orphans(now=now)], _delete, what="file without record")


def _delete(path: str) -> int:
    Path(path).unlink(missing_ok=True)
    return 1


def damaged() -> Iterator[str]:
    """A sentence for each kept file whose bytes are gone or changed."""
    for stored in StoredFile.objects.order_by("pk").iterator():
        try:
            open_file(stored).close()
        except Damaged as fault:
            yield f"documents: {fault}"


def _fsync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
