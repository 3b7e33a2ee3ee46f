"""RGP-3.b: a habilitated person gets all data about itself in a readable form, in its profile."""

import html

import pytest
from django.test import Client

from demandes.services import handover
from extranet.core.accounts import factors, services
from extranet.core.accounts.models import OneTimeSecret, SessionOuverte
from habilitations.services import persons
from tests.core.test_accounts_factors import with_application
from tests.factories import NOW, AgentFactory, DemandeFactory, HabilitationFactory, LieuFactory

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.rule("RGP-3.b")]
MINE = "/compte/donnees/"


@pytest.fixture
def line(time_machine):
    time_machine.move_to(NOW, tick=False)
    lieu = LieuFactory(nom="RPE des Tilleuls")
    return HabilitationFactory(
        lieu=lieu, user__nom="Petit", user__prenom="Ana", inscription__fonction="responsable du relais"
    )


def test_a_person_reads_all_that_is_held_about_it(line):
    user = line.user
    browser = Client(HTTP_USER_AGENT="Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0")
    browser.post("/compte/connexion/", {"login": user.email, "password": "Demonstration-2026"})
    services.create_token(user, portee="lieu", nom="Logiciel du relais", now=NOW)
    services.issue_password(user, "perte", now=NOW)
    secret = with_application(user)
    factors.note_change(user, "application-ajoutee", by=user, now=NOW)
    demande = DemandeFactory(transmise=True, lieu=line.lieu, dossier__nom="Nomrarissime")
    origin = handover.Origin("192.0.2.7", "Tablette du relais")
    handover.fetch([demande.uuid], form="xml", by=user, now=NOW, origin=origin)
    other = HabilitationFactory(user=user)
    agent = AgentFactory(caf=other.lieu.caf, user__nom="Agentsecret").user
    persons.suspend(habilitation_id=other.pk, reason="Congé parental", by=agent, now=NOW)
    stranger = HabilitationFactory(lieu=line.lieu)

    answer = browser.get(MINE)
    words = html.unescape(answer.content.decode())
    for held in (
        "Petit",
        user.email,
        "responsable du relais",
        "RPE des Tilleuls",
        demande.reference,
        "192.0.2.7",
        "Tablette du relais",
        "Firefox sur Linux",
        "Logiciel du relais",
        "Congé parental",
        "application de codes",
        "compte.second-facteur",
        "le second facteur d’un compte change",
        "mot de passe perdu",
    ):
        assert held in words, held
    hidden = [
        stranger.user.email,
        "Nomrarissime",
        secret,
        agent.nom,
        user.password,
        SessionOuverte.objects.get().session_key,
    ]
    for other_words in (*hidden, OneTimeSecret.objects.get().digest):
        assert other_words not in words, other_words
    assert answer["Cache-Control"] == "no-store"
    assert Client().get(MINE)["Location"].startswith("/compte/connexion/")


def test_the_account_page_says_who_one_is_and_leads_to_the_rest(line):
    client = Client()
    client.force_login(line.user)
    words = client.get("/compte/").content.decode()
    for part in ("Ana Petit", line.user.email, "RPE des Tilleuls", "responsable du relais", MINE, "/compte/sessions/"):
        assert part in words
    client.force_login(AgentFactory(role="superviseur").user)
    words = client.get("/compte/").content.decode()
    assert "superviseur" in words
    assert client.get(MINE).status_code == 200
