"""What nobody should send, sent to every address of the portal: refused with a page, never a fault of ours."""

import re
from urllib.parse import quote

import pytest
import time_machine
from django.contrib import admin
from django.db import transaction
from django.test import Client
from lxml import html

from extranet.core.web.middleware import METHODS
from tests.factories import NOW
from tests.structure.test_permissions import rows
from tests.structure.world import World

HUGE = "99999999999999999999"
VALUES = [
    "é'\"<%_\\",
    HUGE,
    f"-{HUGE}",
    "0001-01-01",
    "99999-01-01",
    "9999-12-31T23:59:59Z",
    "1e400",
    "\ufffe\u202e",
    "x" * 2000,
]
COMPARED = ["", "__exact", "__gte", "__lt", "__year", "__month", "__day", "__isnull"]
# Parameters that some page reads; the filters of the admin's lists are tried one by one.
NAMES = ["q", "a", "commune", "caf", "departement", "lieu", "etat", "page", "next", "limite", "apres", "modele"]
NAMES += ["p", "o", "_to_field", "_changelist_filters"]
UNREADABLE = [f"?{name}=%00" for name in NAMES] + ["?%00=1", "?q=a%00b&q=c", "?submitted_at__gte=%00", "?_popup=%00"]


@pytest.fixture
def world(db):
    with time_machine.travel(NOW, tick=False):
        yield World()


def places(world):
    """(path, name) of every address."""
    return sorted({world.address(name, variant): name for name, variant, *_ in rows()}.items())


class Asking:
    """Asks as one public, finding the world each time as it was; keeps what was a fault of ours."""

    def __init__(self, world, public):
        self.client, self.faults = world.client(public), []
        self.client.raise_request_exception = False

    def __call__(self, method, path, data=None, **extra):
        with transaction.atomic():
            send = self.client.post if data is not None else self.client.generic
            response = send(path, data, **extra) if data is not None else send(method, path, **extra)
            transaction.set_rollback(True)
        if response.status_code >= 500 and not path.startswith("/sante/pret"):
            self.faults.append(f"{method} {path[:150]} {str(data)[:200]}: {response.status_code}")
        return response


def filters(name):
    """What the admin list of this address can be filtered by."""
    for model, one in admin.site._registry.items():
        if name == f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist":
            fields = [item[0] if isinstance(item, list | tuple) else item for item in one.list_filter]
            return [getattr(item, "parameter_name", item) for item in [*fields, one.date_hierarchy] if item]
    return []


@pytest.mark.parametrize("public", ["famille", "personne", "cnaf"])
def test_no_parameter_of_any_address_is_a_fault_of_ours(world, public):
    ask = Asking(world, public)
    for path, name in places(world):
        if name.startswith("admin:") and not name.endswith("_changelist"):
            continue  # read no parameter of their own
        for value in VALUES:
            ask("GET", f"{path}?" + "&".join(f"{one}={quote(value)}" for one in NAMES))
    assert not ask.faults, "\n".join(ask.faults)


@pytest.mark.parametrize("value", [HUGE, "-1", "0001-01-01", "99999", "9" * 5000])
def test_no_filter_of_a_list_of_the_desk_is_a_fault_of_ours(world, value):
    ask = Asking(world, "cnaf")
    for path, name in places(world):
        for one in filters(name):
            for comparison in COMPARED:
                response = ask("GET", f"{path}?{one}{comparison}={quote(value)}")
                assert response.status_code in (200, 302, 400, 403), one
        if one := next(iter(filters(name)), None):
            assert ask("GET", f"{path}?{one}__gte={quote(value)}&{one}__lt={quote(value)}").status_code < 500
    assert not ask.faults, "\n".join(ask.faults)


@pytest.mark.parametrize("public", ["famille", "personne", "cnaf"])
@pytest.mark.parametrize("key", [HUGE, "-1", "_00", "%C3%A9", "x" * 300])
def test_no_key_in_an_address_is_a_fault_of_ours(world, public, key):
    ask = Asking(world, public)
    named = re.compile(r"(?<=/)(?:\d[\w-]*|[\w-]{22,}|caf-\d+|H-[\w-]+)(?=/|$)")
    for path in {named.sub(key, path) for path, _ in places(world)}:
        ask("GET", path)
        ask("POST", path, {})
    assert not ask.faults, "\n".join(ask.faults)


@pytest.mark.parametrize("public", ["famille", "personne", "cnaf", "gestionnaire"])
def test_nothing_typed_in_any_form_is_a_fault_of_ours(world, public):
    ask = Asking(world, public)
    for path, _ in places(world):
        page = ask("GET", path)
        if page.status_code != 200 or "html" not in page["Content-Type"]:
            continue
        fields = html.document_fromstring(page.content.decode()).xpath("//main//form[@method='post']//*[@name]/@name")
        names = set(fields) - {"csrfmiddlewaretoken"} or {"q"}
        for value in ["\x00", "a\x00b@c.test", HUGE, "0001-01-01", "99999-01-01", "\ufffe\u202e"]:
            ask("POST", path, dict.fromkeys(names, value) | {"valider": "1"})
    assert not ask.faults, "\n".join(ask.faults)


@pytest.mark.parametrize("public", ["famille", "cnaf"])
def test_a_nul_in_an_address_or_a_cookie_is_answered_400_with_a_page(world, public):
    ask = Asking(world, public)
    for path, name in places(world):
        asked = [
            f"{path}{query}"
            for query in (UNREADABLE if name in ("portal:accueil", "demandes:nouvelle") else UNREADABLE[-4:])
        ]
        for one in [*asked, f"{path}%00", f"/%00{path}"]:
            response = ask("GET", one)
            assert response.status_code == 400, one
            problem = "n’a pas été comprise" if not one.startswith("/api/") else '"status": 400'
            assert problem in response.content.decode(), one
    for cookie in (r'sessionid="a\000b"', r'csrftoken="\000"', r'appareil="\000"', r'messages="\000"'):
        response = Client(raise_request_exception=False).get("/", headers={"Cookie": cookie})
        assert response.status_code == 400, cookie
    assert ask("GET", "/static/%00").status_code == 400


def test_a_method_that_no_page_answers_is_405_everywhere(world):
    ask = Asking(world, "cnaf")
    for path, _ in places(world):
        for method in ("TRACE", "TRACK", "CONNECT", "PUT", "DELETE", "PATCH", "X"):
            response = ask(method, path)
            assert response.status_code == 405, (method, path)
            assert response["Allow"]
    assert "TRACE" not in METHODS
