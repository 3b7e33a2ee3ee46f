"""Second factors: what is asked at the door after the password, and of whom."""

import re
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from django.http import Http404
from django.test import Client
from django.urls import reverse

from extranet.core import signed
from extranet.core.accounts import devices, factors, services
from extranet.core.accounts.models import CodeAppareil, OneTimeSecret, User
from extranet.core.errors import Forbidden, WrongState
from extranet.core.journal.models import Entry
from extranet.core.outbox import services as outbox
from extranet.core.outbox.models import Message
from extranet.territory import services as territory
from extranet.territory.models import Caf
from habilitations.services import persons
from tests.conftest import text_of
from tests.core.test_accounts_secrets import everything_stored
from tests.factories import AgentFactory, CafFactory, HabilitationFactory

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
OWN = "quatre mots sans lien"
CAMILLE = "camille.durand@lieu.test"
LOGIN, FACTOR, DEVICE = "/compte/connexion/", "/compte/second-facteur/authenticate/", "/compte/nouvel-appareil/"
MINE, ENROL = "/compte/second-facteur/", "/compte/second-facteur/totp/activate/"


@pytest.fixture
def clock(db: None) -> Any:
    with time_machine.travel(NOW, tick=False) as moved:
        yield moved


@pytest.fixture
def asked(settings: Any) -> None:
    """As in production."""
    settings.SECOND_FACTOR_ASKED = True


@pytest.fixture
def camille(clock: Any) -> User:
    return User.objects.create_user(CAMILLE, OWN, nom="Durand", prenom="Camille", password_chosen_at=NOW)


def with_application(user: User) -> str:
    secret = generate_totp_secret()
    TOTP.activate(user, secret)
    RecoveryCodes.activate(user)
    return secret


def code_of(secret: str, shift: int = 0) -> str:
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + shift))


def enter(client: Client, password: str = OWN, email: str = CAMILLE) -> Any:
    return client.post(LOGIN, {"login": email, "password": password})


def is_in(client: Client) -> bool:
    return client.get("/compte/mot-de-passe/").status_code == 200


def mailed_code(smtp_sink: Any, now: datetime = NOW, to: str = CAMILLE) -> str:
    outbox.send_due(now=now)
    return re.findall(r"Code : (\d{6})\s", text_of(smtp_sink.to(to)[-1]))[0]


# --- with a second factor --------------------------------------------------------------------------------------------


@pytest.mark.rule("ACC-4.b")
def test_a_person_adds_an_application_and_is_asked_for_its_code(
    client: Client, camille: User, clock: Any, django_capture_on_commit_callbacks: Any
) -> None:
    enter(client)
    assert client.get(ENROL)["Location"].startswith("/compte/confirmation/")
    client.post("/compte/confirmation/", {"password": OWN, "next": ENROL})
    secret = re.findall(r'id="cle-application">([A-Z2-7]{32})<', client.get(ENROL).content.decode())[0]
    wrong = client.post(ENROL, {"code": "000000" if code_of(secret) != "000000" else "111111"})
    assert "n’est pas le bon" in wrong.content.decode()
    with django_capture_on_commit_callbacks(execute=True):
        done = client.post(ENROL, {"code": code_of(secret)})
    assert done["Location"] == "/compte/second-facteur/recovery-codes/"
    codes = re.findall(r"<code>(\d{8})</code>", client.get(done["Location"]).content.decode())
    assert len(codes) == 10
    stored = everything_stored()
    assert secret not in stored
    assert not any(code in stored for code in codes), "kept sealed"
    assert Entry.objects.get(event="compte.second-facteur").details == {"quoi": "application-ajoutee"}
    assert Message.objects.get(kind="accounts.second-facteur").recipient == f"user:{camille.pk}"

    clock.shift(timedelta(minutes=5))
    other = Client()
    assert enter(other)["Location"] == FACTOR
    assert not is_in(other)
    assert other.post(FACTOR, {"code": "123"}).status_code == 422
    code = code_of(secret)
    assert other.post(FACTOR, {"code": code})["Location"] == reverse("portal:entree")
    assert is_in(other)
    again = Client()
    enter(again)
    clock.shift(timedelta(seconds=30))
    assert again.post(FACTOR, {"code": code}).status_code == 422, "a code serves once, within its tolerance too"
    assert again.post(FACTOR, {"code": codes[0]}).status_code == 302, "a recovery code"
    third = Client()
    enter(third)
    assert third.post(FACTOR, {"code": codes[0]}).status_code == 422, "which serves once"


@pytest.mark.rule("ACT-2.c")
@pytest.mark.rule("ACT-5.d")
def test_a_mailed_password_is_not_spent_before_the_second_factor(client: Client, camille: User) -> None:
    secret = with_application(camille)
    text = services.issue_password(camille, "perte", now=NOW)
    assert enter(client, text)["Location"] == FACTOR
    assert OneTimeSecret.objects.get().used_at is None
    assert User.objects.get().check_password(OWN), "who has only the mailbox has taken nothing from its person"
    assert not is_in(client)
    assert client.post(FACTOR, {"code": code_of(secret)}).status_code == 302
    assert OneTimeSecret.objects.get().used_at == NOW
    assert client.get(reverse("portal:entree"))["Location"] == "/compte/premiere-connexion/"


@pytest.mark.rule("ACT-2.c")
def test_two_at_the_second_factor_with_one_mailed_password_spend_it_once(camille: User, clock: Any) -> None:
    secret, text = with_application(camille), services.issue_password(camille, "perte", now=NOW)
    first, second = Client(), Client()
    enter(first, text)
    enter(second, text)
    assert first.post(FACTOR, {"code": code_of(secret)})["Location"] == reverse("portal:entree")
    assert second.post(FACTOR, {"code": code_of(secret, shift=1)})["Location"] == LOGIN
    assert "a déjà servi" in second.get(LOGIN).content.decode()
    assert not is_in(second)


def test_a_mailed_password_typed_first_is_not_spent_by_who_enters_with_its_own(client: Client, camille: User) -> None:
    secret, text = with_application(camille), services.issue_password(camille, "perte", now=NOW)
    enter(client, text)
    client.post("/compte/deconnexion/")
    enter(client)
    client.post(FACTOR, {"code": code_of(secret)})
    assert is_in(client), "no other password has to be chosen"
    assert OneTimeSecret.objects.get().used_at is None


def test_another_secret_key_changes_nothing_and_a_lost_key_opens_nothing(
    client: Client, camille: User, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = with_application(camille)
    settings.SECRET_KEY = "another-" + "y" * 50
    enter(client)
    assert client.post(FACTOR, {"code": code_of(secret)}).status_code == 302
    monkeypatch.setattr(signed, "digest", lambda purpose, value: "00" * 32)
    stranger = Client()
    enter(stranger)
    assert stranger.post(FACTOR, {"code": code_of(secret, shift=1)}).status_code == 422
    assert stranger.post(FACTOR, {"code": code_of("A" * 32)}).status_code == 422


@pytest.mark.rule("ACT-7.a")
@pytest.mark.rule("ACT-7.b")
def test_wrong_codes_are_held_as_wrong_passwords_are(client: Client, camille: User, clock: Any) -> None:
    secret = with_application(camille)
    enter(client)
    answers = [client.post(FACTOR, {"code": "12345"}).status_code for _ in range(6)]
    assert answers == [422] * 5 + [429]
    for _ in range(4):
        clock.shift(timedelta(minutes=2))
        client.post(FACTOR, {"code": "12345"})
    clock.shift(timedelta(minutes=5, seconds=50))
    late = Client()
    enter(late)
    held = late.post(FACTOR, {"code": code_of(secret)})
    assert (held.status_code, held["Retry-After"]) == (429, "900")


@pytest.mark.rule("ACC-4.a")
@pytest.mark.rule("ACT-7.d")
@pytest.mark.parametrize("role", ["instructeur", "lecteur", "superviseur", "cnaf"])
def test_an_agent_reaches_no_page_before_it_has_a_second_factor(
    client: Client, clock: Any, asked: None, smtp_sink: Any, role: str
) -> None:
    agent = AgentFactory(role=role, caf=None if role == "cnaf" else CafFactory()).user
    agent.set_password(OWN)
    agent.save()
    enter(client, email=agent.email)
    client.post(DEVICE, {"code": mailed_code(smtp_sink, to=agent.email)})
    for page in ("/admin/", "/", "/compte/mot-de-passe/", "/admin/conventions/convention/", "/compte/jetons/"):
        assert client.get(page)["Location"] == MINE, page
    assert "Aucune autre page ne s’ouvre avant" in client.get(MINE).content.decode()
    client.post("/compte/confirmation/", {"password": OWN, "next": ENROL})
    secret = re.findall(r'id="cle-application">([A-Z2-7]{32})<', client.get(ENROL).content.decode())[0]
    client.post(ENROL, {"code": code_of(secret)})
    assert client.get("/admin/").status_code == 200

    client.post("/compte/second-facteur/totp/deactivate/")
    assert client.get("/admin/")["Location"] == MINE, "taken off, it is asked for again"


@pytest.mark.rule("ACC-4.a")
def test_the_demonstration_says_that_it_does_not_ask(client: Client, clock: Any, settings: Any) -> None:
    settings.DEMO = True
    client.force_login(AgentFactory().user)
    assert "n’est pas exigé des agents" in client.get(MINE).content.decode()
    assert client.get("/admin/").status_code == 200


@pytest.mark.rule("ACC-4.c")
def test_a_caf_asks_it_of_its_lieux(client: Client, clock: Any) -> None:
    line, elsewhere = HabilitationFactory(), HabilitationFactory(lieu__essonne=True)
    for user in (line.user, elsewhere.user):
        user.set_password(OWN)
        user.save()
    supervisor = AgentFactory(role="superviseur", caf=line.lieu.caf).user
    client.force_login(supervisor)
    act = f"/admin/territory/caf/{line.lieu.caf_id}/acte/second-facteur/"
    assert client.post(act, {"second_facteur": "on"}).status_code == 302
    assert Caf.objects.get(pk=line.lieu.caf_id).second_facteur
    assert Entry.objects.get(event="caf.second-facteur").actor == f"user:{supervisor.uuid}"
    with pytest.raises(Forbidden):
        territory.set_second_factor(caf_code=line.lieu.caf_id, second_facteur=False, by=AgentFactory().user, now=NOW)

    own, other = Client(), Client()
    enter(own, email=line.user.email)
    assert own.get("/espace/demandes/")["Location"] == MINE
    assert "La Caf de votre lieu le demande" in own.get(MINE).content.decode()
    enter(other, email=elsewhere.user.email)
    assert other.get("/espace/demandes/").status_code == 200


# --- without one -----------------------------------------------------------------------------------------------------


@pytest.mark.rule("ACC-4.d")
def test_a_new_device_is_confirmed_by_a_mailed_code_once(
    client: Client, camille: User, asked: None, clock: Any, smtp_sink: Any, caplog: pytest.LogCaptureFixture
) -> None:
    assert enter(client)["Location"] == DEVICE
    assert not is_in(client)
    code = mailed_code(smtp_sink)
    assert code not in everything_stored().replace(str(NOW.year), "")
    assert code not in caplog.text
    assert code not in smtp_sink.to(CAMILLE)[-1]["Subject"]
    wrong = client.post(DEVICE, {"code": f"{(int(code) + 1) % 10**6:06}"})
    assert wrong.status_code == 422
    assert "Ce n’est pas le bon code" in wrong.content.decode()
    assert client.post(DEVICE, {"code": f" {code[:3]} {code[3:]}"})["Location"] == reverse("portal:entree")
    assert is_in(client)

    client.post("/compte/deconnexion/")
    assert enter(client)["Location"] == reverse("portal:entree"), "this device is known now"
    elsewhere = Client()
    assert enter(elsewhere)["Location"] == DEVICE
    assert elsewhere.post(DEVICE, {"code": code}).status_code == 422, "another login has another code"


@pytest.mark.rule("ACC-4.d")
def test_a_code_has_a_short_life_and_few_tries(client: Client, camille: User, asked: None, clock: Any) -> None:
    enter(client)
    first = CodeAppareil.objects.get()
    good = devices.text_of(first)
    for _ in range(5):
        assert devices.confirm(camille, str(first.uuid), "wrong!", now=NOW) is False
    assert devices.confirm(camille, str(first.uuid), good, now=NOW) is None
    assert "a expiré, ou a été essayé trop de fois" in client.post(DEVICE, {"code": good}).content.decode()

    second = devices.ask(camille, now=NOW)
    assert second is not None
    assert devices.confirm(camille, str(second.uuid), devices.text_of(second), now=NOW + devices.LIFE) is None
    other = User.objects.create_user("alix@lieu.test", OWN)
    assert devices.confirm(other, str(second.uuid), devices.text_of(second), now=NOW) is None
    for _ in range(3):
        assert devices.ask(camille, now=NOW)
    assert devices.ask(camille, now=NOW) is None, "five an hour"
    assert "Cinq codes ont été demandés" in client.post(DEVICE, {"renvoyer": "1"}).content.decode()
    assert devices.ask(camille, now=NOW + timedelta(hours=1))


@pytest.mark.rule("ACC-4.d")
def test_a_device_is_of_one_person_until_its_password_changes(
    client: Client, camille: User, asked: None, smtp_sink: Any, clock: Any
) -> None:
    enter(client)
    client.post(DEVICE, {"code": mailed_code(smtp_sink)})
    client.post("/compte/deconnexion/")
    User.objects.create_user("alix@lieu.test", OWN)
    assert enter(client, email="alix@lieu.test")["Location"] == DEVICE
    client.post(DEVICE, {"code": mailed_code(smtp_sink, to="alix@lieu.test")})
    client.post("/compte/deconnexion/")
    assert enter(client)["Location"] == reverse("portal:entree"), "two people may share a browser"
    services.choose_password(camille, "cinq mots sans aucun lien", now=NOW + timedelta(minutes=1))
    client.post("/compte/deconnexion/")
    assert enter(client, "cinq mots sans aucun lien")["Location"] == DEVICE


@pytest.mark.rule("ACC-4.d")
def test_a_mailed_password_is_such_a_code_already(client: Client, camille: User, asked: None) -> None:
    text = services.issue_password(camille, "perte", now=NOW)
    assert enter(client, text)["Location"] == reverse("portal:entree")
    assert not CodeAppareil.objects.exists()


def test_the_pages_after_the_password_have_no_other_door(client: Client, camille: User) -> None:
    for page in (FACTOR, DEVICE):
        assert client.get(page)["Location"] == LOGIN
    for credential in ('{"id": "x"}', '{"id": "x", "rawId": 3}', "[1]", '"x"', '{"response": {"userHandle": "AA"}}'):
        refused = client.post("/compte/second-facteur/webauthn/login/", {"credential": credential}, follow=True)
        assert "n’est pas le bon" in refused.content.decode(), credential
    assert not is_in(client)


# --- a lost telephone ------------------------------------------------------------------------------------------------


@pytest.mark.rule("ACC-4.b")
def test_a_lost_telephone_is_taken_off_by_the_caf_with_a_trace(client: Client, clock: Any, smtp_sink: Any) -> None:
    line = HabilitationFactory()
    line.user.set_password(OWN)
    line.user.save()
    secret = with_application(line.user)
    enter(client, email=line.user.email)
    client.post(FACTOR, {"code": code_of(secret)})
    assert is_in(client)
    agent = AgentFactory(caf=line.lieu.caf).user
    with pytest.raises(Forbidden):
        persons.reset_factor(habilitation_id=line.pk, by=AgentFactory(role="lecteur", caf=line.lieu.caf).user, now=NOW)
    desk = Client()
    desk.force_login(agent)
    page = f"/admin/habilitations/habilitation/{line.pk}/"
    assert "Retirer le second facteur" in desk.get(f"{page}change/").content.decode()
    assert desk.post(f"{page}acte/second-facteur/").status_code == 302
    assert not Authenticator.objects.exists()
    assert not is_in(client), "its sessions are closed"
    told = Entry.objects.filter(event="habilitation.second-facteur-retire", actor=f"user:{agent.uuid}")
    assert told.count() == 1
    outbox.send_due(now=NOW)
    assert "a retiré le second facteur" in text_of(smtp_sink.to(line.user.email)[-1])
    assert enter(Client(), email=line.user.email)["Location"] == reverse("portal:entree")
    with pytest.raises(WrongState):
        persons.reset_factor(habilitation_id=line.pk, by=agent, now=NOW)


@pytest.mark.rule("ACC-4.a")
def test_an_agents_is_taken_off_by_another_superviseur_or_the_cnaf(clock: Any) -> None:
    agent = AgentFactory(role="superviseur")
    cnaf = AgentFactory(cnaf=True).user
    for by, refusal in (
        (agent.user, Forbidden),
        (AgentFactory().user, Forbidden),
        (AgentFactory(role="superviseur", essonne=True).user, Http404),
    ):
        with_application(agent.user)
        with pytest.raises(refusal):
            territory.reset_factor(agent_id=agent.pk, by=by, now=NOW)
        assert factors.factors_of(agent.user).exists()
        Authenticator.objects.all().delete()
    for by in (AgentFactory(role="superviseur").user, cnaf):
        with_application(agent.user)
        territory.reset_factor(agent_id=agent.pk, by=by, now=NOW)
        assert not factors.factors_of(agent.user).exists()
