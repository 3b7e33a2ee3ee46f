"""What would destroy too much at once, or after a leap of the clock, waits; access is closed meanwhile (CNS-6.c)."""

import re
from datetime import timedelta
from io import StringIO

import pytest
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection
from django.urls import reverse

from demandes import queries
from demandes.models import ClockMark, Demande, Dossier
from demandes.services import destruction
from extranet.core import clock
from extranet.core.apart import Incomplete
from extranet.core.dates import Reading, paris_date
from extranet.core.journal.models import Entry
from extranet.portal import sweep
from extranet.portal.tasks import sweep_due
from tests.factories import NOW, DemandeFactory, HabilitationFactory, LieuFactory

DAY = paris_date(NOW)


@pytest.fixture(autouse=True)
def moved(db, settings, tmp_path, time_machine):
    """The moment of tests, an empty data folder."""
    settings.DATA_DIR = tmp_path
    time_machine.move_to(NOW, tick=False)


@pytest.fixture
def lieu():
    return LieuFactory()


def due(count, lieu):
    return [DemandeFactory(echue=True, lieu=lieu) for _ in range(count)]


def usual(count, lieu, days=5):
    """`count` destroyed dossiers on each of some past days, and one day that was nothing like the others."""
    for day in range(2, days + 2):
        for _ in range(count):
            DemandeFactory(purgee=True, lieu=lieu, last_day=DAY - timedelta(days=day))
    for _ in range(count * 4):
        DemandeFactory(purgee=True, lieu=lieu, last_day=DAY - timedelta(days=20))


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


def purge(client):
    return client.get("/sante/pret").json()["controles"]["destructions"]


# --- five times a usual day ----------------------------------------------------------------------------------------


@pytest.mark.rule("CNS-6.c")
@pytest.mark.parametrize(
    ("a_day", "count", "waits"),
    [(0, 20, False), (0, 21, True), (1, 20, False), (1, 21, True), (5, 24, False), (5, 25, True)],
    ids=["few", "never before", "few, five times", "many", "under five times", "five times"],
)
def test_five_times_a_usual_day_waits_and_a_small_instance_goes_on(lieu, a_day, count, waits):
    usual(a_day, lieu)
    due(count, lieu)
    assert queries.usual_day(DAY) == a_day
    sweep_due()
    assert Dossier.objects.count() == (count if waits else 0)


@pytest.mark.rule("CNS-6.c")
def test_while_it_waits_access_is_closed_readiness_is_red_and_the_operator_is_told_what_to_type(client, lieu):
    person = HabilitationFactory(lieu=lieu).user
    demandes = due(21, lieu)
    for _ in range(3):  # neither time, nor a restart, nor a lost cache lets it go
        cache.clear()
        sweep_due()
    assert Dossier.objects.count() == 21
    client.force_login(person)
    assert client.get(reverse("demandes:detail", args=[demandes[0].uuid])).status_code == 410
    assert client.get(reverse("demandes:suivi", args=[queries.link_token(demandes[0].uuid)])).status_code == 410
    assert demandes[0].reference not in client.get("/espace/demandes/").content.decode()

    assert client.get("/sante/pret").status_code == 503
    assert purge(client) == {
        "ok": False,
        "detail": "21 attendent un opérateur (un jour ordinaire en compte 0) : "
        "python manage.py purge_dossiers --dry-run",
    }
    code, said = run("sweep")
    assert code == 1
    assert "21 destructions wait for an operator" in said
    code, said = run("purge_dossiers", "--dry-run")
    assert code == 0
    assert said.startswith("21 due, 0 destroyed (dry run)\n")
    assert said.endswith("python manage.py purge_dossiers --confirm 21\n")
    code, said = run("purge_dossiers")
    assert code == 1
    assert said.startswith("21 due, 0 destroyed\nthey wait for an operator: a usual day destroys 0.")
    assert run("purge_dossiers", "--confirm", "20") == (2, "21 are due, not 20: look again with --dry-run")
    with pytest.raises(CommandError):
        call_command("purge_dossiers", "--confirm", "21", "--dry-run")
    assert Dossier.objects.count() == 21

    assert run("purge_dossiers", "--confirm", "21") == (0, "21 due, 21 destroyed\n")
    assert not Dossier.objects.exists()
    assert purge(client)["ok"]
    [line] = Entry.objects.filter(event="purge.confirmee")
    assert (line.actor, line.at, line.details) == ("operateur", NOW, {"dossiers": 21, "saut": False})
    assert Entry.objects.filter(event="demande.purgee").count() == 21


@pytest.mark.rule("CNS-6.c")
def test_a_confirmed_purge_that_is_interrupted_waits_for_what_is_left(lieu, monkeypatch):
    monkeypatch.setattr(destruction, "BATCH", 1)
    due(30, lieu)
    deletions = []

    def cut(execute, sql, params, many, context):
        if sql.startswith('DELETE FROM "demandes_dossier"'):
            deletions.append(sql)
            if len(deletions) == 5:
                raise KeyboardInterrupt
        return execute(sql, params, many, context)

    with connection.execute_wrapper(cut), pytest.raises(KeyboardInterrupt):
        call_command("purge_dossiers", "--confirm", "30")
    sweep_due()
    assert Dossier.objects.count() == 26
    assert run("purge_dossiers", "--confirm", "26")[0] == 0
    assert not Dossier.objects.exists()


@pytest.mark.rule("CNS-6.c")
def test_a_declared_shift_of_a_demonstration_destroys_what_it_makes_fall_due(lieu, settings):
    for _ in range(30):
        DemandeFactory(transmise=True, lieu=lieu, at=NOW - timedelta(days=3))
    sweep_due()
    assert Dossier.objects.count() == 30
    settings.CLOCK_SHIFT = "+6mo"
    sweep_due()
    assert not Dossier.objects.exists()
    assert not ClockMark.objects.exclude(leapt_at=None).exists()


# --- a leap of the clock ----------------------------------------------------------------------------------------------


@pytest.mark.rule("CNS-6.c")
def test_after_a_leap_of_the_clock_nothing_goes_until_it_is_undone(client, lieu, time_machine):
    demande = DemandeFactory(transmise=True, lieu=lieu, last_day=DAY + timedelta(days=1))
    sweep_due()
    time_machine.move_to(NOW + timedelta(days=3), tick=False)
    for _ in range(2):
        cache.clear()
        sweep_due()
    assert Dossier.objects.count() == 1
    assert purge(client)["detail"].startswith("1 attendent un opérateur (l’horloge d’une machine a sauté)")
    assert client.get(reverse("demandes:suivi", args=[queries.link_token(demande.uuid)])).status_code == 410
    assert "leapt" in run("purge_dossiers")[1]
    time_machine.move_to(NOW + timedelta(minutes=5), tick=False)
    sweep_due()
    assert purge(client)["ok"]
    assert client.get(reverse("demandes:suivi", args=[queries.link_token(demande.uuid)])).status_code == 200


@pytest.mark.rule("CNS-6.c")
def test_an_operator_takes_the_new_time_for_right(lieu, time_machine):
    for day in (1, 4):
        DemandeFactory(transmise=True, lieu=lieu, last_day=DAY + timedelta(days=day))
    sweep_due()
    time_machine.move_to(NOW + timedelta(days=3), tick=False)
    sweep_due()
    assert run("purge_dossiers", "--confirm", "1") == (0, "1 due, 1 destroyed\n")
    assert Entry.objects.get(event="purge.confirmee").details == {"dossiers": 1, "saut": True}
    time_machine.move_to(NOW + timedelta(days=4, hours=23), tick=False)  # less than two days since
    cache.clear()
    sweep_due()
    assert not Dossier.objects.exists()
    assert ClockMark.objects.get().leapt_at is None


def reading(days, up=None, boot="a"):
    """What a machine says `days` after a first reading, having been up for as many, or for `up`."""
    return Reading(NOW + timedelta(days=days), timedelta(days=100 + (days if up is None else up)), boot)


def leaps(*readings):
    for one in readings:
        destruction.note_clock(one)
    return ClockMark.objects.exclude(leapt_at=None).exists()


@pytest.mark.rule("CNS-6.c")
@pytest.mark.parametrize(
    ("readings", "found"),
    [
        ([reading(0), reading(3)], False),
        ([reading(0), reading(300)], False),
        ([reading(0), reading(3, boot="b")], False),
        ([reading(0), reading(1.9, up=0)], False),
        ([reading(0), reading(-30, up=0)], False),
        ([reading(0), None], False),
        ([reading(0), reading(2, up=0)], True),
        ([reading(0), reading(5, up=3)], True),
        ([reading(0), reading(365, up=0), reading(365, up=0), reading(366, up=1)], True),
        ([reading(0), reading(1.5, up=0.1), reading(3, up=0.2)], True),
        ([reading(0), reading(-30, up=0), reading(3, up=0)], True),
        ([reading(0), reading(3, up=0), reading(0.1, up=0.1)], False),
        ([reading(0), reading(0, boot="b"), reading(3, up=0), reading(0, boot="b")], True),
        ([reading(0), reading(3, up=0), reading(3, boot="b")], True),
    ],
    ids=[
        "stopped for three days",
        "stopped for long",
        "switched off for three days",
        "less than two days",
        "backwards",
        "a machine that cannot tell",
        "two days",
        "stopped for three days, moved by two",
        "stays found",
        "twice a day and a half",
        "backwards, then forwards",
        "undone",
        "one of two machines",
        "another machine does not take it away",
    ],
)
def test_a_leap_is_what_the_calendar_tells_and_the_machine_did_not_live(readings, found):
    assert leaps(*readings) is found


@pytest.mark.rule("CNS-6.c")
def test_the_machine_tells_its_own_time_whatever_shift_is_declared(settings):
    plain = clock.reading()
    settings.CLOCK_SHIFT = "+6mo"
    assert clock.reading().wall == plain.wall == NOW
    assert clock.reading().boot == plain.boot
    assert clock.reading().uptime >= plain.uptime > timedelta(0)


# --- one that fails ------------------------------------------------------------------------------------------------


@pytest.mark.rule("CNS-6.a")
@pytest.mark.rule("CNS-6.b")
def test_one_dossier_that_cannot_be_destroyed_stops_no_other_and_is_seen(lieu, caplog, monkeypatch):
    monkeypatch.setattr(destruction, "BATCH", 2)
    bad, *_ = due(5, lieu)

    def cut(execute, sql, params, many, context):
        if sql.startswith('DELETE FROM "demandes_dossier"') and str(bad.pk) in re.findall(r"\d+", str(params)):
            raise DatabaseError("Failing row contains (Martin)")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(cut):
        assert run("purge_dossiers") == (1, "5 due, 4 destroyed, 1 failed\n")
        assert Dossier.objects.get().demande_id == bad.pk
        assert Demande.objects.get(pk=bad.pk).state == "transmise"
        assert f"destruction of demande {bad.pk}: failed" in caplog.text
        with pytest.raises(Incomplete):
            destruction.destroy_due(now=NOW)
        done = sweep.run(now=NOW)
        assert done.pop("destructions") == -1
        assert -1 not in done.values()
    assert run("purge_dossiers") == (0, "1 due, 1 destroyed\n")
