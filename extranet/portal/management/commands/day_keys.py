from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from demandes.services import dossiers
from extranet.core import clock
from extranet.core.errors import Refused
from extranet.core.vault import days


class Command(BaseCommand):
    help = (
        "The keys of days that seal dossiers (CNS-10): make those to come, mend what a place lacks, say what is wrong. "
        "Exit 0 all is well, 1 some are lost, damaged or not mirrored, 2 wrong use."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        way = parser.add_mutually_exclusive_group()
        way.add_argument("--rewrap", action="store_true", help="put every key under the last line of the master key")
        way.add_argument(
            "--replace", type=date.fromisoformat, metavar="DAY", help="a new key where it is lost for good"
        )
        parser.add_argument(
            "--confirm", type=int, metavar="N", help="with --replace: the N dossiers that nobody reads again"
        )

    def handle(self, *, rewrap: bool, replace: date | None, confirm: int | None, **options: Any) -> None:
        now = clock.now()
        if replace:
            try:
                dossiers.replace_key(replace, confirm=confirm, now=now)
            except Refused as refused:
                raise CommandError(refused.faults["confirm"], returncode=2) from refused
        if rewrap:
            done, failed = days.rewrap()
            self.stdout.write(f"{done} keys under the new master key, {len(failed)} that no master key opens")
        made = dossiers.prepare(now=now)
        trouble = dossiers.trouble(now=now)
        for day, (why, count) in sorted(trouble.items()):
            self.stdout.write(f"{day}: {why}, {count} dossiers")
        self.stdout.write(f"{made} keys made or mended, {len(trouble)} in trouble")
        if trouble:
            raise SystemExit(1)
