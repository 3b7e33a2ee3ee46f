"""The bell of the clock."""

from celery import shared_task

from demandes.services import destruction
from extranet.core import clock
from extranet.portal import sweep


@shared_task(ignore_result=True)
def sweep_due() -> None:
    """What is due."""
    destruction.note_clock(clock.reading())
    sweep.run(now=clock.now(), only_due=True)
