"""A lieu's list: what it shows, what it records, what never stands in an address."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from demandes.models import Demande, Remise
from tests.factories import DemandeFactory, HabilitationFactory, rewrite

pytestmark = pytest.mark.django_db
URL = "/espace/demandes/"
TODAY = datetime(2026, 11, 24, 9, tzinfo=UTC)


@pytest.fixture
def lieu(client, time_machine):
    time_machine.move_to(TODAY, tick=False)
    habilitation = HabilitationFactory()
    client.force_login(habilitation.user)
    return habilitation.lieu


def given(lieu, *names):
    for name in names:
        demande = DemandeFactory(transmise=True, lieu=lieu)
        rewrite(demande, nom=name)


@pytest.mark.rule("RGP-2.a")
@pytest.mark.rule("TEL-5.a")
def test_a_name_is_searched_by_post_and_never_read_from_an_address(client, lieu):
    given(lieu, "Moreau", "Lefèvre")
    found = client.post(URL, {"q": "lefevre", "etat": ""}, follow=True).content.decode()
    assert "Lefèvre" in found
    assert "Moreau" not in found
    ignored = client.get(URL + "?q=lefevre").content.decode()
    assert "Moreau" in ignored
    assert 'method="get"' not in ignored.split("<main")[1]


@pytest.mark.rule("RGP-2.a")
@pytest.mark.rule("TEL-5.a")
def test_pages_of_a_search_carry_it_by_post(client, lieu):
    given(lieu, *["Moreau"] * 30)
    searched = client.post(URL, {"q": "moreau"}, follow=True).content.decode()
    assert "?page=" not in searched
    second = client.post(URL, {"q": "moreau", "page": "2"}, follow=True).content.decode()
    assert second.count('name="demande"') == 5
    assert client.post(URL, {"page": "2"}, follow=True).content.decode().count('name="demande" value') == 5
    assert client.get(URL + "?page=2&etat=transmise").content.decode().count('name="demande"') == 5
    assert client.get(URL + "?page=zzz&etat=zzz").status_code == 200


@pytest.mark.rule("RGP-2.a")
@pytest.mark.rule("TEL-5.a")
def test_each_list_has_an_address_to_come_back_to_that_says_no_name(client, lieu, time_machine):
    given(lieu, *["Moreau"] * 30, "Lefèvre")
    assert client.post(URL, {"etat": "transmise", "page": "2"})["Location"] == f"{URL}?etat=transmise&page=2"
    assert client.post(URL, {"etat": "", "page": "1"})["Location"] == URL
    address = client.post(URL, {"q": "lefevre", "etat": "transmise"})["Location"]
    assert "lefevre" not in address.lower()
    found = client.get(address).content.decode()
    assert ("Lefèvre" in found, "Moreau" in found) == (True, False)
    key = address.split("recherche=")[1]
    assert client.post(URL, {"q": "lefevre", "recherche": key, "etat": "transmise"})["Location"] == address
    assert not any(b"lefevre" in str(row.get_decoded()).lower().encode() for row in Session.objects.all())

    # From a demande, and after an act, it is this list again.
    demande = Demande.objects.order_by("pk").last()
    page = client.get(reverse("demandes:detail", args=[demande.uuid])).content.decode()
    assert f'<a href="{address.replace("&", "&amp;")}">Retour aux demandes</a>' in page
    closed = client.post(reverse("demandes:cloture", args=[demande.uuid]), {"issue": "hors-champ"})
    assert closed["Location"] == address

    # It is this person's, for an hour; then the page says so.
    other = Client()
    other.force_login(HabilitationFactory(lieu=lieu).user)
    said = "Votre recherche n’est gardée qu’une heure"
    for asked in (other.get(address), client.get(f"{URL}?recherche=x")):
        assert said in asked.content.decode()
        assert "Moreau" in asked.content.decode()


@pytest.mark.rule("TEL-5.a")
def test_a_search_that_cannot_be_kept_is_answered_at_once(client, lieu, monkeypatch):
    given(lieu, "Moreau", "Lefèvre")
    monkeypatch.setattr("extranet.core.web.passing.keep", lambda data, owner: "")
    found = client.post(URL, {"q": "lefevre"})
    assert found.status_code == 200
    assert ("Lefèvre" in found.content.decode(), "Moreau" in found.content.decode()) == (True, False)


@pytest.mark.rule("ACC-2.a")
def test_names_shown_in_a_list_are_recorded_once_a_day_and_person(client, lieu, time_machine):
    given(lieu, "Moreau", "Lefèvre")
    for _ in range(2):
        client.get(URL, headers={"user-agent": "Tablette"})
    assert Remise.objects.filter(mode="liste", appareil="Tablette").count() == 2
    assert set(Remise.objects.values_list("demande_uuid", flat=True)) == set(
        Demande.objects.values_list("uuid", flat=True)
    )
    other = HabilitationFactory(lieu=lieu).user
    client.force_login(other)
    client.get(URL)
    assert Remise.objects.filter(user_id=other.pk).count() == 2
    time_machine.move_to(TODAY + timedelta(hours=14, minutes=30), tick=False)  # 00:30 in Paris
    client.force_login(other)
    client.get(URL)
    assert Remise.objects.filter(user_id=other.pk).count() == 4


@pytest.mark.rule("TEL-5.c")
def test_the_list_costs_the_same_whatever_its_length(client, lieu):
    def queries():
        client.get(URL)
        with CaptureQueriesContext(
            connection,
        ) as seen:
            client.get(URL)
        return len(seen)

    given(lieu, "Moreau")
    few = queries()
    given(lieu, *["Lefèvre"] * 40)
    assert queries() == few <= 16
