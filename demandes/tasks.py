"""Bells of this app: ids in, one service called."""

from uuid import UUID

from celery import shared_task

from demandes.services import applying, files, inbox
from extranet.core import clock


@shared_task(ignore_result=True)
def ingest(livraison_id: str) -> None:
    """Apply one delivery."""
    applying.ingest(int(livraison_id), now=clock.now())


@shared_task(ignore_result=True)
def take_inbox() -> None:
    """Claim what arrived in the inbox; ring for what waits and nobody is at."""
    inbox.take_inbox(now=clock.now())


@shared_task(ignore_result=True)
def make_file(telechargement: str) -> None:
    """Make a file that a person waits for."""
    files.make(UUID(telechargement), now=clock.now())
