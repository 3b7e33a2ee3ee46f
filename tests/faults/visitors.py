"""Who uses the instance of `make chaos`, the mail server that it writes to, and what each of them was told."""

import asyncio
import collections
import http.client
import http.cookiejar
import random
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from typing import Any

# --- mail server ----------------------------------------------------------------------------------------------------


class MailServer:
    """Keeps what it accepted; for a while it refuses, hangs, or accepts and breaks off before it says so."""

    def __init__(self, port: int):
        from aiosmtpd.controller import Controller

        self.accepted: list[tuple[str, str, str]] = []  # message id, addressee, subject
        self.mode, self.until = "well", 0.0
        self.controller = Controller(self, hostname="127.0.0.1", port=port)
        self.controller.start()

    def misbehave(self, mode: str, seconds: float) -> None:
        self.mode, self.until = mode, time.monotonic() + seconds

    def _is(self, mode: str) -> bool:
        return self.mode == mode and time.monotonic() < self.until

    async def handle_MAIL(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if self._is("refuses for now"):
            return "451 later"
        if self._is("refuses us"):
            return "550 relay not permitted"
        if self._is("hangs"):
            await asyncio.sleep(self.until - time.monotonic())
        envelope.mail_from = address
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self._is("refuses content for now"):
            return "451 later"
        mail = message_from_bytes(envelope.content, policy=policy.default)
        self.accepted.append((str(mail["Message-ID"]), envelope.rcpt_tos[0], str(mail["Subject"])))
        if self._is("breaks off"):
            server.transport.abort()
        return "250 OK"


# --- visitors -------------------------------------------------------------------------------------------------------


class Broken(Exception):
    """No answer, or one that says that the service is not well: the visitor tries again."""


class Page:
    def __init__(self, status: int, url: str, body: bytes):
        from lxml import html

        self.status, self.url, self.body = status, url, body
        self.tree = html.document_fromstring(body or b"<p>", base_url=url)

    def form(self, test: str) -> Any:
        """The form that holds what `test` (XPath) finds; None when there is none."""
        return next((form for form in self.tree.forms if form.xpath(test)), None)


class Visitor:
    """A browser of somebody: cookies, an address of its own, forms sent with all that they hold."""

    def __init__(self, address: str, rng: random.Random):
        self.address, self.rng = address, rng
        self.cookies = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies))
        self.network = f"198.18.{rng.randrange(256)}.{rng.randrange(1, 255)}"

    def ask(self, path: str, data: bytes | None = None, **headers: str) -> Page:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        url = urllib.parse.urljoin(self.address, path)
        request = urllib.request.Request(url, data, {"X-Forwarded-For": self.network, "Referer": url} | names)
        try:
            with self.opener.open(request, timeout=30) as answer:
                return Page(answer.status, answer.geturl(), answer.read())
        except urllib.error.HTTPError as error:
            if error.code >= 500:
                raise Broken(str(error.code)) from None
            return Page(error.code, error.url or url, error.read())
        except (OSError, http.client.HTTPException) as error:
            raise Broken(type(error).__name__) from None

    def send(self, page: Page, form: Any, changes: dict[str, Any]) -> Page:
        values: dict[str, list[str]] = {}
        for name, value in form.form_values():
            values.setdefault(name, []).append(value)
        values |= {name: value if isinstance(value, list) else [value] for name, value in changes.items()}
        where = urllib.parse.urljoin(page.url, form.get("action") or page.url)
        return self.ask(where, urllib.parse.urlencode(values, doseq=True).encode())


@dataclass
class Ledger:
    """What visitors know for certain, because a page told them so."""

    tried: set[str] = field(default_factory=set)  # addresses of families that began to send
    sent: dict[str, str] = field(default_factory=dict)  # address → token of the private link
    leaving: set[str] = field(default_factory=set)  # addresses of families that began to withdraw
    withdrawn: set[str] = field(default_factory=set)  # tokens
    handed_in: dict[str, list[str]] = field(default_factory=dict)  # sha256 of a delivery → references
    aged: set[str] = field(default_factory=set)  # references whose day has come
    taken: set[str] = field(default_factory=set)  # references downloaded by the lieu
    odd: collections.Counter[str] = field(default_factory=collections.Counter)  # answers that nobody expected
    broken: collections.Counter[str] = field(default_factory=collections.Counter)
    did: collections.Counter[str] = field(default_factory=collections.Counter)
