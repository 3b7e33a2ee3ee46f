"""The Celery app: a doorbell for work that the database already knows (docs/architecture.md)."""

import os
from time import monotonic

from celery import Celery
from celery.signals import heartbeat_sent, setup_logging, worker_ready
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "extranet.settings")

SIGN_OF_LIFE_EVERY = 20.0  # seconds
_last_sign = -SIGN_OF_LIFE_EVERY

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
    if "clock" in app.amqp.queues.consume_from:
        app.send_task("extranet.portal.tasks.sweep_due")


@heartbeat_sent.connect
def note_life(**_: object) -> None:
    """A worker is seen while it works on something long, too: its own loop says so, not a task."""
    global _last_sign
    if monotonic() - _last_sign >= SIGN_OF_LIFE_EVERY:
        from extranet.portal import tasks

        _last_sign = monotonic()
        tasks.note_life(app.amqp.queues.consume_from)
