"""The shared cache, without which pages go on: brakes count in each process while Redis does not answer."""

import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from django.core.cache import cache
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache, RedisCacheClient
from django.utils.functional import cached_property
from redis.exceptions import RedisError

from extranet.core import breaker

logger = logging.getLogger(__name__)


def count(keys: dict[str, int]) -> list[int]:
    """Count each of `keys` once more: how often that makes in the seconds that it says, from its first time on."""
    return [int(number) for number in cache.count(keys)]  # type: ignore[attr-defined]  # of SafeRedisCache


def uncount(keys: Iterable[str]) -> None:
    """Count them once less."""
    for key in keys:
        with suppress(ValueError):  # its time is over
            cache.decr(key)


class _OneClient(RedisCacheClient):
    """Django makes a client for each question, over the same connections."""

    @cached_property
    def _only(self) -> Any:
        return super().get_client(write=True)

    def get_client(self, key: Any = None, *, write: bool = False) -> Any:
        return self._only


class OneRedisCache(RedisCache):
    """RedisCache with one server."""

    def __init__(self, server: str, params: dict[str, Any]):
        super().__init__(server, params)
        self._class = _OneClient


class _Counting(OneRedisCache):
    """Counts in one question, where `add` and `incr` ask three."""

    def count(self, keys: dict[str, int]) -> list[int]:
        pipeline = self._cache.get_client(write=True).pipeline(transaction=False)
        for key, seconds in keys.items():
            name = self.make_and_validate_key(key)
            pipeline.set(name, 0, ex=seconds, nx=True)
            pipeline.incr(name)
        return list(pipeline.execute()[1::2])


class _CountingHere(LocMemCache):
    """The same in this process's memory."""

    def count(self, keys: dict[str, int]) -> list[int]:
        for key, seconds in keys.items():
            self.add(key, 0, seconds)
        return [self.incr(key) for key in keys]


def _or_here(name: str) -> Callable[..., Any]:
    def call(self: "SafeRedisCache", *args: Any, **kwargs: Any) -> Any:
        redis = breaker.of(self.server)
        if redis.lets_through():
            try:
                answer = getattr(_Counting, name)(self, *args, **kwargs)
            except RedisError:
                redis.note_silence()
                logger.warning("cache: Redis does not answer, this process counts alone")
            else:
                redis.note_answer()
                return answer
        if name == "incr":
            self.spare.add(args[0], 0)
        return getattr(self.spare, name)(*args, **kwargs)

    return call


class SafeRedisCache(_Counting):
    """RedisCache, with this process's memory for the calls that Redis does not answer."""

    def __init__(self, server: str, params: dict[str, Any]):
        super().__init__(server, params)
        self.server = server
        self.spare = _CountingHere("spare", {})

    add = _or_here("add")
    get = _or_here("get")
    set = _or_here("set")
    touch = _or_here("touch")
    delete = _or_here("delete")
    get_many = _or_here("get_many")
    has_key = _or_here("has_key")
    incr = _or_here("incr")
    count = _or_here("count")
    set_many = _or_here("set_many")
    delete_many = _or_here("delete_many")

    def clear(self) -> None:
        """Forget what this process counted alone, too."""
        self.spare.clear()
        super().clear()
