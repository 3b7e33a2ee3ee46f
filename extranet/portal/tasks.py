"""The bell of the clock."""

from celery import shared_task

from extranet.core import clock
from extranet.portal import sweep


@shared_task(ignore_result=True)
def sweep_due() -> None:
    """What is due."""
    sweep.run(now=clock.now(), only_due=True)
