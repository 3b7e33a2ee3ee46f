"""A family on a telephone, six months after: its private link, its data, a new demande, and the old one withdrawn."""

import json
import re
from datetime import timedelta

import pytest

from conventions.models import Fermeture
from demandes.models import Demande
from demandes.services import renewal
from extranet.core import clock
from extranet.core.outbox.services import send_due
from tests.conftest import text_of
from tests.factories import DemandeFactory, HabilitationFactory, LieuFactory
from tests.journeys.steps import proven
from tests.journeys.test_pages import TELEPHONE, faults_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.rule("DEM-8.a")
@pytest.mark.rule("DEM-8.b")
@pytest.mark.rule("DEM-4.d")
def test_a_family_takes_its_data_renews_and_withdraws_on_a_telephone(live_server, settings, new_page, smtp_sink):
    settings.PUBLIC_URL = live_server.url
    now, today = clock.now(), clock.today()
    lieu = LieuFactory(nom="RPE des Tilleuls", horaires="Lundi et jeudi de 9 h à 12 h")
    person = HabilitationFactory(lieu=lieu).user
    closed = {"du": today, "au": today + timedelta(days=3), "declared_at": now, "declared_by": person}
    Fermeture.objects.create(lieu=lieu, **closed)
    born = str(today - timedelta(days=400))
    about = {"dossier__courriel": "lina@famille.test", "dossier__enfants": [{"prenom": "Lou", "date_naissance": born}]}
    demande = DemandeFactory(recuperee=True, lieu=lieu, at=now - timedelta(days=174), **about)
    renewal.ask_families(now=now)
    send_due(now=now)
    [mail] = smtp_sink.to("lina@famille.test")
    [link] = re.findall(rf"{live_server.url}/demandes/suivi/[^#\s]+", text_of(mail))
    page = new_page(viewport=TELEPHONE, locale="fr-FR")
    page.goto(f"{link}#renouveler")
    said = page.inner_text("main")
    for words in ("Où en est-elle ?", "Récupérée par le lieu", "Lundi et jeudi de 9 h à 12 h", "Fermé du"):
        assert words in said, words
    faults = faults_of(page, "private link")
    with page.expect_download() as download:
        page.click("text=Télécharger mes données")
    assert json.loads(download.value.path().read_text())["reference"] == demande.reference
    page.click("text=Je cherche encore")
    page.wait_for_selector("text=Vos réponses d’avant sont reprises")
    for _ in range(8):  # however many pages the form has
        if page.locator("button[name=valider]").count():
            break
        if page.locator("[name=a_partir_du]").count():
            page.fill("[name=a_partir_du]", str(today + timedelta(days=40)))
        page.click("main form .actions:last-of-type button.bouton")
        page.wait_for_load_state()
    faults += faults_of(page, "summary of the new demande")
    proven(page)
    page.click("button[name=valider]")
    assert page.inner_text("h1") == "Votre demande est envoyée"
    page.wait_for_selector("text=Imprimer cette page")
    faults += faults_of(page, "sent")
    new = Demande.objects.exclude(pk=demande.pk).get()
    assert new.reference in page.inner_text("main")
    page.goto(link)
    assert "Vous avez déjà fait une nouvelle demande" in page.inner_text("main")
    page.fill("[name=courriel]", "lina@famille.test")
    page.click("button:has-text('Retirer ma demande')")
    assert page.inner_text("h1") == "Votre demande est retirée"
    assert set(Demande.objects.values_list("reference", "state")) == {
        (demande.reference, "retiree"),
        (new.reference, "transmise"),
    }
    assert not faults, faults
