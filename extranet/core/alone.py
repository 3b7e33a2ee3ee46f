"""A loop in which one bad item fails alone: it is logged and counted, the rest goes on."""

import logging
from collections.abc import Callable
from typing import Any

logger = logging.getLogger(__name__)


class Unfinished(Exception):
    """Some items failed, and were logged; the others are done."""

    def __init__(self, done: int, failed: int):
        super().__init__(done, failed)
        self.done, self.failed = done, failed


class Alone:
    """Acts on one item after the other. Items are keys or paths: what fails is named in the log.

    `done` sums what the acts return, `failed` lists the items that raised; `end` raises Unfinished when there are any.
    """

    def __init__(self, what: str):
        self.what = what
        self.done = 0
        self.failed: list[Any] = []

    def __call__(self, act: Callable[..., int | None], item: Any, **options: Any) -> None:
        try:
            self.done += int(act(item, **options) or 0)
        except Exception:
            logger.exception("%s: %s", self.what, str(item))
            self.failed.append(item)

    def end(self) -> int:
        """What was done in all."""
        if self.failed:
            raise Unfinished(self.done, len(self.failed))
        return self.done
