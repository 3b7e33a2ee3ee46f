"""Brakes on what anybody may send, and on what is heavy: counted in the shared cache,
under keys that tell nobody who.
"""

import math
import secrets
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.crypto import salted_hmac
from django.utils.translation import ngettext

from extranet.core.errors import TooMany
from extranet.core.web.cache import count, uncount
from extranet.core.web.network import neighbourhood

HOUR, DAY = 3600, 24 * 3600

Limits = Sequence[tuple[int, int]]
"""(how many, in how many seconds), the shortest time first."""


def wait(name: str, who: str, limits: Limits) -> int:
    """Count one more `name` by `who`; in how many seconds it may be done again, 0 when it may be done now.

    Each stretch of time is counted by itself, from a round hour or day on. What one limit refuses is not counted by the
    next, so that trying again all day costs no more than the hour.
    """
    return _wait([(name, who, limits)])


def _wait(asked: Iterable[tuple[str, str, Limits]]) -> int:
    """`wait` for several, in turn: one question to the cache."""
    limits = [one for name, who, wanted in asked for one in _keys(name, who, wanted)]
    counts = count({key: 2 * seconds for key, _, seconds, _ in limits})
    for rank, (number, (_, most, seconds, gone)) in enumerate(zip(counts, limits, strict=True)):
        if number > most:
            uncount(key for key, *_ in limits[rank + 1 :])
            return seconds - gone
    return 0


def _keys(name: str, who: str, limits: Limits) -> Iterator[tuple[str, int, int, int]]:
    """Under which key each limit is counted, how many it allows in how many seconds, and how many of these are over."""
    digest = salted_hmac(f"brake.{name}", who, algorithm="sha256").hexdigest()
    for most, seconds in limits:
        stretch, gone = divmod(int(time.time()), seconds)
        yield f"brake:{name}:{seconds}:{stretch}:{digest}", most, seconds, gone


def hold(request: HttpRequest, name: str, typed: str, *, network: Limits, address: Limits) -> HttpResponse | None:
    """Count one sending of the public form `name` by who asks (`neighbourhood`) and by the mail address `typed`.

    None when it may go on. Else 429: the page says when, and sends the same again by one button, so nothing is lost.
    """
    asked = [(f"{name}.network", neighbourhood(request.META.get("REMOTE_ADDR", "")), network)]
    if who := typed.strip().lower():
        asked.append((f"{name}.address", who, address))
    seconds = _wait(asked)
    return _later(request, seconds) if seconds else None


def _later(request: HttpRequest, seconds: int) -> HttpResponse:
    typed = [(name, value) for name, values in request.POST.lists() for value in values]
    context = {
        "attente": in_words(seconds),
        "garde": seconds <= HOUR,
        "typed": [(n, v) for n, v in typed if n != "csrfmiddlewaretoken"],
    }
    response = render(request, "erreurs/429_envoi.html", context, status=429)
    response["Retry-After"] = str(seconds)
    response["Cache-Control"] = "no-store"
    return response


def in_words(seconds: int) -> str:
    """A time to wait, as people say it: « 12 minutes », « 3 heures »."""
    minutes = math.ceil(seconds / 60)
    if minutes <= 90:
        return ngettext("%(nombre)s minute", "%(nombre)s minutes", minutes) % {"nombre": minutes}
    hours = math.ceil(minutes / 60)
    return ngettext("%(nombre)s heure", "%(nombre)s heures", hours) % {"nombre": hours}


@contextmanager
def one_at_a_time(key: str, *, for_at_most: int = 300, retry_after: int = 30) -> Iterator[None]:
    """Do the heavy thing inside alone for `key` (`telechargement:<pk>`): TooMany (429) while another is under way.

    A process that dies inside holds the place for `for_at_most` seconds, which is therefore the longest that the work
    may last; one that lasts longer does not free the place of who came after it.
    """
    place, mine = f"brake:alone:{salted_hmac('brake.alone', key, algorithm='sha256').hexdigest()}", secrets.token_hex(8)
    if not cache.add(place, mine, for_at_most):
        sentence = "Un de vos téléchargements est déjà en cours. Attendez qu’il soit terminé, puis recommencez."
        raise TooMany(sentence, retry_after=retry_after)
    try:
        yield
    finally:
        if cache.get(place) == mine:
            cache.delete(place)
