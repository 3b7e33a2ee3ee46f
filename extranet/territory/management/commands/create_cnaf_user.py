from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from extranet.core import clock
from extranet.core.errors import Refused
from extranet.territory import services
from extranet.territory.models import Agent


class Command(BaseCommand):
    help = (
        "Open the national back office to a member of the Cnaf, invited by mail (CTL-6). Run again, it changes nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")

    def handle(self, *, email: str, **options: Any) -> None:
        try:
            _, changed = services.create_agent(
                email=email, role=Agent.Role.CNAF, caf_code=None, by="systeme", now=clock.now()
            )
        except Refused as refused:
            self.stderr.write(str(refused))
            raise SystemExit(2) from refused
        self.stdout.write(f"cnaf: {'done' if changed else 'unchanged'}")
