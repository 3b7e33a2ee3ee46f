"""What the end of a convention does: to new demandes, to those of the lieu, to families, to its attestation (CON-6)."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.urls import reverse

from conventions import queries as conventions
from conventions.models import Convention, Courrier, Resiliation
from demandes import queries
from demandes.attestations.models import Attestation
from demandes.attestations.services import copies as attestations
from demandes.models import Attribution, ClockMark, Demande, Dossier
from demandes.services import destruction, fins, orientation
from demandes.services.transmission import Places, transmit_waiting_all
from extranet.core.accounts.models import User
from extranet.core.documents import store
from extranet.core.errors import Gone, Refused, WrongState
from extranet.core.outbox import services as outbox
from extranet.portal import sweep
from tests.conftest import text_of
from tests.factories import NOW, AgentFactory, DemandeFactory, HabilitationFactory, LieuFactory, UserFactory

pytestmark = pytest.mark.django_db
DAY = date.fromisoformat
PARIS = ZoneInfo("Europe/Paris")
END = DAY("2026-12-20")


def at(day, hour=10):
    return datetime.combine(DAY(day), datetime.min.time(), PARIS) + timedelta(hours=hour)


@pytest.fixture
def lieu():
    """Its convention ends on 20 December 2026, known long before; somebody is there."""
    found = LieuFactory(nom="RPE qui finit")
    HabilitationFactory(lieu=found)
    Convention.objects.filter(lieu=found).update(ended_on=END)
    return found


@pytest.fixture
def other():
    found = LieuFactory(nom="RPE qui reste")
    HabilitationFactory(lieu=found)
    return found


def swept(now):
    """The sweep, twice: what it does the second time would be too much."""
    sweep.run(now=now)
    sweep.run(now=now)
    outbox.send_due(now=now, within=None)


@pytest.mark.rule("CON-6.f")
def test_in_the_last_fifteen_days_new_demandes_go_to_another_where_there_is_one(lieu, other):
    def covering(now):
        one_by_one = set(conventions.lieux_covering("77100", now))
        places = Places.of(now)
        assert set(places.covering("77100")) == {one.pk for one in one_by_one}
        return one_by_one

    assert covering(at("2026-12-04")) == {lieu, other}
    assert covering(at("2026-12-05")) == {other}
    assert Places.of(at("2026-12-05")).target("77100", lieu.pk) == other.pk
    assert covering(at("2026-12-21")) == {other}
    Convention.objects.filter(lieu=other).update(ended_on=DAY("2026-12-22"))
    assert covering(at("2026-12-10")) == {lieu, other}  # nobody else
    Convention.objects.filter(lieu=other).update(ended_on=DAY("2026-11-01"))
    assert covering(at("2026-12-10")) == {lieu}


@pytest.mark.rule("CON-6.a")
@pytest.mark.rule("CON-6.c")
def test_what_was_not_picked_up_waits_again_and_the_other_lieu_has_it_at_once(smtp_sink, lieu, other):
    late = DemandeFactory(transmise=True, lieu=lieu, at=at("2026-12-08"))
    swept(at("2026-12-20", 23))
    late.refresh_from_db()
    assert (late.state, late.lieu) == ("transmise", lieu)
    sweep.run(now=at("2026-12-21", 0))
    late.refresh_from_db()
    assert (late.state, late.lieu) == ("transmise", other)
    first, second = late.attributions.order_by("pk")
    assert (first.lieu, first.fin, second.lieu, second.fin) == (lieu, "convention", other, "")
    assert not any("retard" in mail["Subject"] for mail in smtp_sink.mails)


@pytest.mark.rule("CON-6.c")
def test_without_another_lieu_it_is_to_be_placed_by_an_agent(lieu):
    waiting = DemandeFactory(transmise=True, lieu=lieu, at=at("2026-12-01"))
    swept(at("2026-12-21"))
    waiting.refresh_from_db()
    assert (waiting.state, waiting.lieu, waiting.pick_up_day) == ("a-orienter", None, None)


@pytest.mark.rule("CON-6.d")
@pytest.mark.parametrize("state", ["recuperee", "traitee"])
def test_a_family_is_asked_twice_and_only_its_act_sends_its_demande(
    client, time_machine, smtp_sink, lieu, other, state
):
    demande = DemandeFactory(**{state: True}, lieu=lieu, at=at("2026-11-20"))
    address = demande.dossier.open(NOW.date()).courriel
    page = reverse("demandes:autre-lieu", args=[queries.link_token(demande.uuid)])
    days = [("2026-12-04", 0), ("2026-12-05", 1), ("2026-12-12", 1), ("2026-12-20", 2)]
    for day, mails in days:
        swept(at(day))
        asked = [mail for mail in smtp_sink.to(address) if "choisir un autre lieu" in mail["Subject"]]
        assert len(asked) == mails, day
    assert page in text_of(asked[-1])
    assert "20 décembre 2026" in text_of(asked[-1])

    time_machine.move_to(at("2026-12-20"), tick=False)
    for method in (client.get, client.head, client.options):
        method(page)
    demande.refresh_from_db()
    assert demande.lieu == lieu  # opening it is nothing
    shown = client.get(page).content.decode()
    assert "RPE qui reste" in shown
    for nothing, sentence in (({}, "Choisissez un lieu"), ({"lieu": str(lieu.uuid)}, "ne peut plus recevoir")):
        answer = client.post(page, nothing)
        assert answer["Location"].startswith(f"{page}?brouillon=")  # a page that Back can come back to
        said = client.get(answer["Location"]).content.decode()
        assert "<title>Erreur :" in said
        assert sentence in said
    assert client.post(page, {"lieu": str(other.uuid)}).status_code == 302
    demande.refresh_from_db()
    assert (demande.state, demande.lieu, demande.closed_at) == ("transmise", other, None)
    assert client.post(page, {"lieu": str(other.uuid)}).status_code == 302  # a second click changes nothing
    assert demande.attributions.count() == 2
    outbox.send_due(now=at("2026-12-20"), within=None)
    told = [mail for mail in smtp_sink.mails if "confiée à un autre lieu" in mail["Subject"]]
    assert len(told) == 1  # who loses it: detruire ses copies
    assert "Détruisez toutes vos copies" in text_of(told[0])
    swept(at("2026-12-21"))
    demande.refresh_from_db()
    assert demande.state == "transmise"
    assert Dossier.objects.filter(demande=demande).exists()


@pytest.mark.rule("CON-6.d")
@pytest.mark.parametrize(
    ("day", "answer"),
    [("2026-12-04", WrongState), ("2026-12-05", None), ("2026-12-20", None), ("2026-12-21", WrongState)],
)
def test_it_can_be_sent_from_the_first_question_through_the_last_day(lieu, other, day, answer):
    demande = DemandeFactory(recuperee=True, lieu=lieu, at=at("2026-11-20"))
    if answer is None:
        assert fins.send_on(demande, lieu=other.uuid, now=at(day)).lieu == other
    else:
        with pytest.raises(answer):
            fins.send_on(demande, lieu=other.uuid, now=at(day))


@pytest.mark.rule("CON-6.d")
def test_no_agent_sends_what_the_lieu_has_seen_once_families_are_asked(lieu, other):
    agent = AgentFactory(caf=lieu.caf).user
    demande = DemandeFactory(recuperee=True, lieu=lieu, at=at("2026-11-20"))
    given = {"demande_ids": [demande.pk], "lieu_id": other.pk, "by": agent, "motif": "empeche"}
    with pytest.raises(WrongState, match="elle seule"):
        orientation.give(**given, now=at("2026-12-05"))
    orientation.give(**given, now=at("2026-12-04"))


@pytest.mark.rule("CON-6.d")
def test_the_family_reads_it_in_english_and_where_no_other_covers_learns_so(client, time_machine, smtp_sink, lieu):
    demande = DemandeFactory(recuperee=True, lieu=lieu, at=at("2026-11-20"), langue="en")
    swept(at("2026-12-05"))
    told = [text_of(mail) for mail in smtp_sink.mails if "choose another service" in mail["Subject"]]
    assert len(told) == 1
    assert "20 December 2026" in told[0]
    time_machine.move_to(at("2026-12-05"), tick=False)
    page = reverse("demandes:autre-lieu", args=[queries.link_token(demande.uuid)])
    shown = client.get(page, headers={"accept-language": "en"}).content.decode()
    assert "No other service covers your commune today" in shown
    assert "<button" not in shown.partition("<main")[2].partition("</main")[0]


@pytest.mark.rule("CON-6.e")
def test_without_an_act_the_dossier_is_destroyed_at_the_end_and_out_of_reach_by_date(lieu):
    person = HabilitationFactory(lieu=lieu).user
    demande = DemandeFactory(recuperee=True, lieu=lieu, at=at("2026-11-20"))
    token = queries.link_token(demande.uuid)
    assert destruction.destroy_of_ended(now=at("2026-12-20", 23)) == 0
    assert queries.demande_by_token(token, at("2026-12-20", 23)) == demande
    assert not queries.demandes_visible_to(person, at("2026-12-21", 0)).exists()  # before any job
    with pytest.raises(Gone, match="20 décembre 2026"):
        queries.demande_by_token(token, at("2026-12-21", 0))
    ClockMark.objects.create(boot="b", started_at=NOW, seen_at=NOW, leapt_at=NOW)
    assert destruction.destroy_of_ended(now=at("2026-12-21", 0)) == 0  # a wrong clock destroys nothing
    ClockMark.objects.all().delete()
    assert destruction.destroy_of_ended(now=at("2026-12-21", 0)) == 1
    assert destruction.destroy_of_ended(now=at("2026-12-21", 0)) == 0
    demande.refresh_from_db()
    assert (demande.state, demande.last_day) == ("purgee", END)
    assert not Dossier.objects.exists()


@pytest.mark.rule("CON-6.e")
def test_its_own_day_comes_first_where_it_is_nearer(lieu):
    demande = DemandeFactory(recuperee=True, lieu=lieu, at=at("2026-06-10"))  # through 10 December
    swept(at("2026-12-11"))
    demande.refresh_from_db()
    assert (demande.state, demande.last_day) == ("purgee", DAY("2026-12-10"))


def breach(lieu, day):
    """Recorded on the day of its receipt."""
    convention, by = lieu.conventions.get(), UserFactory()
    letter = Courrier.objects.create(
        convention=convention,
        objet="manquement",
        partie="caf",
        numero="1A00000000001",
        posted_on=DAY(day),
        delivered_on=DAY(day),
        issue="remise",
        recorded_at=at(day),
        recorded_by=by,
    )
    Resiliation.objects.create(
        convention=convention,
        courrier=letter,
        nature="manquement",
        motif="Fuite.",
        ends_on=DAY(day),
        recorded_at=at(day),
        recorded_by=by,
    )
    Convention.objects.filter(pk=convention.pk).update(ended_on=DAY(day))


@pytest.mark.rule("CON-6.d")
@pytest.mark.rule("CON-6.e")
def test_after_a_breach_families_have_fifteen_days_and_the_lieu_none(smtp_sink, other):
    lieu = LieuFactory()
    person = HabilitationFactory(lieu=lieu).user
    stays = DemandeFactory(recuperee=True, lieu=lieu, at=at("2026-11-20"))
    goes = DemandeFactory(recuperee=True, lieu=lieu, at=at("2026-11-20"))
    breach(lieu, "2026-11-23")
    swept(at("2026-11-23", 12))
    asked = [mail for mail in smtp_sink.mails if "choisir un autre lieu" in mail["Subject"]]
    assert len(asked) == 2  # the same day
    assert "8 décembre 2026" in text_of(asked[0])
    assert not queries.demandes_visible_to(person, at("2026-11-24", 0)).exists()
    swept(at("2026-11-24"))
    assert Demande.objects.filter(state="recuperee").count() == 2
    fins.send_on(goes, lieu=other.uuid, now=at("2026-12-08"))
    swept(at("2026-12-08"))
    swept(at("2026-12-09"))
    stays.refresh_from_db()
    goes.refresh_from_db()
    assert (stays.state, goes.state, goes.lieu) == ("purgee", "transmise", other)


@pytest.mark.rule("CON-6.b")
@pytest.mark.rule("CON-6.g")
@pytest.mark.rule("CON-6.h")
def test_a_final_attestation_is_due_within_a_month_and_the_lieu_is_told_what_goes_on(
    client, time_machine, smtp_sink, lieu, other
):
    person = lieu.personnes.get().inscriptions.get().courriel
    signer = User.objects.get(email=person)
    picked = DemandeFactory(recuperee=True, lieu=lieu, at=at("2026-11-20"))
    sent = DemandeFactory(recuperee=True, lieu=lieu, at=at("2026-11-20"))
    DemandeFactory(transmise=True, lieu=lieu, at=at("2026-11-20"))  # never looked at: nothing to attest
    fins.send_on(sent, lieu=other.uuid, now=at("2026-12-10"))
    swept(at("2026-12-21"))
    final = Attestation.objects.get(lieu=lieu)
    assert (final.convention, final.due_on) == (lieu.conventions.get(), DAY("2027-01-20"))
    lines = {line.reference: (line.fin_convention, line.destroyed_on) for line in final.lignes.all()}
    assert lines == {picked.reference: (False, DAY("2026-12-21")), sent.reference: (True, END)}
    told = [mail for mail in smtp_sink.mails if "Votre convention a pris fin" in mail["Subject"]]
    assert {mail["To"] for mail in told} == {person, lieu.courriel, lieu.gestionnaire.courriel_registre}
    assert "demeurent après la fin de la convention, sans limite de durée" in text_of(told[0])
    assert "20 janvier 2027" in text_of(told[0])

    time_machine.move_to(at("2026-12-22"), tick=False)
    client.force_login(signer)
    page = client.get(reverse("attestations:attestation", args=[final.uuid])).content.decode()
    assert "Attestation finale de destruction" in page
    assert "aucune copie d’aucune demande" in page
    made = attestations.sign(
        final.uuid, copies=frozenset(attestations.COPIES), visa="", by=signer, now=at("2026-12-22")
    )
    assert store.read(Attestation.objects.get(pk=made.pk).pdf).startswith(b"%PDF-")
    # What went elsewhere ends there, months later: this lieu has attested it, once.
    swept(at("2027-05-21"))
    sent.refresh_from_db()
    assert sent.state == "purgee"
    assert Attestation.objects.filter(lieu=lieu).count() == 1
    assert not Attribution.objects.filter(lieu=lieu, attest_from__isnull=False).exists()


@pytest.mark.rule("CON-6.g")
def test_the_open_attestation_becomes_the_final_one_and_a_lieu_that_had_nothing_signs_that(lieu, other):
    opened = Attestation.objects.create(lieu=lieu, opened_at=at("2026-12-18"), due_on=DAY("2027-01-18"))
    Convention.objects.filter(lieu=other).update(ended_on=END)
    assert attestations.open_final(now=at("2026-12-20", 23)) == 0
    assert attestations.open_final(now=at("2026-12-21")) == 2
    assert attestations.open_final(now=at("2026-12-21")) == 0
    opened.refresh_from_db()
    assert (opened.convention, opened.due_on) == (lieu.conventions.get(), DAY("2027-01-18"))
    assert Attestation.objects.get(lieu=other).lignes.count() == 0


@pytest.mark.rule("CON-6.c")
@pytest.mark.rule("CON-6.e")
@pytest.mark.rule("CON-6.g")
def test_a_convention_that_follows_keeps_all(lieu):
    demande = DemandeFactory(recuperee=True, lieu=lieu, at=at("2026-11-20"))
    first = lieu.conventions.get()
    again = Convention.objects.create(
        numero="CONV-2",
        lieu=lieu,
        gestionnaire=lieu.gestionnaire,
        created_at=NOW,
        state="signee",
        in_force_from=DAY("2026-12-21"),
    )
    assert first.pk != again.pk
    swept(at("2026-12-21"))
    demande.refresh_from_db()
    assert demande.state == "recuperee"
    assert not Attestation.objects.exists()


def test_an_unknown_lieu_is_refused(lieu, other):
    demande = DemandeFactory(recuperee=True, lieu=lieu, at=at("2026-11-20"))
    with pytest.raises(Refused):
        fins.send_on(demande, lieu=LieuFactory(essonne=True).uuid, now=at("2026-12-10"))
    assert transmit_waiting_all(now=at("2026-12-10")) == 0
