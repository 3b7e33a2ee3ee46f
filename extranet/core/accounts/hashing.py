"""Slow hashes, one at a time in each process and behind everything else:
many logins at once hold back no other page.
"""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

from django.contrib.auth.hashers import Argon2PasswordHasher

from extranet.core.errors import Overloaded

T = TypeVar("T")

# Requests of a process that may wait for a hash: fewer than it has threads, or pages would wait with them.
WAITING = 10
NICER_BY = 5  # the thread that hashes leaves the processor to those that answer pages


class GentleArgon2(Argon2PasswordHasher):
    """Argon2 as Django has it, in its turn; on one lane, since the hashes of several people share the processors."""

    parallelism = 1

    def encode(self, password: str, salt: str) -> str:
        return in_turn(lambda: super(GentleArgon2, self).encode(password, salt))

    def verify(self, password: str, encoded: str) -> bool:
        return in_turn(lambda: super(GentleArgon2, self).verify(password, encoded))


def in_turn(work: Callable[[], T]) -> T:
    """What `work` returns or raises, once its turn has come. Raises Overloaded when too many wait already."""
    room, hasher = _of_process()
    if not room.acquire(blocking=False):
        raise Overloaded
    try:
        return hasher.submit(work).result()
    finally:
        room.release()


@cache
def _of_process() -> tuple[threading.Semaphore, ThreadPoolExecutor]:
    return threading.Semaphore(WAITING), ThreadPoolExecutor(1, "hash", _give_way)


os.register_at_fork(after_in_child=_of_process.cache_clear)  # a thread is not forked with its process


def _give_way() -> None:
    if hasattr(os, "setpriority"):
        try:
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICER_BY)
        except OSError:  # where a thread has no priority of its own
            return
