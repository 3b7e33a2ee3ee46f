"""Asking for a lost password tells nobody which addresses exist: not the page, not the work behind it (ACT-5.c)."""

import hashlib
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.apps import apps
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from extranet.core.accounts import services
from extranet.core.accounts.models import OneTimeSecret, User
from extranet.core.outbox import services as outbox
from extranet.core.outbox.models import Message
from tests.conftest import verified

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
LOST = "/compte/mot-de-passe/perdu/"
KNOWN, UNKNOWN, CLOSED, RECENT = "camille@lieu.test", "inconnue@lieu.test", "parti@lieu.test", "alix@lieu.test"
EVERYBODY = [KNOWN, UNKNOWN, CLOSED, RECENT]

pytestmark = pytest.mark.rule("ACT-5.c")


@pytest.fixture(autouse=True)
def _people(db: None) -> Any:
    with time_machine.travel(NOW, tick=False):
        User.objects.create_user(KNOWN, "Demonstration-2026", password_chosen_at=NOW - timedelta(days=1))
        User.objects.create_user(RECENT)
        closed = User.objects.create_user(CLOSED, "Demonstration-2026")
        services.suspend(closed, by="systeme", now=NOW)
        for _ in range(5):
            services.request_password(RECENT, now=NOW - timedelta(minutes=10))  # over its three mails an hour
        yield


def rows() -> dict[str, int]:
    return {model.__name__: model._default_manager.count() for model in apps.get_models() if model._meta.managed}


def asked(email: str) -> tuple[Any, list[str], dict[str, int]]:
    """The answer, the shapes of the queries behind it, and the rows that it added."""
    client, before = Client(), rows()
    with CaptureQueriesContext(connection) as queries:
        response = client.post(LOST, {"courriel": email} | verified())
    shapes = [re.sub(r"'(?:[^']|'')*'|\d+|\"s\d+_x\d+\"", "…", query["sql"]) for query in queries]
    return response, shapes, {name: count - before[name] for name, count in rows().items() if count != before[name]}


def test_the_request_does_the_same_for_anybody(bells: list[Any]) -> None:
    seen = []
    for email in EVERYBODY:
        bells.clear()
        response, shapes, added = asked(email)
        page = re.sub(r'csrfmiddlewaretoken" value="[^"]+"|value="[^"]*@lieu.test"', "", response.content.decode())
        seen.append((response.status_code, sorted(response.headers), page, shapes, added, list(bells)))
    assert all(one == seen[0] for one in seen)
    assert seen[0][4] == {"Message": 1}
    assert "accounts_user" not in " ".join(seen[0][3]), "nobody is looked up while the answer is awaited"


def test_the_row_carries_no_address_and_looks_the_same() -> None:
    Message.objects.all().delete()
    for email in EVERYBODY:
        services.request_password(email, now=NOW)
    lines = list(Message.objects.values("kind", "recipient", "about", "due_at", "next_try_at", "attempts", "reply"))
    recipients = {line.pop("recipient") for line in lines}
    assert all(line == lines[0] for line in lines)
    assert len(recipients) == 4
    assert all(re.fullmatch("perdu:[0-9a-f]{64}", recipient) for recipient in recipients)


def test_the_worker_is_as_long_about_each(smtp_sink: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What costs is the slow hash: one for each request, sent or not."""
    outbox.send_due(now=NOW)  # three to RECENT
    smtp_sink.mails.clear()
    hashed: list[int] = []
    scrypt = hashlib.scrypt
    monkeypatch.setattr(hashlib, "scrypt", lambda *a, **k: (hashed.append(1), scrypt(*a, **k))[1])
    for email in EVERYBODY:
        hashed.clear()
        services.request_password(email, now=NOW + timedelta(seconds=1))
        outbox.send_due(now=NOW + timedelta(seconds=1))
        assert len(hashed) == 1, email
    assert [mail["To"] for mail in smtp_sink.mails] == [KNOWN]
    assert OneTimeSecret.objects.filter(user__email=KNOWN).count() == 1
