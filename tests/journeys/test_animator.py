"""An animator's morning on a telephone, between two children; with and without JavaScript (SUI-1, TEL-5)."""

from datetime import timedelta
from pathlib import Path

import pytest

from demandes.models import Attribution, Demande, Note, Remise, Suivi
from extranet.core import clock
from tests.factories import DemandeFactory, HabilitationFactory, LieuFactory, SuiviFactory
from tests.journeys.test_pages import TELEPHONE, faults_of, login

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.rule("SUI-1.a")
@pytest.mark.rule("SUI-1.b")
@pytest.mark.rule("SUI-1.c")
@pytest.mark.rule("SUI-1.e")
@pytest.mark.rule("TEL-1.e")
@pytest.mark.rule("TEL-6.a")
@pytest.mark.parametrize("script", [True, False], ids=["javascript", "plain"])
def test_an_animators_morning(live_server, new_page, settings, script):
    settings.PUBLIC_URL = live_server.url
    now, lieu = clock.now(), LieuFactory()
    person = HabilitationFactory(lieu=lieu).user
    late = DemandeFactory(transmise=True, lieu=lieu, at=now - timedelta(days=17), dossier__nom="Retard")
    fresh = DemandeFactory(transmise=True, lieu=lieu, at=now - timedelta(days=1), dossier__nom="Neuve")
    to_call = DemandeFactory(recuperee=True, lieu=lieu, at=now - timedelta(days=5), dossier__nom="Rappel")
    SuiviFactory(demande=to_call, rappeler_on=clock.today(), tentatives=1)
    page = new_page(viewport=TELEPHONE, java_script_enabled=script)
    login(page, live_server.url, person.email)

    # What is to be done today, first; a family to call again, with the telephone under the thumb.
    today = " ".join(page.inner_text(".aujourdhui").split())
    assert today == "2 à récupérer 1 à rappeler 0 rendez-vous 0 bientôt détruites"
    page.click(".aujourdhui a:has-text('à rappeler')")
    assert page.locator(".fiche").count() == 1
    assert page.locator(".fiche a[href^='tel:']").is_visible()
    page.click(".fiche h2 a")
    page.click("summary:has-text('J’ai appelé')")
    page.check("[name=joint][value=oui]")
    page.click("text=Noter l’appel")
    page.click("summary:has-text('Un rendez-vous est pris')")
    page.fill("[name=jour]", (clock.today() + timedelta(days=2)).isoformat())
    page.fill("[name=heure]", "14:30")
    page.select_option("[name=moyen]", "lieu")
    page.click("text=Noter le rendez-vous")
    with page.expect_download() as caught:
        page.click("text=Ajouter à mon agenda")
    assert "Rappel" not in Path(caught.value.path()).read_text()
    page.fill("[name=texte]", "Préfère le matin.")
    page.click("text=Ajouter la note")
    assert "Préfère le matin." in page.inner_text("main")
    agenda = Suivi.objects.get(dossier__demande=to_call)
    assert (agenda.rappeler_on, agenda.moyen, Note.objects.count()) == (None, "lieu", 1)

    # One gesture from the list, and its undoing; the family of the late one has found a place.
    page.goto(f"{live_server.url}/espace/demandes/")
    card = page.locator(".fiche", has_text="Retard")
    card.locator("summary").click()
    card.locator("select").select_option("place-trouvee")
    card.locator("button:text-is('Enregistrer')").click()
    assert f"La demande {late.reference} est traitée" in page.inner_text("main")
    page.click("button:text-is('Annuler')")
    late.refresh_from_db()
    assert (late.state, Attribution.objects.get(demande=late).issue) == ("recuperee", "")

    # What is left is fetched; the page says so and counts anew, by itself or when it is read again.
    with page.expect_download():
        page.click("text=Tout récupérer en PDF")
    if not script:
        page.click("noscript a")
    page.locator(f".avis:has-text('La demande {fresh.reference} est téléchargée.')").wait_for()
    assert "0\nà récupérer" in page.inner_text(".aujourdhui")

    # The copy is lost: the same again, with the reason.
    page.click(".fiche:has-text('Neuve') h2 a")
    page.select_option("[name=encore]", "perdue")
    with page.expect_download():
        page.click("text=Télécharger en PDF")
    assert list(Remise.objects.filter(mode="pdf").values_list("encore", flat=True).order_by("pk")) == [None, "perdue"]
    assert Demande.objects.filter(state="recuperee").count() == 3
    if script:
        page.locator(".faits li:has-text('copie perdue')").wait_for()
        page.goto(f"{live_server.url}/espace/demandes/")
        page.locator(".fiche__suite summary").first.click()
        page.click("summary:has-text('Commune, mode')")
        faults = faults_of(page, "list")
        page.goto(f"{live_server.url}/espace/demandes/{to_call.uuid}/")
        for summary in page.locator("main summary").all():
            summary.click()
        faults += faults_of(page, "demande")
        page.click("text=Enregistrer et clore")
        assert not faults, "\n".join(faults)
