"""Floods of the two public forms stop, what was typed stays, and a room full of families gets through (DEM-6.b)."""

import re
from datetime import timedelta

import pytest
import time_machine
from django.test import Client

from demandes.models import Demande
from habilitations.models import DemandeHabilitation
from tests.demandes.test_family import TYPED, post, press
from tests.factories import NOW, LieuFactory, contenu_of
from tests.habilitations import test_application as application

pytestmark = pytest.mark.rule("DEM-6.b")


@pytest.fixture(autouse=True)
def clock(db):
    LieuFactory()
    with time_machine.travel(NOW, tick=False) as moved:
        yield moved


def ask(client, rank, *, courriel=None):
    """A family sends its demande from the summary."""
    typed = {
        "courriel": courriel or f"famille{rank}@famille.test",
        "prenom": f"Zoé{'abcdefghijklmnopqrstuvwxyz'[rank % 26]}",
    }
    return press(client, post(client, typed), valider="1")


def test_a_flood_from_one_network_stops_and_nothing_more_is_kept(clock):
    client = Client()
    answers = [ask(client, rank).status_code for rank in range(25)]
    assert answers == [302] * 20 + [429] * 5
    assert Demande.objects.count() == 20
    other = Client(REMOTE_ADDR="198.51.100.7")
    assert ask(other, 1).status_code == 302


def test_a_room_full_of_families_behind_one_address_gets_through(clock):
    """A maison de quartier, one afternoon: fifteen an hour, each read twice and corrected once."""
    for hour in range(2):
        for rank in range(15):
            client = Client()
            post(client)
            assert ask(client, 15 * hour + rank).status_code == 302, (hour, rank)
        clock.shift(timedelta(hours=1))
    assert Demande.objects.count() == 30


def test_what_the_family_typed_waits_with_it(clock):
    client = Client()
    for rank in range(20):
        ask(client, rank)
    refused = ask(client, 21)
    assert refused.status_code == 429
    assert 0 < int(refused["Retry-After"]) <= 3600
    page = refused.content.decode()
    assert "rien n’est perdu" in page
    clock.shift(timedelta(seconds=int(refused["Retry-After"])))
    assert press(client, refused).status_code == 302
    assert Demande.objects.count() == 21
    assert contenu_of(Demande.objects.order_by("pk").last()).message == TYPED["message"]


def test_one_mail_address_asks_ten_times_a_day_from_anywhere(clock):
    answers = [
        ask(Client(REMOTE_ADDR=f"198.51.{rank}.7"), rank, courriel="lina@famille.test").status_code
        for rank in range(12)
    ]
    assert answers == [302] * 10 + [429] * 2


def apply(client, rank, *, courriel=None):
    typed = {"lieu_courriel": courriel or f"rpe{rank}@tilleuls.test", "lieu_nom": f"RPE {rank}"}
    return application.send(client, application.kept(client, typed))


@pytest.mark.rule("HAB-3.b")
def test_applications_by_one_network_and_one_address(clock):
    client = Client()
    assert [apply(client, rank).status_code for rank in range(12)] == [302] * 10 + [429] * 2
    assert DemandeHabilitation.objects.count() == 10
    places = [Client(REMOTE_ADDR=f"198.51.{rank}.7") for rank in range(4)]
    answers = [apply(place, rank, courriel="rpe@victime.test").status_code for rank, place in enumerate(places)]
    assert answers == [302] * 3 + [429]
    refused = apply(client, 99)
    assert re.search(r"dans <strong>\d+\xa0minutes", refused.content.decode())
    clock.shift(timedelta(hours=1))
    assert press(client, refused).status_code == 302
