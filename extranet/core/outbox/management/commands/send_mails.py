from typing import Any

from django.core.management.base import BaseCommand

from extranet.core import clock
from extranet.core.outbox import services


class Command(BaseCommand):
    help = (
        "Send every mail that is due now, those that wait for a later try too (NOT-2). "
        "Exit 1 when some have to be tried again."
    )

    def handle(self, **options: Any) -> None:
        sent, left = services.send_due(now=clock.now(), within=None, pauses=False)
        self.stdout.write(f"{sent} sent, {left} to try again")
        if left:
            raise SystemExit(1)
