"""The public forms in a real browser: Back, reload, Enter, rows in place, focus on what is to be corrected."""

import re
from datetime import timedelta

import pytest

from extranet.core import clock
from extranet.core.web import verification
from habilitations.models import DemandeHabilitation
from tests.factories import AgentFactory, HabilitationFactory, LieuFactory, contenu_of
from tests.journeys.steps import CONTINUE, arrived, go_on, proven
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


def answer_of(page):
    """What follows the day that the question names."""
    known = re.search(r"après (\w+)", page.inner_text("#id_verification_helptext"))[1]
    return str(verification.DAYS[(verification.DAYS.index(known) + 1) % 7])


def by_day(page):
    """DEM-3.g: hours typed once for two days, then one more and one that differs."""
    for jour in ("lundi", "jeudi"):
        page.check(f"[name=jours][value={jour}]")
    page.fill("[name=de]", "08:30")
    page.fill("[name=a]", "17:00")
    page.click("text=Des heures différentes selon les jours")
    assert page.input_value("[name=jeudi-a]") == "17:00"
    page.click("button[name=comme][value=mardi]")
    page.locator("[name=mardi-de]").wait_for()
    page.fill("[name=jeudi-a]", "12:00")


PARENT = {"prenom": "Lina", "nom": "Fiction", "code_postal": "77820", "ville": "Le Châtelet-en-Brie"}


@pytest.fixture(autouse=True)
def a_question_of_days(monkeypatch):
    ask = lambda: ("quel jour vient juste après lundi\u00a0?", ["mardi"])  # noqa: E731
    monkeypatch.setattr(verification, "QUESTIONS", [ask])


@pytest.mark.rule("DEM-1.b")
@pytest.mark.rule("DEM-3.g")
@pytest.mark.rule("DEM-6.a")
@pytest.mark.rule("DEM-6.d")
@pytest.mark.parametrize("script", [False, True], ids=["without JavaScript", "with JavaScript"])
def test_a_family_goes_back_and_forth_reloads_and_loses_nothing(site, new_page, script):
    page = new_page(java_script_enabled=script, viewport=TELEPHONE)
    methods = []
    page.on("response", lambda r: methods.append((r.request.method, r.status)) if "/demandes/" in r.url else None)
    page.goto(f"{site}/demandes/nouvelle/?commune=77100")
    page.fill("[name=enfants-0-prenom]", "Ana")
    page.press("[name=enfants-0-prenom]", "Enter")  # goes on, whatever buttons come first
    assert page.title().startswith("Erreur : ")
    assert page.url.endswith("#erreurs")
    if script:
        assert focused(page) == "erreurs"
    page.check("[name=enfants-0-situation][value=ne]")
    page.fill("[name=enfants-0-date]", str(clock.today() - timedelta(days=300)))
    go_on(page, "besoin")
    assert "étape 2 sur 6" in page.title()
    page.check("[name=modes][value=ne-sait-pas]")
    page.fill("[name=a_partir_du]", str(clock.today() + timedelta(days=40)))
    page.click("text=Revenir")
    assert page.input_value("[name=enfants-0-prenom]") == "Ana"
    go_on(page, "besoin")
    assert page.is_checked("[name=modes][value=ne-sait-pas]")
    go_on(page, "horaires")
    by_day(page)
    go_on(page, "vous")
    assert "étape 4 sur 6" in page.title()
    page.go_back()
    assert page.input_value("[name=mardi-a]") == "17:00"
    page.reload()
    assert page.input_value("[name=mardi-a]") == "17:00"
    page.go_forward()
    arrived(page, "Vous")
    fill(page, PARENT)
    page.press("[name=nom]", "Enter")
    arrived(page, "Pour vous répondre")
    page.fill("[name=courriel]", "lina@famille.test")
    page.press("[name=courriel]", "Enter")
    for _ in range(2):
        arrived(page, "Relisez votre demande")
        page.reload()
    for hours in ("lundi de 08:30 à 17:00", "mardi de 08:30 à 17:00", "jeudi de 08:30 à 12:00"):
        assert hours in page.inner_text("main")
    page.go_back()
    assert page.input_value("[name=courriel]") == "lina@famille.test"
    page.reload()
    assert page.input_value("[name=courriel]") == "lina@famille.test"
    page.go_forward()
    arrived(page, "Relisez votre demande")
    page.click("section:has(h2:text-is('Pour vous répondre')) >> text=Modifier")
    page.fill("[name=creneau]", "le mardi matin")
    page.click("text=Enregistrer et revenir au résumé")
    assert "le mardi matin" in page.inner_text("main")
    if not script:
        page.click("text=Envoyer ma demande")  # no browser's work: a question is asked, once
        page.fill("[name=verification]", "rien")
        page.press("[name=verification]", "Enter")
        assert page.title().startswith("Erreur : ")
        page.fill("[name=verification]", answer_of(page))
    else:
        proven(page)
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
    page.click(CONTINUE)  # with what is missing said in each row that was typed
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
    page.goto(site)
    page.click("nav >> text=Devenir lieu d’information")
    page.click("text=Commencer la demande")
    page.click("button:text-is('Continuer')")
    assert page.title().startswith("Erreur : ")
    page.select_option("[name=lieu_nature]", "rpe")
    fill(
        page, {"lieu_nom": "RPE des Lilas", "lieu_adresse": "1 rue", "lieu_code_postal": "77820", "lieu_ville": "Melun"}
    )
    fill(page, {"lieu_telephone": "01 60 00 00 01", "lieu_courriel": "rpe@lilas.test"})
    page.click("button:text-is('Continuer')")
    page.click("text=Oui, 77 – Seine-et-Marne")
    page.select_option("[name=gestionnaire_nature]", "commune")
    page.check("[name=representant_civilite][value=Mme]")
    fill(page, {"gestionnaire_nom": "Commune", "gestionnaire_siren": "217701002", "gestionnaire_adresse": "1 place"})
    fill(page, {"gestionnaire_code_postal": "77820", "gestionnaire_ville": "Melun", "representant_nom": "Martin"})
    fill(page, {"representant_prenom": "Camille", "representant_qualite": "maire"})
    page.press("[name=representant_qualite]", "Enter")
    page.fill("[name=q]", "chatelet")
    page.press("[name=q]", "Enter")
    page.get_by_role("heading", name="Aucune commune choisie").wait_for()
    page.click("text=Ajouter Le Châtelet-en-Brie (77)")
    page.get_by_text("1 commune choisie").wait_for()
    page.go_back(wait_until="networkidle")
    page.go_forward(wait_until="networkidle")
    page.reload()
    assert "1 commune choisie" in page.inner_text("main")
    page.click("button:text-is('Continuer')")
    page.check("[name=personnes-0-civilite][value=Mme]")
    person = {
        "nom": "Petit",
        "prenom": "Alix",
        "courriel": "alix@lilas.test",
        "service": "RPE",
        "fonction": "directrice",
    }
    fill(page, {f"personnes-0-{name}": value for name, value in person.items()})
    page.click("text=Ajouter une personne")
    page.locator("[name=personnes-1-nom]").wait_for()
    page.wait_for_load_state()
    if script:
        assert focused(page, "name") == "personnes-1-civilite"
    else:
        assert page.url.endswith("#personnes-1")
        page.keyboard.press("Tab")  # the focus is on the new row: its first field comes next
    page.keyboard.press("Tab")
    page.keyboard.type("De trop")
    assert page.input_value("[name=personnes-1-nom]") == "De trop"
    page.click("text=Retirer la personne 2")
    page.click("button:text-is('Continuer')")
    arrived(page, "Relire et envoyer")
    page.reload()
    assert "De trop" not in page.inner_text("main")
    page.click("section:has(h2:text-is('Le lieu')) >> text=Modifier")
    assert page.input_value("[name=lieu_nom]") == "RPE des Lilas"
    page.fill("[name=lieu_nom]", "RPE des Tilleuls")
    page.click("text=Enregistrer et revenir au résumé")
    assert "RPE des Tilleuls" in page.inner_text("main")
    if not script:
        page.click("text=Envoyer la demande")
        page.fill("[name=verification]", answer_of(page))
    else:
        proven(page)
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
    page.click(CONTINUE)
    look("family form with faults in rows")
    page.click("text=Retirer l’enfant 1")
    page.check("[name=enfants-0-situation][value=attendu]")
    page.fill("[name=enfants-0-date]", str(clock.today() + timedelta(days=60)))
    go_on(page, "besoin")
    page.click(CONTINUE)
    page.locator("#erreurs").wait_for()
    look("need with faults")
    page.check("[name=modes][value=ne-sait-pas]")
    page.fill("[name=a_partir_du]", str(clock.today() + timedelta(days=40)))
    go_on(page, "horaires")
    look("hours")
    by_day(page)
    page.fill("[name=lundi-a]", "07:00")
    page.click(CONTINUE)
    page.locator("#erreurs").wait_for()
    look("hours with faults in days")
    page.fill("[name=lundi-a]", "18:00")
    go_on(page, "vous")
    look("parent")
    fill(page, PARENT)
    go_on(page, "reponse")
    look("answer")
    page.fill("[name=courriel]", "lina@famille.test")
    page.fill("[name=message]", "Un mot.")
    go_on(page, "relire")
    look("summary")
    summary = page.url
    page.goto(f"{summary}&verifier=encore")
    look("summary with its question")
    page.goto(summary)
    proven(page)
    page.click("text=Envoyer ma demande")
    page.get_by_role("heading", name="Votre demande est envoyée").wait_for()
    look("confirmation")
    page.click("text=Suivre ma demande")
    page.click("button:has-text('Retirer ma demande')")
    look("private link, withdrawal refused")
    page.click("text=Corriger ma demande")
    look("correction")
    page.click("section:has(h2:text-is('Votre besoin')) >> text=Modifier")
    page.click("text=Enregistrer et revenir au résumé")
    page.click("text=Envoyer la correction")
    assert "Votre correction est enregistrée." in page.inner_text("main")
    look("private link, corrected")
    page.goto(f"{site}/habilitations/nouvelle/")
    page.click("button:text-is('Continuer')")
    look("application with faults")
    page.fill("[name=lieu_code_postal]", "77820")
    page.press("[name=lieu_nom]", "Enter")
    draft = re.search(r"brouillon=[\w-]+", page.url).group()
    page.goto(f"{site}/habilitations/nouvelle/caf/?{draft}")
    look("caf")
    page.click("text=Oui, 77 – Seine-et-Marne")  # what was left wrong before it is shown again, the Caf is kept
    look("application with faults, again")
    for name in ("gestionnaire", "communes", "personnes"):
        page.goto(f"{site}/habilitations/nouvelle/{name}/?{draft}")
        look(name)
    assert not faults, "\n".join(faults)
