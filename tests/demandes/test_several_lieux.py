"""A person of several lieux chooses one, sees which it is in, and reaches no other by that."""

import uuid

import pytest

from demandes.models import Demande
from tests.demandes.test_list import URL
from tests.factories import NOW, DemandeFactory, HabilitationFactory, LieuFactory

pytestmark = pytest.mark.django_db
CHOICE = "/espace/lieu/"


@pytest.mark.rule("ACC-1.a")
def test_one_of_several_lieux_is_chosen_without_javascript(client, time_machine):
    time_machine.move_to(NOW, tick=False)
    melun, tilleuls, foreign = LieuFactory(nom="RPE de Melun"), LieuFactory(nom="RPE des Tilleuls"), LieuFactory()
    user = HabilitationFactory(lieu=melun).user
    HabilitationFactory(lieu=tilleuls, user=user)
    here, there = DemandeFactory(transmise=True, lieu=melun), DemandeFactory(transmise=True, lieu=tilleuls)
    DemandeFactory(transmise=True, lieu=foreign)
    client.force_login(user)
    page = client.get(URL).content.decode()
    assert "Vous travaillez pour 2 lieux" in page
    assert here.reference in page
    assert there.reference in page
    assert f"{there.reference} · RPE des Tilleuls" in page

    assert client.post(CHOICE, {"lieu": tilleuls.uuid})["Location"] == URL
    page = client.get(URL).content.decode()
    assert "du <strong>RPE des Tilleuls" in page or "des Tilleuls</strong> sont affichées" in page
    assert there.reference in page
    assert here.reference not in page
    assert client.get(f"/espace/demandes/{here.uuid}/").status_code == 200, "its other lieu's is its own still"
    client.post("/espace/demandes/telechargement/", {"selection": "a-recuperer", "format": "xml"})
    states = dict(Demande.objects.values_list("reference", "state"))
    assert (states[there.reference], states[here.reference]) == ("recuperee", "transmise")

    for name in (foreign.uuid, uuid.uuid4(), "x"):
        assert client.post(CHOICE, {"lieu": name}).status_code == 404
    client.post(CHOICE, {"lieu": ""})
    assert here.reference in client.get(URL).content.decode()


@pytest.mark.rule("ACC-1.a")
def test_a_choice_that_is_no_more_ones_own_shows_what_is(client, time_machine):
    time_machine.move_to(NOW, tick=False)
    line = HabilitationFactory()
    other = HabilitationFactory(user=line.user)
    demande = DemandeFactory(transmise=True, lieu=line.lieu)
    gone = DemandeFactory(transmise=True, lieu=other.lieu)
    client.force_login(line.user)
    client.post(CHOICE, {"lieu": other.lieu.uuid})
    other.suspensions.create(from_at=NOW, reason="départ")
    page = client.get(URL).content.decode()
    assert demande.reference in page
    assert gone.reference not in page
    assert "Vous travaillez pour" not in page
