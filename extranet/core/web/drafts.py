"""What somebody is typing, between two pages: sealed, short-lived, opened by that browser only.

Each page is the answer to a GET, so what was typed lies somewhere between two requests: in the shared cache, under a
key that the address carries, sealed by a secret that only a cookie of the browser holds. Who reads the cache, its
file or the log opens nothing; the next person on a shared computer, who has another address, finds nothing.
Each page carries the draft too, sealed the same way: what is sent is what was read, in each window, and a form can be
finished while the cache does not answer. Docs: decisions/0010.
"""

import base64
import json
import logging
import re
import secrets
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import wraps
from types import MappingProxyType
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.cache import caches
from django.core.cache.backends.base import BaseCache
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.datastructures import MultiValueDict
from redis.exceptions import RedisError

from extranet.core import breaker, signed

logger = logging.getLogger(__name__)

LIFE = 2 * 3600  # seconds since the last change: an hour to read it again, and an hour that a brake may ask for
LONGEST = 200_000  # characters, sealed; whatever is longer cannot be right, and stays in its page
_KEY = re.compile("[A-Za-z0-9_-]{16}")
_SECRET = re.compile("[A-Za-z0-9_-]{43}")


@dataclass(slots=True)
class Draft:
    """What was typed (name → values), and what makes of it one sending."""

    key: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    typed: dict[str, list[str]] = field(default_factory=dict)
    nonce: str = ""  # of the sending: another as soon as something else is typed
    right: dict[str, Any] = field(default_factory=dict)  # what the steps say, once all are right: not read twice
    said: str = ""  # a sentence for the next page
    about: str = ""  # the private link of what is corrected, where it is not something new
    sent: str = ""  # where the confirmation is, once it is sent; nothing typed is left then
    once: str = ""  # what stands for `nonce` whatever else is typed, in any draft: what it makes is made once

    def type(self, typed: dict[str, list[str]]) -> None:
        """Put `typed` in the place of what was there under these names; it is another sending from now on."""
        self.typed |= typed
        self.nonce, self.right, self.sent, self.said = secrets.token_urlsafe(16), {}, "", ""

    @property
    def data(self) -> MultiValueDict[str, str]:
        """What was typed, as a bound form takes it."""
        return MultiValueDict(self.typed)


class NoDraft(Exception):
    """The draft of an address is gone (`lost`), or cannot be read for the moment."""

    def __init__(self, *, lost: bool):
        self.lost = lost


def cached(act: Callable[[BaseCache], Any]) -> Any:
    """What `act` finds in the cache of drafts. Raises NoDraft while it does not answer;
    who comes next does not wait for it.
    """
    server = breaker.of(settings.CACHES["brouillons"]["LOCATION"])
    if not server.lets_through():
        raise NoDraft(lost=False)
    try:
        found = act(caches["brouillons"])
    except (RedisError, OSError) as error:
        server.note_silence()
        logger.warning("drafts: the cache does not answer, pages carry them")
        raise NoDraft(lost=False) from error
    server.note_answer()
    return found


class Drafts:
    """The drafts of the browser that asks."""

    def __init__(self, request: HttpRequest, now: datetime):
        self._cookie = "__Host-brouillon" if settings.SESSION_COOKIE_SECURE else "brouillon"
        given = request.COOKIES.get(self._cookie, "")
        self._secret = given if _SECRET.fullmatch(given) else secrets.token_urlsafe(32)
        self._now = int(now.timestamp())
        self._asked = request.GET.get("brouillon", "")
        self._carried = request.POST.get("scelle", "")

    def read(self) -> Draft | None:
        """The draft that the page carries, else the one kept under the address's key; None where there is no key.

        Raises NoDraft.
        """
        if not _KEY.fullmatch(self._asked):
            return None
        found = self._open(self._carried)
        if found is None:
            found = self._open(cached(lambda store: store.get(self._asked)) or "")
        if found is None:
            raise NoDraft(lost=True)
        return found

    def kept(self) -> Draft | None:
        """The one kept under the address's key, whatever the page carries; None where there is none, or no answer."""
        with suppress(NoDraft):
            if _KEY.fullmatch(self._asked):
                return self._open(cached(lambda store: store.get(self._asked)) or "")
        return None

    def resume(self) -> Draft:
        """For a page that posts what was typed: its draft, else a new one, so that its own fields are never lost."""
        try:
            return self.read() or Draft()
        except NoDraft:
            return Draft()

    def seal(self, draft: Draft) -> str:
        """The draft as a page carries it in a hidden field: sealed, so that only this browser can send it back."""
        words = json.dumps(asdict(draft), ensure_ascii=False, separators=(",", ":"))
        return self._fernet(draft.key).encrypt_at_time(words.encode(), self._now).decode()

    def go(
        self,
        draft: Draft,
        address: str,
        *,
        otherwise: Callable[[], HttpResponse],
        noted: Mapping[str, str] = MappingProxyType({}),
    ) -> HttpResponse:
        """Keep the draft, and what else is `noted` as long, and go to `address`; where it cannot be kept, answer the
        page, which carries it.
        """
        response = redirect(address) if self._keep(draft, noted) else otherwise()
        secure = bool(settings.SESSION_COOKIE_SECURE)
        response.set_cookie(self._cookie, self._secret, max_age=LIFE, httponly=True, secure=secure, samesite="Lax")
        return response

    def finish(
        self, draft: Draft, address: str, *, said: str = "", facts: Collection[str] = (), day: str = ""
    ) -> HttpResponse:
        """It is sent: nothing typed is kept any more, and whoever comes back to the draft is led to `address`.

        As long as a draft it is remembered, readable by nobody, that this browser did on `day` what `facts` say.
        """
        done = Draft(key=draft.key, sent=address, said=said)
        noted = dict.fromkeys(map(self._sign, facts), day)
        return self.go(done, address, otherwise=lambda: redirect(address), noted=noted)

    def noted(self, facts: Collection[str]) -> str:
        """The day of what this browser did that one of `facts` says; "" where it has not, or nothing answers."""
        try:
            return min(cached(lambda store: store.get_many(map(self._sign, facts))).values(), default="")
        except NoDraft:
            return ""

    def _sign(self, fact: str) -> str:
        return signed.keys("brouillon.fait", f"{self._secret}:{fact}")[0].hex()

    def _keep(self, draft: Draft, noted: Mapping[str, str]) -> bool:
        sealed = self.seal(draft)
        if len(sealed) > LONGEST:
            return False
        try:
            cached(lambda store: store.set_many({draft.key: sealed, **noted}, timeout=LIFE))
        except NoDraft:
            return False
        return True

    def _open(self, sealed: str) -> Draft | None:
        try:
            words = self._fernet(self._asked).decrypt_at_time(sealed.encode(), ttl=LIFE, current_time=self._now)
        except InvalidToken:
            return None
        return Draft(**json.loads(words))

    def _fernet(self, key: str) -> MultiFernet:
        """Of one draft of one browser: the installation's secret alone does not open it, nor the cookie alone."""
        own = signed.keys("brouillon", f"{key}:{self._secret}")
        return MultiFernet([Fernet(base64.urlsafe_b64encode(one)) for one in own])


def needs_draft(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Say on a page, with the way to begin again or to try again, that a draft is not there."""

    @wraps(view)
    def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except NoDraft as absent:
            status = 410 if absent.lost else 503
            response = render(request, "erreurs/brouillon.html", {"perdu": absent.lost}, status=status)
            if not absent.lost:
                response["Retry-After"] = "10"
            return response

    return inner
