import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from extranet.territory.models import Agent, Caf
from extranet.territory.queries import agent_of
from extranet.territory.scoping import CafScopedAdmin, CafScopedInline, OwnCafFilter

pytestmark = pytest.mark.django_db


class AgentsInline(CafScopedInline):
    model = Agent
    caf_path = "caf"
    fields = ["role"]


class OwnAgents(CafScopedAdmin):
    """Agents as if each Caf managed its own, to try every door."""

    caf_path = "caf"
    list_filter = ["caf", "role"]
    search_fields = ["user__email"]


class Rights:
    @staticmethod
    def may(role, act):
        return role == "instructeur" and act == "write"


@pytest.fixture
def site():
    site = admin.AdminSite(name="essai")
    site.register(Agent, OwnAgents)
    site.register(Caf, type("Cafs", (CafScopedAdmin,), {"caf_path": "pk", "inlines": [AgentsInline]}))
    return site


@pytest.fixture
def request_of(rf):
    """A request of an agent with this role in this Caf."""

    def make(role="instructeur", caf="caf-77"):
        request = rf.get("/")
        request.user = get_user_model().objects.create_user(email=f"{role}.{caf}@caf.test", is_staff=True)
        if role:
            Agent.objects.create(user=request.user, role=role, caf_id=caf)
        return request

    return make


@pytest.fixture
def neighbour():
    user = get_user_model().objects.create_user(email="voisine@caf91.test", is_staff=True)
    return Agent.objects.create(user=user, role="instructeur", caf_id="caf-91")


@pytest.mark.rule("ACC-3.a")
@pytest.mark.parametrize("role", ["instructeur", "lecteur", "superviseur"])
def test_an_agent_opens_its_own_caf_and_not_another(login, role):
    client = login(role)
    assert client.get("/admin/territory/caf/caf-77/change/").status_code == 200
    for page in ["change/", "delete/", "history/", "acte/coordonnees/", ""]:
        assert client.get(f"/admin/territory/caf/caf-91/{page}", follow=True).status_code == 404, page
    assert client.post("/admin/territory/caf/caf-91/change/", {"nom": "x"}).status_code == 404
    listed = client.get("/admin/territory/caf/").content.decode()
    assert "caf-77" in listed
    assert "caf-91" not in listed


def test_the_cnaf_sees_every_caf_and_its_agents(login):
    client = login("cnaf", None)
    assert client.get("/admin/territory/caf/caf-91/change/").status_code == 200
    assert client.get("/admin/territory/agent/").status_code == 200
    assert "cnaf.france@caf.test" in client.get("/admin/territory/agent/").content.decode()


def test_agents_are_shown_to_the_cnaf_and_their_own_superviseur(login, neighbour):
    for role in ("instructeur", "lecteur"):
        client = login(role)
        assert client.get("/admin/territory/agent/").status_code == 403
        assert client.get(f"/admin/territory/agent/{neighbour.pk}/change/").status_code == 404
    client = login("superviseur")
    listed = client.get("/admin/territory/agent/").content.decode()
    assert "superviseur" in listed
    assert neighbour.user.email not in listed
    assert client.get(f"/admin/territory/agent/{neighbour.pk}/change/").status_code == 404


def test_staff_without_a_role_sees_nothing(client):
    client.force_login(get_user_model().objects.create_user(email="sans@role.test", is_staff=True))
    assert client.get("/admin/territory/caf/").status_code == 403
    assert client.get("/admin/territory/commune/").status_code == 403
    assert client.get("/admin/territory/caf/caf-77/change/").status_code == 404


def test_a_closed_account_is_no_agent(neighbour):
    assert agent_of(get_user_model().objects.get(pk=neighbour.user_id)) == neighbour
    neighbour.user.is_active = False
    assert agent_of(neighbour.user) is None


@pytest.mark.parametrize(
    "page", ["commune/", "commune/?q=chatelet", "commune/77100/change/", "epci/", "epci/?q=château", "departement/"]
)
def test_reference_lists_are_open_to_every_agent_and_read_only(login, page):
    client = login("lecteur")
    answer = client.get(f"/admin/territory/{page}")
    assert answer.status_code == 200
    assert b'name="_save"' not in answer.content
    assert client.get("/admin/territory/commune/add/").status_code == 403
    assert client.post("/admin/territory/commune/77100/change/", {"nom": "x"}).status_code == 403
    assert client.post("/admin/territory/commune/77100/delete/", {"post": "yes"}).status_code == 403


@pytest.mark.parametrize("page", ["autocomplete/", "r/1/1/", "password_change/", "password_change/done/", "logout/"])
def test_doors_of_the_admin_that_the_portal_does_not_use_are_closed(login, page):
    asked = {"app_label": "territory", "model_name": "departement", "field_name": "caf", "term": "caf"}
    assert login().get(f"/admin/{page}", asked).status_code == 404


@pytest.mark.parametrize(
    "lookup",
    [
        "caf__courriel_generique__startswith=a",
        "departements__caf=caf-91",
        "agents__user__password__startswith=a",
        "agents__user__email__contains=a",
        "type__regex=c",
    ],
)
def test_the_address_bar_gives_no_way_to_guess_a_column(login, lookup):
    answer = login().get(f"/admin/territory/caf/?{lookup}")
    assert answer.status_code in (302, 400)


@pytest.mark.parametrize(
    "lookup", ["caf=caf-91", "caf__exact=caf-91", "code=caf-91", "q=caf-91", "all=", "o=1.2", "p=1"]
)
def test_no_parameter_of_the_list_shows_another_caf(login, lookup):
    answer = login().get(f"/admin/territory/caf/?{lookup}", follow=True)
    assert b"Essonne" not in answer.content


def test_lists_choices_filters_and_inlines_are_limited(site, request_of, neighbour):
    request = request_of()
    agents = site.get_model_admin(Agent)
    own = Agent.objects.get(user=request.user)
    assert list(agents.get_queryset(request)) == [own]
    assert agents.get_object(request, str(neighbour.pk)) is None
    assert not agents.has_view_permission(request, neighbour)
    field = agents.formfield_for_foreignkey(Agent._meta.get_field("caf"), request)
    assert [caf.pk for caf in field.queryset] == ["caf-77"]
    users = agents.formfield_for_foreignkey(Agent._meta.get_field("user"), request)
    assert not users.queryset.exists()  # no scoped admin says which
    assert agents.get_list_filter(request) == [("caf", OwnCafFilter), "role"]
    chosen = OwnCafFilter(Agent._meta.get_field("caf"), request, {"caf": ["caf-91"]}, Agent, agents, "caf")
    assert [caf.pk for caf in chosen.choices_seen] == ["caf-77"]
    assert not chosen.queryset(request, agents.get_queryset(request)).exists()
    found, _ = agents.get_search_results(request, agents.get_queryset(request), "voisine")
    assert not found.exists()
    (inline,) = site.get_model_admin(Caf).get_inline_instances(request)
    assert list(inline.get_queryset(request)) == [own]


def test_an_admin_without_a_path_shows_nothing_even_to_the_cnaf(site, request_of):
    bare = type("Bare", (CafScopedAdmin,), {})(Agent, site)
    assert not bare.get_queryset(request_of("cnaf", None)).exists()


@pytest.mark.parametrize(("role", "open_to"), [("instructeur", True), ("lecteur", False), ("superviseur", False)])
def test_add_and_change_open_by_right_and_delete_never(site, request_of, neighbour, role, open_to):
    writable = type("Writable", (OwnAgents,), {"rights": Rights, "add_right": "write", "change_right": "write"})(
        Agent, site
    )
    request = request_of(role)
    assert writable.has_add_permission(request) is open_to
    assert writable.has_change_permission(request) is open_to
    assert not writable.has_change_permission(request, neighbour)
    assert not writable.has_delete_permission(request)
    assert not OwnAgents(Agent, site).has_change_permission(request)


@pytest.mark.parametrize(("role", "caf"), [("cnaf", "caf-77"), ("lecteur", None)])
def test_only_the_cnaf_has_no_caf(role, caf):
    user = get_user_model().objects.create_user(email="x@caf.test", is_staff=True)
    with pytest.raises(IntegrityError), transaction.atomic():
        Agent.objects.create(user=user, role=role, caf_id=caf)


def test_a_long_list_counts_its_first_pages_and_says_that_it_goes_on(login, monkeypatch):
    monkeypatch.setattr("extranet.territory.pages.MOST", 60)
    client = login("cnaf", None)
    with CaptureQueriesContext(connection) as asked:
        page = client.get("/admin/territory/commune/", {"q": "saint"})
    text = " ".join(page.content.decode().split())
    assert "Plus de 60 communes : affinez par les filtres" in text
    assert "plus de 60 résultats" in text
    assert page.context["cl"].paginator.num_pages == 2
    [count] = [query["sql"] for query in asked if "COUNT(" in query["sql"] and "territory_commune" in query["sql"]]
    assert "LIMIT 61" in count, "no more of it is read than that"
    page = client.get("/admin/territory/commune/", {"q": "chatelet-en-brie"})
    assert "1 commune </p>" in " ".join(page.content.decode().split())
