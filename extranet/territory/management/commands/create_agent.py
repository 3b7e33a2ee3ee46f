from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from extranet.core import clock
from extranet.core.errors import Refused
from extranet.territory import services
from extranet.territory.models import Agent


class Command(BaseCommand):
    help = "Open the back office of a Caf to an agent, invited by mail (CTL-6). Run again, it changes what differs."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--caf", required=True, help="code of the Caf, such as caf-77")
        roles = [role for role in Agent.Role.values if role != Agent.Role.CNAF]
        parser.add_argument("--role", required=True, choices=roles)

    def handle(self, *, email: str, caf: str, role: str, **options: Any) -> None:
        try:
            agent, changed = services.create_agent(email=email, role=role, caf_code=caf, by="systeme", now=clock.now())
        except Refused as refused:
            self.stderr.write(str(refused))
            raise SystemExit(2) from refused
        self.stdout.write(f"{agent.role} of {agent.caf_id}: {'done' if changed else 'unchanged'}")
