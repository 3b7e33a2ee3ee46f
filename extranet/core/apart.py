"""Many items, each by itself: one that fails is left and seen, the others go on."""

import logging
from collections.abc import Callable, Iterable
from typing import Any

from django.db import InterfaceError, OperationalError, transaction

logger = logging.getLogger(__name__)


class Incomplete(Exception):
    """Some items failed and the others are done: whoever runs the obligation shows it as failed."""

    def __init__(self, what: str, failed: list[Any], done: int):
        super().__init__(f"{what}: {len(failed)} failed, {done} done")
        self.what, self.failed, self.done = what, failed, done


def each(items: Iterable[Any], act: Callable[[Any], int], *, what: str) -> int:
    """Do `act` for each item in a transaction of its own; returns the sum of what it answered.

    Raises Incomplete at the end when some failed, and the database's own failure at once.
    """
    done, failed = 0, []
    for item in items:
        try:
            with transaction.atomic():
                done += act(item)
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            failed.append(item)
            logger.exception("%s %s: failed, left for the next run", what, getattr(item, "pk", item))
    if failed:
        raise Incomplete(what, failed, done)
    return done
