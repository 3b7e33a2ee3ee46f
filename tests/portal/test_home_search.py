"""The home page's search: nothing is left out without a word."""

import pytest

from extranet.territory.models import Commune
from tests.factories import LieuFactory

pytestmark = pytest.mark.django_db


def main(client, address):
    return client.get(address).content.decode().split("<main")[1]


@pytest.mark.rule("DEM-2.a")
@pytest.mark.rule("DEM-2.f")
def test_a_whole_city_leads_to_its_arrondissements_in_order_and_a_postal_code_to_one(client):
    assert "Arrondissement" not in main(client, "/?q=paris").split("Vous êtes")[0]
    for code, last in (("75056", "Paris 20e"), ("69123", "Lyon 9e"), ("13055", "Marseille 16e")):
        for address in (f"/?commune={code}", f"/demandes/nouvelle/?commune={code}"):
            page = main(client, address)
            places = [page.index(f">{last.split()[0]} {rank} Arrondissement<") for rank in ("1er", "2e")]
            assert places == sorted(places)
            assert places[-1] < page.index(f">{last} Arrondissement<")
            assert "Aucun service" not in page
            assert "Aucun lieu" not in page
    assert "Votre commune : Paris 11e Arrondissement" in main(client, "/?q=75011").replace("\xa0", " ")
    assert client.get("/demandes/nouvelle/?q=75011")["Location"] == "/demandes/nouvelle/?commune=75111"
    assert [one["code"] for one in client.get("/communes/?q=75116").json()] == ["75116"]
    own = [one["code"] for one in client.get("/communes/?q=75015&caf=caf-75").json()]
    assert own == ["75056", "75115"]  # a lieu may cover the whole city


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
