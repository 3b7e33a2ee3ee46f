from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from demandes import queries
from demandes.services import destruction
from extranet.core import clock
from extranet.core.dates import paris_date


class Command(BaseCommand):
    help = "Destroy the dossiers past their last day (CNS-1). Can be stopped and run again at any moment."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="say how many, destroy nothing")

    def handle(self, *, dry_run: bool, **options: Any) -> None:
        now = clock.now()
        due = queries.due_for_destruction(paris_date(now)).count()
        done = 0 if dry_run else destruction.destroy_due(now=now)
        self.stdout.write(f"{due} due, {done} destroyed{' (dry run)' if dry_run else ''}")
