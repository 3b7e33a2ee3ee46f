"""How many requests a second the web server of the image answers, in production settings, on this machine."""

import json
import os
import random
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPConnection
from itertools import count, cycle
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore
from django.db import connections
from django.test import Client, override_settings

from bench import families, world
from bench.rows.ingest import prepare
from demandes.models import Demande
from demandes.services import files
from extranet.core.documents.workshop import workshop
from extranet.core.vault import days, master
from habilitations.models import Habilitation

ROOT = Path(__file__).resolve().parents[2]
HOST = "extranet.test"
SECRET = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
NAMED = {"brouillon": "__Host-brouillon", "csrftoken": "__Host-csrf"}  # cookies, as production names them
FORMS, LISTS, FIRST, VISITORS, PDFS = 500, 600, 100, 8, 200
# What the portal is to answer a second on two cores.
FORMS_A_SECOND, LISTS_A_SECOND = 150, 100


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as a browser's proxy hands it on."""

    path: str
    cookies: dict[str, str]
    body: str | None = None


def run() -> list[dict[str, object]]:
    """`forms` (the sending of a family's form) and `lists` (a lieu's, of 25 demandes): ms from one answer to the next
    while eight visitors ask without a pause, the client's own work included; their floors are what the target allows.
    """
    prepare()
    world.clear()
    now = datetime.now(UTC)
    with tempfile.TemporaryDirectory() as folder, override_settings(SECRET_KEY=SECRET):
        world.fill(10_000, now)
        forms, lists = _forms(now), _lists()
        with _served(Path(folder)) as port:
            _ask(port, forms[:FIRST], 302)  # each thread connects, and plans what it asks
            _ask(port, lists[:FIRST], 200)
            took = {"forms": _ask(port, forms[FIRST:], 302), "lists": _ask(port, lists, 200)}
            alone, meanwhile = _while_pdf(port, lists, now)
    world.clear()
    allowed = {"forms": 1 / FORMS_A_SECOND, "lists": 1 / LISTS_A_SECOND}
    rows: list[dict[str, object]] = [
        {"name": name, "ours": took[name] * 1000, "floor": allowed[name] * 1000, "unit": "ms each", "n": VISITORS}
        for name in took
    ]
    more = {"ours": meanwhile * 1000, "floor": alone * 1000, "unit": "ms p95", "n": PDFS}
    return [*rows, {"name": "list-while-pdf", **more}]


def _while_pdf(port: int, lists: Sequence[Asked], now: datetime) -> tuple[float, float]:
    """p95 of the lists of one visitor: alone, and while PDFS demandes are made into one file, as a worker makes it."""
    person = Habilitation.objects.get(personne__lieu__code=world.LARGE_LIEU).user
    wanted = list(Demande.objects.filter(lieu__code=world.LARGE_LIEU).values_list("uuid", flat=True)[:PDFS])
    asked = files.ask(wanted, form="pdf", by=person, now=now)
    workshop.convert("<p>warm</p>", {"title": "warm"})
    alone = [_ask(port, [one], 200, visitors=1) for one in lists[:FIRST]]
    with ThreadPoolExecutor(1) as pool:
        made, places, meanwhile = pool.submit(_make, asked.uuid, now), cycle(lists), []
        while not made.done():
            meanwhile.append(_ask(port, [next(places)], 200, visitors=1))
        made.result()
    workshop.close()
    return statistics.quantiles(alone, n=20)[-1], statistics.quantiles(meanwhile, n=20)[-1]


def _make(asked: UUID, now: datetime) -> None:
    try:
        files.make(asked, now=now)
    finally:
        connections.close_all()


def _forms(now: datetime) -> list[Asked]:
    """Summaries, each of a family of its own, with the work of its browser done."""
    families.counted_never_reached()
    found = []
    for rank in range(FORMS):
        client = Client()
        path, body = families.summary(client, rank, now)
        cookies = {NAMED.get(name, name): one.value for name, one in client.cookies.items()}
        found.append(Asked(path, cookies, body))
    return found


def _lists() -> list[Asked]:
    """The list of each lieu in turn, as one of its persons."""
    found = []
    for one in Habilitation.objects.select_related("user").order_by("pk"):
        session = SessionStore()
        session["_auth_user_id"] = str(one.user_id)
        session["_auth_user_backend"] = settings.AUTHENTICATION_BACKENDS[0]
        session["_auth_user_hash"] = one.user.get_session_auth_hash()
        session.create()
        found.append(Asked("/espace/demandes/", {"__Host-session": session.session_key or ""}))
    return [found[rank % len(found)] for rank in range(LISTS)]


@contextmanager
def _served(folder: Path) -> Iterator[int]:
    """The command of the image; its port once it answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "EXTRANET_ENV": "production",
        "EXTRANET_SECRET_KEY": SECRET,
        "EXTRANET_PUBLIC_URL": f"https://{HOST}",
        "EXTRANET_DATA_DIR": str(folder / "data"),
        "EXTRANET_KEYS_DIR": str(days.folder()),
        "EXTRANET_KEYS_MASTER": "\n".join(key.hex() for key in master.keys().values()),
        "EXTRANET_TRUSTED_PROXIES": "127.0.0.1",
        "EXTRANET_HOSTING": "Hébergeur Exemple, 75000 Paris, 01 00 00 00 00",
        "EMAIL_URL": "smtp+tls://a:b@smtp.test:587",
    }
    collect = [sys.executable, "manage.py", "collectstatic", "--noinput", "-v0"]
    subprocess.run(collect, cwd=ROOT, env=environment, check=True)
    command = json.loads(re.findall(r"^CMD (\[.*\])$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)[-1])
    command[command.index("0.0.0.0")], command[command.index("8000")] = "127.0.0.1", str(port)
    server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    try:
        while not _answers(port):
            assert server.poll() is None, "the web server ended"
            time.sleep(0.1)
        yield port
    finally:
        server.terminate()
        server.wait(15)


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _ask(port: int, wanted: Sequence[Asked], status: int, visitors: int = VISITORS) -> float:
    """Seconds from one answer to the next while visitors ask, each the next that nobody has asked yet."""
    places, networks = iter(wanted), count(random.randrange(2**16))  # what was counted an hour ago is not theirs

    def visit(_: int) -> None:
        connection = HTTPConnection("127.0.0.1", port)
        for one in places:
            network = next(networks)
            headers = {
                "Host": HOST,
                "X-Forwarded-Proto": "https",
                "X-Forwarded-For": f"10.{network >> 8 & 255}.{network & 255}.1",
                "Referer": f"https://{HOST}/",
                "Cookie": "; ".join(f"{name}={value}" for name, value in one.cookies.items()),
            }
            if one.body is not None:
                headers["Content-Type"] = families.FORM
            connection.request("GET" if one.body is None else "POST", one.path, one.body, headers)
            answer = connection.getresponse()
            answer.read()
            there = answer.headers["Location"] or ""
            assert answer.status == status, (one.path, answer.status)
            assert one.body is None or "/envoyee/" in there, there

    began = time.perf_counter()
    with ThreadPoolExecutor(visitors) as pool:
        list(pool.map(visit, range(visitors)))
    return (time.perf_counter() - began) / len(wanted)
