"""Coming in, in a real browser: a first login with its second factor, a passkey, a new device, a lost password."""

import re
import time
from pathlib import Path

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value

from extranet.core import clock
from extranet.core.accounts import services
from extranet.core.accounts.models import User
from extranet.core.outbox import services as outbox
from extranet.core.web import verification
from tests.conftest import text_of
from tests.factories import AgentFactory, CafFactory, DemandeFactory, HabilitationFactory
from tests.journeys.test_pages import faults_of

pytestmark = pytest.mark.django_db(transaction=True)

OWN = "quatre mots sans lien"


@pytest.fixture
def base(live_server, settings):
    """As in production, at an address that passkeys accept."""
    settings.PUBLIC_URL = live_server.url
    settings.SECOND_FACTOR_ASKED = True
    return live_server.url.replace("127.0.0.1", "localhost")


def enter(page, base, email, password):
    page.goto(f"{base}/compte/connexion/")
    page.fill("[name=login]", email)
    page.fill("[name=password]", password)
    page.press("[name=password]", "Enter")
    page.wait_for_load_state()


def leave(page, base):
    page.click("text=Se déconnecter")
    page.wait_for_url(f"{base}/")


def with_a_key(page):
    """A telephone with a fingerprint, simulated by the browser."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    session.send("WebAuthn.addVirtualAuthenticator", {"options": options})


def person(password=OWN):
    user = HabilitationFactory().user
    user.set_password(password)
    user.password_chosen_at = clock.now()
    user.save()
    return user


@pytest.mark.rule("ACC-4.a")
@pytest.mark.rule("ACT-3.b")
def test_an_agents_first_login_ends_with_a_second_factor(base, new_page, smtp_sink):
    CafFactory()
    agent = AgentFactory(user__password_chosen_at=None).user
    services.invite(agent, now=clock.now())
    outbox.send_due(now=clock.now())
    received = re.findall(r"Mot de passe : (\S{8})\s", text_of(smtp_sink.to(agent.email)[-1]))[0]
    page = new_page()
    enter(page, base, agent.email, received)
    page.fill("[name=nouveau]", OWN)
    page.fill("[name=encore]", OWN)
    page.click("text=Enregistrer et continuer")
    assert page.url == f"{base}/compte/second-facteur/"
    faults = faults_of(page, "enrolment")
    page.goto(f"{base}/admin/")
    assert page.url == f"{base}/compte/second-facteur/"
    page.click("text=Ajouter une application")
    page.fill("[name=password]", OWN)
    page.click("text=Confirmer >> nth=-1")
    faults += faults_of(page, "application")
    secret = page.inner_text("#cle-application")
    page.fill("[name=code]", format_hotp_value(hotp_value(secret, int(time.time()) // 30)))
    page.click("main form button.bouton")
    assert page.locator(".codes li").count() == 10
    faults += faults_of(page, "recovery codes")
    code = page.inner_text(".codes li >> nth=0")
    page.click("text=Continuer")
    page.wait_for_url(f"{base}/admin/")

    other = new_page()
    enter(other, base, agent.email, OWN)
    assert other.url.endswith("/authenticate/")
    faults += faults_of(other, "second factor")
    other.fill("[name=code]", code)
    other.press("[name=code]", "Enter")
    other.wait_for_url(f"{base}/admin/")
    assert not faults, faults


@pytest.mark.rule("ACC-4.b")
def test_a_passkey_opens_after_the_password_and_by_itself(base, new_page, smtp_sink):
    user = person()
    page = new_page()
    with_a_key(page)
    enter(page, base, user.email, OWN)
    assert page.url.endswith("/nouvel-appareil/")
    faults = faults_of(page, "new device")
    outbox.send_due(now=clock.now())
    page.fill("[name=code]", re.findall(r"Code : (\d{6})", text_of(smtp_sink.to(user.email)[-1]))[0])
    page.click("text=Confirmer >> nth=-1")
    page.wait_for_url("**/espace/demandes/")

    page.goto(f"{base}/compte/second-facteur/webauthn/add/")
    page.fill("[name=password]", OWN)
    page.click("text=Confirmer >> nth=-1")
    page.wait_for_selector("#mfa_webauthn_add")
    faults += faults_of(page, "add a key")
    page.fill("[name=name]", "Téléphone")
    page.check("[name=passwordless]")
    page.click("#mfa_webauthn_add")
    page.wait_for_url("**/recovery-codes/")
    page.goto(f"{base}/compte/second-facteur/webauthn/")
    assert "Téléphone" in page.inner_text("main")
    faults += faults_of(page, "keys")

    leave(page, base)
    enter(page, base, user.email, OWN)
    page.click("text=Utiliser ma clé")
    page.wait_for_url("**/espace/demandes/")

    leave(page, base)
    page.goto(f"{base}/compte/connexion/")
    page.click("text=Se connecter avec une clé d’accès")
    page.wait_for_url("**/espace/demandes/")
    assert User.objects.get(pk=user.pk).last_login
    assert not faults, faults


@pytest.mark.rule("ACT-5.a")
@pytest.mark.parametrize("scripts", [True, False], ids=["javascript", "plain"])
def test_a_lost_password_is_asked_for_with_and_without_javascript(base, new_page, smtp_sink, monkeypatch, scripts):
    monkeypatch.setattr(verification, "QUESTIONS", [verification._following])
    user = person()
    page = new_page(java_script_enabled=scripts)
    page.goto(f"{base}/compte/connexion/")
    page.click("text=Mot de passe perdu ou volé")
    faults = faults_of(page, "lost") if scripts else []
    page.fill("[name=courriel]", user.email)
    page.fill("[name=verification]", "rien")
    page.press("[name=verification]", "Enter")
    assert "pas la bonne réponse" in page.inner_text("main")
    assert page.input_value("[name=courriel]") == user.email
    kind, known = re.findall(r"quel (jour|mois) vient juste après (\S+)", page.inner_text("main"))[0]
    row = verification.DAYS if kind == "jour" else verification.MONTHS
    page.fill("[name=verification]", str(row[(row.index(known) + 1) % len(row)]))
    page.press("[name=verification]", "Enter")
    page.wait_for_selector("text=Votre demande est prise en compte")
    outbox.send_due(now=clock.now())
    received = re.findall(r"Mot de passe : (\S{8})\s", text_of(smtp_sink.to(user.email)[-1]))[0]
    enter(page, base, user.email, received)
    assert page.url == f"{base}/compte/premiere-connexion/"
    assert not faults, faults


def test_a_password_can_be_read_before_it_is_sent_and_managers_know_each_field(base, new_page):
    user = person()
    page = new_page()
    page.goto(f"{base}/compte/connexion/")
    page.fill("[name=login]", user.email)
    page.fill("[name=password]", OWN)
    page.click("text=Afficher")
    assert page.get_attribute("[name=password]", "type") == "text"
    page.click("text=Masquer")
    assert page.get_attribute("[name=password]", "type") == "password"
    hints = lambda: page.eval_on_selector_all("main [autocomplete]", "all => all.map(e => e.autocomplete)")  # noqa: E731
    assert hints() == ["username", "current-password"]
    page.press("[name=password]", "Enter")
    page.wait_for_url("**/nouvel-appareil/")
    assert hints() == ["one-time-code"]
    page.goto(f"{base}/compte/mot-de-passe/perdu/")
    assert hints() == ["username", "off"]


@pytest.mark.rule("ACC-2.g")
def test_the_desk_of_a_superviseur(base, new_page, settings):
    settings.SECOND_FACTOR_ASKED = False
    agent = AgentFactory(role="superviseur")
    line = HabilitationFactory()
    DemandeFactory(transmise=True, lieu=line.lieu)
    lieu = new_page()
    enter(lieu, base, line.user.email, "Demonstration-2026")
    page = new_page()
    enter(page, base, agent.user.email, "Demonstration-2026")
    page.goto(f"{base}/admin/")
    page.click("text=Registre des accès aux dossiers")
    faults = faults_of(page, "accesses")
    with page.expect_download() as download:
        page.click("text=Télécharger en CSV")
    assert "vue dans la liste" in Path(download.value.path()).read_text(encoding="utf-8-sig")
    for path in ("/admin/territory/agent/", f"/admin/territory/agent/{agent.pk}/change/"):
        page.goto(base + path)
        faults += faults_of(page, path)
    assert not faults, faults
