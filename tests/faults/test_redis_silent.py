"""A Redis that is stopped, or there and silent, costs nobody more than a moment (RGP-5)."""

import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import redis
from celery import current_app
from django.core.cache import cache
from django.db import connections
from django.test import Client

from demandes.models import Demande
from extranet.core import bell, breaker
from extranet.core.bell import ring as real_ring
from tests.demandes.test_family import URL, WHOLE, press, send
from tests.factories import NOW, HabilitationFactory, LieuFactory

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "deploy"))

import servers

PATIENCE = 2.0  # seconds that anybody waits at most


@pytest.fixture
def server(tmp_path, settings, monkeypatch):
    """A private Redis that cache and broker use, and the real bells."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(servers.redis_command(tmp_path, port=port), stdout=subprocess.DEVNULL, cwd=tmp_path)
    address = f"redis://127.0.0.1:{port}/0"
    probe = redis.Redis(port=port)
    end = time.monotonic() + 10
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
    current_app.pool.force_close_all()
    current_app.amqp._producer_pool = None
    yield process
    process.send_signal(signal.SIGCONT)
    process.kill()
    process.wait()
    current_app.conf.broker_url = before
    current_app.pool.force_close_all()
    current_app.amqp._producer_pool = None


@pytest.fixture(params=["stopped", "frozen"])
def silence(request, server):
    def begin():
        server.send_signal(signal.SIGKILL if request.param == "stopped" else signal.SIGSTOP)
        if request.param == "stopped":
            server.wait()

    return begin


def send_by_the_pages(client, changes):
    """As `send`, whether a page answers the POST itself or is led to: each of the two waits is a person's."""
    summary = client.post(URL, WHOLE | changes)
    if summary.status_code == 302:
        summary = client.get(summary["Location"])
    return press(client, summary, valider="1")


def timed(act):
    began = time.monotonic()
    return act(), time.monotonic() - began


@pytest.mark.rule("RGP-5.a")
@pytest.mark.parametrize("warm", [True, False], ids=["connected before", "first connection"])
@pytest.mark.django_db(transaction=True)
def test_a_family_sends_and_waits_under_two_seconds(silence, warm, time_machine):
    time_machine.move_to(NOW, tick=True)
    HabilitationFactory(lieu=LieuFactory())
    client = Client()
    if warm:
        assert send(client).status_code == 302
    known = Demande.objects.count()
    silence()
    answer, seconds = timed(lambda: send_by_the_pages(client, {"prenom": "Capucine"}))
    assert answer.status_code == 302
    assert Demande.objects.count() == known + 1
    assert seconds < PATIENCE
    _, again = timed(lambda: send_by_the_pages(client, {"prenom": "Garance"}))
    assert Demande.objects.count() == known + 2
    assert again < PATIENCE


@pytest.mark.rule("RGP-5.a")
@pytest.mark.django_db(transaction=True)
def test_login_home_and_readiness_answer_in_two_seconds(silence, client):
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
def test_many_visitors_at_once_wait_no_longer_than_one(server):
    server.send_signal(signal.SIGSTOP)

    def visit(n):
        try:
            return timed(lambda: Client().post("/compte/connexion/", {"login": f"x{n}@y.test", "password": "f"}))[1]
        finally:
            connections.close_all()

    with ThreadPoolExecutor(12) as pool:
        assert max(pool.map(visit, range(12))) < PATIENCE + 1  # twelve logins' own work included


@pytest.mark.django_db(transaction=True)
def test_it_is_asked_again_once_it_answers(server):
    cache.set("held", 1)
    server.send_signal(signal.SIGSTOP)
    assert cache.get("held") is None
    os.kill(server.pid, signal.SIGCONT)
    end = time.monotonic() + breaker.PAUSE + 2
    while cache.get("held") is None and time.monotonic() < end:
        time.sleep(0.1)
    assert cache.get("held") == 1
