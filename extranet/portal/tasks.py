"""The bell of the clock, and workers' signs of life."""

from collections.abc import Iterable

from celery import shared_task

from demandes.services import destruction
from extranet.core import clock
from extranet.portal import health, sweep


@shared_task(ignore_result=True)
def sweep_due() -> None:
    """What is due."""
    destruction.note_clock(clock.reading())
    sweep.run(now=clock.now(), only_due=True)


def note_life(queues: Iterable[str]) -> None:
    """The worker of these queues is there."""
    for queue in queues:
        health.note_worker(queue, clock.now())
