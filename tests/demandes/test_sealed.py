"""Dossiers sealed under the key of their last day (CNS-10): kept, read, refused, lost, destroyed; their fields."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from lxml import etree

from bench.deliveries import record
from demandes import contenu, queries
from demandes.contenu import Contenu
from demandes.documents import pdf, reading, recue, xml_reader, xml_writer
from demandes.models import ClockMark, Demande, Dossier
from demandes.services import applying, checking, deliveries, destruction, dossiers
from demandes.workflow import Etat
from extranet.core.dates import paris_date, start_of_day
from extranet.core.errors import NoKey
from extranet.core.journal.models import Entry
from extranet.core.outbox import services as outbox
from extranet.core.outbox.models import Message
from extranet.core.vault import days, sealing
from extranet.portal import health, integrity, sweep
from habilitations import queries as habilitations
from tests.demandes.test_deliveries import NOW, counts, file_of, person, take  # noqa: F401
from tests.demandes.test_family import WHOLE, lieu, send, today  # noqa: F401
from tests.factories import DemandeFactory, contenu_of

DAY = paris_date(NOW)
LAST = DAY.replace(year=2027, month=5)  # of what comes in at NOW
MIDNIGHT = start_of_day(LAST + timedelta(days=1))


def lose(day):
    (days.folder() / f"{day}{days.KEY}").unlink()


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


# --- one list of fields -----------------------------------------------------------------------------------------------


@dataclass(slots=True, kw_only=True)
class Plus(Contenu):
    """A field more."""

    langue: str = contenu.champ("Langue parlée", "demandeur/langue", default="")


@dataclass(slots=True, kw_only=True)
class PlusRecue(Plus):
    """The same, of a record."""

    reference: str
    deposee_le: datetime
    modifiee_le: datetime | None
    commune: str
    lieu: str
    modes: list[str]


def test_a_field_more_in_the_list_is_sealed_digested_written_and_shown(db, monkeypatch):
    demande = DemandeFactory(transmise=True)
    before, said = contenu_of(demande), {"langue": "occitan"}
    monkeypatch.setattr("demandes.models.dossiers.Contenu", Plus)
    assert contenu_of(demande) == Plus(**contenu.valeurs(before))  # a value of before has the default
    plus = Plus(**contenu.valeurs(before), **said)
    dossiers.keep(demande, plus)
    demande = Demande.objects.select_related("dossier", "commune").get(pk=demande.pk)
    assert demande.dossier.open(DAY) == plus

    place = {"reference": "ME-1", "deposee_le": NOW, "modifiee_le": None, "commune": "77100", "lieu": "", "modes": []}
    said = [PlusRecue(**contenu.valeurs(before), **place, langue=langue) for langue in ("occitan", "breton")]
    digests = {checking.digest(recue, contenu.texte(recue)) for recue in said}
    assert len(digests) == 2

    xml = xml_writer.write([demande], NOW)
    assert etree.fromstring(xml).findtext(".//{*}demandeur/{*}langue") == "occitan"
    assert ("Langue parlée", "occitan") in reading.sections(demande, plus)[0].lignes
    assert "occitan" in str(pdf.context([demande], NOW))

    monkeypatch.setattr(xml_reader, "Recue", PlusRecue)
    monkeypatch.setattr(xml_reader, "OF_DEMANDEUR", xml_reader.OF_DEMANDEUR | {"langue": "langue"})
    [element] = etree.fromstring(xml).iterchildren("{*}demande")
    element.remove(element.find("{*}transmission"))
    assert xml_reader._read(element).langue == "occitan"


def test_every_field_of_the_list_is_of_the_schema_and_comes_in_as_it_went_out():
    named = set(etree.parse(str(xml_reader.SCHEMA)).xpath("//@name"))
    for champ in contenu.champs(Contenu).values():
        assert set(champ["chemin"].split("/")) <= named, champ
    assert contenu.champs(recue.Recue) == contenu.champs(Contenu)


# --- kept -------------------------------------------------------------------------------------------------------------


@pytest.mark.rule("CNS-10.a")
def test_whatever_the_door_a_dossier_is_sealed_under_its_last_day_by_a_key_made_ahead(client, lieu):  # noqa: F811
    assert -1 not in sweep.run(now=NOW).values()
    made = {path.name: path.read_bytes() for path in days.folder().glob(f"*{days.KEY}")}
    assert len(made) > 200
    assert send(client).status_code == 302
    take(file_of(record(1, NOW), record(2, NOW, at="2026-06-01T10:00:00+02:00")))
    assert sorted(Dossier.objects.values_list("jour", flat=True)) == [
        LAST.replace(month=12, year=2026, day=1),
        LAST,
        LAST,
    ]
    assert {path.name: path.read_bytes() for path in days.folder().glob(f"*{days.KEY}")} == made
    for dossier in Dossier.objects.all():
        for word in (b"Fiction", b"Zibeline", b"famille", b"nom"):
            assert word not in bytes(dossier.scelle)
    assert sweep.run(now=NOW + timedelta(days=1))["clés des jours à venir"] == 1  # one more day


@pytest.mark.rule("CNS-9.b")
@pytest.mark.rule("CNS-10.a")
def test_a_last_day_that_comes_nearer_seals_the_dossier_again_under_that_day(person):  # noqa: F811
    take(file_of(record(1, NOW)))
    before = Dossier.objects.get()
    earlier = (NOW - timedelta(days=20)).isoformat()
    assert counts(take(file_of(record(1, NOW, at=earlier, nom="Corrigée"))))[2] == 1
    after = Dossier.objects.get()
    assert after.jour == Demande.objects.get().last_day < before.jour
    assert after.open(after.jour).nom == "Corrigée"
    later = (NOW + timedelta(minutes=30)).isoformat()
    assert counts(take(file_of(record(1, NOW, at=later, nom="Encore"))))[2] == 1
    assert Dossier.objects.get().jour == after.jour == Demande.objects.get().last_day
    assert list(integrity.sealed(NOW)) == []


@pytest.mark.rule("CNS-10.c")
def test_a_key_that_cannot_be_written_stops_the_form_and_keeps_nothing(client, lieu, settings, tmp_path):  # noqa: F811
    settings.KEYS_MIRROR_DIR = str(tmp_path / "gone")
    answer = send(client)
    page = answer.content.decode()
    assert (answer.status_code, "Rien n’en a été gardé" in page) == (503, True)
    assert answer["Retry-After"]
    assert [model.objects.count() for model in (Demande, Dossier, Message)] == [0, 0, 0]
    assert health.checks(NOW)["cles"]["ok"] is False
    (tmp_path / "gone").mkdir()
    assert send(client).status_code == 302
    assert contenu_of().nom == WHOLE["nom"]


@pytest.mark.rule("CNS-10.c")
def test_a_delivery_waits_for_a_key_and_goes_on_where_it_stood(person, settings, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setattr(applying, "BATCH", 1)
    records = [record(1, NOW), record(2, NOW, at="2026-06-01T10:00:00+02:00"), record(3, NOW)]
    days.make([LAST])
    settings.KEYS_MIRROR_DIR = str(tmp_path / "gone")
    with pytest.raises(NoKey):
        take(file_of(*records))
    assert Dossier.objects.count() == 1
    (tmp_path / "gone").mkdir()
    [livraison] = deliveries.unapplied()
    assert applying.ingest(livraison.pk, now=NOW).summary["created"] == 3


# --- a key is lost ----------------------------------------------------------------------------------------------------


@pytest.fixture
def lost(client, person):  # noqa: F811
    """Two demandes of a lieu, and a third whose key is lost."""
    client.force_login(person)
    dossiers.prepare(now=NOW)
    where = habilitations.lieux_of(person, NOW).get()
    kept = [DemandeFactory(transmise=True, lieu=where, dossier__nom=f"Visible{rank}") for rank in range(2)]
    demande = DemandeFactory(transmise=True, lieu=where, last_day=LAST - timedelta(days=9), dossier__nom="Perdue")
    lose(demande.last_day)
    sealing._keys.clear()
    return demande, kept


@pytest.mark.rule("CNS-10.c")
def test_a_lost_key_is_said_by_page_list_mail_health_and_integrity_and_nothing_passes_for_destroyed(
    client, lost, smtp_sink, bells
):
    demande, kept = lost
    page = client.get("/espace/demandes/").content.decode()
    assert ("Visible0" in page, "Nom illisible pour le moment" in page, demande.reference in page) == (True, True, True)
    assert kept[1].reference in client.post("/espace/demandes/", {"q": "visible1"}, follow=True).content.decode()
    found = client.post("/espace/demandes/", {"q": demande.reference}, follow=True).content.decode()
    assert (demande.reference in found, "Visible" in found) == (True, False)
    for answer in (
        client.get(f"/espace/demandes/{demande.uuid}/"),
        client.post("/espace/demandes/telechargement/", {"format": "xml", "demande": str(demande.uuid)}),
        client.get(f"/demandes/suivi/{queries.link_token(demande.uuid)}/"),
    ):
        assert answer.status_code == 503
        assert "pas détruites" in answer.content.decode()
    demande.refresh_from_db()
    assert demande.state == Etat.TRANSMISE

    outbox.post("demandes.retard-famille", key="x", to=[f"demande:{demande.uuid}"], now=NOW, demande=demande.pk)
    outbox.send_due(now=NOW)
    message = Message.objects.get()
    assert (message.sent_at, message.cancelled_at, message.cause) == (None, None, "portail")

    assert sweep.run(now=NOW)["clés des jours à venir"] == 0  # another key would make it pass for whole
    detail = health.checks(NOW)["cles"]
    assert detail == {"ok": False, "detail": "1 clés manquantes ou abîmées, 1 dossiers concernés ; 0 sans double"}
    assert list(integrity.sealed(NOW)) == [f"key of {demande.last_day} missing: 1 dossiers"]
    with pytest.raises(NoKey):  # nor is anything new sealed under that day
        dossiers.keep(demande, Contenu())


@pytest.mark.rule("CNS-10.c")
def test_an_operator_who_finds_no_copy_gives_the_day_another_key_and_the_loss_is_counted_on(lost):
    demande, _ = lost
    day = str(demande.last_day)
    code, words = run("day_keys")
    assert (code, f"{day}: missing, 1 dossiers" in words) == (1, True)
    assert run("day_keys", "--replace", day, "--confirm", "2")[0] == 2
    assert run("day_keys", "--replace", str(LAST), "--confirm", "0") == (2, f"the key of {LAST} is not lost")
    assert run("day_keys", "--replace", day, "--confirm", "1") == (0, "0 keys made or mended, 0 in trouble\n")
    assert Entry.objects.get(event="cle.remplacee").details == {"jour": day, "dossiers": 1}
    assert list(integrity.sealed(NOW)) == [f"1 dossiers of {day} were sealed under another key"]
    dossiers.keep(demande, Contenu(nom="Retrouvée"))
    assert list(integrity.sealed(NOW)) == []


def test_the_command_rewraps_and_mends(lost, settings, tmp_path):
    demande, _ = lost
    settings.KEYS_MASTER = "ab" * 32
    assert days.faults([LAST]) == {LAST: "damaged"}  # by the file of the data folder, made once
    first = (settings.DATA_DIR / "cles" / "maitre.cles").read_text()
    settings.KEYS_MASTER = first + "ab" * 32
    code, words = run("day_keys", "--rewrap")
    assert (code, words.splitlines()[0].split(" ")[0]) == (1, str(len(list(days.folder().glob(f"*{days.KEY}")))))
    settings.KEYS_MASTER = "ab" * 32
    assert set(dossiers.trouble(now=NOW)) == {demande.last_day}


# --- its day is over --------------------------------------------------------------------------------------------------


@pytest.mark.rule("CNS-10.b")
@pytest.mark.rule("CNS-10.c")
def test_without_any_worker_the_first_request_after_midnight_destroys_the_key(client, lieu, time_machine):  # noqa: F811
    demande = DemandeFactory(transmise=True, lieu=lieu, at=NOW)
    kept = Dossier.objects.values_list("demande__uuid", "jour", "scelle").get()
    time_machine.move_to(MIDNIGHT - timedelta(seconds=1), tick=False)
    client.get("/sante/vivant")
    assert Dossier.opened(*kept, LAST)
    time_machine.move_to(MIDNIGHT, tick=False)
    client.get("/sante/vivant")
    assert days.overdue(LAST + timedelta(days=1)) == []
    assert days.last_destroyed() == LAST
    with pytest.raises(NoKey):
        Dossier.opened(*kept, LAST)
    assert Demande.objects.get().state == Etat.TRANSMISE  # its row waits for a worker
    assert destruction.destroy_due(now=MIDNIGHT) == 1
    assert not Dossier.objects.filter(demande=demande).exists()


class Killed(BaseException):
    """What a kill leaves: nothing after it."""


def killed(*args, **named):
    raise Killed


@pytest.mark.rule("CNS-10.b")
@pytest.mark.rule("CNS-10.c")
def test_a_kill_between_row_and_key_in_either_order_loses_nothing_and_leaves_nothing(client, lieu, monkeypatch):  # noqa: F811
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr("extranet.core.journal.services.record_many", killed)
        send(client)
    [key] = days.folder().glob(f"*{days.KEY}")  # without a row
    before = key.read_bytes()
    assert not Demande.objects.exists()
    assert send(client).status_code == 302
    assert key.read_bytes() == before

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(sealing, "destroy", killed)
        destruction.destroy_due(now=MIDNIGHT)
    assert (Dossier.objects.count(), key.exists()) == (0, True)  # rows first, then the key
    destruction.destroy_due(now=MIDNIGHT)
    assert not key.exists()


@pytest.mark.rule("CNS-10.b")
def test_a_row_that_cannot_be_deleted_keeps_no_key_alive(lieu):  # noqa: F811
    demande = DemandeFactory(transmise=True, lieu=lieu, at=NOW)

    def refuse(execute, sql, params, many, context):
        if sql.startswith('DELETE FROM "demandes_dossier"'):
            raise ValueError("refused")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(refuse):
        assert sweep.run(now=MIDNIGHT)["destructions"] == -1
    assert Dossier.objects.filter(demande=demande).exists()
    assert days.overdue(LAST + timedelta(days=1)) == []


@pytest.mark.rule("CNS-6.c")
@pytest.mark.rule("CNS-10.c")
def test_the_brake_holds_the_keys_too(client, lieu, time_machine):  # noqa: F811
    for _ in range(21):
        DemandeFactory(transmise=True, lieu=lieu, at=NOW)
    time_machine.move_to(MIDNIGHT, tick=False)
    client.get("/sante/vivant")
    assert sweep.run(now=MIDNIGHT)["destructions"] == 0
    assert days.overdue(LAST + timedelta(days=1)) == [LAST]
    detail = health.checks(MIDNIGHT)["cles"]
    assert (detail["ok"], "1 clés de jours passés attendent un opérateur" in detail["detail"]) == (False, True)
    assert run("purge_dossiers", "--confirm", "21")[0] == 0
    assert days.overdue(LAST + timedelta(days=1)) == []


@pytest.mark.rule("CNS-6.c")
def test_after_a_leap_of_the_clock_no_key_goes_even_of_days_without_dossiers(db, time_machine):
    dossiers.prepare(now=NOW)
    ClockMark.objects.create(boot="b", started_at=NOW, seen_at=NOW, leapt_at=NOW)
    assert destruction.destroy_due(now=NOW + timedelta(days=30)) == 0
    assert len(days.overdue(DAY + timedelta(days=30))) == 30
    time_machine.move_to(NOW + timedelta(days=30), tick=False)
    code, words = run("purge_dossiers")
    assert (code, words.splitlines()[-1]) == (1, "python manage.py purge_dossiers --confirm 0")
    assert len(days.overdue(DAY + timedelta(days=30))) == 30
    assert run("purge_dossiers", "--confirm", "0") == (0, "0 due, 0 destroyed\n")
    assert days.overdue(DAY + timedelta(days=30)) == []


@pytest.mark.rule("CNS-10.c")
def test_days_of_rows_that_wait_for_a_worker_hold_no_key_of_a_usual_day_back(lieu):  # noqa: F811
    for ago in range(1, 15):  # destroyed night by night, their keys; their rows are still there
        for _ in range(3):
            DemandeFactory(transmise=True, lieu=lieu, last_day=DAY - timedelta(days=ago), dossier=None)
    days.replace(DAY - timedelta(days=1))
    assert destruction.held(now=NOW)
    assert destruction.destroy_keys(now=NOW) == 1


def test_a_portal_put_back_after_a_clock_that_was_ahead_takes_demandes_again(client, lieu):  # noqa: F811
    dossiers.prepare(now=NOW)
    sealing.destroy(before=LAST + timedelta(days=30))
    assert sweep.run(now=NOW)["clés des jours à venir"] > 180
    assert send(client).status_code == 302


# --- how long a search takes ------------------------------------------------------------------------------------------


def test_a_list_opens_what_it_shows_and_no_more(client, person, monkeypatch):  # noqa: F811
    client.force_login(person)
    where = habilitations.lieux_of(person, NOW).get()
    DemandeFactory.create_batch(30, transmise=True, lieu=where)
    opened = []
    plain = sealing.open
    monkeypatch.setattr(sealing, "open", lambda *args, **named: opened.append(1) or plain(*args, **named))
    assert client.get("/espace/demandes/").status_code == 200
    assert len(opened) == 25
