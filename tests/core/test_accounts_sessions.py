"""A person sees where it is logged in, and ends it there."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse

from extranet.core.accounts import services, sessions
from extranet.core.accounts.models import SessionOuverte, User
from extranet.core.journal.models import Entry
from tests.core.test_accounts_login import NOW, OWN, camille, clock, enter, is_in  # noqa: F401

MINE = "/compte/sessions/"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile Safari/604.1"


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (FIREFOX, "Firefox sur Linux"),
        (IPHONE, "Safari sur un iPhone"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/140.0 Safari/537.36 Edg/140.0", "Edge sur Windows"),
        (
            "Mozilla/5.0 (Linux; Android 15; SM-S921B) SamsungBrowser/28 Chrome/130 Mobile",
            "Samsung Internet sur Android",
        ),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15) Version/18.0 Safari/605.1.15", "Safari sur un Mac"),
        ("curl/8", "Navigateur inconnu"),
        ("", "Navigateur inconnu"),
    ],
)
def test_a_device_in_words(agent: str, words: str) -> None:
    assert sessions.device_in_words(agent) == words


@pytest.mark.rule("ACC-5.b")
def test_a_person_sees_its_sessions_and_ends_one_on_the_server(camille: User, clock: Any) -> None:  # noqa: F811
    here, there = Client(HTTP_USER_AGENT=FIREFOX), Client(HTTP_USER_AGENT=IPHONE, REMOTE_ADDR="192.0.2.7")
    enter(there)
    clock.shift(timedelta(minutes=10))
    enter(here)
    User.objects.create_user("alix@lieu.test", OWN)
    neighbour = Client()
    enter(neighbour, email="alix@lieu.test")
    page = here.get(MINE).content.decode()
    for words in ("Firefox sur Linux", "Safari sur un iPhone", "192.0.2.7", "23 novembre 2026 à 10:00"):
        assert words in page
    assert page.count('name="fermer"') == 2, "and nobody else's"
    clock.shift(timedelta(minutes=5))
    assert is_in(there)
    assert "23 novembre 2026 à 10:15" in here.get(MINE).content.decode(), "its last use"

    other = SessionOuverte.objects.get(appareil="Safari sur un iPhone")
    for name, status in (("", 404), ("x", 404), (SessionOuverte.objects.get(user__email="alix@lieu.test").uuid, 404)):
        assert here.post(MINE, {"fermer": name}).status_code == status
    assert here.post(MINE, {"fermer": other.uuid}).status_code == 302
    assert not is_in(there), "at its next request"
    assert is_in(here)
    assert is_in(neighbour)
    assert Entry.objects.filter(event="compte.session-fermee").count() == 1


@pytest.mark.rule("ACC-5.b")
def test_all_the_others_end_at_once_and_one_may_end_the_present_one(camille: User) -> None:  # noqa: F811
    clients = [Client() for _ in range(3)]
    for client in clients:
        enter(client)
    clients[0].post(MINE, {"autres": "1"})
    assert [is_in(client) for client in clients] == [True, False, False]
    clients[0].post(MINE, {"fermer": SessionOuverte.objects.get().uuid})
    assert clients[0].get(MINE)["Location"].startswith("/compte/connexion/")
    assert not SessionOuverte.objects.exists()


@pytest.mark.rule("ACC-5.b")
def test_a_session_stays_the_same_when_its_password_changes(camille: User, client: Client) -> None:  # noqa: F811
    enter(client)
    new = "cinq mots sans aucun lien"
    assert client.post("/compte/mot-de-passe/", {"actuel": OWN, "nouveau": new, "encore": new}).status_code == 302
    assert client.get(MINE).content.decode().count('name="fermer"') == 1
    assert client.get(reverse("accounts:sessions")).status_code == 200


@pytest.mark.rule("ACC-5.a")
def test_rows_leave_with_their_sessions(camille: User, client: Client, clock: Any) -> None:  # noqa: F811
    enter(client)
    assert sessions.forget_ended(now=NOW + timedelta(hours=9)) == 0
    client.post("/compte/deconnexion/")
    sessions.forget_ended(now=NOW + timedelta(hours=9))
    assert not SessionOuverte.objects.exists()
    enter(client)
    assert sessions.forget_ended(now=NOW + timedelta(hours=11)) == 2
    assert not Session.objects.exists()
    assert services.tokens_of(camille).count() == 0
