"""What an operator asks the portal: is it well, are its invariants true, and what did the commands do."""

import io
import json
import os
from datetime import timedelta
from io import StringIO

import pytest
import time_machine
from django.conf import settings
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.db import connection

from bench.deliveries import delivery, record
from conventions.models import Convention
from demandes.models import Demande, Dossier
from demandes.services import applying, deliveries
from extranet.core.documents import store
from extranet.core.journal import services as journal
from extranet.core.journal.models import Entry
from extranet.core.outbox.models import Message
from extranet.core.vault import days
from extranet.portal import health, integrity, sweep
from extranet.portal.tasks import sweep_due
from tests.factories import NOW, DemandeFactory, HabilitationFactory, LieuFactory, TransmissionFactory, a_pdf


@pytest.fixture(autouse=True)
def moved(db, settings, tmp_path):
    """The moment of tests, an empty data directory."""
    settings.DATA_DIR = tmp_path
    with time_machine.travel(NOW, tick=False) as clock:
        yield clock


def run(*arguments):
    """(exit code, what was said)."""
    said = StringIO()
    try:
        call_command(*arguments, stdout=said)
    except SystemExit as ended:
        return ended.code, said.getvalue()
    except CommandError as error:
        return error.returncode, str(error)
    return 0, said.getvalue()


# --- /sante ---------------------------------------------------------------------------------------------------------


def ready(client):
    answer = client.get("/sante/pret")
    document = answer.json()
    wrong = {name for name, check in document["controles"].items() if not check["ok"]}
    assert document["pret"] == (answer.status_code == 200) == (not wrong)
    return answer.status_code, wrong


def all_at_work():
    sweep_due()
    for queue in settings.QUEUES:
        health.note_worker(queue, NOW)


def a_mail(at):
    return Message.objects.create(
        kind="demandes.accuse", key="x", recipient="dossier:x", created_at=at, due_at=at, next_try_at=at
    )


@pytest.mark.rule("RGP-5.a")
def test_ready_is_200_while_all_is_right(client):
    all_at_work()
    a_mail(NOW - timedelta(minutes=5))
    DemandeFactory(transmise=True, lieu=LieuFactory())
    assert ready(client) == (200, set())
    body = client.get("/sante/pret")
    assert body["Content-Type"] == "application/json"
    assert "no-store" in body["Cache-Control"]


@pytest.mark.parametrize(
    ("cause", "part"),
    [
        (lambda: cache.delete(health.worker_key("mail")), "travailleur"),
        (lambda: health.note_worker("clock", NOW - timedelta(minutes=4)), "travailleur"),
        (lambda: a_mail(NOW - timedelta(minutes=20)), "courriels"),
        (
            lambda: DemandeFactory(transmise=True, lieu=LieuFactory(), last_day=NOW.date() - timedelta(days=2)),
            "destructions",
        ),
        (lambda: cache.set(sweep.heartbeat_key("destructions"), NOW - timedelta(hours=3)), "obligations"),
        (lambda: cache.delete(sweep.heartbeat_key("rappels")), "obligations"),
    ],
    ids=["no worker", "worker silent", "mail waiting", "purge late", "obligation late", "obligation never run"],
)
@pytest.mark.rule("CNS-6.b")
@pytest.mark.rule("RGP-5.a")
def test_ready_is_503_and_says_which_part(client, cause, part):
    all_at_work()
    cause()
    assert ready(client) == (503, {part})


def test_ready_is_503_without_a_broker(client, settings):
    from celery import current_app

    all_at_work()
    before = current_app.conf.broker_url
    current_app.conf.broker_url = "redis://127.0.0.1:1/0"
    try:
        assert ready(client) == (503, {"courtier"})
    finally:
        current_app.conf.broker_url = before


def test_ready_is_503_without_a_database_and_alive_is_200(client, monkeypatch):
    with connection.execute_wrapper(lambda *a: (_ for _ in ()).throw(ConnectionError)):
        assert ready(client) == (503, {"base"})
        assert client.get("/sante/vivant").status_code == 200


# --- check_integrity ------------------------------------------------------------------------------------------------


def keep():
    return store.keep(a_pdf(), media_type="application/pdf", nature="signature", now=NOW - timedelta(days=2))


def a_sealed_line():
    lieu = LieuFactory()
    journal.record("essai", lieu, by="systeme", at=NOW - timedelta(hours=1))
    journal.record("essai", lieu, by="systeme", at=NOW - timedelta(hours=1))
    for minutes in (20, 0):
        journal.seal(now=NOW - timedelta(minutes=minutes))
    return Entry.objects.order_by("pk").last()


def without_triggers(sql, *values):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(sql, values)
        cursor.execute("SET LOCAL session_replication_role = DEFAULT")


def past_its_limit():
    DemandeFactory(transmise=True, lieu=LieuFactory(), last_day=NOW.date() - timedelta(days=1))
    days.destroy(before=NOW.date())


def destroyed_but_there():
    demande = DemandeFactory(transmise=True, lieu=LieuFactory())
    Demande.objects.filter(pk=demande.pk).update(state="purgee", destroyed_at=NOW, content="")
    demande.attributions.update(ended_at=NOW, fin="detruite", attest_from=NOW)


def lost_dossier():
    Dossier.objects.filter(demande=DemandeFactory(transmise=True, lieu=LieuFactory())).delete()


def elsewhere():
    demande = DemandeFactory(transmise=True, lieu=LieuFactory())
    Demande.objects.filter(pk=demande.pk).update(transmission=TransmissionFactory())


def altered_file():
    path = keep().path
    path.write_bytes(path.read_bytes()[:-1] + b"x")


def unknown_file():
    path = keep().path
    stray = path.with_name("00000000-0000-4000-8000-000000000000")
    stray.write_bytes(b"x")
    os.utime(stray, (0, 0))


def changed_line():
    without_triggers("UPDATE journal_entry SET actor = 'user:0' WHERE id = %s", a_sealed_line().pk)


def removed_line():
    without_triggers("DELETE FROM journal_entry WHERE id = %s", a_sealed_line().pk)


BROKEN = [
    (past_its_limit, "1 dossiers past their last day"),
    (destroyed_but_there, "1 dossiers of destroyed or withdrawn demandes"),
    (lost_dossier, "1 demandes without dossier"),
    (elsewhere, "1 demandes at a lieu without an open attribution to it"),
    (lambda: keep().path.unlink(), "no bytes"),
    (altered_file, "bytes differ"),
    (unknown_file, "file without record: 00000000-0000-4000-8000-000000000000"),
    (changed_line, "does not match its seal"),
    (removed_line, "does not match its seal"),
]


@pytest.mark.rule("ACC-2.f")
@pytest.mark.rule("CON-1.b")
@pytest.mark.parametrize(("breaks", "sentence"), BROKEN, ids=[getattr(row[0], "__name__", "") for row in BROKEN])
def test_a_broken_invariant_is_named_and_the_exit_is_1(breaks, sentence):
    breaks()
    code, said = run("check_integrity")
    *faults, summary = said.splitlines()
    assert code == 1
    assert len(faults) == 1
    assert sentence in faults[0]
    assert summary.endswith(" 1 faults")


def test_all_is_well_on_a_full_database():
    keep()
    a_sealed_line()
    for trait in ("recuperee", "traitee", "en_retard", "presque_six_mois", "purgee"):
        DemandeFactory(**{trait: True}, lieu=LieuFactory())
    DemandeFactory(retiree=True)
    DemandeFactory()
    LieuFactory(convention_finie=True)
    assert Convention.objects.count() == 7
    assert run("check_integrity") == (0, f"{len(integrity.CHECKS)} checks, 0 faults\n")


# --- commands -------------------------------------------------------------------------------------------------------


def file_of(*records):
    return "".join(delivery(iter(records), NOW)).encode()


GOOD = file_of(record(1, NOW), record(2, NOW))
FAULTY = file_of(record(1, NOW), record(3, NOW, commune="77999"))


@pytest.mark.rule("ING-4.a")
def test_ingest_says_one_line_a_file_and_exits_by_what_came_of_it(tmp_path):
    HabilitationFactory(lieu=LieuFactory())
    good, faulty, broken = (tmp_path / name for name in ("bon.xml", "fautes.xml", "casse.xml"))
    good.write_bytes(GOOD)
    faulty.write_bytes(FAULTY)
    broken.write_bytes(GOOD[:-20])
    ask = "ingest_deliveries"
    assert run(ask, str(good)) == (0, "bon.xml: read=2 created=2 updated=0 unchanged=0 set-aside=0\n")
    assert run(ask, str(good)) == (0, "bon.xml: already received\n")
    assert run(ask, str(faulty)) == (1, "fautes.xml: read=2 created=0 updated=0 unchanged=1 set-aside=1\n")
    code, said = run(ask, str(good), str(broken))
    first, second = said.splitlines()
    assert (code, first) == (1, "bon.xml: already received")
    assert second.startswith("casse.xml: refused (")
    assert second.endswith(")")
    assert good.exists()  # what is named stays where it is
    code, said = run(ask, str(tmp_path / "absent.xml"))
    assert code == 2
    assert "absent.xml" in said
    assert run(ask, str(tmp_path))[0] == 2
    with pytest.raises(CommandError) as error:
        call_command(ask, "--inconnu")
    assert error.value.returncode in (1, 2)


@pytest.mark.rule("ING-1.a")
@pytest.mark.rule("ING-4.a")
def test_ingest_without_a_path_takes_the_inbox_in_the_order_of_arrival():
    HabilitationFactory(lieu=LieuFactory())
    assert run("ingest_deliveries") == (0, "")
    inbox = deliveries.folder("entree")
    for age, (name, content) in enumerate([("c.xml", b"bonjour"), ("b.xml", FAULTY), ("a.xml", GOOD)]):
        part = inbox.parent / f"{name}.part"
        part.write_bytes(content)
        os.utime(part, (1_000_000 - age, 1_000_000 - age))
        part.rename(inbox / name)
    code, said = run("ingest_deliveries")
    assert code == 1
    assert said.splitlines()[:2] == [
        "a.xml: read=2 created=2 updated=0 unchanged=0 set-aside=0",
        "b.xml: read=2 created=0 updated=0 unchanged=1 set-aside=1",
    ]
    assert said.splitlines()[2].startswith("c.xml: refused (")
    root = inbox.parent
    assert sorted(str(path.relative_to(root)) for path in root.rglob("*.xml")) == [
        "refusees/c.xml",
        "traitees/a.xml",
        "traitees/b.xml",
    ]


@pytest.mark.rule("CNS-1.a")
def test_purge_says_how_many_and_its_dry_run_destroys_nothing():
    lieu = LieuFactory()
    for _ in range(3):
        DemandeFactory(echue=True, lieu=lieu)
    DemandeFactory(presque_six_mois=True, lieu=lieu)
    assert run("purge_dossiers", "--dry-run") == (0, "3 due, 0 destroyed (dry run)\n")
    assert Dossier.objects.count() == 4
    assert run("purge_dossiers") == (0, "3 due, 3 destroyed\n")
    assert Dossier.objects.count() == 1
    assert run("purge_dossiers") == (0, "0 due, 0 destroyed\n")


@pytest.mark.rule("NOT-2.a")
def test_send_mails_empties_the_outbox_and_says_what_is_left(smtp_sink):
    person = HabilitationFactory(lieu=LieuFactory())
    applying.ingest(
        deliveries.register(io.BytesIO(GOOD), nom="l.xml", origine="depot", now=NOW, ring=False).pk, now=NOW
    )
    smtp_sink.refuse[person.user.email] = "451 plus tard"
    code, said = run("send_mails")
    assert code == 1
    assert not smtp_sink.mails
    smtp_sink.refuse.clear()
    Message.objects.update(next_try_at=NOW)
    assert run("send_mails")[0] == 0
    assert len(smtp_sink.to(person.user.email)) == 1
    assert run("send_mails")[0] == 0
    assert len(smtp_sink.mails) == 1


@pytest.mark.rule("CNS-1.b")
def test_sweep_does_every_duty_says_each_and_exits_1_when_one_fails(settings, smtp_sink, tmp_path):
    DemandeFactory(echue=True, lieu=LieuFactory())
    code, said = run("sweep")
    assert code == 0
    lines = dict(line.split(": ") for line in said.splitlines()[:-1])
    assert list(lines) == [obligation.name for obligation in sweep.OBLIGATIONS]
    assert lines["destructions"] == lines["attestations"] == "1"
    assert not Dossier.objects.exists()
    assert f"{len(lines)} done, 0 failed" in said.splitlines()[-1]
    (tmp_path / "livraisons").rename(tmp_path / "ailleurs")
    (tmp_path / "livraisons").touch()  # where a folder should be
    DemandeFactory(echue=True, lieu=LieuFactory())
    code, said = run("sweep")
    assert code == 1
    assert "fichiers de livraison: failed" in said
    assert not Dossier.objects.exists()  # the others went on


@pytest.mark.rule("RGP-2.a")
def test_health_says_nothing_personal(client):
    a_mail(NOW - timedelta(hours=3))
    assert "@" not in json.dumps(client.get("/sante/pret").json())
