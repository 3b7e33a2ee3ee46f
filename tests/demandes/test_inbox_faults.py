"""The inbox and its files: each fault with its answer, none holds back the rest, and what stands still is seen."""

import io
import os
import socket
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
import time_machine
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection

from bench.deliveries import delivery, record
from demandes.documents.motifs import refusal, said
from demandes.models import Demande, Livraison, Rejet, Transmission
from demandes.services import applying, deliveries, delivery_files, inbox
from demandes.workflow import Etat
from extranet.core.outbox.models import Message
from extranet.portal import integrity
from extranet.portal.health import note_worker
from extranet.portal.tasks import sweep_due
from tests.factories import NOW, HabilitationFactory, LieuFactory

GOOD = "".join(delivery(iter([record(1, NOW)]), NOW))
LATIN = os.fsdecode("livraison_été.xml".encode("latin-1"))


@pytest.fixture(autouse=True)
def moved(db, settings, tmp_path):
    settings.DATA_DIR = tmp_path / "données"
    HabilitationFactory(lieu=LieuFactory(code="RPE-77-CHATELET"))
    with time_machine.travel(NOW, tick=False) as clock:
        yield clock


def drop(name="livraison.xml", content=GOOD, place="entree", old=0):
    """Into the inbox by rename, as an operator does."""
    part = deliveries.folder("entree").parent / "part"
    part.write_bytes(content.encode() if isinstance(content, str) else content)
    os.utime(part, (1_000_000 - old, 1_000_000 - old))
    path = deliveries.folder(place) / name
    part.rename(path)
    return path


@pytest.fixture
def later(monkeypatch):
    """What lies in the folders has not been touched for so many seconds."""

    def pass_(seconds):
        real = delivery_files.clock_of
        for module in (delivery_files, inbox):
            monkeypatch.setattr(module, "clock_of", lambda place: real(place) + seconds)

    return pass_


def take_all(now=NOW):
    taken = inbox.take_inbox(now=now)
    return [applying.ingest(livraison.pk, now=now) for livraison in taken]


def bytes_left(*places):
    return [path for place in places for path in deliveries.folder(place).rglob("*") if not path.is_dir()]


# --- names and kinds of things --------------------------------------------------------------------------------------

NAMES = {
    LATIN: ("livraison_�t�.xml", "livraison__t_.xml"),
    "x" * 251 + ".xml": ("x" * 251 + ".xml", "x" * 76 + ".xml"),
    "é" * 127: ("é" * 127, "e" * 80),
    "\U0001d4cd" * 60 + ".xml": ("\U0001d4cd" * 60 + ".xml", "x" * 60 + ".xml"),
    "a\nb\u202e;=cmd.xml": ("ab;=cmd.xml", "ab__cmd.xml"),
    "-rf": ("-rf", "-rf"),
    "☃": ("☃", "_"),
}


@pytest.mark.rule("ING-1.a")
@pytest.mark.parametrize("name", NAMES, ids=[name.encode("utf-8", "replace")[:12] for name in NAMES])
def test_any_name_is_taken_shown_and_kept_under_a_safe_one(name):
    drop(name)
    [livraison] = take_all()
    shown, kept = NAMES[name]
    assert livraison.state == "traitee"
    assert livraison.nom == shown
    assert deliveries.path_of(livraison).name == kept
    assert deliveries.path_of(livraison).exists()
    assert not bytes_left("entree", "en-cours")


def a_fifo(path):
    os.mkfifo(path)


def a_folder(path):
    path.mkdir()
    (path / "dedans.xml").write_text(GOOD)


def a_link(path):
    path.symlink_to(Path(__file__))


def a_dead_link(path):
    path.symlink_to("/nulle/part")


def a_socket(path):
    # A socket's address is short: bound where the path is, under a relative name.
    here = os.open(".", os.O_RDONLY)
    try:
        os.chdir(path.parent)
        with socket.socket(socket.AF_UNIX) as end:
            end.bind(path.name)
    finally:
        os.fchdir(here)
        os.close(here)


NO_FILES = {
    a_fifo: "un tube",
    a_folder: "un dossier",
    a_link: "un lien",
    a_dead_link: "un lien",
    a_socket: "un connecteur",
}


@pytest.mark.rule("ING-1.a")
@pytest.mark.parametrize("make", NO_FILES, ids=lambda make: make.__name__)
@pytest.mark.parametrize("place", ["entree", "en-cours"])
def test_what_is_no_file_is_set_apart_with_its_reason_and_the_others_go_on(make, place, later):
    make(deliveries.folder(place) / "intrus.xml")
    drop("bonne.xml")
    later(30)
    apart, good = sorted(take_all(), key=lambda livraison: livraison.state)
    assert (good.nom, good.state) == ("bonne.xml", "traitee")
    assert (apart.nom, apart.state, apart.sha256) == ("intrus.xml", "refusee", None)
    assert NO_FILES[make] in refusal(apart.motifs)
    assert deliveries.path_of(apart).parent.name == "refusees"
    assert os.path.lexists(deliveries.path_of(apart))
    assert not bytes_left("entree", "en-cours")
    assert inbox.take_inbox(now=NOW) == []
    deliveries.destroy_old_files(now=NOW + timedelta(days=16))
    assert not list(deliveries.folder("refusees").iterdir())
    assert Path(__file__).exists()  # a link is removed, not followed


@pytest.mark.rule("ING-1.a")
def test_a_folder_in_en_cours_that_is_no_uuid_is_set_apart(later):
    a_folder(deliveries.folder("en-cours") / "lot de juin")
    (deliveries.folder("en-cours") / "lot de juin/autre.xml").write_text("x")
    later(30)
    drop("bonne.xml")
    assert sorted(livraison.state for livraison in take_all()) == ["refusee", "traitee"]
    assert not list(deliveries.folder("en-cours").iterdir())


@pytest.mark.rule("ING-1.a")
def test_a_claim_with_two_files_or_none_holds_back_nothing(later):
    claims = deliveries.folder("en-cours")
    two = claims / "00000000-0000-4000-8000-000000000001"
    for path in (two, claims / "00000000-0000-4000-8000-000000000002"):
        path.mkdir()
    (two / "a.xml").write_text(GOOD)
    (two / "b.xml").write_text("autre")
    drop("bonne.xml")
    later(300)
    assert sorted(livraison.state for livraison in take_all()) == ["refusee", "traitee"]
    assert not list(claims.iterdir())


@pytest.mark.rule("ING-5.b")
def test_hidden_and_fresh_files_are_being_written_and_left_alone():
    entree = deliveries.folder("entree")
    (entree / ".livraison.xml.x7Hj").write_text(GOOD)
    (entree / "fraiche.xml").touch()
    assert inbox.take_inbox(now=NOW) == []
    assert len(bytes_left("entree")) == 2


@pytest.mark.rule("ING-1.a")
def test_more_than_two_gibibytes_are_refused_without_being_read(monkeypatch):
    monkeypatch.setattr(deliveries, "LARGEST", 100)
    drop("enorme.xml")
    [livraison] = take_all()
    assert (livraison.state, refusal(livraison.motifs)) == ("refusee", "fichier de plus de 2 Gio")


@pytest.mark.rule("RGP-2.a")
def test_a_claim_that_fails_is_said_without_its_name_and_tried_again(caplog):
    drop("Famille Nomrare.xml", GOOD)
    drop("autre.xml", "bonjour", old=5)

    def broken(execute, sql, params, many, context):
        if sql.startswith("INSERT") and "demandes_livraison" in sql and "autre.xml" not in params:
            raise DatabaseError("Nomrare")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(broken):
        assert [livraison.nom for livraison in inbox.take_inbox(now=NOW)] == ["autre.xml"]
    assert "not taken: DatabaseError" in caplog.text
    assert "Nomrare" not in caplog.text
    assert [livraison.state for livraison in take_all()] == ["traitee"]


@pytest.mark.rule("ING-4.a")
def test_the_same_bytes_under_two_names_are_one_livraison_and_leave_nothing(later):
    drop("a.xml")
    drop("b.xml")
    first, second = inbox.take_inbox(now=NOW)
    assert first.pk == second.pk
    assert (first.is_new, second.is_new) == (True, False)
    applying.ingest(first.pk, now=NOW)
    assert not bytes_left("entree", "en-cours")
    assert [path.name for path in bytes_left("traitees")] == ["a.xml"]


@pytest.mark.rule("ING-5.c")
def test_two_files_of_one_name_keep_their_bytes_apart():
    drop("a.xml")
    take_all()
    drop("a.xml", GOOD + "\n")
    take_all()
    assert len(bytes_left("traitees")) == 2
    assert sorted(deliveries.path_of(row) for row in Livraison.objects.all()) == sorted(bytes_left("traitees"))
    deliveries.destroy_old_files(now=NOW + timedelta(hours=25))
    assert not bytes_left("traitees")


@pytest.mark.rule("ING-5.c")
def test_bytes_that_cannot_be_destroyed_hold_back_no_others(monkeypatch):
    for name, extra in (("a.xml", ""), ("b.xml", "\n")):
        drop(name, GOOD + extra)
    take_all()
    remove = delivery_files.remove

    def busy(path):
        if path.name == "a.xml":
            raise OSError("busy")
        remove(path)

    monkeypatch.setattr(deliveries, "remove", busy)
    with pytest.raises(OSError, match="busy"):
        deliveries.destroy_old_files(now=NOW + timedelta(hours=25))
    assert [path.name for path in bytes_left("traitees")] == ["a.xml"]


@pytest.mark.rule("ING-5.c")
def test_remains_of_what_was_begun_and_left_are_destroyed(later):
    for name, place in ((".rsync.tmp", "entree"), ("laissee.xml", "traitees"), ("laissee.xml", "refusees")):
        drop(name, place=place)
    drop("00000000-0000-4000-8000-000000000001.depot", place="en-cours")
    assert deliveries.destroy_old_files(now=NOW) == 0
    later(2 * 3600)
    assert deliveries.destroy_old_files(now=NOW) == 1
    later(25 * 3600)
    assert deliveries.destroy_old_files(now=NOW) == 3
    assert not bytes_left("entree", "en-cours", "traitees", "refusees")


# --- killed at any step ---------------------------------------------------------------------------------------------


class Killed(BaseException):
    """Nothing of ours runs after it."""


def killed(*args, **kwargs):
    raise Killed


@pytest.mark.rule("ING-5.a")
@pytest.mark.rule("ING-5.c")
@pytest.mark.parametrize("content", [GOOD, "bonjour"], ids=["applied", "refused"])
def test_killed_before_the_bytes_moved_they_are_brought_and_destroyed_in_time(monkeypatch, content):
    drop("a.xml", content)
    [livraison] = inbox.take_inbox(now=NOW)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(applying, "bring", killed)
        applying.ingest(livraison.pk, now=NOW)
    livraison.refresh_from_db()
    assert not deliveries.path_of(livraison).exists()
    inbox.take_inbox(now=NOW)
    assert deliveries.path_of(livraison).exists()
    assert list(inbox.faults(now=NOW)) == []
    assert not list(deliveries.folder("en-cours").iterdir())
    deliveries.destroy_old_files(now=NOW + timedelta(days=16))
    assert not bytes_left("traitees", "refusees")


@pytest.mark.rule("ING-5.a")
def test_bytes_that_are_gone_are_refused_and_may_come_again():
    drop("a.xml")
    [livraison] = inbox.take_inbox(now=NOW)
    deliveries.path_of(livraison).unlink()
    assert refusal(applying.ingest(livraison.pk, now=NOW).motifs) == "fichier absent"
    assert list(inbox.faults(now=NOW)) == []
    drop("a.xml")
    assert [one.state for one in take_all()] == ["traitee"]


@pytest.mark.rule("ING-5.a")
def test_a_transmission_made_before_a_kill_takes_what_the_change_of_coverage_adds(monkeypatch):
    """Nobody covers Melun, so its demande waits; an avenant adds it to the lieu; the delivery goes on."""
    chatelet = LieuFactory._meta.model.objects.get(code="RPE-77-CHATELET")
    content = "".join(delivery(iter([record(1, NOW), record(2, NOW, commune="77288")]), NOW))
    livraison = deliveries.register(io.BytesIO(content.encode()), nom="l.xml", origine="depot", now=NOW, ring=False)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(applying, "_close", killed)
        applying.ingest(livraison.pk, now=NOW)
    assert Demande.objects.get(reference="ME-0000002").state == Etat.A_ORIENTER
    first = Transmission.objects.get()
    cover(chatelet, "77288")
    assert applying.ingest(livraison.pk, now=NOW).state == "traitee"
    assert set(Demande.objects.values_list("transmission", "state")) == {(first.pk, "transmise")}
    assert Message.objects.filter(kind="demandes.transmission").count() == 1


@pytest.mark.rule("ING-5.a")
@pytest.mark.rule("NOT-3.a")
def test_what_joins_a_transmission_already_notified_has_its_own_mail_and_its_own_fifteen_days(monkeypatch):
    chatelet = LieuFactory._meta.model.objects.get(code="RPE-77-CHATELET")
    content = "".join(delivery(iter([record(1, NOW), record(2, NOW, commune="77288")]), NOW))
    livraison = deliveries.register(io.BytesIO(content.encode()), nom="l.xml", origine="depot", now=NOW, ring=False)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(applying, "_close", killed)
        applying.ingest(livraison.pk, now=NOW)
    Transmission.objects.update(notified_at=NOW)
    cover(chatelet, "77288")
    assert applying.ingest(livraison.pk, now=NOW + timedelta(days=1)).state == "traitee"
    late = Demande.objects.get(reference="ME-0000002").transmission
    assert late.notified_at is None
    assert Message.objects.filter(kind="demandes.transmission", key=str(late.uuid)).count() == 1


def cover(lieu, code):
    line = lieu.couvertures.first()
    line.pk, line.commune_id = None, code
    line.save()


# --- one worker at a time -------------------------------------------------------------------------------------------


def waiting_delivery(ring=True):
    return deliveries.register(io.BytesIO(GOOD.encode()), nom="l.xml", origine="depot", now=NOW, ring=ring)


def rings(bells):
    return sum(name == "demandes.tasks.ingest" for name, _ in bells)


@pytest.mark.rule("ING-5.a")
def test_a_bell_is_rung_once_and_again_when_nobody_answered(bells):
    waiting_delivery()
    for seconds in range(0, 120, 10):
        inbox.take_inbox(now=NOW + timedelta(seconds=seconds))
    assert rings(bells) == 1
    inbox.take_inbox(now=NOW + timedelta(seconds=120))
    assert rings(bells) == 2


@pytest.mark.rule("ING-5.a")
def test_while_one_worker_is_at_it_another_gets_nothing_and_no_bell_rings(bells):
    livraison = waiting_delivery()

    def meanwhile(livraison):
        assert applying.ingest(livraison.pk, now=NOW) is None
        inbox.take_inbox(now=NOW + timedelta(seconds=20))
        assert rings(bells) == 1

    assert applying.ingest(livraison.pk, now=NOW, progress=meanwhile).state == "traitee"


@pytest.mark.rule("ING-5.a")
def test_after_a_worker_s_death_another_takes_over_when_the_lease_is_over(bells):
    livraison = waiting_delivery()
    after = applying.LEASE + timedelta(seconds=1)

    def dies(one):
        Livraison.objects.filter(pk=one.pk).update(lease_until=NOW + applying.LEASE)
        raise Killed

    with pytest.raises(Killed):
        applying.ingest(livraison.pk, now=NOW, progress=dies)
    assert applying.ingest(livraison.pk, now=NOW + timedelta(seconds=5)) is None
    inbox.take_inbox(now=NOW + timedelta(seconds=5))
    assert rings(bells) == 1
    inbox.take_inbox(now=NOW + after)
    inbox.take_inbox(now=NOW + after)
    assert rings(bells) == 2
    done = applying.ingest(livraison.pk, now=NOW + after)
    assert (done.state, done.lues, done.creees) == ("traitee", 1, 1)


@pytest.mark.rule("ING-5.a")
def test_a_worker_that_lost_its_lease_applies_nothing_more():
    content = "".join(delivery((record(rank, NOW) for rank in range(1, 1201)), NOW))
    livraison = deliveries.register(io.BytesIO(content.encode()), nom="l.xml", origine="depot", now=NOW, ring=False)

    def lose(one):
        Livraison.objects.filter(pk=one.pk).update(lease_until=NOW + timedelta(hours=1))  # another worker's

    assert applying.ingest(livraison.pk, now=NOW, progress=lose) is None
    livraison.refresh_from_db()
    assert (livraison.state, livraison.lues) == ("recue", 1000)
    assert livraison.lease_until == NOW + timedelta(hours=1)
    assert Demande.objects.count() == 1000


# --- what stands still ----------------------------------------------------------------------------------------------


def health(client):
    return client.get("/sante/pret").json()["controles"]["livraisons"]


@pytest.mark.rule("RGP-5.b")
def test_ready_while_deliveries_are_taken_in_and_says_how_many_were_refused(client):
    sweep_due()
    for queue in settings.QUEUES:
        note_worker(queue, NOW)
    drop("mauvaise.xml", "bonjour")
    take_all()
    waiting_delivery()
    assert health(client) == {"ok": True, "detail": "à jour ; 1 refusées ou mises à part"}
    assert client.get("/sante/pret").status_code == 200


def left_in_the_inbox(later):
    drop("jamais.xml")
    later(5 * 60)


def claimed_only(later):
    (deliveries.folder("en-cours") / "00000000-0000-4000-8000-000000000001").mkdir()
    drop("00000000-0000-4000-8000-000000000001/a.xml", place="en-cours")
    later(5 * 60)


def never_answered(later):
    waiting_delivery()
    Livraison.objects.update(received_at=NOW - timedelta(minutes=5))


def begun_and_left(later):
    never_answered(later)
    Livraison.objects.update(lease_until=NOW - timedelta(minutes=1))
    busy = deliveries.register(io.BytesIO(b"autre"), nom="b.xml", origine="depot", now=NOW, ring=False)
    Livraison.objects.filter(pk=busy.pk).update(lease_until=NOW + applying.LEASE)


@pytest.mark.rule("RGP-5.b")
@pytest.mark.parametrize("cause", [left_in_the_inbox, claimed_only, never_answered, begun_and_left])
def test_what_nobody_takes_or_applies_is_red_and_found(client, later, cause):
    sweep_due()
    cause(later)
    assert health(client)["ok"] is False
    assert client.get("/sante/pret").status_code == 503
    assert len(list(integrity.delivery_files(NOW))) == 1


@pytest.mark.rule("RGP-5.b")
def test_what_waits_behind_a_delivery_that_is_being_applied_is_not_red(client):
    sweep_due()
    never_answered(None)
    busy = deliveries.register(io.BytesIO(b"autre"), nom="b.xml", origine="depot", now=NOW, ring=False)
    Livraison.objects.filter(pk=busy.pk).update(lease_until=NOW + applying.LEASE)
    assert health(client)["ok"] is True


@pytest.mark.rule("RGP-5.b")
def test_folders_that_cannot_be_reached_are_red(client, settings, tmp_path):
    sweep_due()
    settings.DATA_DIR = tmp_path / "fichier"
    settings.DATA_DIR.touch()
    assert health(client) == {"ok": False, "detail": "dossier des livraisons inaccessible"}


@pytest.mark.rule("RGP-5.b")
def test_bytes_and_livraisons_without_each_other_are_found(later):
    drop("laissee.xml", place="traitees")
    drop("a.xml")
    [livraison] = take_all()
    deliveries.path_of(livraison).unlink()
    later(3 * 24 * 3600)
    assert sorted(inbox.faults(now=NOW)) == [
        "bytes without livraison in traitees",
        f"livraison {livraison.uuid}: no bytes",
    ]


# --- the command ----------------------------------------------------------------------------------------------------


def run(*arguments):
    """(exit code, what was said)."""
    said = StringIO()
    try:
        call_command("ingest_deliveries", *map(str, arguments), stdout=said)
    except SystemExit as ended:
        return ended.code, said.getvalue()
    except CommandError as error:
        return error.returncode, said.getvalue() + str(error)
    return 0, said.getvalue()


@pytest.mark.rule("ING-1.a")
@pytest.mark.parametrize("make", [*NO_FILES, lambda path: None], ids=lambda make: make.__name__)
def test_a_path_that_is_no_file_is_2_and_the_others_are_taken_in(tmp_path, make):
    intruder, good = tmp_path / "intrus", tmp_path / "bonne.xml"
    make(intruder)
    if make is a_link:
        intruder.unlink()
        intruder.symlink_to("/dev/zero")
    good.write_text(GOOD)
    code, said = run(intruder, good)
    assert code == 2
    assert "intrus: " in said
    assert "bonne.xml: read=1 created=1" in said
    assert os.path.lexists(intruder) == (make.__name__ != "<lambda>")
    assert Livraison.objects.get().origine == "commande"


@pytest.mark.rule("ING-1.a")
def test_what_is_set_apart_in_the_inbox_is_said_and_is_1(later):
    a_fifo(deliveries.folder("entree") / "tube")
    later(30)
    drop(LATIN)
    code, said = run()
    assert code == 1
    assert sorted(said.splitlines()) == [
        "livraison_�t�.xml: read=1 created=1 updated=0 unchanged=0 set-aside=0",
        "tube: refused (ce n’est pas un fichier mais un tube (FIFO))",
    ]


@pytest.mark.rule("ING-2.b")
@pytest.mark.rule("ING-3.c")
@pytest.mark.parametrize("where", ["<nom", "<demande "])
def test_a_record_with_attributes_without_measure_is_set_aside_unread_and_the_others_go_on(where):
    many = "".join(f' a{rank}="x"' for rank in range(20_000))
    bad = record(1, NOW).replace(where, f"{where}{many} ", 1)
    drop("l.xml", "".join(delivery(iter([bad, record(2, NOW)]), NOW)))
    [livraison] = take_all()
    assert (livraison.lues, livraison.creees, livraison.ecartees) == (2, 1, 1)
    assert said(Rejet.objects.get().motifs) == "Élément de plus de 50 attributs."
