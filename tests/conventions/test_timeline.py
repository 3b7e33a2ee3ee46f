"""The page of a convention says where it stands, what comes next and who does it; renewals are in its history."""

import html
import re
from datetime import date, datetime
from io import BytesIO

import pytest
from django.urls import reverse

from conventions import queries, rules
from conventions.admin import timeline
from conventions.models import Convention
from conventions.services import avenants, copies, register, signature
from tests.factories import (
    NOW,
    AgentFactory,
    CommuneFactory,
    ConventionFactory,
    LieuFactory,
    PersonneInscriteFactory,
    SuspensionFactory,
    a_pdf,
)

pytestmark = pytest.mark.django_db
CHANGE = "admin:conventions_convention_change"
DAY = date.fromisoformat


def at(day):
    return datetime.fromisoformat(f"{day}T10:00:00+01:00")


@pytest.mark.rule("CON-3.c")
@pytest.mark.parametrize(
    ("start", "through", "days"),
    [
        ("2025-01-15", "2025-01-15", []),
        ("2025-01-15", "2026-01-14", []),
        ("2025-01-15", "2026-01-15", ["2026-01-15"]),
        ("2024-02-29", "2028-02-29", ["2025-02-28", "2026-02-28", "2027-02-28", "2028-02-29"]),
        ("2024-02-29", "2028-02-28", ["2025-02-28", "2026-02-28", "2027-02-28"]),
        ("2026-05-31", "2026-01-01", []),
    ],
)
def test_the_anniversaries_that_have_come(start, through, days):
    assert rules.anniversaries(DAY(start), DAY(through)) == [DAY(day) for day in days]


@pytest.fixture
def show(client, time_machine):
    """The page of a convention as an agent sees it on a day: its text, without markup."""

    def at(convention, day, **role):
        time_machine.move_to(f"{day}T10:00:00+01:00", tick=False)
        client.force_login(AgentFactory(**role).user)
        page = client.get(reverse(CHANGE, args=[convention.pk])).content.decode()
        return " ".join(re.sub(r"<[^>]+>", " ", page.split('id="content"')[1]).split())

    return at


@pytest.mark.rule("CON-3.c")
@pytest.mark.parametrize(
    ("day", "ended_on", "renewed"),
    [
        ("2026-01-14", None, []),
        ("2026-01-15", None, ["15 jan. 2026"]),
        ("2027-01-16", None, ["15 jan. 2026", "15 jan. 2027"]),
        ("2027-01-16", "2027-01-15", ["15 jan. 2026"]),  # on its last day it is not renewed
        ("2027-01-16", "2026-06-01", ["15 jan. 2026"]),
    ],
)
def test_each_anniversary_appears_in_the_history_without_any_job(show, day, ended_on, renewed):
    convention = LieuFactory().conventions.get()
    Convention.objects.update(ended_on=ended_on)
    history = show(convention, day).partition("Historique")[2]
    assert re.findall(r"(\d+ \S+ \d{4}) : Anniversaire : renouvelée pour un an", history) == renewed[::-1]


@pytest.mark.parametrize(
    ("day", "words"),
    [
        ("2026-09-20", ["Prochaine date : 15 octobre 2026 (dans 25 jours)", "à poster avant le 24 sept. 2026"]),
        ("2026-10-15", ["Prochaine date : 15 octobre 2026 (aujourd’hui)", "s’arrête le 15 jan. 2027"]),
        ("2026-10-16", ["Prochaine date : 15 janvier 2027 (dans 91 jours)", "y mettrait fin le 15 jan. 2028"]),
    ],
)
def test_the_next_date_that_matters_and_what_to_do_about_it(show, day, words):
    page = show(LieuFactory().conventions.get(), day)
    for said in words:
        assert said in page


def test_an_end_to_come_then_past_is_a_step(show):
    convention = LieuFactory().conventions.get()
    Convention.objects.update(ended_on=date(2027, 1, 15))
    convention.refresh_from_db()
    page = show(convention, "2027-01-10")
    assert "Prochaine date : 15 janvier 2027" in page
    assert "Dernier jour de la convention." in page
    assert ("Fin", "à venir") in [(one.titre, one.dit) for one in timeline.etapes(convention, at("2027-01-10"))]
    assert ("Terminée", "fait") in [(one.titre, one.dit) for one in timeline.etapes(convention, at("2027-01-16"))]
    assert timeline.next_date(convention, date(2027, 1, 16)) is None


def test_from_the_paper_to_the_force_each_next_step_is_named_with_whose_it_is(show):
    agent = AgentFactory()
    lieu = LieuFactory(a_signer=True, convention__created_at=NOW, gestionnaire__association=True)
    convention = lieu.conventions.get()
    acte = queries.founding_acte(convention)
    register.keep_pdf(acte, now=NOW)
    given = {"signataire": "A", "qualite": "b", "signed_on": date(2026, 11, 23), "pieces": ["convention", "annexe1"]}

    def step():
        return re.search(r"Prochaine étape : (.*?\.)", show(convention, "2026-11-24")).group(1)

    assert step() == "envoyer la convention à signer au gestionnaire."
    copie = copies.send_link(acte_uuid=acte.uuid, by=agent.user, now=NOW)
    assert step().startswith("signer la convention et l’annexe 1")
    assert "C’est au gestionnaire de le faire" in show(convention, "2026-11-24")
    copies.hand_in(copie_uuid=copie.uuid, scan=BytesIO(a_pdf()), now=NOW)
    assert step() == "vérifier la copie signée que le gestionnaire a remise."
    reader = show(convention, "2026-11-24", lecteur=True)
    assert "réservé aux instructeurs et aux superviseurs" in reader
    copies.verify(acte_uuid=acte.uuid, by=agent.user, now=NOW, **given)
    assert step() == "enregistrer la signature de la Caf."
    states = {one.titre: one.dit for one in timeline.etapes(Convention.objects.get(), at("2026-11-24"))}
    assert states["Signatures (2 sur 4)"] == "en cours"
    assert states["En vigueur"] == "à venir"
    signature.record_signature(
        acte_uuid=acte.uuid, partie="caf", scan=BytesIO(a_pdf()), by=agent.user, now=NOW, **given
    )
    convention.refresh_from_db()
    assert step() == "indiquer où sont conservés les originaux signés."
    signature.record_originals(acte_uuid=acte.uuid, originaux="Bureau 12", by=agent.user, now=NOW)
    page = show(convention, "2026-11-24")
    assert "Prochaine étape" not in page
    assert "Signatures (4 sur 4) 23 nov. 2026" in page


@pytest.mark.rule("CON-6.d")
@pytest.mark.rule("CON-6.f")
@pytest.mark.rule("CON-6.g")
def test_an_announced_end_has_its_steps_before_and_after_the_last_day(show):
    convention = LieuFactory().conventions.get()
    Convention.objects.update(ended_on=date(2027, 1, 15))
    convention.refresh_from_db()
    steps = {one.titre: (one.jour, one.dit) for one in timeline.etapes(convention, at("2026-12-01"))}
    assert steps["Consultation des familles"] == (date(2026, 12, 31), "à venir")
    assert steps["Nouvelles demandes confiées ailleurs"] == (date(2026, 12, 31), "à venir")
    assert steps["Fin"] == (date(2027, 1, 15), "à venir")
    assert steps["Attestation finale"] == (date(2027, 2, 15), "à venir")
    page = show(convention, "2026-12-01")
    assert "Prochaine date : 31 décembre 2026" in page
    assert "faites couvrir ces communes" in page
    steps = {one.titre: one.dit for one in timeline.etapes(convention, at("2027-01-16"))}
    assert (steps["Consultation des familles"], steps["Attestation finale"]) == ("fait", "en cours")
    convention.lieu.couvertures.update(until_on=date(2027, 1, 15))
    ConventionFactory(lieu=convention.lieu, in_force_from=date(2027, 1, 16))  # another goes on: nothing of this
    assert timeline.etapes(convention, at("2027-01-17"))[-1].titre == "Terminée"


@pytest.mark.rule("CON-7.b")
@pytest.mark.rule("CON-5.b")
def test_a_suspension_and_an_avenant_that_waits_are_steps_with_whose_they_are(show):
    CommuneFactory(melun=True)
    agent, convention = AgentFactory(), LieuFactory().conventions.get()
    acte = avenants.prepare(convention_uuid=convention.uuid, communes_added=["77288"], by=agent.user, now=NOW)
    SuspensionFactory(convention=convention, reason="Contrôle en cours")
    page = show(convention, "2026-11-24")
    assert "lever la suspension du lieu, en cours depuis le 21 nov. 2026" in page
    assert "C’est aux superviseurs de le faire." in page
    assert "pour l’avenant n° 1, signer l’avenant et l’annexe 1" in page
    assert "Lieu suspendu 21 nov. 2026" in page
    assert "Avenant n° 1 à signer" in page
    assert "0 signatures sur 4" in page
    avenants.abandon(acte_uuid=acte.uuid, motif="Erreur", by=agent.user, now=NOW)
    page = show(convention, "2026-11-24")
    assert "Avenant n° 1 à signer" not in page
    assert "pour l’avenant" not in page


@pytest.mark.rule("ACT-1.a")
def test_once_in_force_the_accesses_to_open_are_the_next_step_and_not_for_who_accepted(show, client):
    first = AgentFactory(user__prenom="Alex", user__nom="Premier").user
    lieu = LieuFactory(convention__accepted_by=first, gestionnaire__association=True)
    PersonneInscriteFactory(lieu=lieu)
    PersonneInscriteFactory(lieu=lieu)
    page = show(lieu.conventions.get(), "2026-11-24")
    assert "Prochaine étape : ouvrir les accès de 2 personnes (pas par Alex Premier, qui a accepté la demande)." in page
    assert "Personnes à activer" in page.partition("Prochaine étape")[2].partition("Où en est")[0]
    shown = client.get(reverse(CHANGE, args=[lieu.conventions.get().pk])).content.decode()
    [link] = re.findall(r'<a href="([^"]*personneaactiver[^"]*)">Personnes à activer', shown)
    listed = client.get(html.unescape(link))
    assert listed.status_code == 200
    assert listed.context["cl"].result_count == 2
    SuspensionFactory(convention=lieu.conventions.get())
    assert "ouvrir les accès" not in show(lieu.conventions.get(), "2026-11-24")


@pytest.mark.rule("CON-5.b")
def test_what_only_a_superviseur_does_or_takes_back_is_named_to_who_may_do_other_acts(show):
    convention = LieuFactory().conventions.get()
    page = show(convention, "2026-11-24")
    assert re.search(r"Suspendre le lieu : réservé aux superviseurs\.", page)
    SuspensionFactory(convention=convention)
    assert "Lever la suspension : réservé aux superviseurs." in show(convention, "2026-11-24")
    assert "Suspendre le lieu" in show(LieuFactory().conventions.get(), "2026-11-24", superviseur=True)
    reader = show(LieuFactory().conventions.get(), "2026-11-24", lecteur=True)
    assert "Suspendre le lieu" not in reader  # who may do nothing here is not told what others may
