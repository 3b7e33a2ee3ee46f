"""Many logins at once hold back no other page, and what is too many is told to come back."""

import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.db import connections
from django.test import Client

from extranet.core.accounts import hashing
from extranet.core.errors import Overloaded

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def held():
    """The hasher of this process is busy until the event is set."""
    hashing._of_process.cache_clear()
    go_on, busy = threading.Event(), threading.Event()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(hashing.in_turn, lambda: (busy.set(), go_on.wait(30)))
        assert busy.wait(10)
        yield go_on
        go_on.set()
    hashing._of_process.cache_clear()


def until(true):
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end, "did not come"
        time.sleep(0.01)


def full():
    room, _ = hashing._of_process()
    if room.acquire(blocking=False):
        room.release()
        return False
    return True


def test_hashes_take_their_turn_and_too_many_are_refused(held):
    done, most, now = [], 0, 0

    def work():
        nonlocal most, now
        now += 1
        most = max(most, now)
        time.sleep(0.001)
        now -= 1
        done.append(1)

    with ThreadPoolExecutor(hashing.WAITING) as pool:
        waiting = [pool.submit(hashing.in_turn, work) for _ in range(hashing.WAITING - 1)]
        until(full)
        with pytest.raises(Overloaded):
            hashing.in_turn(work)
        held.set()
        for one in waiting:
            one.result(20)
    assert (len(done), most) == (hashing.WAITING - 1, 1)
    assert hashing.in_turn(lambda: "again") == "again"


@pytest.mark.django_db(transaction=True)
def test_pages_answer_while_logins_wait_and_one_login_too_many_is_told_to_come_back(held, settings):
    settings.PASSWORD_HASHERS = ["extranet.core.accounts.hashing.GentleArgon2"]

    def log_in(n):
        try:
            client = Client(raise_request_exception=False, REMOTE_ADDR=f"198.18.0.{n + 1}")
            return client.post("/compte/connexion/", {"login": f"x{n}@y.test", "password": "faux"})
        finally:
            connections.close_all()

    with ThreadPoolExecutor(hashing.WAITING) as pool:
        waiting = [pool.submit(log_in, n) for n in range(hashing.WAITING - 1)]
        until(full)
        refused = log_in(99)
        assert (refused.status_code, refused["Retry-After"]) == (503, "30")
        assert Client().get("/").status_code == 200
        assert not any(one.done() for one in waiting)
        held.set()
        assert {one.result(30).status_code for one in waiting} == {200}


def test_a_web_process_has_more_threads_than_logins_may_hold():
    for text in ((ROOT / "Dockerfile").read_text(), (ROOT / "deploy/run_local.py").read_text()):
        threads = [int(count) for count in re.findall(r'"--blocking-threads", "(\d+)"', text)]
        assert threads
        assert min(threads) > hashing.WAITING


def test_a_hash_made_before_still_opens():
    from django.contrib.auth.hashers import Argon2PasswordHasher

    before = Argon2PasswordHasher().encode("Un-mot-de-passe-2026", "salt" * 4)
    gentle = hashing.GentleArgon2()
    assert gentle.verify("Un-mot-de-passe-2026", before)
    assert not gentle.verify("autre", before)
    assert gentle.must_update(before)
