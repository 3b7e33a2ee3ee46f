"""What the portal says of itself to anybody: who hosts it, what was checked, what became of a family's data (RGP-1)."""

import pytest
from django.urls import reverse
from lxml import html

from demandes import queries
from demandes.services import destruction
from extranet.core import clock
from tests.factories import NOW, DemandeFactory, LieuFactory
from tests.plugins import rules

pytestmark = pytest.mark.django_db


STATES = rules.read(rules.RULES.read_text(encoding="utf-8"))
# Page, words of it → the clauses that make them true.
SAID = {
    ("/confidentialite/", "le portail la détruit au plus tard six mois après"): ["CNS-1.a", "CNS-1.b"],
    ("/confidentialite/", "six mois après son dépôt si elle n’a pu être transmise"): ["CNS-8.a"],
    ("/confidentialite/", "six mois après le refus ou le dernier échange avec la Caf"): ["HAB-8.a"],
    ("/confidentialite/", "tout de suite si vous la retirez"): ["DEM-4.d"],
    ("/confidentialite/", "le lieu en atteste la destruction dans le mois qui suit"): ["CNS-3.a"],
    ("/confidentialite/", "ne contiennent vos données que chiffrées"): ["CNS-10.a"],
    ("/confidentialite/", "plus personne ne peut alors les y lire"): ["CNS-10.b"],
    ("/confidentialite/", "cinq ans après le dernier jour de la convention, ou après son abandon"): ["ACC-2.e"],
    ("/confidentialite/", "effacé par mois entiers, une fois qu’aucune convention"): ["ACC-2.e", "ACC-2.f"],
    ("/confidentialite/", "Chaque consultation est enregistrée."): ["ACC-2.a"],
    ("/confidentialite/", "jamais l’identité des familles"): ["ACC-3.a"],
    ("/confidentialite/", "aucune n’est envoyée à d’autres sites"): ["RGP-2.c"],
    (
        "/confidentialite/",
        "permet de voir, de télécharger ou de retirer votre demande à tout moment, et de la corriger tant que le lieu "
        "ne l’a pas récupérée",
    ): ["DEM-4.b", "DEM-4.c", "DEM-4.d", "RGP-3.a"],
    ("/confidentialite/", "Ni publicité, ni mesure d’audience"): ["RGP-4.a"],
    ("/accessibilite/", "au clavier seul, en voyant toujours où l’on est"): ["DEM-1.b"],
    ("/accessibilite/", "Les PDF produits par le service"): ["TEL-2.a"],
}
# What is said to be lacking → the clauses of which one at least is lacking.
LACKING = {
    ("/confidentialite/", "ce qui est échu est détruit avant la réouverture"): ["CNS-7.a"],
    ("/confidentialite/", "peut rester chiffrée quatre semaines dans une sauvegarde"): ["CNS-10.d"],
}


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

    assert "Cette demande a été retirée le 23 novembre 2026. Ses données ont été détruites aussitôt." in said(withdrawn)
    time_machine.move_to("2027-05-23T22:00:00Z", tick=False)
    assert "La conservation de vos données a pris fin le 23 mai 2027." in said(expired)
    destruction.destroy_due(now=clock.now())
    assert "Vos données ont été détruites le 24 mai 2027, à la fin de leur conservation." in said(expired)
    assert "le 23 novembre 2026" in said(withdrawn)
    assert "aucune copie" not in said(expired)


def test_what_the_pages_promise_is_built_and_what_they_say_is_lacking_lacks(client):
    for (path, words), needed in (SAID | LACKING).items():
        assert words in words_of(client.get(path)), words
        lacking = [name for name in needed if not STATES[name]]
        assert bool(lacking) is ((path, words) in LACKING), (words, lacking)
