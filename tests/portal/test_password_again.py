"""Wherever a password is asked, wrong tries count as they do at the door,
and others' tries do not hold a person's own device.
"""

import ast
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from demandes.attestations.models import Attestation
from extranet.core.accounts.models import User
from habilitations.models import Habilitation
from tests.factories import NOW, AgentFactory, HabilitationFactory, LieuFactory

OWN, WRONG = "Demonstration-2026", "un mauvais"
LOGIN = "/compte/connexion/"
TICKED = dict.fromkeys(("logiciel", "messagerie", "papier", "prestataires"), "on") | {"visa_archives": "n° 12"}
NEW = {"nouveau": "quatre mots sans lien", "encore": "quatre mots sans lien"}
DOORS = ["attestation", "changement", "confirmation"]


@pytest.fixture
def clock(db):
    with time_machine.travel(NOW, tick=False) as moved:
        yield moved


@pytest.fixture
def person(clock):
    return HabilitationFactory(lieu=LieuFactory()).user


@pytest.fixture
def attestation(person):
    lieu = Habilitation.objects.get(user=person).lieu
    return Attestation.objects.create(lieu=lieu, opened_at=NOW, due_on=NOW.date() + timedelta(days=30))


def enter(client, email, password=OWN, **extra):
    return client.post(LOGIN, {"login": email, "password": password}, **extra)


def logged_in(person, **extra):
    client = Client(**extra)
    assert enter(client, person.email).status_code == 302
    return client


def give(client, door, attestation, password):
    if door == "attestation":
        return client.post(
            reverse("attestations:attestation", args=[attestation.uuid]), TICKED | {"mot_de_passe": password}
        )
    if door == "changement":
        return client.post("/compte/mot-de-passe/", NEW | {"actuel": password})
    return client.post("/compte/confirmation/", {"password": password})


def passed(response):
    return response.status_code == 302


def nothing_done(person, attestation):
    return User.objects.get(pk=person.pk).check_password(OWN) and Attestation.objects.get().state == "ouverte"


@pytest.mark.rule("ACT-7.a")
@pytest.mark.rule("CNS-4.b")
@pytest.mark.parametrize("door", DOORS)
def test_the_sixth_wrong_password_within_five_minutes_is_not_judged(person, attestation, clock, door):
    client = logged_in(person)
    refused = [give(client, door, attestation, WRONG).status_code for _ in range(5)]
    assert set(refused) <= {200, 422}
    held = give(client, door, attestation, OWN)
    assert held.status_code == 429
    assert int(held["Retry-After"]) > 0
    assert "Trop d’essais" in held.content.decode()
    if door == "attestation":
        assert 'value="n° 12"' in held.content.decode(), "what was typed is kept"
    assert nothing_done(person, attestation)
    clock.shift(timedelta(minutes=5))
    assert passed(give(client, door, attestation, OWN))


@pytest.mark.rule("ACT-7.b")
@pytest.mark.parametrize("door", DOORS)
def test_forty_wrong_passwords_are_ten_tries(person, attestation, clock, door, monkeypatch):
    client, judged = logged_in(person), []
    check = User.check_password
    monkeypatch.setattr(User, "check_password", lambda self, text: (judged.append(text), check(self, text))[1])
    for rank in range(40):
        give(client, door, attestation, f"{WRONG} {rank}")
        clock.shift(timedelta(seconds=20))
    assert len(judged) <= 10
    clock.shift(timedelta(minutes=1))
    assert give(client, door, attestation, OWN).status_code == 429, "held for fifteen minutes"
    assert nothing_done(person, attestation)
    clock.shift(timedelta(minutes=15))
    assert passed(give(client, door, attestation, OWN))


@pytest.mark.rule("ACT-7.a")
def test_tries_at_all_doors_count_together(person, attestation):
    client = logged_in(person)
    for door in (*DOORS, "attestation", "changement"):
        assert give(client, door, attestation, WRONG).status_code in (200, 422)
    assert [give(client, door, attestation, WRONG).status_code for door in DOORS] == [429] * 3


@pytest.mark.rule("ACT-7.a")
def test_a_right_password_takes_no_try_away(person, attestation):
    client = logged_in(person)
    for _ in range(8):
        assert passed(give(client, "confirmation", attestation, OWN))
    assert give(client, "attestation", attestation, WRONG).status_code == 422


@pytest.mark.rule("ACT-7.c")
@pytest.mark.parametrize("door", DOORS)
def test_others_tries_hold_neither_the_login_nor_an_act_on_ones_own_device(person, attestation, door):
    """They try this address, and others, from the very network of the person."""
    client = logged_in(person)
    for rank in range(40):
        enter(Client(), person.email if rank % 2 else f"autre{rank}@lieu.test", WRONG)
    assert enter(Client(), person.email).status_code == 429
    assert passed(give(client, door, attestation, OWN))
    if door == "changement":
        return
    client.post("/compte/deconnexion/")
    assert passed(enter(client, person.email))


@pytest.mark.rule("ACT-7.a")
def test_a_session_without_its_device_counts_with_everybody(person, attestation):
    stolen = Client()
    stolen.cookies["sessionid"] = logged_in(person).cookies["sessionid"].value
    for _ in range(5):
        assert give(stolen, "attestation", attestation, WRONG).status_code == 422
    assert give(stolen, "attestation", attestation, OWN).status_code == 429
    assert enter(Client(), person.email).status_code == 429


@pytest.mark.rule("ACT-7.d")
def test_an_agent_is_held_the_same(clock):
    agent = AgentFactory().user
    client = logged_in(agent)
    assert [give(client, "confirmation", None, WRONG).status_code for _ in range(6)] == [200] * 5 + [429]


@pytest.mark.rule("ACT-7.a")
def test_a_password_is_judged_in_one_place_only():
    """A new page that asks for it calls `confirmation.confirm_password`."""
    root = Path(__file__).resolve().parents[2]
    found = set()
    for app in ("extranet", "conventions", "habilitations", "demandes"):
        for path in (root / app).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "check_password":
                    found.add(str(path.relative_to(root)))
    assert found == {"extranet/core/accounts/adapter.py", "extranet/core/accounts/backend.py"}
