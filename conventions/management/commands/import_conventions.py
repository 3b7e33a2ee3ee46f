import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from conventions.forms.takeover_file import Rapport, read_report
from extranet.core import clock
from extranet.core.errors import Refused
from extranet.territory.models import Caf

SAID = {"reprise": "taken over", "inchangee": "unchanged", "modifiee": "changed, not applied", "refusee": "set aside"}


class Command(BaseCommand):
    help = (
        "Take over the running conventions of a Caf from a CSV or ODS file (the model is in the back office). "
        "Idempotent by the Caf's own number. Exit 0: done; 1: some conventions were set aside or are changed; "
        "2: the file cannot be read or is none, or there is no such Caf."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", type=Path)
        parser.add_argument("--caf", required=True, metavar="CODE", help="for example caf-77")
        parser.add_argument("--dry-run", action="store_true", help="say what would be done, write nothing")

    def handle(self, *, file: Path, caf: str, dry_run: bool, **options: Any) -> None:
        found = Caf.objects.filter(pk=caf).first()
        if found is None:
            raise CommandError(f"no such Caf: {caf}", returncode=2)
        try:
            rapport = read_report(file.read_bytes(), found, by=None, now=clock.now(), apply=not dry_run)
        except OSError as error:
            raise CommandError(f"{file.name}: {error.strerror}", returncode=2) from None
        except Refused as refused:
            raise CommandError(f"{file.name}: {refused}", returncode=2) from None
        self._say(rapport, file.name, dry_run)
        if rapport.of("refusee", "modifiee"):
            sys.exit(1)

    def _say(self, rapport: Rapport, name: str, dry_run: bool) -> None:
        for sort in rapport.sorts:
            self.stdout.write(f"{sort.lue.ligne}: {sort.lue.numero or '-'}: {SAID[sort.fate]} {sort.remarque}".rstrip())
            for fault in sort.fautes:
                self.stdout.write(f"  {fault.ligne}: {fault.colonne}: {fault.phrase}")
        if rapport.ignorees:
            self.stdout.write(f"columns left aside: {len(rapport.ignorees)}")
        counts = " ".join(f"{fate}={len(rapport.of(fate))}" for fate in SAID)
        self.stdout.write(f"{name}: {counts}{' (dry run, nothing written)' if dry_run else ''}")
