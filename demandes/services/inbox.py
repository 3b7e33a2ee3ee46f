"""The inbox of deliveries: what lies finished in `entree` is claimed by one rename, then recorded (ING-1, ING-5).

Each thing by itself: what fails stays where it is, is seen by `standing_still`, and holds back nothing. What no
delivery can be (a folder, a link, a pipe, a file that cannot be read) is set apart in `refusees`, with a livraison that
says why.
"""

import hashlib
import logging
import os
import stat
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.db import IntegrityError, transaction

from demandes.documents.motifs import Motif
from demandes.models import Livraison
from demandes.services import deliveries
from demandes.services.delivery_files import (
    IN_HAND,
    INBOX,
    REFUSED,
    UPLOAD,
    age,
    bring,
    clock_of,
    folder,
    key_of,
    path_of,
    remains,
    remove,
    safe_name,
    shown_name,
    unknown,
)
from demandes.workflow import LIVRAISON, EtatLivraison
from extranet.core.journal import services as journal

logger = logging.getLogger(__name__)

SETTLED_SECONDS = 10
# RGP-5: two periods of ingestion; what nobody has touched for so long stands still.
STALE = 2 * deliveries.RING_AGAIN

KINDS: list[tuple[Callable[[int], bool], Motif]] = [
    (stat.S_ISDIR, Motif("pas-un-dossier")),
    (stat.S_ISLNK, Motif("pas-un-lien")),
    (stat.S_ISFIFO, Motif("pas-un-tube")),
    (stat.S_ISSOCK, Motif("pas-un-connecteur")),
]


class Unreadable(Exception):
    """It cannot be a delivery; the motif says why."""

    def __init__(self, motif: Motif):
        super().__init__(motif.code)
        self.motif = motif


def take_inbox(*, now: datetime, ring: bool = True) -> list[Livraison]:
    """Claim what lies finished in the inbox; a file that is still being written is left alone. Goes on after a kill."""
    names = {}
    for path in _finished(folder(INBOX)):
        if claimed := _claim(path):
            names[claimed] = path.name
    for path in _finished(folder(IN_HAND)):
        if key_of(path) is None:  # put there by hand
            _claim(path)
    claims = {key: path for path in folder(IN_HAND).iterdir() if (key := key_of(path))}
    rows = {row.uuid: row for row in Livraison.objects.filter(uuid__in=claims)}
    for key, row in rows.items():
        if row.state != EtatLivraison.RECUE:  # the worker that finished it was killed before it moved the bytes
            with _alone(claims[key]):
                bring(row, _content(claims[key]))
    found = [(_arrival(path), key) for key, path in claims.items() if key not in rows and path.is_dir()]
    taken = []
    for _, key in sorted(found):  # the last received wins
        with _alone(claims[key]):
            if livraison := _record(claims[key], key, names.get(key, ""), now, ring):
                taken.append(livraison)
    if ring:
        deliveries.ring_unanswered(now=now)
    return taken


def unsettled() -> bool:
    """True while the inbox holds a file that may still be written."""
    entree = folder(INBOX)
    present = clock_of(entree)
    return any(not path.name.startswith(".") and not _is_settled(path, present) for path in entree.iterdir())


# --- claiming ------------------------------------------------------------------------------------------------------


def _finished(place: Path) -> list[Path]:
    """What is not being written any more; hidden names are for files that are."""
    present = clock_of(place)
    return [path for path in place.iterdir() if not path.name.startswith(".") and _is_settled(path, present)]


def _is_settled(path: Path, present: float) -> bool:
    """It arrived by rename (its name is younger than its content), or nobody touched it for ten seconds."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return False
    renamed = stat.S_ISREG(found.st_mode) and found.st_ctime_ns > found.st_mtime_ns and found.st_size > 0
    return renamed or present - max(found.st_mtime, found.st_ctime) >= SETTLED_SECONDS


def _claim(path: Path) -> uuid.UUID | None:
    """Take it from the inbox under a name that any table holds; None when another worker was quicker, or it cannot."""
    key = uuid.uuid4()
    claim = folder(IN_HAND) / str(key)
    claim.mkdir(mode=0o700)
    try:
        path.rename(claim / safe_name(path.name))
    except OSError as error:
        claim.rmdir()
        if not isinstance(error, FileNotFoundError):
            logger.error("inbox: something cannot be moved: %s", type(error).__name__)
        return None
    return key


def _content(claim: Path) -> Path:
    """The one thing in a claim, or the claim itself."""
    inside = list(claim.iterdir()) if claim.is_dir() else []
    return inside[0] if len(inside) == 1 else claim


def _arrival(claim: Path) -> tuple[int, str]:
    """What came first goes first."""
    try:
        content = _content(claim)
        return content.lstat().st_mtime_ns, content.name
    except OSError:
        return 0, ""


@contextmanager
def _alone(claim: Path) -> Iterator[None]:
    """What goes wrong with one claim is said, by its number and kind only, and tried again at the next turn."""
    try:
        yield
    except FileNotFoundError:  # another worker was quicker
        pass
    except Exception as error:
        logger.error("inbox: %s not taken: %s", claim.name, type(error).__name__)


# --- recording -----------------------------------------------------------------------------------------------------


def _record(claim: Path, key: uuid.UUID, nom: str, now: datetime, ring: bool) -> Livraison | None:
    """The livraison of what lies in a claim. None when there is nothing (yet)."""
    path = _content(claim)
    nom = nom or path.name
    if path == claim and not any(claim.iterdir()):
        if age(claim, clock_of(folder(IN_HAND))) > STALE.total_seconds():
            claim.rmdir()
        return None
    try:
        digest = _digest(path)
    except Unreadable as reason:
        return _set_apart(path, key, nom, reason.motif, now)
    livraison = deliveries.admit(
        path, key=key, sha256=digest, nom=nom, origine=Livraison.Origine.DOSSIER, by=None, now=now, ring=ring
    )
    if livraison.uuid != key:
        remove(claim)
    return livraison


def _digest(path: Path) -> str:
    """Raises Unreadable for whatever is not a regular file of a delivery's size that this process may read."""
    found = path.lstat()
    if not stat.S_ISREG(found.st_mode):
        other = Motif("pas-un-peripherique")
        raise Unreadable(next((motif for is_kind, motif in KINDS if is_kind(found.st_mode)), other))
    if found.st_size > deliveries.LARGEST:
        raise Unreadable(Motif("trop-gros"))
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except PermissionError:
        raise Unreadable(Motif("illisible-ici")) from None
    with open(descriptor, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _set_apart(path: Path, key: uuid.UUID, nom: str, motif: Motif, now: datetime) -> Livraison | None:
    """A refused livraison for what cannot be read, and its bytes beside the inbox."""
    try:
        with transaction.atomic():
            livraison = Livraison.objects.create(
                uuid=key,
                nom=shown_name(nom),
                origine=Livraison.Origine.DOSSIER,
                received_at=now,
                fichier=f"{REFUSED}/{key}-{safe_name(nom)}",
            )
            journal.record("livraison.recue", livraison, by="systeme", at=now)
            LIVRAISON.apply(livraison, "refuse", by="systeme", now=now, motifs=[motif], finished_at=now)
    except IntegrityError:  # another worker was quicker
        return None
    folder(REFUSED)
    bring(livraison, path)
    return livraison


# --- what stands still ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Standstill:
    """RGP-5: how many things of each kind nobody has touched for two periods."""

    arrived: int
    claimed: int
    unapplied: int

    def __bool__(self) -> bool:
        return bool(self.arrived or self.claimed or self.unapplied)


def standing_still(*, now: datetime) -> Standstill:
    """What lies in the inbox, is claimed without a livraison, or received and not applied, while no worker gets to it.

    A livraison that waits behind another that is being applied does not stand still. Raises OSError without folders.
    """
    present, limit = clock_of(folder(IN_HAND)), STALE.total_seconds()
    inside = [path for path in folder(INBOX).iterdir() if not path.name.startswith(".")]
    claims = [path for path in unknown(IN_HAND) if not path.name.startswith(".") and path.suffix != UPLOAD]
    arrived, claimed = (sum(age(path, present) > limit for path in paths) for paths in (inside, claims))
    free = deliveries.unapplied().filter(deliveries.free_at(now), received_at__lt=now - STALE)
    if deliveries.unapplied().exclude(deliveries.free_at(now)).exists():
        free = free.exclude(lease_until=None)
    return Standstill(arrived, claimed, free.count())


def faults(*, now: datetime) -> Iterator[str]:
    """What does not agree: livraisons and bytes without each other, and what stands still."""
    still = standing_still(now=now)
    for count, what in (
        (still.arrived, "files wait in the inbox"),
        (still.claimed, "files are claimed and not recorded"),
        (still.unapplied, "livraisons are received and not applied"),
    ):
        if count:
            yield f"{count} {what} for more than {STALE.total_seconds() / 60:.0f} minutes"
    for livraison in Livraison.objects.exclude(fichier="").iterator():
        if not os.path.lexists(path_of(livraison)):
            yield f"livraison {livraison.uuid}: no bytes"
    for path in remains(times=2):
        yield f"bytes without livraison in {path.parent.name}"
