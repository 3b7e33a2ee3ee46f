"""The Celery app: a doorbell for work that the database already knows (docs/architecture.md)."""

import os

from celery import Celery
from celery.signals import setup_logging, worker_ready
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "extranet.settings")

app = Celery("extranet")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def log_as_everywhere(**_: object) -> None:
    """Celery’s own handlers print errors with their text and a task’s arguments: it gets none (RGP-2)."""
    from extranet.core.web import logs

    logs.configure(settings.LOGGING)


@worker_ready.connect
def sweep_at_start(**_: object) -> None:
    """What fell due while no worker ran need not wait for the scheduler's first turn."""
    app.send_task("extranet.portal.tasks.sweep_due")
