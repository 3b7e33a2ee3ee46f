"""A lieu applies with the keyboard alone, on a telephone's width, with and without JavaScript (HAB-1 to HAB-4)."""

import re

import pytest

from extranet.core import clock
from extranet.core.outbox.services import send_due
from extranet.core.web import verification
from habilitations.models import DemandeHabilitation
from tests.conftest import text_of
from tests.factories import AgentFactory
from tests.journeys.steps import proven
from tests.journeys.test_forms import TELEPHONE, focused
from tests.journeys.test_keyboard import Keys
from tests.journeys.test_pages import faults_of

pytestmark = pytest.mark.django_db(transaction=True)
NEXT = "main .actions button:not([name])"


class Applicant(Keys):
    def pick(self, name, typed):
        """In a list of choices, by its first letters."""
        self.to(f"main [name={name}]")
        self.page.keyboard.type(typed)

    def choose(self, name, value):
        """The first radio button of a group is reached by Tab, the others by the arrows."""
        self.to(f"main [name={name}]")
        self.page.keyboard.press("Space")
        while self.page.evaluate("document.activeElement.value") != value:
            self.page.keyboard.press("ArrowDown")
        assert self.page.is_checked(f"main [name={name}][value='{value}']")

    def person(self, rank, **fields):
        prefix = f"personnes-{rank}"
        self.choose(f"{prefix}-civilite", "M.")
        self.write(**{f"{prefix}-{name}": value for name, value in fields.items()})


@pytest.mark.rule("HAB-1.a")
@pytest.mark.rule("HAB-1.b")
@pytest.mark.rule("HAB-1.c")
@pytest.mark.rule("HAB-2.b")
@pytest.mark.rule("HAB-2.c")
@pytest.mark.rule("HAB-3.a")
@pytest.mark.rule("HAB-3.h")
@pytest.mark.parametrize("script", [False, True], ids=["without JavaScript", "with JavaScript"])
def test_a_lieu_applies_by_keyboard(live_server, new_page, settings, smtp_sink, monkeypatch, script):
    settings.PUBLIC_URL = live_server.url
    monkeypatch.setattr(verification, "QUESTIONS", [lambda: ("quel jour vient juste après lundi\u00a0?", ["mardi"])])
    AgentFactory()
    page = new_page(java_script_enabled=script, viewport=TELEPHONE)
    keys, faults = Applicant(page), []

    def look(name):
        nonlocal faults
        faults += faults_of(page, name) if script else []
        assert page.evaluate("document.documentElement.scrollWidth") <= TELEPHONE["width"], name

    page.goto(f"{live_server.url}/habilitations/")
    look("before")
    keys.follow("main a.bouton")
    keys.write(lieu_nom="RPE de l’Île-aux-Moines")
    keys.pick("lieu_nature", "relais")
    keys.write(lieu_adresse="1 rue", lieu_code_postal="77820", lieu_ville="Le Châtelet-en-Brie")
    keys.write(lieu_telephone="01 60 00 00 01", lieu_courriel="rpe@lieu.test")
    keys.follow(NEXT)
    assert page.inner_text("h1") == "La Caf"
    look("caf")
    keys.follow("main button[name=confirmer]")
    keys.write(gestionnaire_nom="Commune")
    keys.pick("gestionnaire_nature", "commune")
    keys.write(gestionnaire_siren="217 701 002", gestionnaire_adresse="1 place", gestionnaire_code_postal="77820")
    keys.write(gestionnaire_ville="Le Châtelet-en-Brie")
    keys.choose("representant_civilite", "Mme")
    keys.write(representant_nom="D’Alençon-Šimůnek", representant_prenom="Y", representant_qualite="maire")
    keys.follow(NEXT)
    assert page.inner_text("h1") == "Les communes"
    if script:
        keys.write(q="brie des riv")
        page.wait_for_selector("[role=option]")
        page.keyboard.press("ArrowDown")
        with page.expect_navigation():
            page.keyboard.press("Enter")
    else:
        keys.follow("main button[name=ajouter-epci]")
    assert "31 communes choisies" in page.inner_text("main")
    assert focused(page) == "id_q"  # ready for the next one
    look("communes")
    page.keyboard.type("melun")
    if script:
        page.wait_for_selector("[role=option]")
        page.keyboard.press("ArrowDown")
        with page.expect_navigation():
            page.keyboard.press("Enter")
    else:
        with page.expect_navigation():
            page.keyboard.press("Enter")
        keys.follow("main button[name=ajouter][value='77288']")
    assert "32 communes choisies" in page.inner_text("main")
    assert focused(page) == "id_q"
    keys.follow("main button[name=retirer][value='77288']")
    assert "31 communes choisies" in page.inner_text("main")
    assert focused(page).startswith("commune-77")  # at the place of the one that is gone
    keys.follow(NEXT)
    keys.person(0, nom="O’Neill", prenom="Ó", courriel="o.neill@lieu.test", service="RPE", fonction="animateur")
    keys.to("main button[name=ajouter]")
    page.keyboard.press("Enter")
    page.wait_for_selector("main [name=personnes-1-nom]")
    assert focused(page, "name") == "personnes-1-civilite" if script else focused(page) == "personnes-1"
    keys.person(1, nom="Nguyễn", prenom="Ng", courriel="O.Neill@lieu.test", service="RPE", fonction="animateur")
    keys.follow(NEXT)
    assert page.title().startswith("Erreur : ")
    assert "Une autre personne a déjà cette adresse" in page.inner_text("#personnes-1")
    look("persons with faults")
    keys.to("main [name=personnes-1-courriel]")
    page.keyboard.press("Control+a")
    page.keyboard.type("nguyen@lieu.test")
    keys.follow(NEXT)
    assert page.inner_text("h1") == "Relire et envoyer"
    look("summary")
    keys.follow("main button[name=modifier][value=gestionnaire]")
    keys.to("main [name=representant_qualite]")
    page.keyboard.press("Control+a")
    page.keyboard.type("maire adjointe")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert page.inner_text("h1") == "Relire et envoyer"
    assert "maire adjointe" in page.inner_text("main")
    if script:
        proven(page)
    keys.follow("main button[name=valider]")
    if not script:
        keys.write(verification="mardi")
        keys.follow("main button[name=valider]")
    look("sent")
    made = DemandeHabilitation.objects.get()
    assert made.reference in page.inner_text("main")
    assert made.version.personnes.count() == 2
    assert made.version.communes.count() == 31
    keys.follow("main a.bouton")
    look("follow")
    send_due(now=clock.now())
    [mail] = smtp_sink.to("rpe@lieu.test")
    assert re.search(r"https?://\S+/habilitations/suivi/\S+", text_of(mail)).group() == page.url
    assert "D’Alençon-Šimůnek" in page.inner_text("main")
    assert not faults, "\n".join(faults)
    assert not keys.unseen
