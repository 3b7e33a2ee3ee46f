from typing import Any

from django.core.management.base import BaseCommand

from extranet.core import clock
from extranet.territory import reference


class Command(BaseCommand):
    help = (
        "Load communes, former communes, EPCI, départements and Cafs. Does nothing when this version is there already."
    )

    def handle(self, **options: Any) -> None:
        counts = reference.load(now=clock.now())
        if counts is None:
            self.stdout.write("reference data: up to date")
        else:
            self.stdout.write("reference data: " + ", ".join(f"{count} {name}" for name, count in counts.items()))
