import sys
import time
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from demandes.models import Livraison
from demandes.services import deliveries
from demandes.workflow import EtatLivraison
from extranet.core import clock


class Command(BaseCommand):
    help = (
        "Take in deliveries of monenfant.fr (XML, or XML packed by gzip): the files named, or what waits in the inbox "
        "folder. Can be stopped and run again at any moment. Exit 0: done; 1: a file was refused or records were set "
        "aside; 2: a file is missing or cannot be read."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("paths", metavar="PATH", nargs="*", type=Path, help="delivery file (it stays where it is)")

    def handle(self, *, paths: list[Path], **options: Any) -> None:
        outcomes = [self._given(path) for path in paths] if paths else self._inbox()
        if any(outcomes):
            sys.exit(1)

    def _given(self, path: Path) -> bool:
        try:
            file = path.open("rb")
        except OSError as error:
            raise CommandError(f"{path}: {error.strerror}", returncode=2) from None
        with file:
            try:
                livraison = deliveries.register(
                    file, nom=path.name, origine=Livraison.Origine.DEPOT, now=clock.now(), ring=False
                )
            except OSError as error:
                raise CommandError(f"{path}: {error.strerror}", returncode=2) from None
            except deliveries.TooLarge:
                self.stdout.write(f"{path.name}: refused (fichier trop volumineux)")
                return True
        return self._finish(livraison, path.name)

    def _inbox(self) -> list[bool]:
        end = time.monotonic() + deliveries.SETTLED_SECONDS + 2
        while deliveries.unsettled() and time.monotonic() < end:
            time.sleep(0.5)
        taken = {livraison.pk: livraison for livraison in deliveries.take_inbox(now=clock.now(), ring=False)}
        rest = Livraison.objects.filter(pk__in=set(deliveries.waiting()) - taken.keys())
        return [self._finish(livraison, livraison.nom) for livraison in [*taken.values(), *rest]]

    def _finish(self, livraison: Livraison, nom: str) -> bool:
        """Apply it, say what came of it; True when something was refused or set aside."""
        is_new = livraison.is_new or livraison.state == EtatLivraison.RECUE
        if is_new:
            livraison = deliveries.wait_for(livraison.pk, now=clock.now(), progress=self._progress)
        livraison.is_new = is_new
        self.stdout.write(deliveries.summary(livraison, nom))
        return is_new and bool(livraison.state == EtatLivraison.REFUSEE or livraison.ecartees)

    def _progress(self, livraison: Livraison) -> None:
        if self.stdout.isatty():
            self.stdout.write(f"\r{livraison.nom}: {livraison.lues}", ending="")
