"""What is mailed to open an account, passwords and codes, lies in no table, cache, queue, log or file (ACT-2.b)."""

import logging
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from django.conf import settings
from django.test import Client

from extranet.core.accounts.models import User
from extranet.core.outbox import services as outbox
from tests.conftest import text_of, verified
from tests.core.test_accounts_factors import CAMILLE, DEVICE, OWN, asked, camille, clock, enter  # noqa: F401
from tests.core.test_accounts_login import LOST, NOW
from tests.core.test_accounts_secrets import everything_stored


def in_redis() -> str:
    """Each key and value of the cache and the broker."""
    store, found = redis.Redis.from_url(settings.REDIS_URL), []
    for key in store.scan_iter():
        kind = store.type(key)
        value = store.get(key) if kind == b"string" else store.lrange(key, 0, -1) if kind == b"list" else b""
        found.append(f"{key!r} {value!r}")
    return "\n".join(found)


def in_files() -> str:
    return "\n".join(
        path.read_bytes().decode("latin-1") for path in Path(settings.DATA_DIR).rglob("*") if path.is_file()
    )


@pytest.mark.rule("ACC-4.d")
@pytest.mark.rule("ACT-2.b")
def test_what_was_mailed_is_found_in_the_mail_only(
    client: Client,
    camille: User,  # noqa: F811
    asked: None,  # noqa: F811
    smtp_sink: Any,
    bells: list[Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    User.objects.update(password_chosen_at=NOW - timedelta(days=1))
    enter(client)
    client.post(LOST, {"courriel": CAMILLE} | verified())
    outbox.send_due(now=NOW)
    texts = "\n".join(text_of(mail) for mail in smtp_sink.to(CAMILLE))
    [code], [password] = re.findall(r"Code : (\d{6})\s", texts), re.findall(r"Mot de passe : (\S{8})\s", texts)
    for used in (False, True):
        if used:
            client.post(DEVICE, {"code": code})
            enter(Client(), password)
        places = {"tables": everything_stored(), "redis": in_redis(), "bells": repr(bells), "files": in_files()}
        places["logs"] = "\n".join(record.getMessage() for record in caplog.records if record.name != "mail.log")
        assert CAMILLE in places["tables"], "the search finds what is there"
        for place, text in places.items():
            for secret in (code, password, OWN):
                assert not re.search(rf"(?<![0-9A-Za-z]){re.escape(secret)}(?![0-9A-Za-z])", text), (place, used)
