"""A convention signed by its link: sent by the Caf, handed in without account, verified, in force (CON-15)."""

import re
from pathlib import Path

import pytest

from conventions.models import Convention
from extranet.core import clock
from extranet.core.outbox import services as outbox
from tests.conftest import text_of
from tests.factories import AgentFactory, LieuFactory, PersonneInscriteFactory, a_pdf

PASSWORD = "Demonstration-2026"


SIGNED = a_pdf()


def a_file(content=SIGNED):
    return {"name": "signe.pdf", "mimeType": "application/pdf", "buffer": content}


def downloaded(page, button):
    with page.expect_download() as caught:
        page.click(button)
    return Path(caught.value.path()).read_bytes()


@pytest.mark.rule("CON-15.a")
@pytest.mark.rule("CON-15.b")
@pytest.mark.django_db(transaction=True)
def test_from_the_mailed_paper_to_the_convention_in_force(live_server, new_page, smtp_sink, settings):
    settings.PUBLIC_URL, settings.CLOCK_SHIFT = live_server.url, ""
    lieu = LieuFactory(a_signer=True, gestionnaire__association=True, courriel="rpe@tilleuls.test")
    PersonneInscriteFactory(lieu=lieu)
    convention = Convention.objects.get(lieu=lieu)
    AgentFactory(user__email="agent@caf77.test")
    page = f"{live_server.url}/admin/conventions/convention/{convention.pk}"

    # 1. The agent sends it: the page says that this comes next.
    desk = new_page()
    desk.goto(f"{page}/change/")
    for name, typed in (("login", "agent@caf77.test"), ("password", PASSWORD)):
        desk.fill(f"[name={name}]", typed)
    desk.click("main form button.bouton")
    assert "Prochaine étape : envoyer la convention à signer" in desk.inner_text("#content")
    desk.click("text=Envoyer le lien de signature")
    desk.click("input[type=submit]")
    outbox.send_due(now=clock.now())
    [mail] = smtp_sink.to("rpe@tilleuls.test")
    address = re.search(rf"{live_server.url}/conventions/copie-signee/\S+", text_of(mail)).group()

    # 2. On a telephone, without account: the paper, a wrong file, the right one.
    visitor = new_page(viewport={"width": 390, "height": 844})
    visitor.goto(address)
    assert downloaded(visitor, "text=Télécharger le document (PDF)").startswith(b"%PDF-")
    visitor.set_input_files("[name=scan]", a_file(b"a photograph"))
    visitor.click("text=Envoyer la copie signée")
    assert "Ce fichier n’est pas un PDF" in visitor.inner_text("main")
    visitor.set_input_files("[name=scan]", a_file())
    visitor.click("text=Envoyer la copie signée")
    assert "est arrivée à la Caf" in visitor.inner_text("main")
    assert visitor.locator("[name=scan]").count() == 0
    assert visitor.evaluate("document.documentElement.scrollWidth") <= 390

    # 3. The agent reads the copy, then says what is on it; the Caf signs.
    outbox.send_due(now=clock.now())
    assert len(smtp_sink.to("agent@caf77.test")) == 1
    desk.goto(f"{page}/change/")
    assert "vérifier la copie signée" in desk.inner_text("#content")
    assert downloaded(desk, "text=PDF reçu") == SIGNED
    for act in ("verifier-copie", "signature"):
        desk.goto(f"{page}/acte/{act}/")
        if act == "signature":
            desk.check("[name=partie][value=caf]")
            desk.set_input_files("[name=scan]", a_file())
        desk.fill("[name=signed_on]", clock.today().isoformat())
        desk.fill("[name=signataire]", "Camille Martin")
        desk.fill("[name=qualite]", "présidente")
        desk.click("input[type=submit]")
    convention.refresh_from_db()
    assert convention.in_force_from == clock.today()
    shown = desk.inner_text("#content")
    assert "Signatures (4 sur 4)" in shown
    assert "indiquer où sont conservés les originaux" in shown
    visitor.reload()
    assert "est vérifiée" in visitor.inner_text("main")
