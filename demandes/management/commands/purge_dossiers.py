from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from demandes import queries
from demandes.services import destruction
from extranet.core import clock
from extranet.core.apart import Incomplete
from extranet.core.dates import paris_date
from extranet.core.errors import Refused


class Command(BaseCommand):
    help = (
        "Destroy the dossiers past their last day, and that day's key (CNS-1, CNS-10). Can be stopped and run again at "
        "any moment. What waits for an operator (CNS-6: five times a usual day, or a clock that leapt) is destroyed "
        "with --confirm and its number only. "
        "Exit 0 done, 1 some wait or failed, 2 wrong use."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        way = parser.add_mutually_exclusive_group()
        way.add_argument("--dry-run", action="store_true", help="say how many, destroy nothing")
        way.add_argument("--confirm", type=int, metavar="N", help="destroy the N dossiers that wait for an operator")

    def handle(self, *, dry_run: bool, confirm: int | None, **options: Any) -> None:
        now, reading = clock.now(), clock.reading()
        destruction.note_clock(reading)
        due = queries.due_for_destruction(paris_date(now)).count()
        if dry_run:
            self.stdout.write(f"{due} due, 0 destroyed (dry run)")
            self._say_why(destruction.held(now=now), keys=destruction.keys_held(now=now))
            return
        if confirm is not None:
            try:
                destruction.confirm(confirm, now=now, reading=reading)
            except Refused as refused:
                raise CommandError(refused.faults["confirm"], returncode=2) from refused
        brake = destruction.held(now=now) if confirm is None else None
        try:
            done, failed = destruction.destroy_due(now=now, confirmed=confirm is not None), 0
        except Incomplete as some:
            done, failed = some.done, len(some.failed)
        self.stdout.write(f"{due} due, {done} destroyed{f', {failed} failed' if failed else ''}")
        keys = destruction.keys_held(now=now)
        self._say_why(brake, keys=keys)
        if failed or brake or keys:
            raise SystemExit(1)

    def _say_why(self, brake: destruction.Held | None, *, keys: bool) -> None:
        if brake is None and keys:
            self.stdout.write(
                "keys of days that are over wait for an operator: the clock of a machine leapt. If it is right:"
            )
            self.stdout.write("python manage.py purge_dossiers --confirm 0")
        if brake is None:
            return
        why = (
            "the clock of a machine leapt by two days or more" if brake.leapt else f"a usual day destroys {brake.usual}"
        )
        self.stdout.write(f"they wait for an operator: {why}. If the clock is right and they are due:")
        self.stdout.write(f"python manage.py purge_dossiers --confirm {brake.due}")
