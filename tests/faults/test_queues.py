"""Real workers on a real Redis: what one kind of work holds up holds up no other kind (ING-1, NOT-2)."""

import io
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from celery import current_app
from django.conf import settings as django_settings
from django.core.cache import cache
from django.db import connection, transaction

from bench.deliveries import delivery, record
from demandes.models import Demande, Livraison
from demandes.services import deliveries
from demandes.workflow import EtatLivraison
from extranet.core import clock
from extranet.core.outbox import services as outbox
from extranet.portal import health, sweep
from tests.factories import UserFactory

ROOT = Path(__file__).resolve().parents[2]
SERVICES = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
WORKERS = {name.removeprefix("worker-"): one["command"] for name, one in SERVICES.items() if name.startswith("worker-")}
SWEEP, SEND = "extranet.portal.tasks.sweep_due", "extranet.core.outbox.tasks.send_due"


def until(true, seconds=60):
    """Wait for something that other processes do."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "did not come"
        time.sleep(0.1)


def file_of(first, count, now):
    return io.BytesIO("".join(delivery((record(n, now) for n in range(first, first + count)), now)).encode())


@pytest.fixture
def workers(settings, tmp_path, smtp_sink):
    """The workers of the compose file, on the database, the Redis and the mail server of the tests."""
    settings.DATA_DIR = tmp_path
    cache.clear()
    database = connection.settings_dict
    environment = os.environ | {
        "EXTRANET_ENV": "test",
        "DATABASE_URL": f"postgres://{database['USER']}:{database['PASSWORD']}@{database['HOST']}:{database['PORT']}/{database['NAME']}",
        "EXTRANET_DATA_DIR": str(tmp_path),
        "EMAIL_URL": f"smtp://{settings.EMAIL_HOST}:{settings.EMAIL_PORT}",
    }
    started = [
        subprocess.Popen([sys.executable, "-m", *command], cwd=ROOT, env=environment, start_new_session=True)
        for command in WORKERS.values()
    ]
    yield started
    for process in started:
        process.terminate()
    for process in started:
        process.wait(30)
    cache.clear()


def test_each_kind_of_work_has_its_worker_and_each_task_its_queue():
    assert list(WORKERS) == django_settings.QUEUES
    for queue, command in WORKERS.items():
        assert command[command.index("--queues") + 1] == queue
    router = current_app.amqp.router
    queues = {
        name: router.route({}, name)["queue"].name for name in current_app.tasks if not name.startswith("celery.")
    }
    assert set(queues.values()) == set(django_settings.QUEUES)
    assert (queues[SWEEP], queues[SEND], queues["demandes.tasks.ingest"]) == ("clock", "mail", "deliveries")
    assert queues["demandes.tasks.make_file"] == "files"
    limits = [one.get("time_limit", 0) for one in django_settings.CELERY_TASK_ANNOTATIONS.values()]
    longest = max(django_settings.CELERY_TASK_TIME_LIMIT, *limits)
    assert django_settings.CELERY_BROKER_TRANSPORT_OPTIONS["visibility_timeout"] > longest


@pytest.mark.rule("ING-1.a")
@pytest.mark.rule("NOT-2.a")
@pytest.mark.django_db(transaction=True)
def test_two_deliveries_that_last_delay_neither_the_clock_nor_a_mail(workers, smtp_sink):
    now = clock.now()
    long_ones = [
        deliveries.register(file_of(first, 5, now), nom=f"{first}.xml", origine="depot", now=now, ring=False).pk
        for first in (1, 101)
    ]
    person = UserFactory(email="ailleurs@lieu.test")
    outbox.post("accounts.personnalise", key="attend", to=[f"user:{person.pk}"], now=now)
    with transaction.atomic():  # as long as this holds their rows, both deliveries last
        list(Livraison.objects.select_for_update().filter(pk__in=long_ones))
        current_app.tasks["demandes.tasks.take_inbox"].apply_async(ignore_result=True)
        until(_is_held_up)
        for one in sweep.OBLIGATIONS:  # each worker swept as it started
            cache.delete(sweep.heartbeat_key(one.name))
        for name in (SWEEP, SEND):
            current_app.tasks[name].apply_async(ignore_result=True)
        until(lambda: smtp_sink.to(person.email))
        until(lambda: all(cache.get(sweep.heartbeat_key(one.name)) for one in sweep.OBLIGATIONS))
        until(lambda: all(cache.get(health.worker_key(queue)) for queue in django_settings.QUEUES))
        assert _is_held_up()
    until(lambda: not Livraison.objects.filter(state=EtatLivraison.RECUE).exists())
    assert {one.state for one in Livraison.objects.all()} == {EtatLivraison.TRAITEE}
    assert Demande.objects.count() == 10


def _is_held_up():
    """A worker waits for a row that the test holds."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return cursor.fetchone()[0] > 0
