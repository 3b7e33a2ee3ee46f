"""What a lieu reads and does in its space: order, search, the day of destruction, closing."""

from datetime import timedelta

import pytest
from django.urls import reverse

from extranet.core.languages import date_longue
from tests.factories import NOW, DemandeFactory, HabilitationFactory, LieuFactory

pytestmark = pytest.mark.django_db
LIST = "/espace/demandes/"


@pytest.fixture
def lieu(client, time_machine):
    time_machine.move_to(NOW, tick=False)
    lieu = LieuFactory()
    client.force_login(HabilitationFactory(lieu=lieu).user)
    return lieu


@pytest.mark.rule("TEL-5.a")
def test_the_list_is_by_deadline_and_found_by_reference_name_and_state(client, lieu):
    days = {"Deuxième": 5, "Troisième": 2, "Première": 9}
    made = {
        name: DemandeFactory(transmise=True, lieu=lieu, at=NOW - timedelta(days=ago), dossier__nom=name)
        for name, ago in days.items()
    }
    closed = DemandeFactory(traitee=True, lieu=lieu, dossier__nom="Close")
    page = client.get(LIST).content.decode()
    places = [page.index(name) for name in ("Première", "Deuxième", "Troisième")]
    assert places == sorted(places)
    for query, found in ((made["Deuxième"].reference, "Deuxième"), ("troisieme", "Troisième")):
        page = client.post(LIST, {"q": query, "etat": ""}, follow=True).content.decode()
        assert [name for name in (*days, "Close") if name in page] == [found]
    page = client.get(LIST, {"etat": "traitee"}).content.decode()
    assert [name for name in (*days, "Close") if name in page] == ["Close"]
    assert closed.reference in page


@pytest.mark.rule("CNS-2.b")
def test_each_demande_says_by_which_day_the_lieu_s_copies_must_go(client, lieu):
    demande = DemandeFactory(recuperee=True, lieu=lieu)
    page = client.get(reverse("demandes:detail", args=[demande.uuid])).content.decode()
    assert "Détruisez toutes vos copies" in page
    assert date_longue(demande.last_day) in page


@pytest.mark.rule("SUI-1.g")
def test_traitee_closes_it(client, lieu):
    demande = DemandeFactory(recuperee=True, lieu=lieu)
    closing = reverse("demandes:cloture", args=[demande.uuid])
    assert client.post(closing).status_code == 422
    assert client.post(closing, {"issue": "place-trouvee"}).status_code == 302
    demande.refresh_from_db()
    assert (demande.state, demande.closed_at) == ("traitee", NOW)
    assert client.post(closing, {"issue": "place-trouvee"}).status_code == 409
