"""Ends of conventions as their users walk them: notices in time and a day late, a breach, families consulted."""

import os
import re
from datetime import date, timedelta
from pathlib import Path

import pytest

from conventions.models import Convention
from demandes.models import Demande
from extranet.core import clock
from extranet.core.dates import add_months
from extranet.core.outbox.services import send_due
from extranet.portal import sweep
from tests.conftest import text_of
from tests.factories import AgentFactory, DemandeFactory, HabilitationFactory, LieuFactory, a_pdf
from tests.journeys.test_pages import TELEPHONE, faults_of, login

pytestmark = pytest.mark.django_db(transaction=True)
PICTURES = os.environ.get("PICTURES")


@pytest.fixture
def site(live_server, settings):
    settings.PUBLIC_URL = live_server.url
    return live_server.url


def picture(page, name):
    if PICTURES:
        for width in (1280, 390):
            page.set_viewport_size({"width": width, "height": 900})
            page.screenshot(path=Path(PICTURES) / f"{name}-{width}.png", full_page=True)


def a_delivery_day() -> date:
    """Lately, and no day that shorter months lack."""
    day = clock.today() - timedelta(days=1)
    return (day if day.day > 1 else day - timedelta(days=4)).replace(day=min(day.day if day.day > 1 else 26, 28))


def to_convention(page, site, convention):
    page.goto(f"{site}/admin/conventions/convention/{convention.pk}/change/")


def record(page, site, convention, **given):
    to_convention(page, site, convention)
    page.click("text=Enregistrer une lettre recommandée")
    page.check(f"[name=objet][value={given.pop('objet')}]")
    page.check(f"[name=partie][value={given.pop('partie')}]")
    for name, value in given.items():
        page.fill(f"[name={name}]", str(value))
    page.select_option("[name=issue]", "remise")
    letter = {"name": "lettre.pdf", "mimeType": "application/pdf", "buffer": a_pdf()}
    page.set_input_files("[name=scan]", letter)
    picture(page, "lettre-a-enregistrer")
    page.click("input[type=submit]:has-text('Enregistrer'), .submit-row input.default")
    assert "La lettre est enregistrée" in page.inner_text("body")


@pytest.mark.rule("CON-4.a")
@pytest.mark.rule("CON-4.c")
@pytest.mark.parametrize("late", [False, True], ids=["in time", "a day late"])
def test_a_notice_is_recorded_explained_and_confirmed(site, new_page, smtp_sink, late):
    delivered = a_delivery_day()
    last_day = delivered - timedelta(days=1) if late else delivered
    term = add_months(last_day, 3)
    lieu = LieuFactory(convention__in_force_from=add_months(term, -36))
    convention = lieu.conventions.get()
    agent = AgentFactory().user
    page = new_page(viewport={"width": 1280, "height": 900})
    login(page, site, agent.email)
    days = {"posted_on": delivered - timedelta(days=5), "presented_on": delivered - timedelta(days=3)}
    record(
        page,
        site,
        convention,
        objet="preavis",
        partie="gestionnaire",
        numero="1A 234 567 8901 2",
        delivered_on=delivered,
        **days,
    )
    assert "confirmer la fin que demande la lettre remise" in page.inner_text("body")
    picture(page, f"convention-lettre-{late}")
    faults = faults_of(page, "convention with a letter")
    page.click("a:has-text('Confirmer la résiliation à l’échéance')")
    said = page.inner_text("#content-main")
    assert ("1 jour trop tard" if late else "remise à temps") in said
    assert "Fin de votre convention" in said  # the mail, before it goes
    picture(page, f"fin-a-confirmer-{late}")
    faults += faults_of(page, "end to confirm")
    page.click("input[type=submit][value^='Confirmer']")
    assert "La fin de la convention est enregistrée" in page.inner_text("body")
    picture(page, f"convention-finie-{late}")
    assert not faults, faults
    convention.refresh_from_db()
    assert convention.ended_on == (add_months(add_months(term, -36), 48) if late else term)


@pytest.mark.rule("CON-5.a")
def test_a_breach_closes_the_lieu_from_the_act_on_and_its_file_is_one(site, new_page, smtp_sink):
    lieu = LieuFactory()
    person = HabilitationFactory(lieu=lieu).user
    DemandeFactory(recuperee=True, lieu=lieu, at=clock.now() - timedelta(days=3))
    theirs, page = new_page(), new_page(viewport={"width": 1280, "height": 900})
    login(theirs, site, person.email)
    assert theirs.goto(f"{site}/espace/demandes/").status == 200
    login(page, site, AgentFactory(superviseur=True).user.email)
    convention = lieu.conventions.get()
    to_convention(page, site, convention)
    page.click("#content >> text=mise en demeure")
    page.fill("[name=texte]", "Demandes récupérées en retard.")
    picture(page, "lettre-a-preparer")
    with page.expect_download() as letter:
        page.click("input[type=submit]")
    assert Path(letter.value.path()).read_bytes().startswith(b"%PDF-")
    today = clock.today()
    record(
        page,
        site,
        convention,
        objet="manquement",
        partie="caf",
        numero="1A23456789012",
        posted_on=today,
        delivered_on=today,
    )
    page.click("a:has-text('Confirmer la résiliation pour manquement')")
    page.fill("[name=motif]", "Données divulguées à un tiers.")
    picture(page, "manquement-a-confirmer")
    page.click("input[type=submit][value^='Confirmer']")
    assert "La convention est résiliée" in page.inner_text("body")
    picture(page, "convention-resiliee")
    theirs.goto(f"{site}/espace/demandes/")
    assert not Demande.objects.exclude(lieu=lieu).exists()
    assert "ME-2026" not in theirs.inner_text("main")
    with page.expect_download() as bundle:
        page.click("text=Dossier de manquement")
    assert Path(bundle.value.path()).read_bytes().startswith(b"PK")


@pytest.mark.rule("CON-6.d")
@pytest.mark.parametrize("script", [False, True], ids=["without JavaScript", "with JavaScript"])
def test_families_are_consulted_on_a_telephone_in_both_languages(site, new_page, smtp_sink, script):
    lieu, other = LieuFactory(nom="RPE des Tilleuls"), LieuFactory(nom="RPE des Érables")
    HabilitationFactory(lieu=lieu)
    receiver = HabilitationFactory(lieu=other).user
    demande = DemandeFactory(recuperee=True, lieu=lieu, at=clock.now() - timedelta(days=3))
    address = demande.dossier.open(clock.today()).courriel
    Convention.objects.filter(lieu=lieu).update(ended_on=clock.today() + timedelta(days=10))
    sweep.run(now=clock.now())
    send_due(now=clock.now())
    [mail] = smtp_sink.to(address)
    [link] = re.findall(rf"{site}/demandes/suivi/\S+", text_of(mail))
    page, faults = new_page(java_script_enabled=script, viewport=TELEPHONE), []

    def look(name):
        if script:
            faults.extend(faults_of(page, name))
            picture(page, name)

    page.goto(link)
    assert page.inner_text("h1") == "Confier votre demande à un autre lieu"
    look("autre-lieu-fr")
    page.click("text=Confier ma demande à ce lieu")
    assert "Choisissez un lieu d’information." in page.inner_text("main")
    look("autre-lieu-refuse")
    page.click("header >> text=English")
    assert page.inner_text("h1") == "Give your request to another service"
    look("autre-lieu-en")
    page.click("text=Back to your request")
    assert "This information service is stopping" in page.inner_text("main")
    look("suivi-en")
    page.click("text=Choose another service")
    page.check("[name=lieu]")
    page.click("text=Give my request to this service")
    assert "Your request has been given to another service" in page.inner_text("body")
    look("suivi-confie-en")
    demande.refresh_from_db()
    assert (demande.state, demande.lieu) == ("transmise", other)
    send_due(now=clock.now())
    assert "1 demande à récupérer" in [mail["Subject"] for mail in smtp_sink.to(receiver.email)]
    assert not faults, faults
