"""What every process of the portal prints when it fails on a family's data: type and place, nothing else (RGP-2)."""

import logging
import os
import re
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from django.db import connection
from django.urls import URLPattern, get_resolver

from extranet.core.web import logs
from tests.portal.forced import errors

ROOT = Path(__file__).resolve().parents[2]
PYTHON = sys.executable
LONGEST = 90  # seconds; a process that says nothing is killed, and the test fails on what is missing


@pytest.fixture
def environment(db, tmp_path, settings):
    """That of a process of the portal on the tests' database, with what fails."""
    base = connection.settings_dict
    host = f"{base['HOST']}:{base['PORT']}" if base["PORT"] else base["HOST"]
    account = f"{base['USER']}:{base['PASSWORD']}" if base["PASSWORD"] else base["USER"]
    return os.environ | {
        "DATABASE_URL": f"postgres://{account}@{host}/{base['NAME']}",
        "EXTRANET_DATA_DIR": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "tests.portal.forced.settings",
        "PYTHONUNBUFFERED": "1",
    }


def start(command, environment):
    return subprocess.Popen(
        [PYTHON, *command], cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def read_until(process, mark):
    """All that the process prints up to a line with `mark`, which then stops; to its end without a mark."""
    timer = threading.Timer(LONGEST, process.kill)
    timer.start()
    lines = []
    for line in process.stdout:
        lines.append(line)
        if mark and mark in line:
            process.terminate()
            mark = ""
    process.wait()
    timer.cancel()
    return "".join(lines)


def assert_tells_nothing(text, *expected):
    for word in expected:
        assert word in text, text
    for word in [*errors.WORDS, errors.TOKEN]:
        assert word not in text, f"{word} in:\n{text}"


PLACE = "IntegrityError from NotNullViolation at "


@pytest.mark.rule("RGP-2.a")
@pytest.mark.parametrize("kind", errors.KINDS)
def test_a_command_that_fails_prints_type_and_place(environment, kind):
    process = start(["manage.py", "force_error", kind], environment)
    text = read_until(process, "")
    assert process.returncode == (kind == "refused_by_the_database")
    place = "RuntimeWarning at errors.py:" if kind == "as_a_warning" else PLACE
    assert_tells_nothing(text, place)
    assert len(text.splitlines()) == (7 if kind == "in_a_message" else 1), text


@pytest.mark.rule("RGP-2.a")
def test_a_worker_prints_type_and_place_of_every_task_that_fails(environment):
    from celery import current_app

    queue = f"logs-{os.getpid()}"
    worker = start(
        ["-m", "celery", "-A", "tests.portal.forced.celery", "worker", "-Q", queue, "--concurrency", "1"]
        + ["--loglevel", "DEBUG", "--without-gossip", "--without-mingle"],
        environment,
    )
    with current_app.connection_for_write() as broker:
        for kind in errors.KINDS:
            current_app.send_task("forced.fail", [kind], queue=queue, connection=broker)
        current_app.send_task("forced.unknown", [errors.CANARIES], queue=queue, connection=broker)
        current_app.send_task("forced.end", queue=queue, connection=broker)
    text = read_until(worker, "END")
    assert_tells_nothing(text, "Task forced.fail[", PLACE, "RuntimeWarning at errors.py:", "END")
    assert re.search(
        r"unexpected: … \| IntegrityError from NotNullViolation at \S+ execute <.* celery.py:\d+ fail", text
    )


@pytest.mark.rule("RGP-2.a")
def test_a_scheduler_that_fails_prints_type_and_place(environment, tmp_path):
    beat = ["-m", "celery", "-A", "tests.portal.forced.celery", "beat", "-S", "tests.portal.forced.celery:Failing"]
    text = read_until(start([*beat, "--pidfile", ""], environment), "")
    assert_tells_nothing(text, PLACE)


@pytest.mark.rule("RGP-2.a")
def test_a_web_server_that_fails_prints_no_value_and_no_token(environment):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = ["-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    server = start([*command, "--access-log", "extranet.wsgi:application"], environment)
    said = []
    reader = threading.Thread(target=lambda: said.append(read_until(server, "")))
    reader.start()
    private = [
        f"/demandes/envoyee/{errors.TOKEN}/",
        f"/demandes/suivi/{errors.TOKEN}/?q={errors.CANARIES['nom']}",
        f"/conventions/copie-signee/{errors.TOKEN}/",
        f"/habilitations/complement/{errors.TOKEN}/",
    ]
    statuses = []
    try:
        wait_for(port)
        for path in [*(f"/echec/{kind}/" for kind in [*errors.KINDS, "stream"]), *private]:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
                    answer.read()
                    statuses.append(answer.status)
            except urllib.error.HTTPError as error:
                statuses.append(error.code)
            except OSError:  # the stream was cut
                statuses.append(0)
    finally:
        server.terminate()
        reader.join()
    assert statuses[0] == 500
    assert statuses[-4:] == [500] * 4
    assert_tells_nothing(said[0], PLACE, "/demandes/envoyee/…", "/conventions/copie-signee/…", "RuntimeWarning at")


def wait_for(port):
    """Until something listens; connecting blocks, so that nothing is asked faster than the machine can answer."""
    for _ in range(600):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/sante/vivant", timeout=30).close()
            return
        except (urllib.error.URLError, ConnectionError):
            threading.Event().wait(0.1)
    raise AssertionError("no server")


# --- tokens ---------------------------------------------------------------------------------------------------------


def routes(resolver, before="/"):
    for entry in resolver.url_patterns:
        route = before + str(entry.pattern)
        if isinstance(entry, URLPattern):
            yield route
        else:
            yield from routes(entry, route)


@pytest.mark.rule("RGP-2.a")
def test_every_private_link_of_the_portal_is_masked():
    private = [route for route in routes(get_resolver()) if "token>" in route and "(" not in route]
    assert "/demandes/suivi/<str:token>/" in private
    for route in private:
        path = re.sub(r"<[^>]*>", "Valeur", re.sub(r"<\w*:?token>", errors.TOKEN, route))
        for line in (f"Internal Server Error: {path}", f'"GET {path} HTTP/1.1" 500', f"https://portail.test{path}"):
            assert errors.TOKEN not in logs.mask(line)


@pytest.mark.rule("RGP-2.a")
def test_a_free_text_in_an_address_is_a_token_or_says_nothing_of_anybody():
    """A new address with a `str` in it: name it `token` if it is a secret, else add it here."""
    known = {"token", "reference"}
    names = {
        name
        for route in routes(get_resolver())
        if not route.startswith(("/admin/", "/compte/"))
        for name in re.findall(r"<str:(\w+)>", route)
    }
    assert names <= known


@pytest.mark.rule("RGP-2.a")
def test_while_the_addresses_cannot_be_read_every_long_part_is_masked(monkeypatch):
    monkeypatch.setattr(logs, "_routes", None)
    monkeypatch.setattr(logs, "get_resolver", lambda: 1 / 0)
    assert (
        logs.mask(f"Internal Server Error: /demandes/suivi/{errors.TOKEN}/")
        == "Internal Server Error: /demandes/suivi/…/"
    )


@pytest.mark.rule("RGP-2.a")
def test_no_logger_has_a_handler_that_writes_otherwise():
    """Of ours, Django's and the libraries'."""
    loggers = [logging.getLogger(), *(logging.getLogger(name) for name in list(logging.root.manager.loggerDict))]
    handlers = {one for logger in loggers for one in logger.handlers if isinstance(one, logging.StreamHandler)}
    written = {one for one in handlers if not type(one).__module__.startswith("_pytest")}
    assert written
    assert not [one for one in written if not isinstance(one.formatter, logs.Line)]
