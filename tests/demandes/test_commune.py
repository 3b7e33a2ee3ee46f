"""DEM-2 through the page: what a family of an uncovered commune reads before anything is asked of it."""

from datetime import date

import pytest
import time_machine
from lxml import html

from conventions.models import Convention
from tests.factories import LieuFactory

pytestmark = pytest.mark.django_db


@pytest.mark.rule("DEM-2.b")
@pytest.mark.rule("DEM-2.c")
@time_machine.travel("2026-11-24T09:00:00Z", tick=False)
def test_an_uncovered_commune_names_the_caf_and_its_covered_neighbours_and_asks_nothing(client):
    LieuFactory(convention__communes=["77288", "77285"])  # of the same EPCI as Dammarie-les-Lys
    LieuFactory(convention__communes=["77100", "91228", "75115", "13055"])  # of others; the last is out of reach
    page = client.get("/demandes/nouvelle/?commune=77152").content.decode()
    text = " ".join(" ".join(html.document_fromstring(page).xpath("//main//text()")).split())
    said = [
        "Aucun lieu d’information ne couvre encore Dammarie-les-Lys",
        "Depuis le 1er janvier 2025, la loi charge la commune de Dammarie-les-Lys d’informer",
        "son intercommunalité (CA Melun Val de Seine)",
        "Caf de Seine-et-Marne",
        "3230",
        "caf.fr",
        "Le Mée-sur-Seine à 3 km",  # the nearest of its EPCI, then of it, then the nearest
        "Melun à 4 km",
        "Le Châtelet-en-Brie à 13 km",
        "Évry-Courcouronnes à 19 km",
    ]
    found = [text.find(words) for words in said]
    assert found == sorted(found), (found, text)
    assert found[0] >= 0
    assert '<a href="/demandes/nouvelle/?commune=77288">Melun</a>' in page
    assert "Marseille" not in page
    own = client.get("/demandes/nouvelle/?commune=75111").content.decode().replace("\xa0", " ")
    assert "la commune de Paris" in own
    assert 0 < own.find("Paris 15e Arrondissement</a></li>") < own.find("Évry-Courcouronnes</a>")  # of its own town
    assert "<form" not in page.split("<main")[1]
    assert "&amp;#" not in client.get("/demandes/nouvelle/?commune=01001").content.decode()  # an apostrophe in its name
    Convention.objects.filter(lieu__couvertures__commune="77288").update(ended_on=date(2026, 11, 23))
    assert "77288" not in client.get("/demandes/nouvelle/?commune=77152").content.decode()


@pytest.mark.rule("DEM-2.c")
@time_machine.travel("2026-11-24T09:00:00Z", tick=False)
@pytest.mark.parametrize(
    ("commune", "held"), [("97105", True), ("97608", True), ("97501", False), ("98735", False), ("98818", False)]
)
def test_the_law_is_told_only_where_it_holds(client, commune, held):
    for address in ("/demandes/nouvelle/", "/"):
        page = client.get(address, {"commune": commune}).content.decode()
        assert "Appelez la mairie" in page
        assert ("la loi charge la commune" in page, "L. 214-1-3" in page) == (held, held)
