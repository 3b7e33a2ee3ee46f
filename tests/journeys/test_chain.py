"""The whole chain as its users walk it: from the lieu's application to the signed attestation."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import BytesIO

import pypdf
import pytest
from django.core.management import call_command
from lxml import etree

from conventions.models import Convention, Piece
from demandes.attestations.models import Attestation
from demandes.documents.xml_reader import schema
from demandes.models import Demande, Dossier, Livraison, Remise
from demandes.services import deliveries
from extranet.core import clock
from extranet.core.documents import seal
from extranet.core.outbox import services as outbox
from extranet.portal import sweep
from habilitations.models import DemandeHabilitation, Habilitation
from tests.conftest import text_of
from tests.factories import AgentFactory, HabilitationFactory, LieuFactory, a_pdf
from tests.journeys.steps import CONTINUE, go_on, proven

PASSWORD = "Demonstration-2026"
OWN = "Colline-violette-42"
NS = "{urn:extranet-partenaires:demandes:1}"


def a_delivery(now) -> str:
    """Two demandes for Le Châtelet-en-Brie, one without a lieu, one of a child too old."""
    asked = (now - timedelta(days=1)).isoformat(timespec="seconds")
    start = (now + timedelta(days=40)).date()
    born = (now - timedelta(days=500)).date()
    old = (now - timedelta(days=2_500)).date()

    def one(reference, commune, birth):
        return f"""<demande reference="{reference}" deposee-le="{asked}"><commune code-insee="{commune}"/>
        <demandeur><nom>Fiction</nom><prenom>{reference}</prenom><telephone>06 00 00 00 07</telephone></demandeur>
        <enfants><enfant><date-naissance>{birth}</date-naissance></enfant></enfants>
        <besoin><modes><mode>garde-a-domicile</mode></modes><a-partir-du>{start}</a-partir-du></besoin></demande>"""

    records = (
        one("ME-1", "77100", born) + one("ME-2", "77100", born) + one("ME-3", "01001", born) + one("ME-4", "77100", old)
    )
    return f'<demandes xmlns="urn:extranet-partenaires:demandes:1" version="1.0" emis-le="{asked}">{records}</demandes>'


class Walk:
    """What the people of the journey do, in words."""

    def __init__(self, base, new_page, sink, settings):
        self.base, self.new_page, self.sink, self.settings = base, new_page, sink, settings

    def post(self):
        outbox.send_due(now=clock.now())

    def later(self, shift):
        self.settings.CLOCK_SHIFT = shift
        sweep.run(now=clock.now())
        self.post()

    def login(self, email, password):
        page = self.new_page()
        page.goto(f"{self.base}/compte/connexion/")
        page.fill("[name=login]", email)
        page.fill("[name=password]", password)
        page.click("main form button.bouton")
        page.wait_for_load_state()
        return page

    def apply(self, page):
        page.goto(f"{self.base}/habilitations/nouvelle/")
        page.select_option("[name=lieu_nature]", "rpe")
        for name, value in {
            "lieu_nom": "RPE des Tilleuls",
            "lieu_adresse": "12 rue des Écoles",
            "lieu_code_postal": "77820",
            "lieu_ville": "Le Châtelet-en-Brie",
            "lieu_telephone": "01 60 00 00 01",
            "lieu_courriel": "rpe@tilleuls.test",
        }.items():
            page.fill(f"[name={name}]", value)
        page.click("button:text-is('Continuer')")
        page.click("text=Oui, 77 – Seine-et-Marne")
        page.select_option("[name=gestionnaire_nature]", "commune")
        page.check("[name=representant_civilite][value=Mme]")
        for name, value in {
            "gestionnaire_nom": "Commune du Châtelet-en-Brie",
            "gestionnaire_siren": "217701003",
            "gestionnaire_adresse": "1 place de la Mairie",
            "gestionnaire_code_postal": "77820",
            "gestionnaire_ville": "Le Châtelet-en-Brie",
            "representant_nom": "Martin",
            "representant_prenom": "Camille",
            "representant_qualite": "maire",
        }.items():
            page.fill(f"[name={name}]", value)
        page.click("text=Continuer")
        assert "Ce SIREN n’est pas valable" in page.inner_text("main")
        page.fill("[name=gestionnaire_siren]", "217701002")
        page.click("text=Continuer")
        page.fill("[name=q]", "chatelet")
        page.click("text=Chercher")
        page.click("text=Ajouter Le Châtelet-en-Brie (77)")
        page.click("text=Continuer")
        page.check("[name=personnes-0-civilite][value=Mme]")
        for name, value in {
            "nom": "Petit",
            "prenom": "Alix",
            "courriel": "alix@tilleuls.test",
            "service": "Petite enfance",
            "fonction": "animatrice",
        }.items():
            page.fill(f"[name=personnes-0-{name}]", value)
        page.click("text=Continuer")
        summary = page.inner_text("main")
        assert "RPE des Tilleuls" in summary
        assert "alix@tilleuls.test" in summary
        proven(page)
        page.click("text=Envoyer la demande")
        page.get_by_role("heading", name="Votre demande est envoyée").wait_for()
        return re.search(r"H-\d{4}-\w+", page.inner_text("main")).group()

    def act(self, page, model, pk, slug):
        page.goto(f"{self.base}/admin/{model}/{pk}/acte/{slug}/")

    def sign(self, page, convention, partie, day):
        self.act(page, "conventions/convention", convention.pk, "signature")
        page.check(f"[name=partie][value={partie}]")
        page.fill("[name=signed_on]", day.isoformat())
        page.fill("[name=signataire]", "Camille Martin")
        page.fill("[name=qualite]", "maire")
        scan = {"name": "signe.pdf", "mimeType": "application/pdf", "buffer": a_pdf()}
        page.set_input_files("[name=scan]", scan)
        page.click("input[type=submit]")
        assert "enregistrée" in page.inner_text("body")

    def ask(self, page):
        page.goto(f"{self.base}/demandes/nouvelle/?q=chatelet+en+brie")
        if page.locator("a:has-text('Le Châtelet-en-Brie')").count():
            page.click("a:has-text('Le Châtelet-en-Brie')")
        page.click("text=Choisir RPE des Tilleuls")
        today = clock.today()
        page.check("[name=enfants-0-situation][value=ne]")
        page.fill("[name=enfants-0-date]", (today - timedelta(days=3_000)).isoformat())
        page.click(CONTINUE)
        assert "six ans ou plus" in page.inner_text("main")
        page.fill("[name=enfants-0-date]", (today - timedelta(days=400)).isoformat())
        go_on(page, "besoin")
        page.check("[name=modes][value=creche-collective]")
        page.fill("[name=a_partir_du]", (today + timedelta(days=30)).isoformat())
        go_on(page, "horaires")
        go_on(page, "vous")
        who = {"prenom": "Lina", "nom": "Secrète", "code_postal": "77820", "ville": "Le Châtelet-en-Brie"}
        for name, value in who.items():
            page.fill(f"[name={name}]", value)
        go_on(page, "reponse")
        page.fill("[name=courriel]", "lina@famille.test")
        page.fill("[name=message]", "Phrase très privée.")
        go_on(page, "relire")
        proven(page)
        page.click("text=Envoyer ma demande")
        heading = page.get_by_role("heading", name="Votre demande est envoyée")
        try:
            heading.wait_for(timeout=30_000)
        except Exception as late:
            raise AssertionError(f"{page.url}\n{page.inner_text('main')}") from late
        return re.search(r"F-[\w-]+", page.inner_text("main")).group()

    def download(self, page, button):
        with page.expect_download() as caught:
            page.click(button)
        return open(caught.value.path(), "rb").read()


@pytest.mark.rule("ACC-1.a")
@pytest.mark.rule("ACT-1.a")
@pytest.mark.rule("ACT-1.b")
@pytest.mark.rule("ACT-1.e")
@pytest.mark.rule("ACT-1.f")
@pytest.mark.rule("ACT-3.b")
@pytest.mark.rule("CNS-1.b")
@pytest.mark.rule("CNS-3.a")
@pytest.mark.rule("CNS-4.b")
@pytest.mark.rule("CNS-4.c")
@pytest.mark.rule("CON-1.a")
@pytest.mark.rule("CON-2.a")
@pytest.mark.rule("CON-2.l")
@pytest.mark.rule("CTL-1.a")
@pytest.mark.rule("DEM-2.d")
@pytest.mark.rule("DEM-4.b")
@pytest.mark.rule("HAB-1.a")
@pytest.mark.rule("HAB-1.b")
@pytest.mark.rule("HAB-1.c")
@pytest.mark.rule("HAB-2.b")
@pytest.mark.rule("HAB-3.a")
@pytest.mark.rule("HAB-3.b")
@pytest.mark.rule("HAB-3.c")
@pytest.mark.rule("HAB-3.f")
@pytest.mark.rule("HAB-6.a")
@pytest.mark.rule("HAB-7.a")
@pytest.mark.rule("HAB-7.b")
@pytest.mark.rule("ING-1.a")
@pytest.mark.rule("ING-3.c")
@pytest.mark.rule("ING-6.a")
@pytest.mark.rule("ING-6.b")
@pytest.mark.rule("NOT-1.b")
@pytest.mark.rule("NOT-4.a")
@pytest.mark.rule("NOT-4.d")
@pytest.mark.rule("TEL-1.a")
@pytest.mark.rule("TEL-1.c")
@pytest.mark.rule("TEL-1.d")
@pytest.mark.rule("TEL-2.b")
@pytest.mark.rule("TEL-3.a")
@pytest.mark.django_db(transaction=True)
def test_from_the_application_to_the_signed_attestation(live_server, new_page, smtp_sink, settings, run_bells):
    settings.PUBLIC_URL = live_server.url
    settings.CLOCK_SHIFT = ""
    walk = Walk(live_server.url, new_page, smtp_sink, settings)
    first, second = (AgentFactory(user__email=f"agent{n}@caf77.test").user for n in (1, 2))
    elsewhere = AgentFactory(essonne=True, user__email="agent@caf91.test").user
    stranger = HabilitationFactory(lieu=LieuFactory(nom="Autre lieu")).user

    # 1. The lieu applies; both sides get their mail.
    reference = walk.apply(new_page())
    walk.post()
    [receipt] = smtp_sink.to("rpe@tilleuls.test")
    assert reference in text_of(receipt)
    assert len(smtp_sink.to("agent1@caf77.test")) == 1
    application = DemandeHabilitation.objects.get(reference=reference)

    # 2. Its Caf's agent, and no other, accepts; once.
    page = walk.login("agent@caf91.test", PASSWORD)
    answer = page.goto(f"{live_server.url}/admin/habilitations/demandehabilitation/{application.pk}/change/")
    assert answer.status == 404
    desk = walk.login("agent1@caf77.test", PASSWORD)
    assert "demande d’habilitation à examiner" in desk.inner_text("body")
    walk.act(desk, "habilitations/demandehabilitation", application.pk, "accepter")
    desk.click("input[type=submit]")
    answer = desk.goto(f"{live_server.url}/admin/habilitations/demandehabilitation/{application.pk}/acte/accepter/")
    assert answer.status == 409
    run_bells()
    convention = Convention.objects.get(lieu__nom="RPE des Tilleuls")

    # 3. The convention as PDF, both pairs of signatures.
    desk.goto(f"{live_server.url}/admin/conventions/convention/{convention.pk}/change/")
    paper = Piece.objects.get(acte__convention=convention, nature="convention").pdf
    with paper.path.open("rb") as file:
        words = " ".join(page.extract_text() for page in pypdf.PdfReader(file).pages)
    assert "RPE des Tilleuls" in words
    assert "Le Châtelet-en-Brie" in words
    person = convention.lieu.inscriptions.get()
    opener = walk.login("agent2@caf77.test", PASSWORD)
    answer = opener.goto(f"{live_server.url}/admin/habilitations/personneaactiver/{person.pk}/acte/activer/")
    assert answer.status == 409  # not before both have signed
    assert not Habilitation.objects.filter(personne=person.personne).exists()
    walk.sign(desk, convention, "gestionnaire", clock.today())
    convention.refresh_from_db()
    assert convention.in_force_from is None
    walk.sign(desk, convention, "caf", clock.today())
    convention.refresh_from_db()
    assert convention.in_force_from == clock.today()

    # 4. Another agent opens the access; the password comes by mail and is nowhere else.
    walk.act(desk, "conventions/gestionnaire", convention.lieu.gestionnaire.pk, "courriel-officiel")
    desk.fill("[name=courriel]", "mairie@chatelet.test")
    desk.fill("[name=source]", "annuaire de l’administration")
    desk.click("input[type=submit]")
    walk.act(desk, "habilitations/personneaactiver", person.pk, "activer")
    assert "une autre personne de la Caf" in desk.inner_text("body")  # who accepted reads why not
    assert desk.locator("main input[type=submit], #content-main input[type=submit]").count() == 0
    assert not Habilitation.objects.filter(personne=person.personne).exists()
    walk.act(opener, "habilitations/personneaactiver", person.pk, "activer")
    opener.click("input[type=submit]")
    walk.post()
    [welcome] = smtp_sink.to("alix@tilleuls.test")
    assert len(smtp_sink.to("mairie@chatelet.test")) == 1
    received = re.search(r"provisoire : (\S{8})", text_of(welcome)).group(1)
    page = walk.login("alix@tilleuls.test", received)
    page.goto(f"{live_server.url}/espace/demandes/")
    assert page.url.endswith("/compte/premiere-connexion/")
    for typed in (received, OWN):
        for field in page.locator("input[type=password]").all():
            field.fill(typed)
        page.click("main form button.bouton")
    assert page.url.endswith("/espace/demandes/")

    # 5. A family asks; a delivery arrives in the inbox.
    reference = walk.ask(new_page())
    walk.post()
    [receipt] = smtp_sink.to("lina@famille.test")
    assert reference in text_of(receipt)
    assert "privée" not in text_of(receipt)
    inbox = deliveries.folder("entree")
    written = inbox.parent / "in-writing"
    written.write_text(a_delivery(clock.now()), encoding="utf-8")
    written.rename(inbox / "livraison.xml")
    with pytest.raises(SystemExit) as ended:
        call_command("ingest_deliveries")
    assert ended.value.code == 1  # something was set aside
    livraison = Livraison.objects.get()
    assert (livraison.lues, livraison.creees, livraison.ecartees) == (4, 3, 1)
    walk.post()

    # One lieu for Le Châtelet only where one covers it: here two do, so monenfant.fr's records wait for the agent.
    waiting = Demande.objects.get(reference="ME-1")
    assert waiting.state == "a-orienter"
    for name in ("ME-1", "ME-2"):
        walk.act(desk, "demandes/demande", Demande.objects.get(reference=name).pk, "confier")
        assert "Fiction" not in desk.inner_text("body")
        desk.select_option("[name=lieu]", label="RPE des Tilleuls")
        desk.click("input[type=submit]")
    walk.post()
    told = smtp_sink.to("alix@tilleuls.test")
    assert any(reference in text_of(mail) for mail in told)
    assert not any("Secrète" in mail.as_string() or "lina@" in mail.as_string() for mail in told)

    # 6. The lieu reads, downloads as PDF and XML; another lieu sees nothing of it.
    demande = Demande.objects.get(reference=reference)
    address = f"{live_server.url}/espace/demandes/{demande.uuid}/"
    other = walk.login(stranger.email, PASSWORD)
    assert other.goto(address).status == 404
    page.goto(address)
    assert "Phrase très privée." in page.inner_text("main")
    demande.refresh_from_db()
    assert demande.state == "transmise"
    pdf = pypdf.PdfReader(BytesIO(walk.download(page, "text=Télécharger en PDF")))
    words = " ".join(sheet.extract_text() for sheet in pdf.pages)
    assert "Secrète" in words
    assert "À détruire" in words
    attached = etree.fromstring(pdf.attachments["demandes.xml"][0])
    schema().assertValid(attached)
    page.select_option("[name=encore]", "autre-forme")
    xml = etree.fromstring(walk.download(page, "text=Télécharger en XML"))
    schema().assertValid(xml)
    assert xml.find(f"{NS}demande/{NS}transmission").get("a-detruire-avant") == demande.last_day.isoformat()
    demande.refresh_from_db()
    assert (demande.state, demande.attributions.get().picked_up_by.email) == ("recuperee", "alix@tilleuls.test")
    modes = list(Remise.objects.filter(demande_uuid=demande.uuid).order_by("pk").values_list("mode", flat=True))
    assert modes[0] == "ecran"  # and again after each download, when the page is read again
    assert [mode for mode in modes if mode != "ecran"] == ["pdf", "xml"]

    # 7. The fifteen days: reminders, then late.
    before = len(smtp_sink.to("alix@tilleuls.test"))
    walk.later("+7d")
    walk.later("+7d")
    reminders = smtp_sink.to("alix@tilleuls.test")[before:]
    assert len(reminders) == 2  # ME-1 and ME-2 were two batches
    assert all("Rappel" in mail["Subject"] for mail in reminders)
    walk.later("+16d")
    late = [mail for mail in smtp_sink.to("alix@tilleuls.test") if "En retard" in mail["Subject"]]
    assert len(late) == 2
    assert any("retard" in mail["Subject"] for mail in smtp_sink.to("agent1@caf77.test"))
    desk = walk.login("agent1@caf77.test", PASSWORD)
    assert "en retard de récupération" in desk.inner_text("body")

    # 8. The sixth month: destroyed, gone, then attested by somebody who comes in now and then (ACC-6.d).
    settings.CLOCK_SHIFT = "+3mo"
    walk.login("alix@tilleuls.test", OWN)
    walk.later("+7mo")
    assert not Dossier.objects.exists()
    page = walk.login("alix@tilleuls.test", OWN)
    assert page.goto(address).status == 410
    attestation = Attestation.objects.get(lieu=convention.lieu)
    assert attestation.lignes.count() == 3
    page.goto(f"{live_server.url}/espace/attestations/{attestation.uuid}/")
    for box in page.locator("main input[type=checkbox]").all():
        box.check()
    page.fill("[name=mot_de_passe]", "pas le bon")
    page.click("text=Signer l’attestation")
    assert "Ce mot de passe n’est pas le bon" in page.inner_text("main")
    for box in page.locator("main input[type=checkbox]").all():
        box.check()
    page.fill("[name=mot_de_passe]", OWN)
    page.click("text=Signer l’attestation")
    signed = walk.download(page, "text=Télécharger l’attestation en PDF")
    with ThreadPoolExecutor() as apart:  # the browser's event loop holds this thread
        assert apart.submit(seal.is_intact, signed).result()
    words = " ".join(sheet.extract_text() for sheet in pypdf.PdfReader(BytesIO(signed)).pages)
    assert reference in words
    assert "Alix Petit" in words
    assert "Secrète" not in words
    attestation.refresh_from_db()
    assert attestation.state == "signee"
    desk = walk.login("agent2@caf77.test", PASSWORD)
    answer = desk.goto(f"{live_server.url}/admin/attestations/attestation/{attestation.pk}/change/")
    assert answer.status == 200
    desk = walk.login(elsewhere.email, PASSWORD)
    answer = desk.goto(f"{live_server.url}/admin/attestations/attestation/{attestation.pk}/change/")
    assert answer.status == 404
