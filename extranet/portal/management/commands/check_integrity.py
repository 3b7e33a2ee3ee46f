from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from extranet.core import clock
from extranet.core.journal import services as journal
from extranet.portal import integrity


class Command(BaseCommand):
    help = (
        "Prove the invariants: limits of keeping, one lieu a demande, journal unbroken, files = records. "
        "Exit 1 and a list otherwise."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--seal", metavar="DIGEST", help="also say whether this seal of a mail is in the chain")

    def handle(self, *, seal: str | None, **options: Any) -> None:
        found = integrity.faults(clock.now())
        if seal and (link := journal.find(seal)):
            self.stdout.write(f"seal of {link.at:%Y-%m-%d %H:%M} UTC: in the chain ({link})")
        elif seal:
            found.append("the seal asked for is not in the chain")
        for fault in found:
            self.stdout.write(fault)
        self.stdout.write(f"{len(integrity.CHECKS)} checks, {len(found)} faults")
        if found:
            raise SystemExit(1)
