"""Pages whose address is a secret: no referrer, no index, no copy kept, whatever they answer (DEM-4)."""

import re

import pytest
import time_machine
from django.db import OperationalError, connection
from django.test import Client
from django.urls import URLResolver, get_resolver

from demandes.models import Demande
from demandes.queries import link_token
from tests.factories import NOW, DemandeFactory, contenu_of

pytestmark = pytest.mark.rule("RGP-2.a")


@pytest.fixture(autouse=True)
def _now(db):
    with time_machine.travel(NOW, tick=False):
        yield


def with_a_token(resolver=None, prefix=""):
    """The address of every page that takes a token, from the URLconf itself."""
    for entry in (resolver or get_resolver()).url_patterns:
        path = prefix + re.sub(r"[\^$]|\\Z", "", str(entry.pattern))
        if isinstance(entry, URLResolver):
            yield from with_a_token(entry, path)
        elif "token" in entry.pattern.converters or "token" in entry.pattern.regex.groupindex:
            yield f"/{path}"


def protects(response):
    return (
        response["Referrer-Policy"] == "no-referrer"
        and "noindex" in response["X-Robots-Tag"]
        and "no-store" in response["Cache-Control"]
    )


def test_there_are_such_pages():
    assert {"/demandes/suivi/<str:token>/", "/demandes/envoyee/<str:token>/"} <= set(with_a_token())


@pytest.mark.parametrize("address", sorted(with_a_token()))
def test_each_answer_of_each_of_them_protects_its_address(address):
    alive, gone = DemandeFactory(transmise=True), DemandeFactory(purgee=True)
    client = Client(enforce_csrf_checks=True)
    for token in (link_token(alive.uuid), link_token(gone.uuid), "forge", "é", "x" * 3000, "%00"):
        path = re.sub("<(?:str:)?token>", token, address)
        for method in ("GET", "HEAD", "POST", "OPTIONS", "TRACE"):  # shown, gone, unknown, refused by each layer
            response = client.generic(method, path)
            assert protects(response), (method, path, response.status_code)


def test_a_fault_of_ours_protects_it_too():
    """The database does not answer."""
    path = f"/demandes/suivi/{link_token(DemandeFactory(transmise=True).uuid)}/"
    client = Client(raise_request_exception=False)

    def broken(*args):
        raise OperationalError

    with connection.execute_wrapper(broken):
        response = client.get(path)
    assert response.status_code >= 500
    assert protects(response)


def test_pages_without_a_token_keep_their_own(client):
    response = client.get("/")
    assert response["Referrer-Policy"] == "same-origin"
    assert "X-Robots-Tag" not in response


@pytest.mark.rule("DEM-4.d")
@pytest.mark.parametrize(
    ("origin", "site", "status"),
    [
        ("null", "same-origin", 302),  # what browsers send from a page without referrer
        ("null", None, 302),
        ("null", "cross-site", 403),
        ("null", "none", 403),
        ("https://ailleurs.test", "cross-site", 403),
        ("https://ailleurs.test", None, 403),
    ],
)
def test_a_family_withdraws_from_a_page_without_referrer_and_others_cannot(origin, site, status):
    demande = DemandeFactory(transmise=True)
    path = f"/demandes/suivi/{link_token(demande.uuid)}/"
    client = Client(enforce_csrf_checks=True)
    token = re.search(r'csrfmiddlewaretoken" value="([^"]+)"', client.get(path).content.decode())[1]
    headers = {"Origin": origin} | ({"Sec-Fetch-Site": site} if site else {})
    typed = {"courriel": contenu_of(demande).courriel, "csrfmiddlewaretoken": token}
    assert client.post(path, typed, headers=headers).status_code == status
    assert (Demande.objects.get().state == "retiree") == (status == 302)


@pytest.mark.rule("DEM-4.d")
def test_without_the_token_of_the_form_nothing_is_withdrawn():
    demande = DemandeFactory(transmise=True)
    client = Client(enforce_csrf_checks=True)
    path = f"/demandes/suivi/{link_token(demande.uuid)}/"
    client.get(path)
    typed = {"courriel": contenu_of(demande).courriel}
    assert client.post(path, typed, headers={"Origin": "null", "Sec-Fetch-Site": "same-origin"}).status_code == 403
    assert client.post("/compte/connexion/", {}, headers={"Origin": "null"}).status_code == 403, (
        "elsewhere it stays refused"
    )
    assert Demande.objects.get().state == "transmise"


@pytest.mark.django_db(transaction=True)
@pytest.mark.rule("DEM-4.d")
def test_in_a_browser(new_page, live_server):
    demande = DemandeFactory(transmise=True)
    page = new_page()
    page.goto(f"{live_server.url}/demandes/suivi/{link_token(demande.uuid)}/")
    page.fill("[name=courriel]", contenu_of(demande).courriel)
    page.click("text=Retirer ma demande >> nth=-1")
    page.wait_for_url(f"{live_server.url}/demandes/retiree/")
    assert page.evaluate("document.referrer") == ""
    assert Demande.objects.get().state == "retiree"
