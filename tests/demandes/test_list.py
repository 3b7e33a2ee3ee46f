"""A lieu's list: what it shows, what it records, what never stands in an address."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

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
    found = client.post(URL, {"q": "lefevre", "etat": ""}).content.decode()
    assert "Lefèvre" in found
    assert "Moreau" not in found
    ignored = client.get(URL + "?q=lefevre").content.decode()
    assert "Moreau" in ignored
    assert 'method="get"' not in ignored.split("<main")[1]


@pytest.mark.rule("RGP-2.a")
@pytest.mark.rule("TEL-5.a")
def test_pages_of_a_search_carry_it_by_post_and_the_others_by_address(client, lieu):
    given(lieu, *["Moreau"] * 30)
    searched = client.post(URL, {"q": "moreau"}).content.decode()
    assert "?page=" not in searched
    assert client.post(URL, {"q": "moreau", "page": "2"}).content.decode().count('name="demande"') == 5
    assert "?page=2&amp;etat=" in client.get(URL).content.decode()
    assert client.get(URL + "?page=2&etat=transmise").content.decode().count('name="demande"') == 5
    assert client.get(URL + "?page=zzz&etat=zzz").status_code == 200


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
    assert queries() == few <= 15
