"""The main pages in a real browser: accessible, quiet, at home on a telephone, without JavaScript for families."""

import re
from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe

from conventions.models import Convention, CopieSignee, Lieu, Prestataire
from conventions.queries import copy_token
from demandes.attestations.models import Attestation, Bilan
from demandes.models import Demande, Dossier, Livraison
from demandes.queries import link_token
from demandes.services import files, orientation
from extranet.core import clock
from extranet.core.accounts.models import User
from extranet.territory.models import Agent
from habilitations.models import DemandeHabilitation
from habilitations.queries import link_token as application_token
from tests.factories import contenu_of
from tests.journeys.steps import go_on, proven

pytestmark = pytest.mark.django_db(transaction=True)

PASSWORD = "Demonstration-2026"
WIDE, TELEPHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
AXE = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
    "preload": False,  # axe would load styles anew, which the page's policy forbids
}


@pytest.fixture
def site(live_server, settings, load_demo):
    """The demonstration's data."""
    settings.PUBLIC_URL = live_server.url
    load_demo()
    return live_server.url


def faults_of(page, name):
    """What axe calls serious or critical, and what sticks out of a telephone's screen."""
    page.set_viewport_size(WIDE)
    found = Axe().run(page, options=AXE).response["violations"]
    faults = [
        f"{name}: {violation['id']} on {[node['target'] for node in violation['nodes']][:4]}"
        for violation in found
        if violation["impact"] in ("serious", "critical")
    ]
    page.set_viewport_size(TELEPHONE)
    width = page.evaluate("document.documentElement.scrollWidth")
    if width > TELEPHONE["width"]:
        faults.append(f"{name}: {width} px wide on a telephone")
    return faults


def visit(page, site, paths):
    faults = []
    for path in paths:
        answer = page.goto(site + path)
        assert answer.status in (200, 404, 410), (path, answer.status)
        faults += faults_of(page, path)
    return faults


def login(page, site, email):
    page.goto(f"{site}/compte/connexion/")
    page.fill("[name=login]", email)
    page.fill("[name=password]", PASSWORD)
    page.click("main form button.bouton")
    page.wait_for_load_state()
    assert "/connexion/" not in page.url


def fill_family_form(page, site, telephone="06 00 00 00 55"):
    """From the commune to the last step, filled in."""
    page.goto(f"{site}/demandes/nouvelle/")
    page.fill("main [name=q]", "Vaux-le-Pénil")
    page.click("main form button.bouton")
    page.check("[name=enfants-0-situation][value=ne]")
    page.fill("[name=enfants-0-date]", str(clock.today() - timedelta(days=300)))
    go_on(page, "besoin")
    page.check("[name=modes][value=creche-collective]")
    page.fill("[name=a_partir_du]", str(clock.today() + timedelta(days=40)))
    go_on(page, "horaires")
    go_on(page, "vous")
    page.fill("[name=prenom]", "Lina")
    page.fill("[name=nom]", "Fiction")
    page.fill("[name=code_postal]", "77000")
    page.fill("[name=ville]", "Vaux-le-Pénil")
    go_on(page, "reponse")
    page.fill("[name=courriel]", "lina@famille.test")
    page.fill("[name=telephone]", telephone)


@pytest.mark.rule("DEM-1.b")
@pytest.mark.rule("RGP-1.b")
def test_pages_for_families_and_applicants(site, new_page):
    page = new_page()
    lieu = Lieu.objects.get(code="RPE-77-CHATELET")
    token = link_token(Dossier.objects.first().demande.uuid)
    applied = application_token(DemandeHabilitation.objects.first().uuid)
    faults = visit(
        page,
        site,
        [
            "/",
            "/?q=melun",
            "/?commune=77100",
            "/demandes/nouvelle/",
            "/demandes/nouvelle/?q=saint",
            "/demandes/nouvelle/?commune=77100",
            "/demandes/nouvelle/?commune=01001",
            f"/demandes/nouvelle/?commune=77100&lieu={lieu.uuid}",
            f"/demandes/suivi/{token}/",
            f"/demandes/envoyee/{token}/",
            "/demandes/retiree/",
            "/demandes/nouvelle/?commune=77100&brouillon=AAAAAAAAAAAAAAAA",
            "/habilitations/",
            "/habilitations/nouvelle/",
            f"/habilitations/envoyee/{applied}/",
            f"/habilitations/suivi/{applied}/",
            f"/conventions/copie-signee/{copy_token(CopieSignee.objects.get())}/",
            "/compte/connexion/",
            "/compte/mot-de-passe/perdu/",
            "/confidentialite/",
            "/mentions-legales/",
            "/accessibilite/",
            "/schemas/",
            "/schemas/flux/",
            "/introuvable/",
        ],
    )
    fill_family_form(page, site, telephone="12")
    page.click("button:text-is('Continuer')")
    page.locator("#erreurs").wait_for()
    assert page.input_value("[name=courriel]") == "lina@famille.test"
    faults += faults_of(page, "family form with faults")
    page.goto(f"{site}/habilitations/nouvelle/")
    page.click("button:text-is('Continuer')")
    faults += faults_of(page, "application with faults")
    page.goto(f"{site}/compte/connexion/")
    page.fill("[name=login]", "qui@lieu.test")
    page.fill("[name=password]", "rien")
    page.click("main form button.bouton")
    faults += faults_of(page, "login refused")
    assert not faults, "\n".join(faults)


def test_pages_of_a_lieu(site, new_page):
    page = new_page()
    login(page, site, "animatrice@demo.test")
    lieu = Lieu.objects.get(code="RPE-77-CHATELET")
    waiting = Demande.objects.filter(lieu=lieu, state="transmise").first()
    fetched = Demande.objects.filter(lieu=lieu, state="recuperee").first()
    attestation = Attestation.objects.get(lieu=lieu)
    left = Demande.objects.filter(lieu=lieu, state="recuperee").last()
    Demande.objects.filter(pk=left.pk).update(commune="77100")
    other = Lieu.objects.get(code="GU-77-CHATELET")
    agent = Agent.objects.get(user__email="agent.77@demo.test").user
    orientation.give(demande_ids=[left.pk], lieu_id=other.pk, motif="famille", by=agent, now=clock.now())
    person = User.objects.get(email="animatrice@demo.test")
    asked = files.ask([waiting.uuid], form="pdf", by=person, now=clock.now())
    faults = visit(
        page,
        site,
        [
            "/espace/demandes/",
            "/espace/demandes/?q=introuvable",
            "/espace/demandes/parties/",
            f"/espace/demandes/{waiting.uuid}/",
            f"/espace/demandes/{fetched.uuid}/",
            "/espace/attestations/",
            f"/espace/attestations/{attestation.uuid}/",
            "/compte/jetons/",
            f"/espace/attestations/bilans/{Bilan.objects.get(lieu=lieu).uuid}/",
            "/espace/statistiques/",
            "/espace/convention/",
            "/espace/messages/",
            "/espace/messages/nouveau/?sujet=changement",
            f"/espace/convention/prestataires/{Prestataire.objects.first().uuid}/",
            "/compte/",
            "/compte/donnees/",
            "/compte/sessions/",
            "/compte/mot-de-passe/",
            "/compte/second-facteur/",
            f"/espace/demandes/telechargement/{asked.uuid}/",
        ],
    )
    files.make(asked.uuid, now=clock.now())  # the page fills in by itself
    page.wait_for_selector("button:text-is('Télécharger')")
    faults += faults_of(page, "a file that is ready")
    page.goto(f"{site}/espace/attestations/{attestation.uuid}/")
    page.click("text=Signer l’attestation")
    faults += faults_of(page, "attestation with faults")
    assert not faults, "\n".join(faults)


def test_pages_of_agents(site, new_page):
    page = new_page()
    login(page, site, "agent.77@demo.test")
    application = DemandeHabilitation.objects.get()
    signed = Convention.objects.get(lieu__code="RPE-77-MELUN")
    waiting = Convention.objects.get(state="preparation")
    oriented = Demande.objects.filter(state="a-orienter").first()
    demanded = Prestataire.objects.get(nom="Secrétariat à distance Exemple")
    faults = visit(
        page,
        site,
        [
            "/admin/",
            "/admin/demandes/demande/",
            "/admin/demandes/demande/?delai=retard&q=DEMO",
            f"/admin/demandes/demande/{oriented.pk}/change/",
            f"/admin/demandes/demande/{oriented.pk}/acte/confier/",
            "/admin/attestations/attestation/",
            f"/admin/attestations/bilan/{Bilan.objects.first().pk}/change/",
            "/admin/conventions/convention/",
            f"/admin/conventions/convention/{signed.pk}/change/",
            f"/admin/conventions/convention/{waiting.pk}/change/",
            "/admin/conventions/convention/reprise/",
            "/admin/conventions/convention/reprise/fichier/",
            "/admin/conventions/prestataire/",
            f"/admin/conventions/prestataire/{demanded.pk}/change/",
            f"/admin/conventions/convention/{waiting.pk}/acte/signature/",
            f"/admin/conventions/convention/{waiting.pk}/acte/corriger/",
            "/admin/habilitations/demandehabilitation/",
            f"/admin/habilitations/demandehabilitation/{application.pk}/change/",
            f"/admin/habilitations/demandehabilitation/{application.pk}/acte/refuser/",
            "/admin/habilitations/habilitation/",
            "/admin/territory/commune/?q=melun",
            "/admin/introuvable/",
        ],
    )
    page.goto(f"{site}/admin/conventions/convention/{waiting.pk}/acte/signature/")
    page.click("input[type=submit]")
    faults += faults_of(page, "signature with faults")
    page = new_page()
    login(page, site, "cnaf@demo.test")
    livraison = Livraison.objects.get()
    faults += visit(
        page,
        site,
        [
            "/admin/",
            "/admin/demandes/livraison/",
            f"/admin/demandes/livraison/{livraison.pk}/change/",
            "/admin/demandes/livraison/add/",
        ],
    )
    assert not faults, "\n".join(faults)


@pytest.mark.rule("DEM-1.b")
def test_a_family_asks(site, new_page):
    page = new_page(viewport=TELEPHONE)
    fill_family_form(page, site)
    page.click("button:text-is('Continuer')")
    assert "Fiction" in page.inner_text("main")
    proven(page)
    page.click("text=Envoyer ma demande")
    page.get_by_role("heading", name="Votre demande est envoyée").wait_for()
    reference = re.search(r"F-[\w-]+", page.inner_text("main")).group()
    assert contenu_of(demande__reference=reference).nom == "Fiction"
