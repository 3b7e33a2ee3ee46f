"""Rings a worker after the commit. A bell may be lost: the row in the database is the work, the beat finds it."""

import logging

from celery import current_app
from django.db import transaction

from extranet.core import breaker

logger = logging.getLogger(__name__)


def ring(task_name: str, *ids: object) -> None:
    """Ask for task `task_name` with `ids` (as text) once the transaction commits.
    Raises NotRegistered at once if unknown.
    """
    task = current_app.tasks[task_name]
    args = [str(i) for i in ids]

    def call() -> None:
        broker = breaker.of(current_app.conf.broker_url)
        if not broker.lets_through():
            logger.warning("bell lost: %s", task_name)
            return
        try:
            task.apply_async(args, retry=False, ignore_result=True)
        except Exception as error:  # whatever the broker's library raises: what is committed is committed
            broker.note_silence()
            logger.warning("bell lost: %s (%s)", task_name, type(error).__name__)
        else:
            broker.note_answer()

    transaction.on_commit(call)
