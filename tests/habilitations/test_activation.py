"""Opening access: when, by whom, and what each is told (ACT-1, ACT-2)."""

import re
from datetime import timedelta

import pytest
from django.apps import apps
from django.conf import settings
from django.db import connection

from conventions.models import Convention, Gestionnaire, PersonneInscrite, Reprise
from extranet.core.accounts import passwords
from extranet.core.accounts import services as accounts
from extranet.core.accounts.models import OneTimeSecret, User
from extranet.core.errors import Forbidden, WrongState
from extranet.core.outbox.models import Message
from extranet.core.outbox.services import send_due
from habilitations.models import Habilitation
from habilitations.services import activation, persons
from tests.conftest import text_of
from tests.factories import NOW, AgentFactory, LieuFactory, PersonneInscriteFactory, UserFactory

pytestmark = pytest.mark.django_db
PASSWORD = re.compile(r"mot de passe provisoire : (\S{8})\s")


@pytest.fixture
def personne():
    lieu = LieuFactory(
        gestionnaire__courriel="typed@application.test", gestionnaire__courriel_registre="mairie@commune.test"
    )
    Convention.objects.update(accepted_by=AgentFactory(user__email="first@caf.test").user)
    return PersonneInscriteFactory(lieu=lieu, courriel="Alix@Lieu.test")


def open_access(personne, agent=None):
    return activation.activate(personne_id=personne.pk, by=(agent or AgentFactory()).user, now=NOW)


@pytest.mark.rule("ACT-1.a")
@pytest.mark.parametrize(
    ("situation", "words"), [("a_signer", "signée"), ("convention_finie", "en vigueur"), ("suspendue", "suspendu")]
)
def test_no_access_before_all_signatures_nor_after_the_end(client, situation, words):
    lieu = LieuFactory(**{situation: True})
    personne = PersonneInscriteFactory(lieu=lieu)
    with pytest.raises(WrongState, match=words):
        open_access(personne)
    agent = AgentFactory()
    client.force_login(agent.user)
    assert client.post(f"/admin/habilitations/personneaactiver/{personne.pk}/acte/activer/").status_code == 409
    assert personne.nom not in client.get("/admin/habilitations/personneaactiver/").content.decode()
    assert not User.objects.filter(email=personne.courriel).exists()
    assert not Message.objects.exists()


@pytest.mark.rule("ACT-1.b")
def test_who_accepted_cannot_open_the_access(client, personne):
    accepter = User.objects.get(email="first@caf.test")
    with pytest.raises(Forbidden, match="une autre personne"):
        activation.activate(personne_id=personne.pk, by=accepter, now=NOW)
    client.force_login(accepter)
    answer = client.post(f"/admin/habilitations/personneaactiver/{personne.pk}/acte/activer/")
    assert answer.status_code == 403
    assert not Habilitation.objects.exists()


@pytest.mark.rule("CTL-6.c")
@pytest.mark.parametrize(("who", "status"), [({"lecteur": True}, 403), ({"essonne": True}, 404)])
def test_neither_a_reader_nor_another_caf_opens_it(client, personne, who, status):
    client.force_login(AgentFactory(**who).user)
    assert client.post(f"/admin/habilitations/personneaactiver/{personne.pk}/acte/activer/").status_code == status
    assert not Habilitation.objects.exists()


@pytest.mark.rule("ACT-1.e")
@pytest.mark.rule("ACT-1.f")
@pytest.mark.django_db(transaction=True)
def test_the_person_gets_its_password_and_notice_the_gestionnaire_is_told_at_its_official_address(personne, smtp_sink):
    made = open_access(personne)
    assert open_access(personne) == made
    send_due(now=NOW)
    assert sorted(mail["To"] for mail in smtp_sink.mails) == ["alix@lieu.test", "mairie@commune.test"]
    text = text_of(smtp_sink.to("alix@lieu.test")[0])
    (password,) = PASSWORD.findall(text)
    for kind in ("[a-z]", "[A-Z]", "[2-9]"):
        assert re.search(kind, password)
    for said in (personne.lieu.nom[1:], "7 jours", "/confidentialite/", personne.lieu.gestionnaire.nom[1:]):
        assert said in text, said
    told = text_of(smtp_sink.to("mairie@commune.test")[0])
    assert personne.nom in told
    assert password not in told


@pytest.mark.rule("ACT-2.b")
@pytest.mark.django_db(transaction=True)
def test_the_password_is_in_the_mail_and_nowhere_else(personne, smtp_sink, caplog):
    caplog.set_level("DEBUG")
    made = open_access(personne)
    send_due(now=NOW)
    persons.resend(habilitation_id=made.pk, by=AgentFactory().user, now=NOW + timedelta(minutes=1))
    send_due(now=NOW + timedelta(minutes=1))
    found = [PASSWORD.findall(text_of(mail))[0] for mail in smtp_sink.to("alix@lieu.test")]
    assert len(set(found)) == 2
    rows = ""
    with connection.cursor() as cursor:
        for model in apps.get_models():
            if model._meta.app_label != "territory":
                cursor.execute(f'SELECT * FROM "{model._meta.db_table}"')
                rows += repr(cursor.fetchall())
    assert "alix@lieu.test" in rows
    files = b"".join(path.read_bytes() for path in settings.DATA_DIR.rglob("*") if path.is_file())
    logged = "".join(record.getMessage() for record in caplog.records if record.name != "mail.log")  # the sink's own
    for password in found:
        assert password not in rows
        assert password.encode() not in files
        assert password not in logged


@pytest.mark.rule("ACC-6.a")
@pytest.mark.rule("NOT-2.e")
def test_a_person_suspended_before_the_sending_gets_no_password(personne, smtp_sink):
    made = open_access(personne)
    persons.suspend(habilitation_id=made.pk, reason="départ", by=AgentFactory().user, now=NOW)
    send_due(now=NOW + timedelta(minutes=1))
    assert smtp_sink.mails == []
    assert not OneTimeSecret.objects.exists()
    with pytest.raises(WrongState):
        persons.resend(habilitation_id=made.pk, by=AgentFactory().user, now=NOW)
    with pytest.raises(WrongState):
        persons.suspend(habilitation_id=made.pk, reason="encore", by=AgentFactory().user, now=NOW)


@pytest.mark.rule("ACT-2.a")
@pytest.mark.django_db(transaction=True)
def test_a_sending_that_fails_is_tried_again_with_another_password(personne, smtp_sink):
    made = open_access(personne)
    smtp_sink.refuse["alix@lieu.test"] = "451 later"
    send_due(now=NOW)
    first = OneTimeSecret.objects.get(user=made.user).digest
    smtp_sink.refuse.clear()
    send_due(now=NOW + timedelta(minutes=2))
    (mail,) = smtp_sink.to("alix@lieu.test")
    digests = list(OneTimeSecret.objects.filter(user=made.user).order_by("pk").values_list("digest", flat=True))
    assert digests == [first, passwords.digest(made.user.pk, PASSWORD.findall(text_of(mail))[0])]
    assert first != digests[1]


@pytest.mark.rule("ACT-2.b")
def test_the_desk_resends_a_password_until_one_is_chosen_and_never_shows_it(client, personne):
    made = open_access(personne)
    client.force_login(AgentFactory().user)
    page = f"/admin/habilitations/habilitation/{made.pk}/"
    assert client.post(f"{page}acte/renvoyer/").status_code == 302
    assert Message.objects.filter(kind="habilitations.activation").count() == 2
    assert "password" not in client.get(f"{page}change/").content.decode().lower()
    User.objects.filter(pk=made.user_id).update(password_chosen_at=NOW)
    assert client.post(f"{page}acte/renvoyer/").status_code == 409
    for who, status in ({"lecteur": True}, 403), ({"essonne": True}, 404):
        client.force_login(AgentFactory(**who).user)
        assert [client.post(f"{page}acte/{act}/").status_code for act in ("renvoyer", "suspendre")] == [status] * 2


@pytest.mark.rule("HAB-4.b")
@pytest.mark.django_db(transaction=True)
def test_a_person_known_elsewhere_keeps_its_account_and_password(personne, smtp_sink):
    known = UserFactory(email="alix@lieu.test")
    made = open_access(personne)
    send_due(now=NOW)
    assert made.user == known
    (mail,) = smtp_sink.to("alix@lieu.test")
    assert not PASSWORD.findall(text_of(mail))
    assert known.check_password("Demonstration-2026")


@pytest.mark.rule("ACT-1.e")
def test_without_an_official_address_to_tell_the_desk_says_what_to_do_first(client, personne):
    Gestionnaire.objects.update(courriel_registre="")
    client.force_login(AgentFactory().user)
    answer = client.post(f"/admin/habilitations/personneaactiver/{personne.pk}/acte/activer/")
    assert answer.status_code == 422
    assert "Indiquez d’abord le courriel officiel du gestionnaire" in answer.content.decode()
    page = client.get(f"/admin/habilitations/personneaactiver/{personne.pk}/change/").content.decode()
    assert f"/admin/conventions/gestionnaire/{personne.lieu.gestionnaire_id}/change/" in page
    assert not Habilitation.objects.exists()
    assert not User.objects.filter(email="alix@lieu.test").exists()
    assert not Message.objects.exists()


def test_a_closed_account_is_not_opened_in_silence(personne):
    UserFactory(email="alix@lieu.test", ferme=True)
    with pytest.raises(WrongState, match="fermé"):
        open_access(personne)


@pytest.mark.rule("ACC-6.a")
@pytest.mark.rule("ACC-6.b")
@pytest.mark.rule("ACT-5.e")
@pytest.mark.django_db(transaction=True)
def test_the_last_right_suspended_closes_the_account_and_a_signed_annexe_opens_it_again(client, personne, smtp_sink):
    agent = AgentFactory()
    first = open_access(personne, agent)
    elsewhere = LieuFactory(gestionnaire__courriel_registre="autre@commune.test")
    again = PersonneInscriteFactory(lieu=elsewhere, courriel="alix@lieu.test")
    second = open_access(again, agent)
    User.objects.filter(email="alix@lieu.test").update(password_chosen_at=NOW)
    client.force_login(first.user)
    persons.suspend(habilitation_id=first.pk, reason="départ", by=agent.user, now=NOW)
    assert client.get("/espace/demandes/").status_code == 200  # the other lieu is still there
    persons.suspend(habilitation_id=second.pk, reason="départ", by=agent.user, now=NOW)
    assert "/compte/connexion/" in client.get("/espace/demandes/")["Location"]
    accounts.request_password("alix@lieu.test", now=NOW)
    send_due(now=NOW + timedelta(minutes=1))
    assert smtp_sink.to("alix@lieu.test") == []
    third = PersonneInscriteFactory(
        lieu=LieuFactory(gestionnaire__courriel_registre="c@d.test"), courriel="alix@lieu.test"
    )
    assert open_access(third, agent).user == first.user
    send_due(now=NOW + timedelta(minutes=2))
    assert PASSWORD.findall(text_of(smtp_sink.to("alix@lieu.test")[-1]))


def test_the_address_of_an_agent_opens_no_lieu(personne):
    PersonneInscrite.objects.filter(pk=personne.pk).update(courriel="first@caf.test")
    with pytest.raises(WrongState, match="agent"):
        open_access(personne)


@pytest.mark.rule("ACT-1.e")
@pytest.mark.rule("HAB-4.b")
@pytest.mark.django_db(transaction=True)
def test_an_account_called_otherwise_is_said_to_the_agent_and_to_the_gestionnaire(client, personne, smtp_sink):
    lieu = personne.lieu
    alike = PersonneInscriteFactory(lieu=lieu, courriel="lea@lieu.test", prenom="LEA", nom="Petit", fonction="accueil")
    UserFactory(email="alix@lieu.test", prenom="Sam", nom="Roux")
    UserFactory(email="lea@lieu.test", prenom="Léa", nom="Petit")
    said = f"{personne.courriel} est déjà le compte de Sam Roux : vérifiez l’adresse."
    client.force_login(AgentFactory().user)
    base = "/admin/habilitations/personneaactiver/"
    pages = f"{base}{personne.pk}/change/", f"{base}{personne.pk}/acte/activer/"
    several = f"{base}actes/activer/?objet={personne.pk}&objet={alike.pk}"
    for page in (*pages, several):
        assert client.get(page).content.decode().count(said) == 1
    activation.activate_all(personne_ids=[personne.pk, alike.pk], by=AgentFactory().user, now=NOW)
    send_due(now=NOW)
    told = text_of(smtp_sink.to("mairie@commune.test")[0]).replace("\r", "")
    assert f"- {personne.prenom} {personne.nom}, {personne.fonction} (par le compte de Sam Roux)\n" in told
    assert "- LEA Petit, accueil\n" in told


@pytest.mark.rule("ACT-1.f")
@pytest.mark.rule("CON-13.f")
@pytest.mark.parametrize(
    ("origin", "words"),
    [
        ("application", "dans sa demande d’habilitation."),
        ("correction", "dans la convention {numero}."),
        ("reprise", "dans la convention que votre Caf a reprise."),
        ("avenant", "dans l’avenant n° 1 à la convention {numero}."),
    ],
)
@pytest.mark.django_db(transaction=True)
def test_the_notice_says_by_which_acte_the_data_came(personne, smtp_sink, origin, words):
    acte = personne.opened_by
    if origin == "correction":
        acte.rang = 1
        acte.save()
    elif origin == "reprise":
        Reprise.objects.create(
            convention=acte.convention, caf=personne.lieu.caf, numero="2023-014", empreinte="x", recorded_at=NOW
        )
    elif origin == "avenant":
        given = {"rang": 1, "state": "applique", "effective_on": acte.effective_on, "prepared_at": NOW}
        avenant = acte.convention.actes.create(nature="avenant", **given)
        PersonneInscrite.objects.filter(pk=personne.pk).update(opened_by=avenant)
    open_access(personne)
    send_due(now=NOW)
    [mail] = smtp_sink.to("alix@lieu.test")
    for text in (text_of(mail), mail.get_body(("html",)).get_content()):
        assert words.format(numero=acte.convention.numero) in text.replace("\xa0", " ").replace("\u202f", " ")
