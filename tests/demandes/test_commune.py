"""DEM-2 through the page: what a family of an uncovered commune reads before anything is asked of it."""

from datetime import date

import pytest
import time_machine

from conventions.models import Convention
from tests.factories import LieuFactory

pytestmark = pytest.mark.django_db


@pytest.mark.rule("DEM-2.b")
@time_machine.travel("2026-11-24T09:00:00Z", tick=False)
def test_an_uncovered_commune_names_the_caf_and_its_covered_neighbours_and_asks_nothing(client):
    LieuFactory(convention__communes=["77288"])  # Melun, of the same EPCI as Dammarie-les-Lys
    LieuFactory()  # Le Châtelet-en-Brie, of another EPCI
    page = client.get("/demandes/nouvelle/?commune=77152").content.decode()
    assert "Aucun lieu d’information ne couvre encore Dammarie-les-Lys" in page
    assert "Caf de Seine-et-Marne" in page
    assert '<a href="?commune=77288">Melun</a>' in page
    assert "Le Châtelet-en-Brie" not in page
    assert "<form" not in page.split("<main")[1]
    Convention.objects.filter(lieu__couvertures__commune="77288").update(ended_on=date(2026, 11, 23))
    assert "77288" not in client.get("/demandes/nouvelle/?commune=77152").content.decode()
