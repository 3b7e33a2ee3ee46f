"""The portal's Celery app, with tasks that fail; and a scheduler that does."""

import logging
import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.portal.forced.settings")

from celery.beat import Scheduler

from extranet.celery import app
from tests.portal.forced import errors


@app.task(name="forced.fail", ignore_result=True)
def fail(kind: str) -> None:
    """Fail in one of the ways of `errors`."""
    errors.KINDS[kind]()


@app.task(name="forced.end", ignore_result=True)
def end() -> None:
    """All that was asked before is done."""
    logging.getLogger("forced").warning("END")


class Failing(Scheduler):
    """Its first turn is its last."""

    def tick(self, *args: object, **kwargs: object) -> float:
        errors.refused_by_the_database()
        return 1.0
