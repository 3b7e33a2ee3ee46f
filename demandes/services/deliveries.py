"""Delivery files of monenfant.fr: each is taken once, waits to be applied, and is destroyed in time (ING-1, ING-5).

The row says where its bytes are (services.delivery_files); they follow it, also after a kill.
"""

import hashlib
import logging
import os
import uuid
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, Q, QuerySet

from demandes.documents.motifs import refusal
from demandes.models import Livraison
from demandes.services import delivery_files
from demandes.services.delivery_files import UPLOAD, folder, path_of, remove, shown_name
from demandes.workflow import EtatLivraison
from extranet.core import bell
from extranet.core.accounts.models import User
from extranet.core.journal import services as journal

logger = logging.getLogger(__name__)

KEPT = {EtatLivraison.TRAITEE: timedelta(hours=24), EtatLivraison.REFUSEE: timedelta(days=15)}
CHUNK = 1 << 20
LARGEST = 2 * 1024**3
# A bell that nobody answered is rung again after this.
RING_AGAIN = timedelta(minutes=2)


class TooLarge(Exception):
    """More bytes than a delivery may have."""


# --- in ------------------------------------------------------------------------------------------------------------


def register(
    source: BinaryIO, *, nom: str, origine: str, by: User | None = None, now: datetime, ring: bool = True
) -> Livraison:
    """Keep a delivery and ask for its ingestion. The same bytes again give their livraison, `is_new` false.

    The bytes are there before the row, and are no delivery without it: whatever fails leaves neither. Call outside a
    transaction. Raises TooLarge.
    """
    key, done = uuid.uuid4(), False
    path = folder(delivery_files.IN_HAND) / f"{key}{UPLOAD}"
    try:
        digest = _write(source, path)
        with transaction.atomic():
            livraison = admit(path, key=key, sha256=digest, nom=nom, origine=origine, by=by, now=now, ring=ring)
            done = True
    except BaseException:
        if not done:  # else only the commit failed: the row may be there, and without it the bytes go within the hour
            path.unlink(missing_ok=True)
        raise
    if livraison.uuid != key:
        path.unlink(missing_ok=True)
    return livraison


def _write(source: BinaryIO, path: Path) -> str:
    digest = hashlib.sha256()
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as target:
        while chunk := source.read(CHUNK):
            digest.update(chunk)
            target.write(chunk)
            if target.tell() > LARGEST:
                raise TooLarge
        target.flush()
        os.fsync(target.fileno())
    return digest.hexdigest()


def admit(
    path: Path, *, key: uuid.UUID, sha256: str, nom: str, origine: str, by: User | None, now: datetime, ring: bool
) -> Livraison:
    """The row of bytes that lie below `en-cours`, or, `is_new` false, that of the same bytes received before."""
    try:
        with transaction.atomic():
            livraison = Livraison.objects.create(
                uuid=key,
                nom=shown_name(nom),
                sha256=sha256,
                origine=origine,
                received_at=now,
                received_by=by,
                fichier=str(path.relative_to(settings.DATA_DIR / "livraisons")),
                rung_at=now if ring else None,
            )
            journal.record("livraison.recue", livraison, by=by or "systeme", at=now, sha256=sha256)
            if ring:
                bell.ring("demandes.tasks.ingest", livraison.pk)
    except IntegrityError:
        livraison = Livraison.objects.get(sha256=sha256)
        livraison.is_new = False
    return livraison


def unapplied() -> QuerySet[Livraison]:
    """Livraisons that are not applied to their end, the first received first."""
    return Livraison.objects.filter(state=EtatLivraison.RECUE).order_by("pk")


def free_at(now: datetime) -> Q:
    """No worker is at it."""
    return Q(lease_until=None) | Q(lease_until__lte=now)


def ring_unanswered(*, now: datetime) -> int:
    """Ring for what nobody is at: once when it comes or its worker dies, again when it is lost; returns how many."""
    lapsed = Q(rung_at__lt=F("lease_until"))
    lost = Q(rung_at=None) | Q(rung_at__lte=now - RING_AGAIN)
    done = 0
    for pk in unapplied().filter(free_at(now), lapsed | lost).values_list("pk", flat=True):
        with transaction.atomic():
            if unapplied().filter(free_at(now), lapsed | lost, pk=pk).update(rung_at=now):
                bell.ring("demandes.tasks.ingest", pk)
                done += 1
    return done


def summary(livraison: Livraison, nom: str = "") -> str:
    """The line that scripts read."""
    nom = nom or livraison.nom
    if not livraison.is_new:
        return f"{nom}: already received"
    if livraison.state == EtatLivraison.REFUSEE:
        return f"{nom}: refused ({refusal(livraison.motifs)})"
    return f"{nom}: " + " ".join(f"{name}={count}" for name, count in livraison.summary.items())


# --- out -----------------------------------------------------------------------------------------------------------


def destroy_old_files(*, now: datetime) -> int:
    """ING-5: a file goes 24 hours after success, 15 days after refusal; so do remains without a livraison.

    One that cannot be destroyed holds back no other. Raises OSError in the end when there was one: all is not done.
    """
    done, fault = 0, None
    due: list[tuple[Path, int | None]] = [(path, None) for path in delivery_files.remains()]
    for state, kept in KEPT.items():
        old = Livraison.objects.filter(state=state, finished_at__lte=now - kept).exclude(fichier="")
        due += [(path_of(livraison), livraison.pk) for livraison in old]
    for path, pk in due:
        try:
            remove(path)
        except OSError as error:
            logger.error("bytes of livraison %s not destroyed: %s", pk, type(error).__name__)
            fault = error
        else:
            if pk:
                Livraison.objects.filter(pk=pk).update(fichier="")
            done += 1
    if fault:
        raise fault
    return done
