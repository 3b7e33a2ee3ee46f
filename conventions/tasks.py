"""Doorbells of the register."""

from celery import shared_task

from conventions.models import Acte
from conventions.services import register
from extranet.core import clock


@shared_task(ignore_result=True)
def keep_pdf(acte_pk: str) -> None:
    """Render and keep the paper of an acte. A lost bell costs nothing: the download does the same."""
    register.keep_pdf(Acte.objects.get(pk=acte_pk), now=clock.now())
