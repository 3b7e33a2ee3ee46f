"""A family's rights by its private link, and what a program that fills the form gets (RGP-3, DEM-6)."""

import pytest
from django.urls import reverse
from lxml import html

from demandes import queries
from demandes.contenu import Contenu, champs
from demandes.models import Demande, Dossier
from extranet.core.outbox.models import Message
from tests.demandes.test_family import CHILD, TYPED, children, expected, lieu, send, today  # noqa: F401 -- fixtures

pytestmark = pytest.mark.django_db


@pytest.mark.rule("RGP-3.a")
def test_the_private_link_shows_everything_kept_about_the_family_in_words(client, lieu):  # noqa: F811
    send(client, {"message": "Une phrase privée."} | children(CHILD, expected("2027-02-01")))
    demande = Demande.objects.get()
    page = client.get(reverse("demandes:suivi", args=[queries.link_token(demande.uuid)])).content.decode()
    words = " ".join(html.document_fromstring(page).xpath("string(//main)").replace("\xa0", " ").split())
    for value in (
        *(TYPED[name] for name in ("prenom", "nom", "courriel", "code_postal", "ville", "creneau")),
        "06 98 76 12 34",
        "Une phrase privée.",
        "Ornella",
        "1er juin 2025",
        "1er février 2027",
        "Crèche collective",
        "Garde à domicile",
        "4 janvier 2027",
        "lundi de 08:30 à 17:15",
        "jeudi de 08:30 à 17:15",
        "oir",
        "interprète",
        "Régulier",
        lieu.nom,
        demande.reference,
    ):
        assert value.casefold() in words.casefold(), value
    assert champs(Contenu).keys() == {
        "nom", "prenom", "courriel", "telephone", "code_postal", "ville", "allocataire", "contact_prefere", "creneau",
        "enfants", "besoin", "rendez_vous", "message"
    }  # fmt: skip


@pytest.mark.rule("DEM-6.c")
def test_what_a_program_fills_in_the_hidden_field_is_answered_and_not_kept(client, lieu):  # noqa: F811
    answer = send(client, {"site_web": "https://annonce.test"})
    assert answer.status_code == 302
    assert [model.objects.count() for model in (Demande, Dossier, Message)] == [0, 0, 0]
    assert send(client).status_code == 302
    assert Demande.objects.count() == 1
