"""Bells of this app: ids in, one service called."""

from celery import shared_task
from django.core.cache import cache

from demandes.models import Livraison
from demandes.services import deliveries
from extranet.core import bell, clock

# Seconds that a bell may wait for a free worker, and that a worker may be silent, before the clock rings again.
QUEUED, AT_IT = 120, 60


@shared_task(ignore_result=True)
def ingest(livraison_id: str) -> None:
    """Apply one delivery."""

    def note(livraison: Livraison) -> None:
        cache.set(_bell_of(livraison.pk), True, AT_IT)

    cache.set(_bell_of(livraison_id), True, AT_IT)
    deliveries.ingest(int(livraison_id), now=clock.now(), progress=note)


@shared_task(ignore_result=True)
def take_inbox() -> None:
    """Claim what arrived in the inbox; ring once for each delivery that is not applied to its end and that no worker is at."""
    deliveries.take_inbox(now=clock.now(), ring=False)
    for pk in deliveries.waiting():
        if cache.add(_bell_of(pk), True, QUEUED):
            bell.ring("demandes.tasks.ingest", pk)


def _bell_of(livraison_id: int | str) -> str:
    return f"demandes:bell:{livraison_id}"
