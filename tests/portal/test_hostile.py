"""What nobody should send, sent to every address of the portal: refused with a page, never a fault of ours."""

import itertools
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
TYPED = ["\x00", "a\x00b@c.test", HUGE, "99999-01-01", "0001-01-01", "\ufffe\u202e"]
KEYS = ["-1", "_00", "%C3%A9", "x" * 300]
COMPARED = ["", "__exact", "__gte", "__lt", "__year", "__month", "__day", "__isnull"]
YEARS = ["", "__gte", "__year"]
# Parameters that some page reads; the filters of the admin's lists are tried one by one.
NAMES = ["q", "a", "commune", "caf", "departement", "lieu", "etat", "page", "next", "limite", "apres", "modele"]
NAMES += ["p", "o", "_to_field", "_changelist_filters"]
UNREADABLE = [f"?{name}=%00" for name in NAMES] + ["?%00=1", "?q=a%00b&q=c", "?submitted_at__gte=%00", "?_popup=%00"]


@pytest.fixture
def world(db):
    with time_machine.travel(NOW, tick=False):
        yield World()


def places(world, public=None):
    """(path, name) of every address, or of those that are `public`'s own: what others open is asked as another."""
    found = sorted({world.address(name, variant): name for name, variant, *_ in rows()}.items())
    if public == "cnaf":
        return [(path, name) for path, name in found if path.startswith(("/admin/", "/compte/", "/api/"))]
    if public == "personne":
        return [(path, name) for path, name in found if path.startswith(("/espace/", "/compte/"))]
    return [(path, name) for path, name in found if public is None or not path.startswith("/admin/")]


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


def dealt(values, number):
    """For each of a third of the values, and by turns of all: what each name gets, another value beside another.

    The code that reads a name is the same on many pages: over them, each name has each value.
    """
    for start in range(number % 3, len(values), 3):
        yield itertools.islice(itertools.cycle(values), start, start + 100)


@pytest.mark.parametrize("public", ["famille", "personne", "cnaf"])
def test_no_parameter_of_any_address_is_a_fault_of_ours(world, public):
    ask = Asking(world, public)
    for number, (path, name) in enumerate(places(world, public)):
        if name.startswith("admin:") and not name.endswith("_changelist"):
            continue  # read no parameter of their own
        for some in dealt(VALUES, number):
            asked = zip(NAMES, some, strict=False)
            answer = ask("GET", f"{path}?" + "&".join(f"{one}={quote(value)}" for one, value in asked))
            if answer.status_code in (302, 401, 403, 404, 405, 410):
                break  # not this public's to open: nothing of the rest is read
    assert not ask.faults, "\n".join(ask.faults)


@pytest.mark.parametrize(
    ("value", "compared"),
    [(HUGE, COMPARED), ("-1", COMPARED), ("0001-01-01", COMPARED), ("99999", YEARS), ("9" * 5000, YEARS)],
)
def test_no_filter_of_a_list_of_the_desk_is_a_fault_of_ours(world, value, compared):
    ask = Asking(world, "cnaf")
    turn = itertools.cycle(range(2))
    for path, name in places(world):
        for one in filters(name):
            for comparison in compared[next(turn) :: 2]:
                response = ask("GET", f"{path}?{one}{comparison}={quote(value)}")
                assert response.status_code in (200, 302, 400, 403), one
        if one := next(iter(filters(name)), None):
            assert ask("GET", f"{path}?{one}__gte={quote(value)}&{one}__lt={quote(value)}").status_code < 500
    assert not ask.faults, "\n".join(ask.faults)


@pytest.mark.parametrize("public", ["famille", "personne", "cnaf"])
def test_no_key_in_an_address_is_a_fault_of_ours(world, public):
    ask = Asking(world, public)
    named = re.compile(r"(?<=/)(?:\d[\w-]*|[\w-]{22,}|caf-\d+|H-[\w-]+)(?=/|$)")
    for number, path in enumerate(sorted({path for path, _ in places(world) if named.search(path)})):
        for key in (HUGE, KEYS[number % len(KEYS)]):
            ask("GET", named.sub(key, path))
            ask("POST", named.sub(key, path), {})
    assert not ask.faults, "\n".join(ask.faults)


@pytest.mark.parametrize("public", ["famille", "personne", "instructeur", "cnaf"])
def test_nothing_typed_in_any_form_is_a_fault_of_ours(world, public):
    ask = Asking(world, public)
    for number, (path, _) in enumerate(places(world, "cnaf" if public == "instructeur" else public)):
        page = ask("GET", path)
        if page.status_code != 200 or "html" not in page["Content-Type"]:
            continue
        fields = html.document_fromstring(page.content.decode()).xpath("//main//form[@method='post']//*[@name]/@name")
        names = sorted(set(fields) - {"csrfmiddlewaretoken"} or {"q"})
        for some in dealt(TYPED, number):
            ask("POST", path, dict(zip(names, some, strict=False)) | {"valider": "1"})
    assert not ask.faults, "\n".join(ask.faults)


def test_a_nul_in_an_address_or_a_cookie_is_answered_400_with_a_page(world):
    ask = Asking(world, "cnaf")
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
        for method in ("TRACE", "PUT", "X"):
            response = ask(method, path)
            assert response.status_code == 405, (method, path)
            assert response["Allow"]
    assert "TRACE" not in METHODS
