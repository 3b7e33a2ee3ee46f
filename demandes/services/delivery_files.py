"""Where the bytes of deliveries lie, under which names, and which of them belong to no livraison.

Below DATA_DIR/livraisons: `entree` (the inbox), `en-cours` (`<uuid>/<name>` claimed from the inbox, `<uuid>.depot`
handed in otherwise), `traitees` and `refusees`.
"""

import os
import re
import shutil
import unicodedata
import uuid
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from django.conf import settings

from demandes.models import Livraison

INBOX, IN_HAND, DONE, REFUSED = "entree", "en-cours", "traitees", "refusees"
UPLOAD = ".depot"
# How long bytes may lie without a livraison: handed in, they wait for their row for a moment only.
TOLERATED, TOLERATED_UPLOAD = timedelta(days=1), timedelta(hours=1)


def folder(name: str) -> Path:
    """`entree`, `en-cours`, `traitees` or `refusees`, made when missing."""
    path: Path = settings.DATA_DIR / "livraisons" / name
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def path_of(livraison: Livraison) -> Path:
    """Where the bytes are."""
    return settings.DATA_DIR / "livraisons" / livraison.fichier


def shown_name(nom: str) -> str:
    """A name as people may read it: whatever bytes it was made of, in NFC, without what cannot be seen."""
    text = re.sub("[\ud800-\udfff]", "\ufffd", nom)
    return "".join(c for c in unicodedata.normalize("NFC", text) if c.isprintable())[:255].strip() or "livraison.xml"


def safe_name(nom: str) -> str:
    """A short file name in ASCII made of `nom`, whatever was given."""
    text = unicodedata.normalize("NFKD", os.path.basename(nom.replace("\\", "/")))
    plain = "".join(c for c in text if not unicodedata.combining(c))
    return re.sub(r"[^A-Za-z0-9._-]", "_", plain)[-80:].lstrip(".") or "livraison.xml"


def bring(livraison: Livraison, source: Path) -> None:
    """Move what lies at `source`, below `en-cours`, to where the row says; destroy it where that is there, or nowhere.

    Any number of workers may try.
    """
    target = path_of(livraison)
    with suppress(FileNotFoundError):
        if livraison.fichier and not os.path.lexists(target):
            source.rename(target)
        else:
            remove(source)
    if livraison.fichier and not os.path.lexists(target):  # it was not there
        Livraison.objects.filter(pk=livraison.pk).update(fichier="")
        livraison.fichier = ""
    if source.parent.name != IN_HAND:
        with suppress(OSError):
            source.parent.rmdir()


def remove(path: Path) -> None:
    """Destroy a file, or a folder with all that is in it; a link is removed, not followed."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def clock_of(place: Path) -> float:
    """The time by which this file system dates its files: neither the portal's clock nor this machine's."""
    probe = place / f".heure-{uuid.uuid4()}"
    probe.touch()
    try:
        return probe.stat().st_mtime
    finally:
        probe.unlink()


def key_of(path: Path) -> uuid.UUID | None:
    """The livraison of an entry of `en-cours`; None for what the portal has not put there."""
    try:
        key = uuid.UUID(path.name.removesuffix(UPLOAD))
    except ValueError:
        return None
    return key if path.name in (str(key), f"{key}{UPLOAD}") else None


def age(path: Path, present: float) -> float:
    """Seconds since anybody touched it, by `clock_of`; 0 for what is gone meanwhile."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return 0.0
    return present - max(found.st_mtime, found.st_ctime)


def unknown(name: str) -> list[Path]:
    """What lies in a folder without a livraison that names it."""
    rows = Livraison.objects.filter(fichier__startswith=f"{name}/").values_list("fichier", flat=True)
    known = {fichier.split("/")[1] for fichier in rows}
    return [path for path in folder(name).iterdir() if path.name not in known]


def remains(times: int = 1) -> list[Path]:
    """Families' data that no livraison answers for, left longer than `times` what is tolerated: by uploads that broke
    off, under the hidden names of files that are being written, by hand. What is claimed from the inbox gets its
    livraison.
    """
    present = clock_of(folder(IN_HAND))
    hidden = [path for name in (INBOX, IN_HAND) for path in folder(name).iterdir() if path.name.startswith(".")]
    uploads = [path for path in unknown(IN_HAND) if path.suffix == UPLOAD]
    found = [path for path in [*hidden, *unknown(DONE), *unknown(REFUSED)] if _left(path, TOLERATED * times, present)]
    return [*found, *(path for path in uploads if _left(path, TOLERATED_UPLOAD * times, present))]


def _left(path: Path, since: timedelta, present: float) -> bool:
    return age(path, present) > since.total_seconds()
