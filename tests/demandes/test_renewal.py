"""Before its dossier goes a family is asked whether it still looks; its act makes a new demande (DEM-8, RGP-3.a)."""

import json
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.urls import reverse

from demandes.models import Demande, Dossier
from demandes.queries import link_token
from demandes.services import destruction, renewal, suivi
from demandes.services.handover import Origin
from demandes.workflow import Etat
from extranet.core.dates import start_of_day
from extranet.core.journal.models import Entry
from extranet.core.outbox import services as outbox
from extranet.core.outbox.models import Message
from tests.conftest import text_of
from tests.demandes.test_family import press, shown
from tests.factories import NOW, DemandeFactory, HabilitationFactory, LieuFactory, contenu_of, rewrite

pytestmark = pytest.mark.django_db
LAST = date(2027, 5, 23)  # of a demande made on the day of tests
ASKED = LAST - timedelta(days=15)
PARIS = ZoneInfo("Europe/Paris")


@pytest.fixture
def lieu():
    found = LieuFactory(nom="RPE des Tilleuls")
    found.habilitee = HabilitationFactory(lieu=found).user
    return found


@pytest.fixture
def demande(lieu):
    besoin = {"a_partir_du": "2027-01-04", "regularite": "regulier", "atypiques": ["soir"]}
    besoin["horaires"] = [["lundi", "08:30", "17:15"]]
    enfants = [{"prenom": "Lou", "date_naissance": "2025-06-01"}, {"prenom": "Max", "date_naissance": "2021-01-10"}]
    about = {"dossier__courriel": "lina@famille.test", "dossier__nom": "Fiction", "dossier__besoin": besoin}
    return DemandeFactory(recuperee=True, lieu=lieu, dossier__enfants=enfants, **about)


def link(demande):
    return reverse("demandes:suivi", args=[link_token(demande.uuid)])


def ask(day):
    """The sweep of `day`, twice, and what leaves then."""
    now = start_of_day(day)
    for _ in range(2):
        renewal.ask_families(now=now)
    outbox.send_due(now=now)


@pytest.mark.rule("DEM-8.a")
def test_each_family_is_asked_once_fifteen_days_before(demande, lieu, smtp_sink):
    english = DemandeFactory(transmise=True, lieu=lieu, langue="en", dossier__courriel="eve@famille.test")
    silent = DemandeFactory(transmise=True, lieu=lieu, dossier__courriel="")
    done = DemandeFactory(traitee=True, lieu=lieu, dossier__courriel="max@famille.test")
    gone = DemandeFactory(transmise=True, lieu=lieu, dossier__courriel="zoe@famille.test")
    destruction.withdraw(gone, now=NOW)
    ask(ASKED - timedelta(days=1))
    assert Message.objects.filter(kind=renewal.ASKED).count() == 0
    for days in (0, 1, 15):
        ask(ASKED + timedelta(days=days))
    [mail] = smtp_sink.to("lina@famille.test")
    assert mail["Subject"] == f"Votre demande {demande.reference} sera bientôt détruite : cherchez-vous encore ?"
    assert "à la fin du 23 mai 2027" in text_of(mail)
    assert f"{link(demande)}#renouveler" in text_of(mail)
    assert "Fiction" not in mail.as_string()
    [mail] = smtp_sink.to("eve@famille.test")
    assert mail["Subject"] == f"Your request {english.reference} will soon be destroyed: are you still looking?"
    assert len(smtp_sink.to("max@famille.test")) == 1
    assert smtp_sink.to("zoe@famille.test") == []
    keys = {one.uuid.hex for one in (demande, english, silent, done)}
    assert set(Message.objects.filter(kind=renewal.ASKED).values_list("key", flat=True)) == keys


@pytest.mark.rule("DEM-8.a")
@pytest.mark.rule("NOT-5.a")
def test_after_days_without_a_worker_the_families_are_still_asked_and_those_past_their_day_are_not(lieu, smtp_sink):
    DemandeFactory(transmise=True, lieu=lieu, dossier__courriel="lina@famille.test")
    ask(LAST + timedelta(days=1))
    assert Message.objects.filter(kind=renewal.ASKED).count() == 0
    ask(LAST)
    assert len(smtp_sink.to("lina@famille.test")) == 1


@pytest.mark.rule("CNS-1.a")
def test_on_its_last_day_a_family_is_told_once_that_its_data_go_tonight(demande, lieu, smtp_sink):
    english = DemandeFactory(transmise=True, lieu=lieu, langue="en", dossier__courriel="eve@famille.test")
    for day in (LAST - timedelta(days=1), LAST, LAST + timedelta(days=1)):
        for _ in range(2):
            renewal.tell_families(now=start_of_day(day))
        outbox.send_due(now=start_of_day(day))
        assert len(smtp_sink.mails) == (0 if day < LAST else 2), day
    [mail] = smtp_sink.to("lina@famille.test")
    assert mail["Subject"] == f"Votre demande {demande.reference} est détruite ce soir"
    assert "aujourd’hui, 23 mai 2027" in text_of(mail)
    assert "doit détruire ses copies" in text_of(mail)
    [mail] = smtp_sink.to("eve@famille.test")
    assert mail["Subject"] == f"Your request {english.reference} is destroyed tonight"
    assert "copies" not in text_of(mail)  # nobody has picked it up


def at(time_machine, day, hour=10):
    time_machine.move_to(datetime(day.year, day.month, day.day, hour, tzinfo=PARIS), tick=False)


def to_summary(client, page, **typed):
    """The summary, and (name, value) of what the pages before it were filled with."""
    filled = set()
    for _ in range(8):
        if "Relisez votre demande" in page.content.decode():
            return page, filled
        here = shown(page)
        filled |= here
        page = client.get(press(client, page, **{name: typed[name] for name, _ in here if name in typed})["Location"])
    raise AssertionError(page.content.decode())


@pytest.mark.rule("DEM-8.b")
@pytest.mark.rule("DEM-4.e")
def test_the_familys_act_makes_a_new_demande_by_the_rules_of_its_day_and_the_old_one_goes_on_its_own(
    client, demande, lieu, time_machine, smtp_sink
):
    at(time_machine, ASKED - timedelta(days=1))
    assert "Je cherche encore" not in client.get(link(demande)).content.decode()
    assert client.post(link(demande), {"renouveler": "1"})["Location"] == f"{link(demande)}#renouveler"
    at(time_machine, ASKED)
    before = (Entry.objects.count(), Message.objects.count())
    assert "Je cherche encore" in client.get(link(demande)).content.decode()
    page = client.get(client.post(link(demande), {"renouveler": "1"})["Location"])
    assert "Vos réponses d’avant sont reprises" in page.content.decode()
    assert (Entry.objects.count(), Message.objects.count(), Demande.objects.count()) == (*before, 1)
    summary, filled = to_summary(client, page, a_partir_du="2027-09-01")
    assert {("nom", "Fiction"), ("enfants-0-prenom", "Lou"), ("a_partir_du", "")} <= filled  # it was for January
    assert not {value for name, value in filled if value == "Max"}  # six by now
    sent = press(client, summary, valider="1")
    assert sent.status_code == 302
    new = Demande.objects.exclude(pk=demande.pk).get()
    assert (new.state, new.lieu, new.source) == (Etat.TRANSMISE, lieu, "formulaire")
    assert new.last_day == date(2027, 11, 8)
    assert [child["prenom"] for child in contenu_of(new).enfants] == ["Lou"]
    assert contenu_of(new).besoin["horaires"] == [["lundi", "08:30", "17:15"]]
    outbox.send_due(now=start_of_day(ASKED) + timedelta(hours=10))
    assert [one["Subject"] for one in smtp_sink.to("lina@famille.test")] == [
        f"Votre demande {new.reference} est enregistrée"
    ]
    demande.refresh_from_db()
    assert (demande.state, demande.last_day) == (Etat.RECUPEREE, LAST)
    destruction.destroy_due(now=start_of_day(LAST + timedelta(days=1)))
    assert [one.demande for one in Dossier.objects.all()] == [new]


@pytest.mark.rule("DEM-8.b")
def test_it_is_done_once_and_the_page_and_the_mail_know(client, demande, time_machine, smtp_sink):
    at(time_machine, ASKED)
    renewal.ask_families(now=start_of_day(ASKED))  # the mail is posted, and has not left yet
    pages = [client.get(client.post(link(demande), {"renouveler": "1"})["Location"]) for _ in range(2)]
    summaries = [to_summary(client, page, a_partir_du="2027-09-01")[0] for page in pages]  # in two windows
    sent = [press(client, one, valider="1")["Location"] for one in summaries]
    assert len(set(sent)) == 1
    assert Demande.objects.count() == 2
    again = client.get(link(demande)).content.decode()
    assert "Vous avez déjà fait une nouvelle demande" in again
    assert "Je cherche encore" not in again
    assert client.post(link(demande), {"renouveler": "1"})["Location"] == f"{link(demande)}#renouveler"
    outbox.send_due(now=start_of_day(ASKED) + timedelta(hours=10))
    assert not [one for one in smtp_sink.to("lina@famille.test") if "cherchez-vous" in one["Subject"]]


@pytest.mark.rule("DEM-8.b")
def test_where_no_child_is_under_six_any_more_the_page_says_so_and_an_old_due_date_is_asked_anew(
    client, demande, time_machine
):
    at(time_machine, ASKED)
    rewrite(demande, enfants=[{"date_naissance": "2021-05-08"}])
    assert "ont six ans ou plus" in client.get(link(demande)).content.decode()
    assert client.post(link(demande), {"renouveler": "1"})["Location"] == f"{link(demande)}#renouveler"
    rewrite(demande, enfants=[{"date_prevue": "2027-01-15"}], besoin={"a_partir_du": "2027-09-01"})
    page = client.get(client.post(link(demande), {"renouveler": "1"})["Location"])
    with pytest.raises(AssertionError, match="Donnez une date prévue"):
        to_summary(client, page)
    assert Demande.objects.count() == 1


@pytest.mark.rule("RGP-3.a")
def test_a_family_takes_all_its_data_away_by_its_link(client, demande, lieu, time_machine, smtp_sink):
    at(time_machine, NOW.date())
    answer = client.post(link(demande), {"donnees": "1"})
    assert answer["Content-Disposition"] == f'attachment; filename="demande-{demande.reference}.json"'
    assert "no-store" in answer["Cache-Control"]
    said = json.loads(answer.content)
    known = contenu_of(demande)
    assert (said["suivi"], said["notes"]) == (None, [])
    assert (said["reference"], said["nom"], said["courriel"]) == (demande.reference, "Fiction", "lina@famille.test")
    assert (said["enfants"], said["besoin"], said["message"]) == (known.enfants, known.besoin, known.message)
    assert [one["nom"] for one in said["lieux"]] == ["RPE des Tilleuls"]
    about = {"by": lieu.habilitee, "now": NOW, "origin": Origin()}
    suivi.add_note(demande.uuid, texte="Rappeler le soir.", **about)
    suivi.set_appointment(demande.uuid, at=NOW + timedelta(days=2), moyen="visio", **about)
    outbox.post("demandes.renouvellement", key="x", to=[f"demande:{demande.uuid}"], now=NOW, demande=demande.pk)
    outbox.send_due(now=NOW)
    said = json.loads(client.post(link(demande), {"donnees": "1"}).content)
    assert [one["texte"] for one in said["notes"]] == ["Rappeler le soir."]
    assert said["suivi"]["rendez_vous"] == "en visioconférence"
    assert said["suivi"]["rendez_vous_le"].startswith("2026-11-25")
    assert [one["quand"] for one in said["courriels"]] == ["quinze jours avant la destruction de la demande"]
    destruction.withdraw(demande, now=NOW)
    assert client.post(link(demande), {"donnees": "1"}).status_code == 410
