"""Rings a worker after the commit. A bell may be lost: the row in the database is the work, the beat finds it."""

import logging

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

logger = logging.getLogger(__name__)


def ring(task_name: str, *ids: object) -> None:
    """Ask for task `task_name` with `ids` (as text) once the transaction commits. Raises NotRegistered at once if unknown."""
    task = current_app.tasks[task_name]
    args = [str(i) for i in ids]

    def call() -> None:
        try:
            task.apply_async(args, retry=False, ignore_result=True)
        except (OperationalError, OSError):
            logger.warning("bell lost: %s", task_name)

    transaction.on_commit(call)
