"""Sending what waits in the outbox against bare smtplib sending the same composed messages, to the same sink."""

import smtplib
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from django.conf import settings
from django.core.mail.backends.base import BaseEmailBackend
from django.core.mail.message import EmailMessage

from bench import world
from bench.rows.ingest import prepare
from extranet.core.outbox import services
from extranet.core.outbox.models import Message

NOW = datetime.now(UTC)
COUNT, ROUNDS = 500, 3
COMPOSED: list[tuple[str, bytes]] = []


class Keep(BaseEmailBackend):
    """Keeps what would have been sent."""

    def send_messages(self, email_messages: list[EmailMessage]) -> int:
        COMPOSED.extend((mail.to[0], mail.message().as_bytes(linesep="\r\n")) for mail in email_messages)
        return len(email_messages)


def run() -> list[dict[str, object]]:
    """Seconds for 500 mails to lieux, each about a transmission of its own; medians, one after the other in turn."""
    prepare()
    world.clear()
    post()
    settings.EMAIL_BACKEND = "bench.rows.mail.Keep"
    services.send_due(now=NOW)
    ours, floor = [], []
    with sink() as port:
        settings.EMAIL_BACKEND = "extranet.core.outbox.smtp.Backend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
        settings.EMAIL_HOST_USER, settings.EMAIL_USE_TLS, settings.EMAIL_USE_SSL = "", False, False
        for _ in range(ROUNDS):
            Message.objects.update(sent_at=None, next_try_at=NOW, attempts=0)
            began = time.perf_counter()
            sent, left = services.send_due(now=NOW)
            middle = time.perf_counter()
            assert (sent, left) == (COUNT, 0)
            with smtplib.SMTP("127.0.0.1", port) as server:
                for address, text in COMPOSED:
                    server.sendmail("ne-pas-repondre@extranet.test", [address], text)
            ours.append(middle - began)
            floor.append(time.perf_counter() - middle)
    world.clear()
    return [
        {"name": "mail", "ours": statistics.median(ours), "floor": statistics.median(floor), "unit": "s", "n": COUNT}
    ]


def post() -> None:
    """500 mails that announce a transmission of one demande, and nothing else in the outbox."""
    from tests.factories import DemandeFactory, HabilitationFactory, LieuFactory, TransmissionFactory

    Message.objects.all().delete()
    COMPOSED.clear()
    lines = [HabilitationFactory(lieu=lieu) for lieu in [LieuFactory() for _ in range(10)] for _ in range(5)]
    for rank in range(COUNT):
        line = lines[rank % len(lines)]
        batch = TransmissionFactory(lieu=line.lieu, notified_at=None)
        DemandeFactory(transmise=True, lieu=line.lieu, transmission=batch, at=NOW)
        to = [f"user:{line.user_id}"]
        services.post("demandes.transmission", key=str(batch.uuid), to=to, now=NOW, transmission=batch.pk)


@contextmanager
def sink() -> Iterator[int]:
    """The port of a running sink."""
    process = subprocess.Popen([sys.executable, "-m", "bench.sink"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.terminate()
        process.wait()
