"""What the portal says of itself to anybody: who hosts it, what was checked, what became of a family's data (RGP-1)."""

import pytest
from django.urls import reverse
from lxml import html

from demandes import queries
from demandes.services import destruction
from extranet.core import clock
from tests.factories import NOW, DemandeFactory, LieuFactory

pytestmark = pytest.mark.django_db


def words_of(answer):
    page = html.document_fromstring(answer.content.decode())
    return " ".join(page.xpath("string(//main)").replace("\xa0", " ").split())


@pytest.mark.rule("RGP-1.b")
@pytest.mark.rule("RGP-1.c")
def test_the_pages_name_the_host_and_how_to_reach_the_data_protection_officer(client, settings):
    settings.HOSTING = "Hébergeur Exemple, 1 rue de la Machine, 75000 Paris, 01 00 00 00 00"
    legal = words_of(client.get("/mentions-legales/"))
    assert settings.HOSTING in legal
    for words in (legal, words_of(client.get("/confidentialite/"))):
        assert "délégué à la protection des données" in words
        assert "32 avenue de la Sibelle, 75014 Paris" in words
    settings.HOSTING = ""
    assert "n’est pas ouvert au public" in words_of(client.get("/mentions-legales/"))


@pytest.mark.rule("RGP-1.b")
def test_without_an_audit_the_service_calls_itself_non_conforme_everywhere(client):
    page = client.get("/accessibilite/").content.decode()
    assert "<strong>non conforme</strong>" in page
    assert "aucun audit n’a encore été fait" in page
    for path in ("/", "/accessibilite/", "/demandes/nouvelle/"):
        shown = (
            html.document_fromstring(client.get(path).content.decode()).xpath("string(//footer)").replace("\xa0", " ")
        )
        assert "Accessibilité : non conforme" in shown
        assert "partiellement" not in shown


@pytest.mark.rule("DEM-4.d")
@pytest.mark.rule("CNS-1.b")
def test_the_private_link_says_what_became_of_the_data(client, time_machine):
    """Withdrawn: at once, on the day. At its term: destroyed by the job, or out of reach before it has run."""
    time_machine.move_to(NOW, tick=False)
    withdrawn, expired = (DemandeFactory(transmise=True, lieu=LieuFactory(), at=NOW) for _ in range(2))
    destruction.withdraw(withdrawn, now=NOW)

    def said(demande):
        answer = client.get(reverse("demandes:suivi", args=[queries.link_token(demande.uuid)]))
        assert answer.status_code == 410
        return words_of(answer)

    assert "Vous avez retiré cette demande : vos données ont été détruites le 23 novembre 2026." in said(withdrawn)
    time_machine.move_to("2027-05-23T22:00:00Z", tick=False)
    assert "plus personne n’y a accès, et vos données sont en cours de destruction" in said(expired)
    destruction.destroy_due(now=clock.now())
    assert "Vos données ont été détruites le 24 mai 2027, à la fin de leur conservation." in said(expired)
    assert "le 23 novembre 2026" in said(withdrawn)
    assert "aucune copie" not in said(expired)
