"""Where mails come back to: a mailbox (IMAP over TLS) or a folder into which a mail server drops files (NOT-2.c)."""

import imaplib
import ssl
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

from django.conf import settings

from extranet.core.outbox.dsn import LONGEST

PATIENCE = 10  # seconds for one answer of the mailbox


class Letter(NamedTuple):
    """The beginning of a mail, and how it is destroyed."""

    raw: bytes
    destroy: Callable[[], object]


def letters(most: int) -> Iterator[Letter]:
    """At most `most` of those that lie there, the oldest first. Raises where the place cannot be reached."""
    url = urlsplit(settings.BOUNCES_URL)
    if url.scheme == "imaps":
        return _of_mailbox(url, most)
    if url.scheme == "file":
        return _of_folder(Path(unquote(url.path)), most)
    if settings.BOUNCES_URL:
        raise ValueError("EXTRANET_BOUNCES_URL: imaps://… or file:///…")
    usual = settings.DATA_DIR / "rebonds"
    return _of_folder(usual, most) if usual.exists() else iter(())


def _of_folder(folder: Path, most: int) -> Iterator[Letter]:
    """Files *.eml put there by rename, and those of a Maildir; no link is followed."""
    if not folder.is_dir():
        raise NotADirectoryError(str(folder))
    places = ((folder, "*.eml"), (folder / "new", "*"), (folder / "cur", "*"))
    paths = [path for place, names in places for path in place.glob(names) if path.is_file() and not path.is_symlink()]
    failed = 0
    for path in sorted(paths, key=lambda one: one.name)[:most]:
        try:
            with path.open("rb") as file:
                raw = file.read(LONGEST)
        except OSError:  # not ours to read, or gone: the others have their turn
            failed += 1
            continue
        yield Letter(raw, partial(path.unlink, missing_ok=True))
    if failed:
        raise OSError(f"{failed} files cannot be read")


def _of_mailbox(url: SplitResult, most: int) -> Iterator[Letter]:
    """The mails of a folder of a mailbox, the certificate of its server verified (SSL_CERT_FILE names another root)."""
    context = ssl.create_default_context()
    with imaplib.IMAP4_SSL(url.hostname or "", url.port or 993, ssl_context=context, timeout=PATIENCE) as box:
        box.login(unquote(url.username or ""), unquote(url.password or ""))
        name = unquote(url.path.strip("/")) or "INBOX"
        _answer(box.select('"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'))
        try:
            numbers = _answer(box.uid("SEARCH", "UNDELETED"))[0] or b""
            for number in numbers.split()[:most]:
                found = _answer(box.uid("FETCH", number.decode(), f"(BODY.PEEK[]<0.{LONGEST}>)"))
                raw = next((part[1] for part in found if isinstance(part, tuple)), b"")
                yield Letter(raw, partial(box.uid, "STORE", number.decode(), "+FLAGS.SILENT", r"(\Deleted)"))
        finally:
            with suppress(imaplib.IMAP4.error, OSError):
                box.expunge()


def _answer(reply: tuple[str, list]) -> list:
    if reply[0] != "OK":
        raise imaplib.IMAP4.error("the mailbox refuses")  # its words may hold an address
    return reply[1]
