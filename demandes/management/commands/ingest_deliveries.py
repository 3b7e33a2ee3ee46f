import errno
import stat
import sys
import time
from pathlib import Path
from typing import Any, BinaryIO

from django.core.management.base import BaseCommand, CommandError, CommandParser

from demandes.models import Livraison
from demandes.services import applying, deliveries, inbox
from demandes.services.delivery_files import shown_name
from demandes.workflow import EtatLivraison
from extranet.core import clock

BAR = 30  # characters


class Command(BaseCommand):
    help = (
        "Take in deliveries of monenfant.fr (XML, or XML packed by gzip): the files named, or what waits in the inbox "
        "folder. Can be stopped and run again at any moment. Exit 0: done; 1: a file was refused, failed, or records "
        "were set aside; 2: a file is missing, cannot be read or is no regular file (the others are taken in)."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("paths", metavar="PATH", nargs="*", type=Path, help="delivery file (it stays where it is)")

    def handle(self, *, paths: list[Path], **options: Any) -> None:
        unreadable: list[str] = []
        outcomes = [self._given(path, unreadable) for path in paths] if paths else self._inbox()
        if unreadable:
            raise CommandError("\n".join(unreadable), returncode=2)
        if any(outcomes):
            sys.exit(1)

    def _given(self, path: Path, unreadable: list[str]) -> bool:
        nom = shown_name(path.name)
        try:
            with _open(path) as file:
                livraison = deliveries.register(
                    file, nom=path.name, origine=Livraison.Origine.COMMANDE, now=clock.now(), ring=False
                )
        except OSError as error:
            unreadable.append(f"{nom}: {error.strerror}")
            return True
        except deliveries.TooLarge:
            self.stdout.write(f"{nom}: refused (fichier de plus de 2 Gio)")
            return True
        return self._finish(livraison, nom)

    def _inbox(self) -> list[bool]:
        end = time.monotonic() + inbox.SETTLED_SECONDS + 2
        while inbox.unsettled() and time.monotonic() < end:
            time.sleep(0.5)
        taken = {livraison.pk: livraison for livraison in inbox.take_inbox(now=clock.now(), ring=False)}
        rest = deliveries.unapplied().exclude(pk__in=taken)
        return [self._finish(livraison, livraison.nom) for livraison in [*taken.values(), *rest]]

    def _finish(self, livraison: Livraison, nom: str) -> bool:
        """Apply it, say what came of it; True when something was refused, set aside, or went wrong."""
        if livraison.state == EtatLivraison.RECUE:
            try:
                livraison = applying.wait_for(livraison.pk, now=clock.now(), progress=self._progress)
            except Exception as error:  # the others go on; a worker takes this one up again
                self.stdout.write(f"{nom}: failed ({type(error).__name__})")
                return True
        self.stdout.write(deliveries.summary(livraison, nom))
        return livraison.is_new and bool(livraison.state == EtatLivraison.REFUSEE or livraison.ecartees)

    def _progress(self, livraison: Livraison) -> None:
        if self.stdout.isatty():
            done, whole = livraison.checkpoint, livraison.enregistrements or livraison.checkpoint
            bar = "#" * (BAR * done // max(whole, 1))
            ending = "\n" if done == whole else ""
            self.stdout.write(f"\r{livraison.nom}: [{bar:<{BAR}}] {done}/{whole}", ending=ending)
            self.stdout.flush()


def _open(path: Path) -> BinaryIO:
    """Regular files only: a pipe may never end. Raises OSError."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "not a regular file")
    return path.open("rb")
