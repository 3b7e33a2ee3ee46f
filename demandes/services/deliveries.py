"""Delivery files of monenfant.fr: each is taken once, applied once, and destroyed in time (ING-1, ING-4, ING-5).

Below DATA_DIR/livraisons: `entree` (the inbox), `en-cours/<uuid>/<name>` (claimed, being applied), `traitees`, `refusees`.
A file is claimed by one rename. The row's checkpoint moves with the effects of each batch, and only from where the batch
began, so two workers or a kill cannot apply a record twice.
"""

import fcntl
import hashlib
import os
import re
import time
import unicodedata
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from django.conf import settings
from django.db import IntegrityError, transaction

from demandes.documents import xml_reader
from demandes.documents.recue import Lue
from demandes.models import Livraison
from demandes.services import intake, transmission
from demandes.services.transmission import Places
from demandes.workflow import LIVRAISON, EtatLivraison
from extranet.core import bell, bulk
from extranet.core.journal import services as journal

BATCH = 1_000
SETTLED_SECONDS = 10
KEPT = {EtatLivraison.TRAITEE: timedelta(hours=24), EtatLivraison.REFUSEE: timedelta(days=15)}
FOLDERS = {EtatLivraison.TRAITEE: "traitees", EtatLivraison.REFUSEE: "refusees"}
CHUNK = 1 << 20
LARGEST = 2 * 1024**3

Progress = Callable[[Livraison], None]


class TooLarge(Exception):
    """More bytes than a delivery may have."""


def folder(name: str) -> Path:
    """`entree`, `en-cours`, `traitees` or `refusees`, made when missing."""
    path = settings.DATA_DIR / "livraisons" / name
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def path_of(livraison: Livraison) -> Path:
    """Where the bytes are."""
    return settings.DATA_DIR / "livraisons" / livraison.fichier


# --- in ------------------------------------------------------------------------------------------------------------


def register(
    source: BinaryIO, *, nom: str, origine: str, by: Any = None, now: datetime, ring: bool = True
) -> Livraison:
    """Keep a delivery and ask for its ingestion. The same bytes again give the livraison that they made, `is_new` false.

    Raises TooLarge, nothing kept.
    """
    partial = folder("en-cours") / f"{uuid.uuid4()}.part"
    digest = hashlib.sha256()
    try:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "wb") as target:
            while chunk := source.read(CHUNK):
                digest.update(chunk)
                target.write(chunk)
                if target.tell() > LARGEST:
                    raise TooLarge
            target.flush()
            os.fsync(target.fileno())
        claim = folder("en-cours") / partial.stem
        claim.mkdir(mode=0o700)
        partial.rename(claim / _safe(nom))
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    return _admit(claim, digest.hexdigest(), nom, origine, by, now, ring)


def take_inbox(*, now: datetime, ring: bool = True) -> list[Livraison]:
    """Claim what lies finished in the inbox; a file that is still being written is left alone. Goes on after a kill."""
    entree, claims = folder("entree"), folder("en-cours")
    present = _clock_of(entree)
    for path in sorted(entree.iterdir()):
        if _is_settled(path, present):
            claim = claims / str(uuid.uuid4())
            claim.mkdir(mode=0o700)
            try:
                path.rename(claim / path.name)
            except FileNotFoundError:  # another worker was quicker
                claim.rmdir()
    taken = []
    known = set(map(str, Livraison.objects.exclude(fichier="").values_list("uuid", flat=True)))
    files = [
        path for claim in claims.iterdir() if claim.is_dir() and claim.name not in known for path in claim.iterdir()
    ]
    for path in sorted(files, key=lambda path: (path.stat().st_mtime_ns, path.name)):  # the last received wins
        claim = path.parent
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        taken.append(_admit(claim, digest, path.name, Livraison.Origine.DOSSIER, None, now, ring))
    if ring:
        for pk in waiting():
            bell.ring("demandes.tasks.ingest", pk)
    return taken


def unsettled() -> bool:
    """True while the inbox holds a file that may still be written."""
    entree = folder("entree")
    present = _clock_of(entree)
    return any(_is_delivery(path) and not _is_settled(path, present) for path in entree.iterdir())


def waiting() -> list[int]:
    """Livraisons that are not applied to their end."""
    return list(Livraison.objects.filter(state=EtatLivraison.RECUE).order_by("pk").values_list("pk", flat=True))


def _is_delivery(path: Path) -> bool:
    return not path.name.startswith(".") and not path.is_symlink() and path.is_file()


def _is_settled(path: Path, present: float) -> bool:
    """It arrived by rename (its name is younger than its content), or nobody touched it for ten seconds."""
    try:
        if not _is_delivery(path):
            return False
        found = path.stat()
    except FileNotFoundError:
        return False
    renamed = found.st_ctime_ns > found.st_mtime_ns and found.st_size > 0
    return renamed or present - max(found.st_mtime, found.st_ctime) >= SETTLED_SECONDS


def _clock_of(place: Path) -> float:
    """The time by which this file system dates its files: neither the portal's clock nor this machine's."""
    probe = place / f".heure-{uuid.uuid4()}"
    probe.touch()
    try:
        return probe.stat().st_mtime
    finally:
        probe.unlink()


def _safe(nom: str) -> str:
    """A file name made of `nom`, whatever was given."""
    plain = unicodedata.normalize("NFC", os.path.basename(nom.replace("\\", "/")))
    return re.sub(r"[^\w.\-]", "_", plain).lstrip(".")[:80] or "livraison.xml"


def _admit(claim: Path, digest: str, nom: str, origine: str, by: Any, now: datetime, ring: bool) -> Livraison:
    """The row of claimed bytes, or that of the same bytes received before (then these go)."""
    path = next(claim.iterdir())
    shown = "".join(c for c in unicodedata.normalize("NFC", nom) if c.isprintable())[:255] or path.name
    try:
        with transaction.atomic():
            livraison = Livraison.objects.create(
                uuid=claim.name,
                nom=shown,
                sha256=digest,
                origine=origine,
                received_at=now,
                received_by=by,
                fichier=f"en-cours/{claim.name}/{path.name}",
            )
            journal.record("livraison.recue", livraison, by=by or "systeme", at=now, sha256=digest)
            if ring:
                bell.ring("demandes.tasks.ingest", livraison.pk)
    except IntegrityError:
        livraison = Livraison.objects.get(sha256=digest)
        livraison.is_new = False
        if str(livraison.uuid) != claim.name:
            path.unlink(missing_ok=True)
            claim.rmdir()
    return livraison


# --- applying ------------------------------------------------------------------------------------------------------


def ingest(livraison_id: int, *, now: datetime, progress: Progress | None = None) -> Livraison | None:
    """Apply a delivery from where it stands to its end. None when another worker is at it."""
    livraison = Livraison.objects.get(pk=livraison_id)
    if livraison.state != EtatLivraison.RECUE:
        return livraison
    try:
        file = open(path_of(livraison), "rb")  # noqa: SIM115 -- closed by the lock
    except FileNotFoundError:
        livraison.refresh_from_db()
        return livraison if livraison.state != EtatLivraison.RECUE else _refuse(livraison, "fichier absent", now)
    with _locked(file) as mine:
        if not mine:
            return None
        livraison.refresh_from_db()
        if livraison.state == EtatLivraison.RECUE:
            _apply(livraison, now, progress)
        return livraison


@contextmanager
def _locked(file: BinaryIO) -> Iterator[bool]:
    """One worker a file; the lock ends with the process, however it ends."""
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def _apply(livraison: Livraison, now: datetime, progress: Progress | None) -> None:
    path = path_of(livraison)
    if not livraison.checkpoint:
        try:
            xml_reader.survey(path)
        except xml_reader.Unreadable as reason:
            _refuse(livraison, str(reason), now)
            return
    places = Places.of(now)
    records = xml_reader.records(path, skip=livraison.checkpoint)
    with bulk.fewer_collections():
        while batch := list(islice(records, BATCH)):
            _apply_batch(livraison, batch, now, places)
            if progress:
                progress(livraison)
    transmission.transmit_waiting(livraison, now=now, places=places)
    if LIVRAISON.apply(livraison, "finish", by="systeme", now=now, finished_at=now):
        _file_away(livraison)


def _apply_batch(livraison: Livraison, batch: list[Lue], now: datetime, places: Places) -> None:
    """A batch and its checkpoint, together. Once more when another delivery wrote the same reference meanwhile."""
    for attempt in range(3):
        try:
            with transaction.atomic():
                counts = intake.receive_many(batch, livraison, now, places)
                changes = {
                    "checkpoint": livraison.checkpoint + len(batch),
                    "lues": livraison.lues + len(batch),
                    "creees": livraison.creees + counts.created,
                    "mises_a_jour": livraison.mises_a_jour + counts.updated,
                    "inchangees": livraison.inchangees + counts.unchanged,
                    "ecartees": livraison.ecartees + counts.set_aside,
                }
                rows = Livraison.objects.filter(
                    pk=livraison.pk, state=EtatLivraison.RECUE, checkpoint=livraison.checkpoint
                )
                if rows.update(**changes) != 1:
                    raise RuntimeError(f"livraison {livraison.uuid}: another worker moved the checkpoint")
            break
        except IntegrityError:
            if attempt == 2:
                raise
    for name, value in changes.items():
        setattr(livraison, name, value)


def _refuse(livraison: Livraison, motif: str, now: datetime) -> Livraison:
    if LIVRAISON.apply(livraison, "refuse", by="systeme", now=now, motif=motif[:300], finished_at=now):
        _file_away(livraison)
    return livraison


def _file_away(livraison: Livraison) -> None:
    """Move the bytes beside the inbox, under their own name where it is free. A kill before it leaves them where they were."""
    path = path_of(livraison)
    if not path.exists():
        return
    place = folder(FOLDERS[EtatLivraison(livraison.state)])
    target = place / path.name
    if target.exists():
        target = place / f"{livraison.uuid}.xml"
    path.rename(target)
    path.parent.rmdir()
    livraison.fichier = f"{place.name}/{target.name}"
    Livraison.objects.filter(pk=livraison.pk).update(fichier=livraison.fichier)


def summary(livraison: Livraison, nom: str = "") -> str:
    """The line that scripts read."""
    nom = nom or livraison.nom
    if not livraison.is_new:
        return f"{nom}: already received"
    if livraison.state == EtatLivraison.REFUSEE:
        return f"{nom}: refused ({livraison.motif})"
    return f"{nom}: " + " ".join(f"{name}={count}" for name, count in livraison.summary.items())


# --- out -----------------------------------------------------------------------------------------------------------


def destroy_old_files(*, now: datetime) -> int:
    """ING-5: a file goes 24 hours after success, 15 days after refusal; so do remains of uploads that broke off."""
    done = 0
    for state, kept in KEPT.items():
        for livraison in Livraison.objects.filter(state=state, finished_at__lte=now - kept).exclude(fichier=""):
            path = path_of(livraison)
            path.unlink(missing_ok=True)
            if path.parent.parent.name == "en-cours":
                path.parent.rmdir()
            Livraison.objects.filter(pk=livraison.pk).update(fichier="")
            done += 1
    claims = folder("en-cours")
    limit = _clock_of(claims) - timedelta(days=1).total_seconds()
    for path in claims.glob("*.part"):
        if path.stat().st_mtime < limit:
            path.unlink(missing_ok=True)
            done += 1
    return done


def wait_for(livraison_id: int, *, now: datetime, progress: Progress | None = None) -> Livraison:
    """`ingest`, or wait until the worker that is at it has done it."""
    while (livraison := ingest(livraison_id, now=now, progress=progress)) is None:
        time.sleep(0.2)
    return livraison
