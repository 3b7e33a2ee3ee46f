"""At six months nothing of a family is left: by date first, then by the job, everywhere (CNS-1, CNS-6, CNS-8)."""

import threading
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection, transaction
from django.urls import reverse

from demandes import queries
from demandes.documents import xml_reader
from demandes.models import Attribution, Demande, Dossier, Remise
from demandes.services import destruction, handover
from demandes.workflow import ALIVE, Etat
from extranet.core.errors import Gone, WrongState
from extranet.core.journal.models import Entry
from extranet.core.outbox import services as outbox
from extranet.core.outbox.models import Message
from extranet.portal import integrity
from habilitations import queries as habilitations
from tests.conftest import text_of
from tests.factories import DemandeFactory, HabilitationFactory, LieuFactory

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
LAST_DAY = date(2027, 5, 23)
# 00:00 in Paris of the day after, summer time.
MIDNIGHT = datetime(2027, 5, 23, 22, 0, tzinfo=UTC)
ORIGIN = handover.Origin("192.0.2.1", "Essai/1")


@pytest.fixture
def person(db):
    return HabilitationFactory(lieu=LieuFactory(code="RPE-77-CHATELET")).user


# --- by date first ------------------------------------------------------------------------------------------------


@pytest.mark.rule("CNS-1.b")
@pytest.mark.parametrize("state", ["transmise", "recuperee", "traitee"])
def test_from_midnight_in_paris_nothing_answers_although_no_job_has_run(client, person, time_machine, state):
    lieu = habilitations.lieux_of(person, NOW).get()
    demande = DemandeFactory(**{state: True}, lieu=lieu, at=NOW, dossier__nom="Canari", dossier__courriel="c@f.test")
    address = reverse("demandes:detail", args=[demande.uuid])
    private = reverse("demandes:suivi", args=[queries.link_token(demande.uuid)])

    def answers():
        client.force_login(person)
        lists = [
            client.get("/espace/demandes/", query).content.decode() for query in ({}, {"q": "canari"}, {"q": "ME"})
        ]
        posts = [
            client.post("/espace/demandes/telechargement/", {"format": form, "demande": str(demande.uuid)}).status_code
            for form in ("xml", "pdf", "zip", "csv")
        ]
        pages = [client.get(address).status_code, client.get(private).status_code]
        withdrawn = client.post(private, {"saisie": "autre"}).status_code
        return [demande.reference in page for page in lists], [*posts, *pages], withdrawn

    assert demande.last_day == LAST_DAY
    time_machine.move_to(MIDNIGHT - timedelta(seconds=1), tick=False)
    assert answers() == ([True] * 3, [200] * 6, 302)
    time_machine.move_to(MIDNIGHT, tick=False)
    before = Remise.objects.count()
    assert answers() == ([False] * 3, [410] * 6, 410)
    assert client.post(reverse("demandes:cloture", args=[demande.uuid])).status_code == 410
    assert not queries.demandes_visible_to(person, MIDNIGHT).exists()
    assert Dossier.objects.filter(demande=demande).exists()  # the job has not run
    assert destruction.destroy_due(now=MIDNIGHT) == 1
    assert answers() == ([False] * 3, [410] * 6, 410)
    assert Remise.objects.count() == before


@pytest.mark.rule("CNS-1.a")
@pytest.mark.parametrize(
    ("given", "last_second"),
    [
        ("2025-08-31T10:00+02:00", "2026-02-28T23:59:59+01:00"),
        ("2027-08-31T10:00+02:00", "2028-02-29T23:59:59+01:00"),
        ("2026-10-25T23:30+00:00", "2027-04-26T23:59:59+02:00"),  # already the 26th in Paris
        ("2026-09-30T10:00+02:00", "2027-03-30T23:59:59+02:00"),
    ],
)
def test_the_job_destroys_on_the_day_after_and_not_before(db, given, last_second):
    end = datetime.fromisoformat(last_second)
    demande = DemandeFactory(transmise=True, at=datetime.fromisoformat(given))
    assert destruction.destroy_due(now=end) == 0
    assert destruction.destroy([demande.pk], now=end) == 0
    assert destruction.destroy_due(now=end + timedelta(seconds=1)) == 1
    assert not Dossier.objects.exists()


@pytest.mark.rule("CNS-1.a")
@pytest.mark.rule("CNS-8.a")
@pytest.mark.rule("CNS-8.b")
def test_never_assigned_never_notified_never_picked_up_are_destroyed_too(db):
    made = [
        DemandeFactory(at=NOW),
        DemandeFactory(non_notifiee=True, at=NOW),
        DemandeFactory(transmise=True, at=NOW),
        DemandeFactory(recuperee=True, at=NOW),
        DemandeFactory(traitee=True, at=NOW),
    ]
    young = DemandeFactory(transmise=True, at=NOW + timedelta(days=1))
    assert destruction.destroy_due(now=MIDNIGHT) == len(made)
    assert list(Dossier.objects.values_list("demande", flat=True)) == [young.pk]
    for demande in Demande.objects.exclude(pk=young.pk):
        assert (demande.state, demande.destroyed_at, demande.content) == (Etat.PURGEE, MIDNIGHT, "")
    assert set(Entry.objects.filter(event="demande.purgee").values_list("actor", flat=True)) == {"systeme"}
    assert list(integrity.past_their_day(MIDNIGHT)) == []


# --- twice, interrupted, at once ----------------------------------------------------------------------------------


@pytest.mark.rule("CNS-6.a")
def test_run_twice_it_does_nothing_more(db):
    DemandeFactory(echue=True)
    assert [destruction.destroy_due(now=NOW) for _ in range(3)] == [1, 0, 0]
    [line] = Entry.objects.filter(event="demande.purgee")
    assert (line.actor, line.details) == ("systeme", {"de": "transmise", "a": "purgee"})
    pk = Demande.objects.get().pk
    assert destruction.destroy([pk], now=NOW + timedelta(days=1)) == 0
    assert destruction.destroy([0], now=NOW) == 0
    assert Demande.objects.get().destroyed_at == NOW


@pytest.mark.rule("CNS-6.a")
def test_interrupted_it_leaves_whole_demandes_and_goes_on(db, monkeypatch):
    monkeypatch.setattr(destruction, "BATCH", 2)
    for _ in range(5):
        DemandeFactory(echue=True)
    deletions = []

    def cut(execute, sql, params, many, context):
        if sql.startswith('DELETE FROM "demandes_dossier"'):
            deletions.append(sql)
            if len(deletions) == 2:
                raise KeyboardInterrupt
        return execute(sql, params, many, context)

    with connection.execute_wrapper(cut), pytest.raises(KeyboardInterrupt):
        destruction.destroy_due(now=NOW)
    assert Demande.objects.filter(state=Etat.PURGEE).count() == 2
    assert Demande.objects.filter(state__in=ALIVE, dossier__isnull=False).count() == Dossier.objects.count() == 3
    assert destruction.destroy_due(now=NOW) == 3
    assert not Dossier.objects.exists()
    assert Entry.objects.filter(event="demande.purgee").count() == 5


@pytest.mark.rule("CNS-6.d")
@pytest.mark.rule("DEM-4.d")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("end", ["destroyed", "withdrawn"])
def test_a_download_racing_the_end_gives_the_whole_file_or_nothing(end):
    """Both start at once, many times: what left was on record before, and nothing left after."""
    person = HabilitationFactory().user
    lieu = habilitations.lieux_of(person, NOW).get()
    whole = gone = 0
    for rank in range(40):
        demandes = [DemandeFactory(transmise=True, lieu=lieu, at=NOW) for _ in range(2)]
        wanted, answers = [one.uuid for one in demandes], []
        start = threading.Barrier(2)

        def download(start=start, wanted=wanted, answers=answers):
            try:
                connection.ensure_connection()
                start.wait(timeout=60)
                # One second before midnight here, past it there: the day itself decides nothing.
                answers.append(
                    handover.fetch(wanted, form="xml", by=person, now=MIDNIGHT - timedelta(seconds=1), origin=ORIGIN)
                )
            except Gone:
                answers.append(None)
            finally:
                connection.close()

        def finish(start=start, one=demandes[1]):
            try:
                connection.ensure_connection()
                start.wait(timeout=60)
                if end == "destroyed":
                    destruction.destroy([one.pk], now=MIDNIGHT)
                else:
                    destruction.withdraw(one, now=NOW)
            finally:
                connection.close()

        threads = [
            threading.Thread(target=target) for target in ((download, finish) if rank % 2 else (finish, download))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        [handed] = answers
        copied = Attribution.objects.get(demande=demandes[1]).picked_up_at
        ended, records = Demande.objects.get(pk=demandes[1].pk), Remise.objects.filter(demande_uuid__in=wanted).count()
        assert ended.state == (Etat.PURGEE if end == "destroyed" else Etat.RETIREE)
        assert not Dossier.objects.filter(demande=ended).exists()
        if handed is None:
            gone += 1
            assert (records, copied) == (0, None)
        else:
            whole += 1
            root = xml_reader.etree.fromstring(handed.content)
            xml_reader.schema().assertValid(root)
            assert len(root) == records == 2
            assert copied is not None
            if end == "withdrawn":  # the lieu has a copy, so it is told
                assert Message.objects.filter(kind="demandes.retrait", key=str(ended.uuid)).exists()
        Dossier.objects.all().delete()
    assert whole + gone == 40


# --- withdrawn ----------------------------------------------------------------------------------------------------


@pytest.mark.rule("DEM-4.d")
@pytest.mark.parametrize("trait", ["", "transmise", "recuperee", "traitee"])
def test_withdrawn_it_is_destroyed_at_once_and_who_has_a_copy_is_told(db, smtp_sink, trait):
    person = HabilitationFactory(user__email="ana@tilleuls.test").user
    lieu = habilitations.lieux_of(person, NOW).get()
    about = {"lieu": lieu, trait: True} if trait else {}
    demande = DemandeFactory(at=NOW, dossier__nom="Canari", **about)
    destruction.withdraw(demande, now=NOW)
    assert not Dossier.objects.exists()
    demande.refresh_from_db()
    assert (demande.state, demande.destroyed_at, demande.content) == (Etat.RETIREE, NOW, "")
    with pytest.raises(WrongState), transaction.atomic():
        destruction.withdraw(demande, now=NOW)
    assert destruction.destroy_due(now=MIDNIGHT) == 0
    outbox.send_due(now=NOW)
    told = smtp_sink.to("ana@tilleuls.test")
    assert len(told) == (trait in ("recuperee", "traitee"))
    for mail in told:
        assert demande.reference in text_of(mail)
        assert "23 mai 2027" in text_of(mail)
        assert "Canari" not in mail.as_string()


@pytest.mark.rule("DEM-4.d")
def test_withdrawn_from_a_page_read_before_the_lieu_fetched_it_the_lieu_is_told(person):
    lieu = habilitations.lieux_of(person, NOW).get()
    demande = DemandeFactory(transmise=True, lieu=lieu, at=NOW)
    read_before = Demande.objects.get(pk=demande.pk)
    handover.fetch([demande.uuid], form="xml", by=person, now=NOW, origin=ORIGIN)
    destruction.withdraw(read_before, now=NOW)
    assert Message.objects.filter(kind="demandes.retrait", key=str(demande.uuid)).count() == 1
    line = Entry.objects.get(event="demande.retiree")
    assert (line.actor, line.details["de"]) == ("famille", "recuperee")
