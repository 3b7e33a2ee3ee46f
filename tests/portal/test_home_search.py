"""The home page's search: nothing is left out without a word."""

import pytest

from extranet.territory.models import Commune
from tests.factories import LieuFactory

pytestmark = pytest.mark.django_db


def main(client, address):
    return client.get(address).content.decode().split("<main")[1]


@pytest.mark.rule("DEM-2.a")
def test_paris_shows_the_town_and_its_twenty_arrondissements_in_order(client):
    page = main(client, "/?q=paris")
    places = [page.index(f">Paris{rank} (") for rank in ("", " 1er Arrondissement", " 2e Arrondissement")]
    places.append(page.index(">Paris 20e Arrondissement ("))
    assert places == sorted(places)
    assert "Plus de" not in page


@pytest.mark.rule("DEM-2.a")
def test_a_list_that_is_cut_says_so_and_what_to_do(client):
    page = main(client, "/?q=saint")
    assert "Plus de 50 communes" in page
    assert "écrivez la suite du nom ou le code postal" in page
    assert page.count('<li><a href="/?commune=') == 50


@pytest.mark.rule("DEM-2.f")
def test_a_town_covered_by_arrondissement_only_asks_for_the_arrondissement(client):
    LieuFactory(convention__communes=["75115"])
    page = main(client, "/?commune=75056")
    assert "Choisissez votre arrondissement" in page
    assert "Aucun service" not in page
    assert '<a href="/?commune=75115#resultats">' in page
    assert "Relais petite enfance" in main(client, "/?commune=75115")


def test_names_are_sorted_without_regard_to_accents():
    names = list(Commune.objects.filter(departement="91").values_list("nom", flat=True))
    assert names.index("Évry-Courcouronnes") < names.index("Fleury-Mérogis")
