"""What the portal answers when it refuses: to people a page, to programs a problem document."""

from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from lxml import etree

from demandes.models import Livraison
from extranet.core.accounts import services as accounts
from tests.factories import NOW, AgentFactory, HabilitationFactory, LieuFactory

LOGIN = "/compte/connexion/"
PASSWORD = "Demonstration-2026"


@pytest.fixture(autouse=True)
def _now(db):
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def person():
    return HabilitationFactory(lieu=LieuFactory(nom="RPE des Tilleuls")).user


def logged_in(user):
    client = Client()
    client.force_login(user)
    return client


# --- refusals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["ailleurs.test", "testserver.ailleurs.test", "testserver:80@ailleurs.test", ""])
def test_an_unknown_host_is_answered_400(client, host):
    for path in ("/", LOGIN, "/sante/pret", "/api/v1/livraisons"):
        response = client.get(path, HTTP_HOST=host)
        assert response.status_code == 400, path
        assert "ailleurs" not in response.content.decode()


@pytest.mark.rule("ACT-7.a")
def test_too_many_tries_are_answered_429_with_the_time_to_wait(client):
    for _ in range(6):
        response = client.post(LOGIN, {"login": "qui@lieu.test", "password": "rien"})
    assert response.status_code == 429
    assert int(response["Retry-After"]) > 0
    assert "Trop d’essais" in response.content.decode()


@pytest.mark.rule("ACT-7.a")
def test_the_network_address_cannot_be_forged(client):
    """Eleven tries from one place, however many places the headers tell of."""
    statuses = [
        client.post(
            LOGIN,
            {"login": f"qui{rank}@lieu.test", "password": "rien"},
            headers={
                "X-Forwarded-For": f"192.0.2.{rank}",
                "X-Real-IP": f"192.0.2.{rank}",
                "Forwarded": f"for=192.0.2.{rank}",
            },
        ).status_code
        for rank in range(11)
    ]
    assert statuses[:10] == [200] * 10
    assert statuses[10] == 429


@pytest.mark.rule("TEL-1.f")
def test_a_get_where_only_a_button_answers_is_405_and_says_so(person):
    response = logged_in(person).get("/espace/demandes/telechargement/")
    assert response.status_code == 405
    assert response["Allow"] == "POST"
    assert "Cette page ne s’ouvre pas ainsi" in response.content.decode()


@pytest.mark.parametrize("path", ["/demandes/nouvelle/?commune=77100", LOGIN, "/compte/mot-de-passe/perdu/"])
def test_a_form_sent_from_elsewhere_is_refused_in_words(path):
    LieuFactory()
    response = Client(enforce_csrf_checks=True).post(path, {"nom": "x"})
    assert response.status_code == 403
    assert "ouverte depuis trop longtemps" in response.content.decode()


def test_a_form_too_large_to_read_is_answered_413(client):
    LieuFactory()
    response = client.post(
        "/demandes/nouvelle/?commune=77100",
        {"message": "x" * 3_000_000},
        content_type="application/x-www-form-urlencoded",
    )
    assert response.status_code == 413
    assert "trop volumineux" in response.content.decode()


NEXTS = [
    "https://ailleurs.test/",
    "//ailleurs.test/",
    "///ailleurs.test/",
    r"/\ailleurs.test/",
    r"\\ailleurs.test",
    "https:/ailleurs.test",
    "https://testserver@ailleurs.test/",
    "javascript:alert(1)",
    "\t//ailleurs.test",
    "http:///ailleurs.test",
]


@pytest.mark.parametrize("target", NEXTS)
def test_next_leads_nowhere_else(person, target):
    pages = [
        (Client(), LOGIN, {"login": person.email, "password": PASSWORD, "next": target}),
        (Client(), f"{LOGIN}?next={target}", {"login": person.email, "password": PASSWORD}),
        (logged_in(person), "/compte/confirmation/", {"password": PASSWORD, "next": target}),
        (logged_in(person), "/compte/deconnexion/", {"next": target}),
    ]
    for client, path, data in pages:
        response = client.post(path, data)
        assert response.status_code == 302, path
        assert response["Location"] in ("/", "/entree/"), path


# --- programs -------------------------------------------------------------------------------------------------------

JSON, XML = "application/problem+json", "application/problem+xml"


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("", JSON),
        ("*/*", JSON),
        ("application/json", JSON),
        (JSON, JSON),
        ("application/xml", XML),
        (XML, XML),
        ("text/xml, */*;q=0.1", XML),
        ("application/json;q=0.2, application/xml", XML),
        ("application/xml;q=0.2, application/json", JSON),
        ("text/html", JSON),
    ],
)
def test_a_program_reads_its_refusal_in_the_form_it_accepts(client, accept, kind):
    response = client.post("/api/v1/livraisons", headers={"Accept": accept} if accept else {})
    assert response.status_code == 401
    assert response["WWW-Authenticate"].startswith("Bearer")
    assert response["Content-Type"].partition(";")[0] == kind
    if kind == JSON:
        assert response.json()["status"] == 401
    else:
        problem = etree.fromstring(response.content)
        assert problem.tag == "{urn:ietf:rfc:7807}problem"
        assert problem.findtext("{*}status") == "401"


def test_each_refusal_to_a_program_is_a_problem_document(client):
    cnaf = AgentFactory(cnaf=True).user
    alive = accounts.create_token(cnaf, portee="cnaf", nom="essai", now=NOW)
    narrow = accounts.create_token(cnaf, portee="lieu", nom="essai", now=NOW)
    ended = accounts.create_token(cnaf, portee="cnaf", nom="essai", now=NOW - timedelta(days=400))
    agent = accounts.create_token(AgentFactory().user, portee="cnaf", nom="essai", now=NOW)
    file, unknown = "/api/v1/livraisons", "/api/v1/livraisons/00000000-0000-4000-8000-000000000000"
    for method, path, token, status in [
        ("POST", file, "", 401),
        ("POST", file, "inconnu", 401),
        ("POST", file, ended, 401),
        ("POST", file, narrow, 403),
        ("POST", file, agent, 403),
        ("POST", file, alive, 400),
        ("GET", file, alive, 405),
        ("GET", unknown, alive, 404),
        ("GET", f"{unknown}/rapport", alive, 404),
        ("DELETE", unknown, alive, 405),
        ("GET", "/api/v2/rien", alive, 404),
    ]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        response = client.generic(method, path, headers=headers)
        assert (response.status_code, response["Content-Type"]) == (status, JSON), (method, path)
        assert response.json()["status"] == status
    assert not Livraison.objects.exists()


def test_a_fault_of_ours_is_a_problem_document_for_a_program_and_a_page_for_a_person(client, settings, tmp_path):
    """A data directory that is a file: nothing can be kept."""
    (tmp_path / "fichier").touch()
    settings.DATA_DIR = tmp_path / "fichier"
    token = accounts.create_token(AgentFactory(cnaf=True).user, portee="cnaf", nom="essai", now=NOW)
    client.raise_request_exception = False
    response = client.post(
        "/api/v1/livraisons",
        b"<demandes/>",
        content_type="application/xml",
        headers={"Authorization": f"Bearer {token}"},
    )
    assert (response.status_code, response["Content-Type"]) == (500, JSON)
    assert "tmp" not in response.content.decode()
