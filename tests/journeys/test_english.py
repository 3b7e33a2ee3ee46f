"""A family that reads English, on a telephone, from the home page to the withdrawal (DEM-9)."""

import re
from datetime import timedelta

import pytest
from django.utils.translation import gettext_lazy

from demandes.models import Demande
from extranet.core import clock
from extranet.core.outbox.services import send_due
from extranet.core.web import verification
from tests.conftest import text_of
from tests.factories import HabilitationFactory, LieuFactory
from tests.journeys.steps import arrived, proven
from tests.journeys.test_pages import TELEPHONE, faults_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def site(live_server, settings):
    settings.PUBLIC_URL = live_server.url
    HabilitationFactory(lieu=LieuFactory(nom="RPE des Tilleuls"))
    return live_server.url


@pytest.mark.rule("DEM-9.a")
@pytest.mark.rule("DEM-9.b")
@pytest.mark.parametrize("script", [False, True], ids=["without JavaScript", "with JavaScript"])
def test_a_family_asks_is_told_and_withdraws_in_english(site, new_page, smtp_sink, monkeypatch, script):
    asked = gettext_lazy("quel jour vient juste après %(nom)s\u00a0?")
    monkeypatch.setattr(verification, "QUESTIONS", [lambda: (str(asked) % {"nom": "Monday"}, ["Tuesday"])])
    page = new_page(java_script_enabled=script, viewport=TELEPHONE, locale="en-GB")
    faults = []

    def look(name):
        assert page.get_attribute("html", "lang") == "en", name
        if script:
            faults.extend(faults_of(page, name))

    def go_on(title):
        page.click("button:text-is('Continue')")
        arrived(page, title)

    page.goto(f"{site}/")
    look("home")
    page.fill("#q", "77820")
    page.click("main form button.bouton")
    page.goto(f"{site}/?commune=77100")
    look("home of a commune")
    page.click("#resultats >> text=Make a request")
    look("form")
    page.fill("[name=enfants-0-prenom]", "Ana")
    page.press("[name=enfants-0-prenom]", "Enter")  # goes on: the switch above the form is not what Enter presses
    assert page.title().startswith("Error: ")
    look("form, filled in wrongly")
    page.click("text=Add a child")
    if script:
        assert page.inner_text("[data-annonce]") == "Child 2 : added."
    page.click("text=Remove child 2")
    page.check("[name=enfants-0-situation][value=ne]")
    page.fill("[name=enfants-0-date]", str(clock.today() - timedelta(days=300)))
    go_on("What you need")
    assert "step 2 of 6" in page.title()
    page.check("[name=modes][value=ne-sait-pas]")
    page.fill("[name=a_partir_du]", str(clock.today() + timedelta(days=40)))
    page.click("header >> text=Français")
    assert page.get_attribute("html", "lang") == "fr"
    assert page.is_checked("[name=modes][value=ne-sait-pas]")
    assert not page.locator("[role=alert]").count()
    page.click("header >> text=English")
    go_on("How often and when")
    page.click("text=Different times on different days")
    page.locator("[name=lundi-de]").wait_for()
    look("hours of each day")
    go_on("About you")
    page.fill("[name=prenom]", "Lina")
    page.fill("[name=nom]", "Fiction")
    page.fill("[name=code_postal]", "77820")
    page.fill("[name=ville]", "Le Châtelet-en-Brie")
    go_on("How to answer you")
    page.fill("[name=courriel]", "lina@famille.test")
    page.fill("[name=message]", "We speak English.")
    go_on("Check your request")
    assert "Language of your emails\nEnglish" in page.inner_text("main")
    look("summary")
    page.click("header >> text=Français")
    assert page.inner_text("h1") == "Relisez votre demande"
    page.click("header >> text=English")
    if script:
        proven(page)
    page.click("button:has-text('Send my request')")
    if not script:
        look("the question")
        assert "which day comes just after Monday?" in page.inner_text("main")
        page.fill("[name=verification]", "Tuesday")
        page.click("button:has-text('Send my request')")
    page.get_by_role("heading", name="Your request has been sent").wait_for()
    look("sent")
    demande = Demande.objects.get()
    assert demande.langue == "en"
    send_due(now=clock.now())
    [mail] = smtp_sink.to("lina@famille.test")
    assert mail["Subject"] == f"We have received your request {demande.reference}"
    [link] = re.findall(rf"{site}/demandes/suivi/\S+", text_of(mail))
    other = new_page(java_script_enabled=script, viewport=TELEPHONE)  # a browser in French
    other.goto(link)
    assert other.get_attribute("html", "lang") == "en"
    page.goto(link)
    look("private link")
    page.click("text=Correct my request")
    assert "Correct your request" in page.title()
    page.click("section:has(h2:text-is('How to answer you')) >> text=Change")
    page.fill("[name=creneau]", "Tuesday mornings")
    page.click("text=Save and go back to the summary")
    page.click("button:has-text('Send the correction')")
    page.wait_for_selector("main >> text=Your correction has been saved.")
    page.fill("[name=courriel]", "lina@")
    page.click("header >> text=Français")
    assert page.input_value("[name=courriel]") == "lina@"
    page.click("header >> text=English")
    page.fill("[name=courriel]", "lina@famille.test")
    page.click("button:has-text('Withdraw my request')")
    assert page.inner_text("h1") == "Your request is withdrawn"
    assert "An email confirms it." in page.inner_text("main")
    look("withdrawn")
    assert smtp_sink.to("lina@famille.test")[-1]["Subject"] == f"Your request {demande.reference} is withdrawn"
    assert page.goto(link).status == 410
    look("gone")
    page.click("header >> text=Français")
    assert "Ces données n’existent plus" in page.inner_text("main")
    assert not faults, faults
