"""The public forms in a real browser: Back, reload, Enter, rows in place, focus on what is to be corrected."""

import re
from datetime import timedelta

import pytest

from extranet.core import clock
from habilitations.models import DemandeHabilitation
from tests.factories import AgentFactory, HabilitationFactory, LieuFactory, contenu_of
from tests.journeys.test_pages import faults_of

pytestmark = pytest.mark.django_db(transaction=True)
TELEPHONE = {"width": 390, "height": 844}


@pytest.fixture
def site(live_server, settings):
    settings.PUBLIC_URL = live_server.url
    HabilitationFactory(lieu=LieuFactory(nom="RPE des Tilleuls"))
    return live_server.url


def focused(page, what="id"):
    return page.evaluate(f"document.activeElement.{what}")


def fill(page, values):
    for name, value in values.items():
        page.fill(f"[name={name}]", value)


PARENT = {
    "prenom": "Lina",
    "nom": "Fiction",
    "courriel": "lina@famille.test",
    "code_postal": "77820",
    "ville": "Le Châtelet-en-Brie",
}


@pytest.mark.rule("DEM-1.b")
@pytest.mark.rule("DEM-6.d")
@pytest.mark.parametrize("script", [False, True], ids=["without JavaScript", "with JavaScript"])
def test_a_family_goes_back_and_forth_reloads_and_loses_nothing(site, new_page, script):
    page = new_page(java_script_enabled=script, viewport=TELEPHONE)
    methods = []
    page.on("response", lambda r: methods.append((r.request.method, r.status)) if "/demandes/" in r.url else None)
    page.goto(f"{site}/demandes/nouvelle/?commune=77100")
    fill(page, PARENT)
    page.press("[name=nom]", "Enter")  # goes on, whatever buttons come first
    assert page.title().startswith("Erreur : ")
    assert page.url.endswith("#erreurs")
    if script:
        assert focused(page) == "erreurs"
    page.check("[name=enfants-0-situation][value=ne]")
    page.fill("[name=enfants-0-date]", str(clock.today() - timedelta(days=300)))
    page.check("[name=modes][value=ne-sait-pas]")
    page.fill("[name=a_partir_du]", str(clock.today() + timedelta(days=40)))
    page.click("text=Relire avant d’envoyer")
    for _ in range(2):
        assert page.inner_text("h1") == "Relisez votre demande"
        page.reload()
    page.go_back()
    assert page.input_value("[name=nom]") == "Fiction"
    page.reload()
    assert page.input_value("[name=nom]") == "Fiction"
    page.go_forward()
    page.click("section:has(h2:text-is('Vous')) >> text=Modifier")
    assert page.url.endswith("#vous")
    page.fill("[name=creneau]", "le mardi matin")
    page.click("text=Relire avant d’envoyer")
    assert "le mardi matin" in page.inner_text("main")
    page.dblclick("text=Envoyer ma demande")
    # The second click ends the first navigation: what counts is the page that is there at the end.
    page.get_by_role("heading", name="Votre demande est envoyée").wait_for()
    page.go_back()
    assert page.inner_text("h1") == "Votre demande est envoyée"
    page.reload()
    assert page.inner_text("h1") == "Votre demande est envoyée"
    assert contenu_of().creneau == "le mardi matin"
    assert {status for method, status in methods if method == "POST"} == {302}
    page.click("text=Suivre ma demande")
    page.fill("[name=courriel]", "autre@famille.test")
    page.click("button:has-text('Retirer ma demande')")
    assert page.locator("#retirer [role=alert]").evaluate(
        "e => e.getBoundingClientRect().top >= 0 && e.getBoundingClientRect().bottom <= innerHeight"
    )
    assert page.input_value("[name=courriel]") == "autre@famille.test"
    page.fill("[name=courriel]", "lina@famille.test")
    page.click("button:has-text('Retirer ma demande')")
    assert page.inner_text("h1") == "Votre demande est retirée"
    page.reload()
    assert page.inner_text("h1") == "Votre demande est retirée"


@pytest.mark.rule("DEM-1.b")
def test_children_are_added_and_taken_away_in_place_with_the_focus_on_them(site, new_page):
    page = new_page(viewport=TELEPHONE)
    page.goto(f"{site}/demandes/nouvelle/?commune=77100")
    page.evaluate("window.same = true")
    page.fill("[name=enfants-0-prenom]", "Ana")
    page.check("[name=enfants-0-situation][value=ne]")
    page.focus("[name=ajouter]")
    page.keyboard.press("Enter")
    assert focused(page, "name") == "enfants-1-prenom"
    assert page.is_checked("[name=enfants-0-situation][value=ne]")
    assert not page.is_checked("[name=enfants-1-situation][value=ne]")
    assert page.input_value("[name=enfants-1-prenom]") == ""
    page.keyboard.type("Bo")
    page.click("text=Ajouter un enfant")
    page.keyboard.type("Cléo")
    page.check("[name=enfants-2-situation][value=attendu]")
    page.click("text=Retirer l’enfant 2")
    assert focused(page) == "enfants-0"
    assert page.input_value("[name=enfants-1-prenom]") == "Cléo"
    assert page.is_checked("[name=enfants-1-situation][value=attendu]")
    assert page.input_value("[name=enfants-TOTAL_FORMS]") == "2"
    assert page.inner_text("[data-annonce]") == "Enfant 2 : retiré."
    assert page.locator("[name=retirer]").evaluate_all("all => all.map(one => one.value)") == ["enfants-0", "enfants-1"]
    ids = page.locator("[id]").evaluate_all("all => all.map(one => one.id)")
    assert len(ids) == len(set(ids))
    for _ in range(8):
        page.click("text=Ajouter un enfant")
    assert not page.is_visible("text=Ajouter un enfant")
    assert page.is_visible("text=Une demande nomme au plus dix enfants.")
    assert page.evaluate("window.same")  # the page was never loaded again
    page.click("text=Relire avant d’envoyer")  # with what is missing said in each row that was typed
    assert "Enfant 2 : indiquez sa date" in page.inner_text("[role=alert]").replace("\xa0", " ")
    page.click("text=Ajouter un enfant") if page.is_visible("text=Ajouter un enfant") else None
    page.click("text=Retirer l’enfant 10")
    page.click("text=Ajouter un enfant")
    assert not page.locator("#enfants-9 .errorlist").count()
    page.click("text=Retirer l’enfant 1 >> nth=0")
    assert page.input_value("[name=enfants-0-prenom]") == "Cléo"


@pytest.mark.rule("HAB-1.c")
@pytest.mark.rule("HAB-3.a")
@pytest.mark.rule("HAB-3.b")
@pytest.mark.parametrize("script", [False, True], ids=["without JavaScript", "with JavaScript"])
def test_a_lieu_goes_back_and_forth_and_takes_a_person_away(site, new_page, script):
    AgentFactory()
    page = new_page(java_script_enabled=script, viewport=TELEPHONE)
    page.goto(f"{site}/habilitations/nouvelle/")
    page.click("text=Continuer")
    assert page.title().startswith("Erreur : ")
    page.select_option("[name=caf]", "caf-77")
    fill(
        page, {"lieu_nom": "RPE des Lilas", "lieu_adresse": "1 rue", "lieu_code_postal": "77820", "lieu_ville": "Melun"}
    )
    fill(page, {"lieu_telephone": "01 60 00 00 01", "lieu_courriel": "rpe@lilas.test"})
    page.click("text=Continuer")
    fill(page, {"gestionnaire_nom": "Commune", "gestionnaire_siren": "217701002", "gestionnaire_adresse": "1 place"})
    fill(page, {"gestionnaire_code_postal": "77820", "gestionnaire_ville": "Melun", "representant_nom": "Martin"})
    fill(page, {"representant_prenom": "Camille", "representant_qualite": "maire"})
    page.press("[name=representant_qualite]", "Enter")
    page.fill("[name=q]", "chatelet")
    page.press("[name=q]", "Enter")
    page.click("text=Ajouter Le Châtelet-en-Brie (77)")
    page.get_by_text("1 commune choisie").wait_for()
    page.go_back()
    page.go_forward()
    page.reload()
    assert "1 commune choisie" in page.inner_text("main")
    page.click("text=Continuer")
    person = {
        "nom": "Petit",
        "prenom": "Alix",
        "courriel": "alix@lilas.test",
        "service": "RPE",
        "fonction": "directrice",
    }
    fill(page, {f"personnes-0-{name}": value for name, value in person.items()})
    page.click("text=Ajouter une personne")
    if script:
        assert focused(page, "name") == "personnes-1-civilite"
    else:
        assert page.url.endswith("#personnes-1")
    page.fill("[name=personnes-1-nom]", "De trop")
    page.click("text=Retirer la personne 2")
    page.click("text=Continuer")
    page.reload()
    assert "De trop" not in page.inner_text("main")
    page.click("section:has(h2:text-is('Le lieu')) >> text=Modifier")
    assert page.input_value("[name=lieu_nom]") == "RPE des Lilas"
    page.go_back()
    page.dblclick("text=Envoyer la demande")
    page.get_by_role("heading", name="Votre demande est envoyée à la Caf").wait_for()
    page.go_back()
    assert page.inner_text("h1") == "Votre demande est envoyée à la Caf"
    assert DemandeHabilitation.objects.get().version.personnes.count() == 1


@pytest.mark.rule("DEM-1.b")
def test_each_page_of_the_forms_is_accessible_and_fits_a_telephone(site, new_page):
    page, faults = new_page(), []

    def look(name):
        nonlocal faults
        faults += faults_of(page, name)

    page.goto(f"{site}/demandes/nouvelle/?commune=77100")
    page.click("text=Ajouter un enfant")
    page.fill("[name=enfants-1-prenom]", "Ana")
    page.click("text=Relire avant d’envoyer")
    look("family form with faults in rows")
    page.click("text=Retirer l’enfant 1")
    fill(page, PARENT)
    page.check("[name=enfants-0-situation][value=attendu]")
    page.fill("[name=enfants-0-date]", str(clock.today() + timedelta(days=60)))
    page.check("[name=modes][value=ne-sait-pas]")
    page.fill("[name=a_partir_du]", str(clock.today() + timedelta(days=40)))
    page.fill("[name=message]", "Un mot.")
    page.click("text=Relire avant d’envoyer")
    look("summary")
    page.click("text=Envoyer ma demande")
    look("confirmation")
    page.click("text=Suivre ma demande")
    page.click("button:has-text('Retirer ma demande')")
    look("private link, withdrawal refused")
    page.click("text=Corriger ma demande")
    look("correction")
    page.click("text=Relire avant d’envoyer")
    look("summary of a correction")
    page.click("text=Envoyer la correction")
    assert "Votre correction est enregistrée." in page.inner_text("main")
    look("private link, corrected")
    page.goto(f"{site}/habilitations/nouvelle/")
    page.click("text=Continuer")
    look("application with faults")
    page.select_option("[name=caf]", "caf-77")
    page.press("[name=lieu_nom]", "Enter")
    draft = re.search(r"brouillon=[\w-]+", page.url).group()
    for name in ("gestionnaire", "communes", "personnes"):
        page.goto(f"{site}/habilitations/nouvelle/{name}/?{draft}")
        look(name)
    assert not faults, "\n".join(faults)
