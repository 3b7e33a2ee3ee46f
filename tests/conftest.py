"""What the tests share: reference data, a real SMTP sink, a browser, and no way out to the network."""

import email
import email.policy
import io
import os
import socket
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.cache import cache
from django.core.management import call_command
from django.core.signals import request_finished, request_started
from django.db import connection
from django.dispatch import receiver

from bench.emptying import empty_those_with_rows
from extranet.core import bell, breaker
from extranet.core.documents import pdf
from extranet.core.web import verification

if not os.environ.get("DATABASE_URL"):
    pytest.exit("Run the tests with `make test`: they need its private PostgreSQL.", returncode=2)
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "1")  # Playwright's loop lives in the thread of the tests

# A list of features of ours would take the place of Playwright's own, which keeps navigations steady. It switches the
# cache of pages left behind off as well, so that Back asks the server again: what the tests of forms are about.
ARGS = ["--no-sandbox"]
KEPT = {"django_migrations", "django_content_type", "auth_permission"}


def _reference_tables() -> set[str]:
    models = apps.get_app_config("territory").get_models()
    return {model._meta.db_table for model in models if model.__name__ != "Agent"}


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> None:
    """Reference data once; the flush after a transactional test leaves it alone."""
    with django_db_blocker.unblock():
        call_command("load_reference_data", verbosity=0)
        # These two have said what the files do not know; the others have not.
        cafs = apps.get_model("territory.Caf").objects
        cafs.filter(pk__in=["caf-77", "caf-91"]).update(telephone="3230", tribunal="Tribunal administratif de Melun")
        cafs.filter(pk="caf-91").update(adresse="1 rue de l’Essai\n91000 Évry-Courcouronnes")
        CAFS.update({row["code"]: row for row in cafs.values()})


CAFS: dict[str, dict[str, Any]] = {}
ANSWERING: set[int] = set()  # threads of a live server
ANSWERED = threading.Condition()


@receiver(request_started)
def _note_question(**known: Any) -> None:
    if threading.current_thread() is not threading.main_thread():
        with ANSWERED:
            ANSWERING.add(threading.get_ident())


@receiver(request_finished)
def _note_answer(**known: Any) -> None:
    with ANSWERED:
        ANSWERING.discard(threading.get_ident())
        ANSWERED.notify_all()


def _restore_cafs() -> None:
    """What a Caf has said in a test is not said in the next."""
    cafs = apps.get_model("territory.Caf").objects
    for row in cafs.values():
        if (before := CAFS.get(row["code"])) and before != row:
            cafs.filter(pk=row["code"]).update(**before)


@pytest.fixture(autouse=True, scope="session")
def _flush_keeps_reference_data() -> Iterator[None]:
    from django.test import TransactionTestCase

    original = TransactionTestCase._fixture_teardown

    def teardown(self: Any) -> None:
        kept = KEPT | _reference_tables()
        tables = [name for name in connection.introspection.table_names() if name not in kept]
        with ANSWERED:  # a page that was left may still be answered: its rows would be the next test's
            ANSWERED.wait_for(lambda: not ANSWERING, timeout=30)
            ANSWERING.clear()
        if connection.vendor == "postgresql":
            empty_those_with_rows(tables)
            _restore_cafs()

    TransactionTestCase._fixture_teardown = teardown  # type: ignore[method-assign]
    yield
    TransactionTestCase._fixture_teardown = original  # type: ignore[method-assign]


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> Any:
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in ("127.0.0.1", "::1", "localhost"):
            raise AssertionError(f"a test tried to reach {address[0]}")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(scope="session")
def _memory() -> Iterator[Path]:
    """A folder in memory where there is one: hundreds of keys are flushed one by one."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        yield Path(folder)


@pytest.fixture(autouse=True)
def _own_keys(settings: Any, monkeypatch: pytest.MonkeyPatch, _memory: Path) -> None:
    """Each test has its own keys of days: one that destroys some leaves those of the others alone."""
    settings.KEYS_DIR = str(_memory / uuid.uuid4().hex)
    monkeypatch.setenv("EXTRANET_KEYS_DIR", settings.KEYS_DIR)


@pytest.fixture(autouse=True)
def _no_counts_from_before() -> None:
    breaker._of.cache_clear()
    cache.clear()


@pytest.fixture(autouse=True)
def bells(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[str]]]:
    """Bells rung, kept instead of being sent: a lost bell must cost nothing. `run_bells` answers them.

    What is only rehearsed is undone, and its bells with it.
    """
    from celery import current_app

    from extranet.core.outbox.rehearsal import HEARD

    rung: list[tuple[str, list[str]]] = []

    def ring(task_name: str, *ids: object) -> None:
        assert task_name in current_app.tasks, task_name
        if HEARD.get() is None:
            rung.append((task_name, [str(one) for one in ids]))

    monkeypatch.setattr(bell, "ring", ring)
    return rung


@pytest.fixture
def run_bells(bells: list[tuple[str, list[str]]]) -> Callable[[], None]:
    """Does what a worker would do for the bells rung so far."""

    def run() -> None:
        from celery import current_app

        while bells:
            name, args = bells.pop(0)
            current_app.tasks[name].apply(args, throw=True)

    return run


def verified(answer: int = 0) -> dict[str, str]:
    """What a person posts beside a public form: the letters read on screen (0), or the answer to the question (1…)."""
    drawn = verification.draw()
    text = (drawn.letters, *drawn.answers)[answer]
    return {"verification-preuve": drawn.proof, "verification": text}


LAID_OUT: dict[str, bytes] = {}


@pytest.fixture
def load_demo(monkeypatch: pytest.MonkeyPatch) -> Callable[[], str]:
    """Loads the demonstration. Its conventions are the same each time: laying them out, which is most of what it costs,
    is done once a process.
    """
    convert = pdf.convert

    def once(html: str, **options: Any) -> bytes:
        if html not in LAID_OUT:
            LAID_OUT[html] = convert(html, **options)
        return LAID_OUT[html]

    def load() -> str:
        said = io.StringIO()
        with monkeypatch.context() as patch:
            patch.setattr(pdf, "convert", once)
            call_command("load_demo", stdout=said)
        return said.getvalue()

    return load


@dataclass
class Sink:
    """Mails that a real SMTP dialogue delivered; `refuse` maps an address to the reply given to it."""

    mails: list[EmailMessage] = field(default_factory=list)
    refuse: dict[str, str] = field(default_factory=dict)

    def to(self, address: str) -> list[EmailMessage]:
        """Mails to one address, the oldest first."""
        return [mail for mail in self.mails if mail["To"] == address]

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.mails.append(email.message_from_bytes(envelope.content, policy=email.policy.default))  # type: ignore[arg-type]
        return "250 OK"


def text_of(mail: EmailMessage) -> str:
    """The plain text of a mail."""
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


@pytest.fixture
def smtp_sink(settings: Any) -> Iterator[Sink]:
    """A real SMTP server on a free port."""
    from aiosmtpd.controller import Controller

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    sink = Sink()
    controller = Controller(sink, hostname="127.0.0.1", port=port)
    controller.start()
    settings.EMAIL_BACKEND = "extranet.core.outbox.smtp.Backend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    yield sink
    controller.stop()


@pytest.fixture(scope="module")  # its event loop must not outlive the tests that need it
def browser() -> Iterator[Any]:
    """The system's Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=os.environ["CHROMIUM"], args=ARGS)
        yield chromium
        chromium.close()


@pytest.fixture
def new_page(browser: Any) -> Iterator[Callable[[], Any]]:
    """Makes pages of separate visitors; an error in a console or a request to another host fails the test."""
    contexts, faults = [], []

    def make(**options: Any) -> Any:
        usual = {"locale": "fr-FR", "timezone_id": "Europe/Paris", "accept_downloads": True}
        context = browser.new_context(**usual | options)
        context.set_default_timeout(15_000)
        contexts.append(context)
        page = context.new_page()
        page.on(
            "console", lambda m: faults.append(m.text) if m.type == "error" and "status of 4" not in m.text else None
        )
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on(
            "request",
            lambda r: (
                None
                if "://127.0.0.1:" in r.url or "://localhost:" in r.url or r.url.startswith(("data:", "blob:"))
                else faults.append(r.url)
            ),
        )
        return page

    yield make
    for context in contexts:
        context.close()
    assert not faults, faults
