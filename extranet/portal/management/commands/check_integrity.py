from typing import Any

from django.core.management.base import BaseCommand

from extranet.core import clock
from extranet.portal import integrity


class Command(BaseCommand):
    help = "Prove the invariants: limits of keeping, one lieu a demande, journal unbroken, files = records. Exit 1 and a list otherwise."

    def handle(self, **options: Any) -> None:
        found = integrity.faults(clock.now())
        for fault in found:
            self.stdout.write(fault)
        self.stdout.write(f"{len(integrity.CHECKS)} checks, {len(found)} faults")
        if found:
            raise SystemExit(1)
