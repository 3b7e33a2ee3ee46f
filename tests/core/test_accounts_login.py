"""The door: logging in, choosing one's password first, and being held after wrong tries."""

import hashlib
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from extranet.core.accounts import services
from extranet.core.accounts.models import User
from extranet.core.accounts.passwords import QuickHasher
from extranet.core.outbox.models import Message
from tests.conftest import verified

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
OWN = "Demonstration-2026"
CAMILLE = "camille.durand@lieu.test"
LOGIN, LOST, CHOICE, CHANGE = (
    "/compte/connexion/",
    "/compte/mot-de-passe/perdu/",
    "/compte/premiere-connexion/",
    "/compte/mot-de-passe/",
)


@pytest.fixture
def clock(db: None) -> Any:
    """The moment of the test; `clock.shift(…)` moves it."""
    with time_machine.travel(NOW, tick=False) as moved:
        yield moved


@pytest.fixture
def camille(clock: Any) -> User:
    return User.objects.create_user(CAMILLE, OWN, nom="Durand", prenom="Camille", password_chosen_at=NOW)


def enter(client: Client, password: str = OWN, email: str = CAMILLE, **extra: Any) -> Any:
    return client.post(LOGIN, {"login": email, "password": password}, **extra)


def said(response: Any) -> str:
    """The page without what differs by request: the form's token and the address typed."""
    page = response.content.decode()
    return re.sub(r'csrfmiddlewaretoken" value="[^"]+"|value="[^"]*@lieu.test"', "", page)


def is_in(client: Client) -> bool:
    return client.get(CHANGE).status_code == 200


@pytest.mark.rule("ACT-6.a")
@pytest.mark.parametrize("email", [CAMILLE, "Camille.DURAND@Lieu.test", f"  {CAMILLE} "])
def test_the_address_opens_in_any_case(client: Client, camille: User, email: str) -> None:
    response = enter(client, email=email)
    assert (response.status_code, response["Location"]) == (302, reverse("portal:entree"))
    assert is_in(client)


@pytest.mark.rule("ACC-5.a")
def test_logging_out_takes_a_post_and_ends_the_session_on_the_server(client: Client, camille: User) -> None:
    enter(client)
    stolen = client.cookies["sessionid"].value
    client.get("/compte/deconnexion/")
    assert is_in(client)
    client.post("/compte/deconnexion/")
    client.cookies["sessionid"] = stolen
    assert not is_in(client)


def test_next_leads_inside_only(client: Client, camille: User) -> None:
    for target, expected in (("/compte/mot-de-passe/", CHANGE), ("https://ailleurs.test/", reverse("portal:entree"))):
        response = client.post(LOGIN, {"login": CAMILLE, "password": OWN, "next": target})
        assert response["Location"] == expected
        client.post("/compte/deconnexion/")


@pytest.mark.rule("ACT-7.b")
def test_every_refusal_says_and_costs_the_same(camille: User, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[str] = []
    encode, scrypt = QuickHasher.encode, hashlib.scrypt
    monkeypatch.setattr(QuickHasher, "encode", lambda *a, **k: (hashed.append("password"), encode(*a, **k))[1])
    monkeypatch.setattr(hashlib, "scrypt", lambda *a, **k: (hashed.append("mailed"), scrypt(*a, **k))[1])
    mailed = services.issue_password(camille, "perte", now=NOW)
    gone = User.objects.create_user("parti@lieu.test", OWN)
    mailed_to_gone = services.issue_password(gone, "perte", now=NOW)
    services.suspend(gone, by=camille, now=NOW)
    User.objects.create_user("neuve@lieu.test")  # no password yet
    pages = set()
    for email, password in (
        (CAMILLE, "un mauvais"),
        ("inconnue@lieu.test", OWN),
        ("parti@lieu.test", OWN),
        ("parti@lieu.test", mailed_to_gone),
        ("neuve@lieu.test", OWN),
        ("neuve@lieu.test", mailed),
    ):
        hashed.clear()
        response = enter(Client(), password, email)
        assert sorted(hashed) == ["mailed", "password"], email
        pages.add((response.status_code, said(response)))
    assert len(pages) == 1
    assert "n’est pas le bon" in pages.pop()[1]


@pytest.mark.rule("ACT-2.c")
@pytest.mark.rule("ACT-3.b")
@pytest.mark.rule("ACT-3.c")
def test_a_mailed_password_opens_the_choice_and_nothing_else(client: Client, clock: Any) -> None:
    user = User.objects.create_user(CAMILLE)
    text = services.issue_password(user, "activation", now=NOW)
    assert enter(client, text).status_code == 302
    for page in (reverse("portal:entree"), CHANGE, "/compte/second-facteur/", "/compte/confirmation/"):
        assert client.get(page)["Location"] == CHOICE
    assert client.get(CHOICE).status_code == 200

    for nouveau, encore, because in (
        ("court", "court", "trop court"),
        ("quatre mots sans lien", "quatre mots sans rien", "ne sont pas les mêmes"),
        ("", "", "obligatoire"),
        (text, text, "autre mot de passe que celui reçu"),
    ):
        refused = client.post(CHOICE, {"nouveau": nouveau, "encore": encore})
        assert refused.status_code == 422
        assert because in refused.content.decode()
    assert client.get(CHANGE)["Location"] == CHOICE

    done = client.post(CHOICE, {"nouveau": "quatre mots sans lien", "encore": "quatre mots sans lien"})
    assert (done.status_code, done["Location"]) == (302, reverse("portal:entree"))
    assert is_in(client)
    assert client.get(CHOICE)["Location"] == reverse("portal:entree")
    assert enter(Client(), text).status_code == 200, "used"
    assert enter(Client(), "quatre mots sans lien").status_code == 302
    assert Message.objects.filter(kind="accounts.personnalise", recipient=f"user:{user.pk}").count() == 1


@pytest.mark.rule("ACT-3.b")
def test_the_choice_stays_first_in_a_browser_where_somebody_else_was_logged_in(client: Client, camille: User) -> None:
    enter(client)
    services.suspend(camille, by="systeme", now=NOW)
    other = User.objects.create_user("alix@lieu.test")
    enter(client, services.issue_password(other, "activation", now=NOW), other.email)
    assert client.get(CHANGE)["Location"] == CHOICE


@pytest.mark.rule("ACT-3.a")
def test_ten_wrong_tries_at_the_door_kill_the_mailed_password(clock: Any) -> None:
    user = User.objects.create_user(CAMILLE)
    text = services.issue_password(user, "activation", now=NOW)
    for _ in range(10):
        enter(Client(), "un mauvais")
        clock.shift(timedelta(minutes=2))
    clock.shift(timedelta(minutes=20))
    assert enter(Client(), text).status_code == 200


@pytest.mark.rule("ACT-5.d")
def test_the_old_password_works_until_the_new_one_is_used(camille: User) -> None:
    text = services.issue_password(camille, "perte", now=NOW)
    thief = Client()
    assert enter(thief).status_code == 302
    assert enter(Client(), text).status_code == 302
    assert not is_in(thief)
    assert enter(Client()).status_code == 200


@pytest.mark.rule("ACT-5.c")
def test_losing_ones_password_answers_the_same_for_anybody(client: Client, camille: User) -> None:
    pages = {said(client.post(LOST, {"courriel": email} | verified())) for email in (CAMILLE, "inconnue@lieu.test")}
    assert len(pages) == 1
    assert Message.objects.filter(kind="accounts.perdu").count() == 2
    refused = client.post(LOST, {"courriel": "pas une adresse"} | verified())
    assert refused.status_code == 422
    assert "pas une adresse" in refused.content.decode()
    tries = [client.post(LOST, {"courriel": "inconnue@lieu.test"} | verified()).status_code for _ in range(5)]
    assert tries == [200, 200, 200, 200, 429]


@pytest.mark.rule("ACT-4.a")
def test_changing_asks_for_the_current_one_and_ends_other_sessions(client: Client, camille: User) -> None:
    elsewhere = Client()
    enter(client)
    enter(elsewhere)
    new = {"nouveau": "quatre mots sans lien", "encore": "quatre mots sans lien"}
    refused = client.post(CHANGE, {"actuel": "un mauvais", **new})
    assert refused.status_code == 422
    assert is_in(elsewhere)
    assert client.post(CHANGE, {"actuel": OWN, **new}).status_code == 302
    assert is_in(client)
    assert not is_in(elsewhere)


@pytest.mark.rule("ACT-7.a")
def test_guessing_the_current_one_from_an_open_session_is_slowed(client: Client, camille: User) -> None:
    enter(client)
    assert [client.post(CHANGE, {"actuel": "non"}).status_code for _ in range(6)] == [422] * 5 + [429]


@pytest.mark.rule("ACC-6.b")
def test_a_suspended_person_leaves_an_open_session(client: Client, camille: User) -> None:
    enter(client)
    services.suspend(camille, by="systeme", now=NOW)
    assert not is_in(client)


@pytest.mark.rule("ACT-7.a")
@pytest.mark.parametrize("email", [CAMILLE, "inconnue@lieu.test"], ids=["known", "unknown"])
def test_the_sixth_wrong_try_within_five_minutes_is_answered_429(camille: User, clock: Any, email: str) -> None:
    for _ in range(5):
        assert enter(Client(), "un mauvais", email).status_code == 200
        clock.shift(timedelta(seconds=50))
    sixth = enter(Client(), OWN, email.upper())
    assert sixth.status_code == 429
    assert int(sixth["Retry-After"]) > 0
    assert "Trop d’essais" in sixth.content.decode()
    clock.shift(timedelta(minutes=5))
    assert enter(Client(), "un mauvais", email).status_code == 200


@pytest.mark.rule("ACT-7.a")
def test_the_eleventh_within_a_minute_from_a_network_address_is_answered_429(camille: User, clock: Any) -> None:
    answers = [enter(Client(), "un mauvais", f"personne{n}@lieu.test").status_code for n in range(11)]
    assert answers == [200] * 10 + [429]
    assert enter(Client(), REMOTE_ADDR="192.0.2.7").status_code == 302
    clock.shift(timedelta(minutes=1))
    assert enter(Client()).status_code == 302


@pytest.mark.rule("ACT-7.b")
@pytest.mark.parametrize("email", [CAMILLE, "inconnue@lieu.test"], ids=["known", "unknown"])
def test_ten_wrong_in_a_row_hold_the_address_for_fifteen_minutes(camille: User, clock: Any, email: str) -> None:
    for rank in range(10):
        typed = email.upper() if rank % 2 else f" {email}"
        assert enter(Client(), "un mauvais", typed).status_code == 200
        clock.shift(timedelta(minutes=2))
    clock.shift(timedelta(minutes=12, seconds=50))
    held = enter(Client(), OWN, email)
    assert (held.status_code, held["Retry-After"]) == (429, "900")
    clock.shift(timedelta(seconds=20))
    assert enter(Client(), OWN, email).status_code == (302 if email == CAMILLE else 200)


@pytest.mark.rule("ACT-7.b")
def test_those_answered_429_count_in_the_row(camille: User, clock: Any) -> None:
    assert [enter(Client(), "un mauvais").status_code for _ in range(10)] == [200] * 5 + [429] * 5
    clock.shift(timedelta(minutes=14))
    assert enter(Client()).status_code == 429
    clock.shift(timedelta(minutes=2))
    assert enter(Client()).status_code == 302


@pytest.mark.rule("ACT-7.b")
def test_a_right_try_ends_the_row(camille: User, clock: Any) -> None:
    for password in ["un mauvais"] * 9 + [OWN] + ["un mauvais"] * 9 + [OWN]:
        assert enter(Client(), password).status_code in (200, 302)
        clock.shift(timedelta(minutes=2))


@pytest.mark.rule("ACT-7.c")
def test_a_device_used_before_is_not_locked_out_by_others(client: Client, camille: User, clock: Any) -> None:
    enter(client)
    client.post("/compte/deconnexion/")
    for _ in range(10):
        enter(Client(), "un mauvais", REMOTE_ADDR="192.0.2.7")
    assert enter(Client()).status_code == 429
    User.objects.create_user("alix@lieu.test", OWN)
    neighbour = Client()
    enter(neighbour, email="alix@lieu.test")
    neighbour.post("/compte/deconnexion/")
    assert enter(neighbour).status_code == 429, "a device is of one person"
    forged = Client()
    [mark] = [name for name in client.cookies if name.startswith("appareil-")]
    forged.cookies[mark] = client.cookies[mark].value[:-2] + "xx"
    assert enter(forged).status_code == 429
    assert enter(client).status_code == 302
    client.post("/compte/deconnexion/")
    clock.shift(timedelta(minutes=5))
    answers = [enter(client, "un mauvais").status_code for _ in range(6)]
    assert answers == [200] * 5 + [429], "its own wrong tries count"


def test_all_tries_from_one_network_address_have_an_end(client: Client, camille: User) -> None:
    answers = [client.post(LOGIN, {"login": "", "password": ""}) for _ in range(31)]
    assert [answer.status_code for answer in answers] == [200] * 30 + [429]
    assert answers[-1]["Retry-After"]


def test_a_mailed_password_does_not_confirm_a_sensitive_act(client: Client, camille: User) -> None:
    enter(client)
    text = services.issue_password(camille, "perte", now=NOW)
    refused = client.post("/compte/confirmation/", {"password": text})
    assert refused.status_code == 200
    assert "n’est pas le bon" in refused.content.decode()
    assert client.post("/compte/confirmation/", {"password": OWN, "next": CHANGE})["Location"] == CHANGE


@pytest.mark.parametrize(
    "name",
    ["account_login", "account_logout", "account_inactive", "account_reset_password"],
)
def test_pages_for_anybody_answer(client: Client, db: None, name: str) -> None:
    assert client.get(reverse(name)).status_code in (200, 302)


@pytest.mark.parametrize(
    "name",
    ["account_change_password", "account_reauthenticate", "mfa_index", "accounts:premiere"],
)
def test_pages_of_a_person_ask_to_log_in(client: Client, camille: User, name: str) -> None:
    address = reverse(name)
    assert client.get(address)["Location"] == f"{LOGIN}?next={address}"
    enter(client)
    assert client.get(address).status_code in (200, 302)


@pytest.mark.parametrize(
    "email", ["", "x", "a@b", "é@lieu.test", "'; --@lieu.test", "a" * 5_000 + "@lieu.test", "a\x00b@lieu.test"]
)
@pytest.mark.parametrize("password", ["", "\x00", "é" * 10_000])
def test_odd_input_is_refused_calmly(client: Client, db: None, email: str, password: str) -> None:
    assert enter(client, password, email).status_code == 200
    assert client.post(LOST, {"courriel": email} | verified()).status_code == 422
