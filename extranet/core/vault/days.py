"""The keys of days: a file each, apart from the database and its backups, wrapped by the master key, gone with its day.

Where a mirror is given, a key is durable there first, then in the folder: what is read from the folder is in both, so
nothing is ever sealed under a key that one lost disk would take along. Whoever makes, mirrors, wraps anew or destroys
holds the folder's lock alone until names and bytes are flushed; readers share it, so none has a key before it is
durable.

The last destroyed day is on record beside the keys: of a day up to it a key that is not there is destroyed, of a later
one it is lost.
"""

import fcntl
import logging
import os
import secrets
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from datetime import date, timedelta
from pathlib import Path

from django.conf import settings

from extranet.core.vault import master

logger = logging.getLogger(__name__)

KEY, PART, MARK, LOCK = ".cle", ".part", "detruites", "verrou"
SIZE = 32


class Lost(Exception):
    """No key that can be used: missing, damaged, or of a day whose key is destroyed."""


def folder() -> Path:
    """Where the keys are read."""
    return Path(settings.KEYS_DIR) if settings.KEYS_DIR else Path(settings.DATA_DIR) / "cles-du-jour"


def mirror() -> Path | None:
    """Their second place; it must be there, since a disk that is not mounted looks like an empty folder."""
    return Path(settings.KEYS_MIRROR_DIR) if settings.KEYS_MIRROR_DIR else None


def places() -> list[Path]:
    """Where keys are kept, in the order in which they are written."""
    second = mirror()
    return [second, folder()] if second else [folder()]


# --- reading -------------------------------------------------------------------------------------------------------


def read(day: date) -> bytes:
    """The key of `day`, durable in every place. Raises Lost."""
    with _locked(fcntl.LOCK_SH):
        return _read(folder(), day)


def file_of(day: date) -> Path:
    """Where the key of `day` is read."""
    return _file(folder(), day)


def stamp(file: str) -> tuple[int, int]:
    """Tells whether the file of a key is still the one that was read. Raises Lost."""
    try:
        now = os.stat(file)
    except OSError as fault:
        raise Lost(f"{os.path.basename(file)} is missing: {type(fault).__name__}") from fault
    return now.st_ino, now.st_mtime_ns


def _read(place: Path, day: date) -> bytes:
    try:
        return master.unwrap(day, _file(place, day).read_bytes())
    except (OSError, master.Unwrappable) as fault:
        raise Lost(f"the key of {day} cannot be read: {type(fault).__name__}") from fault


def _file(place: Path, day: date) -> Path:
    return place / f"{day.isoformat()}{KEY}"


def absent(days: Collection[date]) -> list[date]:
    """Those that have a file nowhere and are not destroyed."""
    last = last_destroyed()
    return [day for day in days if not (last and day <= last) and not any(_file(p, day).exists() for p in places())]


def faults(days: Collection[date]) -> dict[date, str]:
    """Of `days`, those whose key is not as it must be: `missing`, `damaged`, or `not mirrored`."""
    found = {}
    for day in days:
        try:
            key = _read(folder(), day)
        except Lost:
            found[day] = "damaged" if _file(folder(), day).exists() else "missing"
            continue
        if second := mirror():
            try:
                same = _read(second, day) == key
            except Lost:
                same = False
            if not same:
                found[day] = "not mirrored"
    return found


def last_destroyed() -> date | None:
    """The day up to which all keys are destroyed; None before the first."""
    return max((mark for place in places() if (mark := _mark(place))), default=None)


def _mark(place: Path) -> date | None:
    try:
        return date.fromisoformat((place / MARK).read_text())
    except (OSError, ValueError):
        return None


def overdue(today: date) -> list[date]:
    """Days before `today` that still have a key in some place that answers."""
    found = set[date]()
    for place in places():
        with suppress(OSError):
            found |= {day for day, _ in _files(place) if day < today}
    return sorted(found)


def _files(place: Path) -> Iterator[tuple[date, Path]]:
    for path in place.iterdir():
        if path.suffix == KEY:
            with suppress(ValueError):
                yield date.fromisoformat(path.stem), path


# --- making --------------------------------------------------------------------------------------------------------


def make(days: Collection[date]) -> int:
    """Draw the key of each of `days` that has none anywhere; returns how many. Ten processes at once draw each once.

    A key that is there, damaged or not, is left. Raises OSError where it cannot be durable in every place: then it is
    in none that is read, and the next try takes it up.
    """
    with _locked():
        new = absent(days)
        for day in new:
            _draw(day)
        _settle()
    return len(new)


def restore() -> int:
    """Bring both places together: a key that one lacks or has damaged comes from the other; returns how many."""
    second, done = mirror(), 0
    if second is None:
        return 0
    with _locked():
        first, last = folder(), last_destroyed()
        for day in sorted({day for place in places() for day, _ in _files(place)}):
            if last and day <= last:
                continue
            whole = {place: _is_whole(place, day) for place in (first, second)}
            if whole[first] == whole[second]:
                continue
            good, bad = (first, second) if whole[first] else (second, first)
            logger.warning("the key of %s comes back from the other place", day)
            _write(_file(bad, day), _file(good, day).read_bytes())
            done += 1
        _settle()
    return done


def replace(day: date) -> None:
    """A new key for a day whose key is lost for good: an operator's decision, what it sealed is never read again."""
    with _locked():
        _draw(day)
        _settle()


def _draw(day: date) -> None:
    """A key in every place; under the lock, before `_settle`."""
    wrapped = master.wrap(day, secrets.token_bytes(SIZE))
    for place in places():
        _write(_file(place, day), wrapped)


def rewrap() -> tuple[int, list[Path]]:
    """Every key under the present master key, what is sealed stays as it is; how many changed, and which cannot be."""
    done, failed = 0, []
    with _locked():
        for place in places():
            for day, path in sorted(_files(place)):
                wrapped = path.read_bytes()
                try:
                    if master.is_current(wrapped):
                        continue
                    _write(path, master.wrap(day, master.unwrap(day, wrapped)))
                    done += 1
                except master.Unwrappable:
                    failed.append(path)
        _settle()
    return done, failed


def _is_whole(place: Path, day: date) -> bool:
    try:
        _read(place, day)
    except Lost:
        return False
    return True


# --- destroying ----------------------------------------------------------------------------------------------------


def destroy(*, before: date) -> int:
    """Destroy the keys of all days `before`, in every place, and put that on record first; returns how many days.

    What a kill leaves, the next call ends. A place that fails holds back no other: OSError when all is done.
    """
    last, gone, fault = before - timedelta(days=1), set[date](), None
    with _locked():
        for place in places():
            try:
                if (_mark(place) or date.min) < last:
                    _write(place / MARK, last.isoformat().encode())
                for path in list(place.glob(f"*{PART}")):  # of a kill: whoever writes one holds the lock
                    _erase(path)
                for day, path in list(_files(place)):
                    if day < before:
                        _erase(path)
                        gone.add(day)
                _flush(place)
            except OSError as error:
                logger.error("keys of days before %s not destroyed in %s: %s", before, place.name, type(error).__name__)
                fault = error
    if fault:
        raise fault
    return len(gone)


def note_present(today: date) -> None:
    """After a clock that was ahead and came back: days that are not over are not destroyed, and get keys again."""
    last = last_destroyed()
    if last is None or last < today:
        return
    logger.error("keys up to %s were destroyed by a clock that was ahead", last)
    with _locked():
        for place in places():
            _write(place / MARK, (today - timedelta(days=1)).isoformat().encode())
        _settle()


def _erase(path: Path) -> None:
    """Overwrite, then unlink: without the bytes, whatever becomes of the name."""
    with open(path, "r+b") as file:
        _blank(file.fileno())
    path.unlink()


def _blank(descriptor: int) -> None:
    size = os.fstat(descriptor).st_size
    os.pwrite(descriptor, b"\0" * size, 0)
    os.fsync(descriptor)


# --- files ---------------------------------------------------------------------------------------------------------


@contextmanager
def _locked(how: int = fcntl.LOCK_EX) -> Iterator[None]:
    place = folder()
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(os.open(place / LOCK, os.O_WRONLY | os.O_CREAT, 0o600), "w") as lock:
        fcntl.flock(lock, how)
        yield


def _write(path: Path, content: bytes) -> None:
    """Whole and flushed, or not at all; the bytes of what it replaces are overwritten."""
    partial, former = path.with_suffix(PART), os.open(path, os.O_RDWR) if path.exists() else None
    try:
        with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as target:
            target.write(content)
            target.flush()
            os.fsync(target.fileno())
        partial.rename(path)
        if former is not None:
            _blank(former)
    finally:
        partial.unlink(missing_ok=True)
        if former is not None:
            os.close(former)


def _settle() -> None:
    """The names, too, on the disks."""
    for place in places():
        _flush(place)


def _flush(place: Path) -> None:
    descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
