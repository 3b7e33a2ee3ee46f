"""The bell of the clock, and workers' signs of life."""

from collections.abc import Iterable

from celery import shared_task

from demandes.services import destruction
from extranet.core import clock
from extranet.portal import health, sweep


@shared_task(ignore_result=True)
def sweep_due() -> None:
    """The beat's bell: run the obligations that are due."""
    destruction.note_clock(clock.reading())
    sweep.run(now=clock.now(), only_due=True)


def note_life(queues: Iterable[str]) -> None:
    """A worker says that it is there for these queues: what `/sante/pret` looks for."""
    for queue in queues:
        health.note_worker(queue, clock.now())
