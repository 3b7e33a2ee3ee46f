"""A Redis that is stopped, or there and silent, costs nobody more than a moment (RGP-5)."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import kombu.pools
import pytest
import redis
from celery import current_app
from django.conf import settings
from django.core.cache import cache
from django.db import connections
from django.test import Client

from demandes.models import Demande
from extranet.core import bell, breaker
from extranet.core.bell import ring as real_ring
from tests.demandes.test_family import FILLED, URL, WHOLE, form_of, own, press, scelle, send
from tests.factories import NOW, HabilitationFactory, LieuFactory

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "deploy"))

import servers

PATIENCE = 2.0  # seconds that anybody waits at most for Redis
STUCK = 20.0  # seconds of the clock, on the busiest machine


def forget_connections():
    """To the broker of before: a pool that was closed would be found again under its address."""
    kombu.pools.reset()
    current_app._pool = None
    current_app.amqp._producer_pool = None


@pytest.fixture
def server(tmp_path, settings, monkeypatch):
    """A private Redis that cache and broker use, and the real bells."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(servers.redis_command(tmp_path, port=port), stdout=subprocess.DEVNULL, cwd=tmp_path)
    address = f"redis://127.0.0.1:{port}/0"
    probe = redis.Redis(port=port)
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            probe.ping()
            break
        except redis.ConnectionError:
            time.sleep(0.02)
    settings.CACHES = {name: cache | {"LOCATION": address} for name, cache in settings.CACHES.items()}
    monkeypatch.setattr(bell, "ring", real_ring)
    before = current_app.conf.broker_url
    current_app.conf.broker_url = address
    forget_connections()
    yield process
    process.send_signal(signal.SIGCONT)
    process.kill()
    process.wait()
    current_app.conf.broker_url = before
    forget_connections()


@pytest.fixture(params=["stopped", "frozen"])
def silence(request, server):
    def begin():
        server.send_signal(signal.SIGKILL if request.param == "stopped" else signal.SIGSTOP)
        if request.param == "stopped":
            server.wait()

    return begin


@pytest.fixture(autouse=True)
def waits(monkeypatch):
    """How often each thread waited for Redis in vain, whoever asked: a busy machine does not make it more."""
    counted = Counter()
    real = redis.TimeoutError.__init__

    def count(self, *args):
        counted[threading.get_ident()] += 1
        real(self, *args)

    monkeypatch.setattr(redis.TimeoutError, "__init__", count)
    return counted


@pytest.fixture
def timed(waits):
    """Does it; the answer, and the seconds that it waited for Redis."""

    def do(act):
        before, began = waits[threading.get_ident()], time.monotonic()
        answer = act()
        assert time.monotonic() - began < STUCK
        waited = waits[threading.get_ident()] - before
        return answer, waited * max(settings.REDIS_PATIENCE.values())

    return do


def send_by_the_pages(timed, client, changes):
    """As `send`, whether a page answers the POST itself or is led to; with the longest of a person's waits."""
    page, longest = timed(lambda: client.get(URL))
    for step in FILLED:
        there, typed = form_of(page).action, own(step, WHOLE | changes) | scelle(page)
        page, seconds = timed(partial(client.post, there, typed))
        longest = max(longest, seconds)
        if page.status_code == 302:
            page, seconds = timed(partial(client.get, page["Location"]))
            longest = max(longest, seconds)
    answer, seconds = timed(lambda: press(client, page, valider="1"))
    return answer, max(longest, seconds)


@pytest.mark.rule("RGP-5.a")
@pytest.mark.parametrize("warm", [True, False], ids=["connected before", "first connection"])
@pytest.mark.django_db(transaction=True)
def test_a_family_sends_and_waits_under_two_seconds(silence, timed, warm, time_machine):
    time_machine.move_to(NOW, tick=True)
    HabilitationFactory(lieu=LieuFactory())
    client = Client()
    if warm:
        assert send(client).status_code == 302
    known = Demande.objects.count()
    silence()
    answer, seconds = send_by_the_pages(timed, client, {"prenom": "Capucine"})
    assert answer.status_code == 302
    assert Demande.objects.count() == known + 1
    assert seconds < PATIENCE
    _, again = send_by_the_pages(timed, client, {"prenom": "Garance"})
    assert Demande.objects.count() == known + 2
    assert again < PATIENCE


@pytest.mark.rule("RGP-5.a")
@pytest.mark.django_db(transaction=True)
def test_login_home_and_readiness_answer_in_two_seconds(silence, timed, client):
    cache.get("connected")
    silence()
    wrong, seconds = timed(lambda: client.post("/compte/connexion/", {"login": "x@y.test", "password": "faux"}))
    assert wrong.status_code == 200
    assert seconds < PATIENCE
    assert timed(lambda: client.get("/"))[1] < PATIENCE
    breaker._of.cache_clear()  # as in a process that does not know yet
    ready, seconds = timed(lambda: client.get("/sante/pret"))
    assert ready.status_code == 503
    assert not ready.json()["controles"]["courtier"]["ok"]
    assert seconds < PATIENCE


@pytest.mark.rule("ACT-7.a")
@pytest.mark.django_db(transaction=True)
def test_the_brakes_go_on_in_each_process(silence, client):
    silence()
    for _ in range(5):
        assert client.post("/compte/connexion/", {"login": "x@y.test", "password": "faux"}).status_code == 200
    assert client.post("/compte/connexion/", {"login": "x@y.test", "password": "faux"}).status_code == 429


@pytest.mark.django_db(transaction=True)
def test_many_visitors_at_once_wait_no_longer_than_one(server, timed):
    server.send_signal(signal.SIGSTOP)

    def visit(n):
        try:
            return timed(lambda: Client().post("/compte/connexion/", {"login": f"x{n}@y.test", "password": "f"}))[1]
        finally:
            connections.close_all()

    with ThreadPoolExecutor(12) as pool:
        assert 0 < max(pool.map(visit, range(12))) < PATIENCE


@pytest.mark.django_db(transaction=True)
def test_it_is_asked_again_once_it_answers(server):
    cache.set("held", 1)
    server.send_signal(signal.SIGSTOP)
    assert cache.get("held") is None
    os.kill(server.pid, signal.SIGCONT)
    end = time.monotonic() + breaker.PAUSE + 20
    while cache.get("held") is None and time.monotonic() < end:
        time.sleep(0.1)
    assert cache.get("held") == 1
