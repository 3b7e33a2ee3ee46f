from typing import Any

from django.core.management.base import BaseCommand

from demandes.services import destruction
from extranet.core import clock
from extranet.core.outbox import services as outbox
from extranet.portal import sweep


class Command(BaseCommand):
    help = (
        "Run once everything that a clock triggers, then send the mails that are due. "
        "Exit 1 when something failed or waits."
    )

    def handle(self, **options: Any) -> None:
        now = clock.now()
        destruction.note_clock(clock.reading())
        done = sweep.run(now=now)
        sent, left = outbox.send_due(now=now, within=None)
        failed = [name for name, count in done.items() if count < 0]
        for name, count in done.items():
            self.stdout.write(f"{name}: {'failed' if count < 0 else count}")
        if brake := destruction.held(now=now):
            self.stdout.write(f"{brake.due} destructions wait for an operator: purge_dossiers --dry-run says why")
        self.stdout.write(
            f"{len(done) - len(failed)} done, {len(failed)} failed, {sent} mails sent, {left} to try again"
        )
        if failed or left or brake:
            raise SystemExit(1)
