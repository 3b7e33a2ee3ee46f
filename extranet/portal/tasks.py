"""The bell of the clock."""

from celery import shared_task

from demandes.services import destruction
from extranet.core import clock
from extranet.portal import health, sweep


@shared_task(ignore_result=True)
def sweep_due() -> None:
    """What is due, and a sign of life of the worker."""
    now = clock.now()
    health.note_worker(now)
    destruction.note_clock(clock.reading())
    sweep.run(now=now, only_due=True)
