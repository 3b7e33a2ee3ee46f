"""An avenant that adds a commune, a person and takes one away, from its preparation to its effect, in a browser."""

from datetime import timedelta
from io import BytesIO, StringIO

import pypdf
import pytest
from django.core.management import call_command

from conventions.models import Acte, Lieu
from demandes.services import transmission
from extranet.core import clock
from extranet.core.outbox import services as outbox
from extranet.territory.models import Caf, Commune
from habilitations import queries
from tests.conftest import text_of
from tests.factories import DemandeFactory, a_pdf
from tests.journeys.test_pages import faults_of, login

pytestmark = pytest.mark.django_db(transaction=True)


def sign(page, partie):
    page.click(".object-tools a:has-text('Enregistrer une signature')")
    page.check(f"[name=partie][value={partie}]")
    page.fill("[name=signed_on]", clock.today().isoformat())
    page.fill("[name=signataire]", "Claude Exemple")
    page.fill("[name=qualite]", "direction")
    page.set_input_files("[name=scan]", {"name": "signe.pdf", "mimeType": "application/pdf", "buffer": a_pdf()})
    page.click(".submit-row input")


@pytest.mark.rule("CON-7.b")
@pytest.mark.rule("CON-7.c")
@pytest.mark.rule("CON-7.d")
@pytest.mark.rule("CON-8.a")
def test_from_what_is_typed_to_what_each_reads(live_server, new_page, smtp_sink, settings):
    settings.PUBLIC_URL = site = live_server.url
    call_command("load_demo", verbosity=0, stdout=StringIO())
    lieu = Lieu.objects.get(code="RPE-77-CHATELET")
    convention, now = lieu.conventions.get(), clock.now()
    added = Commune.objects.get(nom="Nangis", caf="caf-77")
    waiting = DemandeFactory(commune=added, caf=Caf.objects.get(pk="caf-77"), at=now - timedelta(hours=1))
    leaving, faults = new_page(), []
    login(leaving, site, "guichet@demo.test")
    assert "Demandes" in leaving.inner_text("h1")

    # 1. Typed part by part, faults said, read again, prepared.
    desk = new_page()
    login(desk, site, "agent.77@demo.test")
    desk.goto(f"{site}/admin/conventions/convention/{convention.pk}/change/")
    desk.click("text=Préparer un avenant")
    desk.fill("[name=q]", "nangis")
    desk.press("[name=q]", "Enter")  # searches, and nothing else
    desk.click("text=Ajouter Nangis (77)")
    desk.click("summary:has-text('guichet@demo.test')")
    desk.check("details[open] [name$=retirer]")
    desk.fill("[name=nouvelles-0-nom]", "Roux")
    desk.fill("[name=nouvelles-0-prenom]", "Sam")
    desk.fill("[name=nouvelles-0-service]", "Accueil")
    desk.fill("[name=nouvelles-0-fonction]", "animateur")
    desk.click("text=Relire avant de préparer")
    assert "Il reste des points à corriger" in desk.inner_text("#erreurs")
    faults += faults_of(desk, "avenant")
    desk.select_option("[name=nouvelles-0-civilite]", "M.")
    desk.fill("[name=nouvelles-0-courriel]", "sam.roux@demo.test")
    desk.click("text=Relire avant de préparer")
    read = desk.inner_text("main, #content-main")
    for sentence in ("Nangis (77) est ajoutée", "Maxime Guichet", "32 communes et 2 personnes", "Courriel qui partira"):
        assert sentence in read
    faults += faults_of(desk, "relire")
    desk.click("input[value='Préparer l’avenant']")
    acte = Acte.objects.get(nature="avenant")
    faults += faults_of(desk, "fiche")
    outbox.send_due(now=clock.now())
    [ready] = smtp_sink.to(lieu.courriel)
    assert "Nangis (77) est ajoutée aux communes couvertes" in text_of(ready)

    # 2. The lieu reads that it waits, and has the paper.
    reader = new_page()
    login(reader, site, "animatrice@demo.test")
    reader.goto(f"{site}/espace/convention/")
    faults += faults_of(reader, "Ma convention")
    with reader.expect_download() as caught:
        reader.click("text=Télécharger l’avenant et l’annexe 1")
    with open(caught.value.path(), "rb") as file:
        words = " ".join(sheet.extract_text() for sheet in pypdf.PdfReader(BytesIO(file.read())).pages)
    assert "Avenant n° 1" in words
    assert "Communes couvertes (32)" in words
    leaving.goto(f"{site}/espace/convention/")
    assert lieu.nom in leaving.inner_text("main")  # nothing has changed yet

    # 3. Both have signed: true from this day, for all of them.
    sign(desk, "gestionnaire")
    assert transmission.transmit_waiting_all(now=clock.now()) == 0
    sign(desk, "caf")
    assert "en vigueur" in desk.inner_text("#content-main")
    acte.refresh_from_db()
    assert acte.effective_on == clock.today()
    leaving.goto(f"{site}/espace/convention/")
    assert lieu.nom not in leaving.inner_text("main")
    transmission.transmit_waiting_all(now=clock.now())
    waiting.refresh_from_db()
    assert (waiting.state, waiting.lieu) == ("transmise", lieu)
    outbox.send_due(now=clock.now())
    assert "a pris effet" in text_of(smtp_sink.to(lieu.courriel)[-1])
    assert any("vous retire de son annexe 1" in text_of(mail) for mail in smtp_sink.to("guichet@demo.test"))

    # 4. Who is added is opened by another agent than who prepared it.
    person = lieu.inscriptions.get(courriel="sam.roux@demo.test")
    there = f"{site}/admin/habilitations/personneaactiver/{person.pk}/acte/activer/"
    assert desk.goto(there).status == 403
    other = new_page()
    login(other, site, "agent2.77@demo.test")
    other.goto(there)
    other.click(".submit-row input")
    assert queries.entering(clock.now()).filter(user__email="sam.roux@demo.test").exists()

    # 5. Annexe 1 as it was the day before, and as it is.
    desk.goto(f"{site}/admin/conventions/convention/{convention.pk}/change/")
    desk.click("text=à une autre date")
    assert "Nangis" in desk.inner_text("#content-main")
    faults += faults_of(desk, "annexe")
    desk.fill("[name=au]", (clock.today() - timedelta(days=1)).isoformat())
    desk.click("text=Afficher")
    before = desk.inner_text("#content-main")
    assert "Nangis" not in before
    assert "Maxime Guichet" in before
    reader.goto(f"{site}/espace/convention/?au={clock.today() - timedelta(days=1):%Y-%m-%d}")
    assert "Maxime Guichet" in reader.inner_text("main")
    assert faults == []
