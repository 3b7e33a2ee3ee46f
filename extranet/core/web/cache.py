"""The shared cache, without which pages go on: brakes count in each process while Redis does not answer."""

import logging
from collections.abc import Callable
from typing import Any

from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

from extranet.core import breaker

logger = logging.getLogger(__name__)


def _or_here(name: str) -> Callable[..., Any]:
    def call(self: "SafeRedisCache", *args: Any, **kwargs: Any) -> Any:
        redis = breaker.of(self.server)
        if redis.lets_through():
            try:
                answer = getattr(RedisCache, name)(self, *args, **kwargs)
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


class SafeRedisCache(RedisCache):
    """RedisCache, with this process's memory for the calls that Redis does not answer."""

    def __init__(self, server: str, params: dict[str, Any]):
        super().__init__(server, params)
        self.server = server
        self.spare = LocMemCache("spare", {})

    add = _or_here("add")
    get = _or_here("get")
    set = _or_here("set")
    touch = _or_here("touch")
    delete = _or_here("delete")
    get_many = _or_here("get_many")
    has_key = _or_here("has_key")
    incr = _or_here("incr")
    set_many = _or_here("set_many")
    delete_many = _or_here("delete_many")

    def clear(self) -> None:
        """Forget what this process counted alone, too."""
        self.spare.clear()
        super().clear()
