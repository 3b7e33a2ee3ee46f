import re

import pytest
from django.http import Http404

from extranet.core.errors import Forbidden, Refused, WrongState
from extranet.core.journal.models import Entry
from extranet.territory import admin as territory_admin
from extranet.territory import services
from extranet.territory.acts import Act, Step
from extranet.territory.forms import ContactForm
from extranet.territory.models import Caf
from tests.territory.conftest import NOW

URL = "/admin/territory/caf/caf-77/acte/coordonnees/"
TYPED = {"courriel_generique": "Petite.Enfance@caf77.test", "adresse": "1 rue Neuve\n77000 Melun", "telephone": "3230"}

pytestmark = pytest.mark.django_db


@pytest.mark.rule("CTL-4.a")
def test_an_act_is_done_and_stands_in_the_history(login):
    client = login("superviseur")
    page = client.get("/admin/territory/caf/caf-77/change/").content.decode()
    assert URL in page
    assert client.get(URL).status_code == 200
    answer = client.post(URL, TYPED, follow=True)
    assert answer.redirect_chain[-1][0] == "/admin/territory/caf/caf-77/change/"
    assert "Les coordonnées sont enregistrées." in answer.content.decode()
    assert "Coordonnées modifiées (superviseur.caf-77@caf.test)" in answer.content.decode()
    assert Caf.objects.get(pk="caf-77").courriel_generique == "petite.enfance@caf77.test"
    line = Entry.objects.get(event="caf.coordonnees")
    assert (line.object_id, line.caf, line.actor) == ("caf-77", "caf-77", f"user:{client.user.uuid}")


@pytest.mark.parametrize("role", ["instructeur", "lecteur"])
def test_without_the_right_there_is_no_button_and_the_address_answers_403(login, role):
    client = login(role)
    assert URL not in client.get("/admin/territory/caf/caf-77/change/").content.decode()
    assert client.get(URL).status_code == 403
    assert client.post(URL, TYPED).status_code == 403
    assert not Entry.objects.exists()


def test_the_service_itself_refuses_the_wrong_role_and_another_caf(login):
    typed = {"courriel_generique": "", "adresse": "", "telephone": ""}
    with pytest.raises(Forbidden):
        services.set_contact(caf_code="caf-77", by=login("instructeur").user, now=NOW, **typed)
    with pytest.raises(Http404):
        services.set_contact(caf_code="caf-91", by=login("superviseur").user, now=NOW, **typed)


@pytest.mark.rule("ACC-3.a")
def test_another_caf_and_an_unknown_act_answer_404(login):
    client = login("superviseur")
    foreign = URL.replace("caf-77", "caf-91")
    before = Caf.objects.get(pk="caf-91")
    assert client.get(foreign).status_code == 404
    assert client.post(foreign, TYPED).status_code == 404
    assert client.get(URL.replace("coordonnees", "autre")).status_code == 404
    assert Caf.objects.get(pk="caf-91").adresse == before.adresse


def test_an_anonymous_visitor_is_sent_to_the_login_page(client):
    assert client.get(URL).status_code == 302
    assert client.post(URL, TYPED).status_code == 302


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("courriel_generique", "pas une adresse"),
        ("telephone", "appelez-moi"),
        ("adresse", "x" * 301),
    ],
)
def test_what_is_wrong_is_said_beside_the_field_and_what_was_typed_stays(login, field, typed):
    answer = login("superviseur").post(URL, TYPED | {field: typed})
    assert answer.status_code == 422
    assert field in answer.context["form"].errors
    assert typed in answer.content.decode()
    assert not Entry.objects.exists()


def act(run, **options):
    return Act(slug="essai", label="Essayer", right="set_contact", form=ContactForm, run=run, done="Fait.", **options)


@pytest.fixture
def essai(monkeypatch):
    def install(one):
        monkeypatch.setattr(territory_admin.CafAdmin, "acts", [one])
        return URL.replace("coordonnees", "essai")

    return install


def test_a_refusal_of_the_service_is_shown_where_it_belongs(login, essai):
    def refuse(obj, data, by, now):
        raise Refused({"telephone": "Ce numéro n’existe pas.", "": "Rien ne va.", "ailleurs": "Ni ceci."})

    answer = login("superviseur").post(essai(act(refuse)), TYPED)
    assert answer.status_code == 422
    assert answer.context["form"].errors["telephone"] == ["Ce numéro n’existe pas."]
    assert answer.context["form"].non_field_errors() == ["Rien ne va.", "Ni ceci."]


def test_an_act_that_is_not_open_in_this_state_has_no_button_and_answers_409(login, essai):
    url = essai(act(lambda *a: None, available=lambda caf: False))
    client = login("superviseur")
    assert url not in client.get("/admin/territory/caf/caf-77/change/").content.decode()
    assert client.get(url).status_code == 409
    assert client.post(url, TYPED).status_code == 409


def test_a_state_that_changed_meanwhile_answers_409_with_its_sentence(login, essai):
    def late(obj, data, by, now):
        raise WrongState("Déjà fait par une collègue.")

    answer = login("superviseur").post(essai(act(late)), TYPED)
    assert answer.status_code == 409
    assert "Déjà fait par une collègue." in answer.content.decode()


@pytest.mark.parametrize(("role", "said"), [("instructeur", "réservé aux superviseurs et à la Cnaf"), ("cnaf", None)])
def test_the_next_step_says_whose_it_is_and_an_act_of_it_why_it_is_not_this_agents(login, monkeypatch, role, said):
    step = Step(what="indiquer les coordonnées.", acts=("coordonnees",))
    monkeypatch.setattr(territory_admin.CafAdmin, "next_step", lambda self, caf: step)
    page = login(role, None if role == "cnaf" else "caf-77").get("/admin/territory/caf/caf-77/change/")
    text = re.sub(r"\s+", " ", page.content.decode())
    assert "indiquer les coordonnées. C’est aux superviseurs et à la Cnaf de le faire." in text
    assert (URL in text) == (said is None)
    assert said is None or f"Modifier les coordonnées</strong> : {said}." in text
    assert "Nommer la direction</strong>" not in text  # no part of the next step: not said to who may not
