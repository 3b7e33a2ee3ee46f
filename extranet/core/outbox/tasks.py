"""The bell of the outbox."""

from celery import shared_task

from extranet.core import clock
from extranet.core.outbox import services


@shared_task(ignore_result=True)
def send_due() -> None:
    """Send what is due now."""
    services.send_due(now=clock.now())
