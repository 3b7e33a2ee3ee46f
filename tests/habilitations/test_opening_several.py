"""All persons of an annexe 1 are opened in one act; a button is there exactly when its act would pass (ACT-1)."""

from io import BytesIO

import pytest
from django.urls import reverse

from conventions.models import Convention, Gestionnaire
from conventions.rules import PersonneDonnee
from conventions.services import avenants, signature
from extranet.core.errors import Forbidden, NotFound
from extranet.core.outbox import services as outbox
from extranet.core.outbox.models import Message
from habilitations import queries
from habilitations.models import Habilitation
from habilitations.services import activation
from tests.conftest import text_of
from tests.factories import (
    NOW,
    AgentFactory,
    HabilitationFactory,
    LieuFactory,
    PersonneInscriteFactory,
    SuspensionFactory,
    a_pdf,
)

pytestmark = pytest.mark.django_db
LIST = "/admin/habilitations/personneaactiver/"
PAGE = f"{LIST}actes/activer/"


@pytest.fixture(autouse=True)
def _today(time_machine):
    time_machine.move_to(NOW, tick=False)


@pytest.fixture
def lieu():
    made = LieuFactory(gestionnaire__courriel_registre="mairie@commune.test", nom="RPE des Tilleuls")
    Convention.objects.update(accepted_by=AgentFactory(user__email="first@caf.test").user)
    return made


@pytest.fixture
def persons(lieu):
    return [PersonneInscriteFactory(lieu=lieu, courriel=f"{name}@lieu.test") for name in ("ana", "bea", "cleo")]


@pytest.mark.rule("ACT-1.d")
@pytest.mark.rule("ACT-1.e")
@pytest.mark.django_db(transaction=True)
def test_all_persons_checked_are_opened_in_one_act_each_mailed_and_the_gestionnaire_told_once(
    client, persons, smtp_sink
):
    client.force_login(AgentFactory().user)
    listed = client.post(LIST, {"action": "activer", "_selected_action": [one.pk for one in persons]})
    page = client.get(listed["Location"]).content.decode()
    assert all(one.nom in page for one in persons)
    assert client.post(PAGE, {"objet": [one.pk for one in persons]}).status_code == 302
    assert Habilitation.objects.count() == 3
    outbox.send_due(now=NOW)
    for name in ("ana", "bea", "cleo"):
        [told] = smtp_sink.to(f"{name}@lieu.test")
        assert "mot de passe provisoire" in text_of(told)
    [notice] = smtp_sink.to("mairie@commune.test")
    assert notice["Subject"].strip() == "3 personnes ont maintenant accès à des demandes de familles"
    assert all(one.nom in text_of(notice) for one in persons)
    again = client.post(PAGE, {"objet": [one.pk for one in persons]})
    assert again.status_code == 409
    assert (Habilitation.objects.count(), Message.objects.count()) == (3, 4)


@pytest.mark.rule("ACT-1.d")
def test_one_that_cannot_be_opened_is_named_with_its_reason_and_nothing_is_half_done(client, persons):
    agent = AgentFactory()
    taken = PersonneInscriteFactory(lieu=persons[0].lieu, courriel=agent.user.email)
    client.force_login(agent.user)
    chosen = [persons[0].pk, taken.pk]
    page = client.get(PAGE, {"objet": chosen}).content.decode()
    assert "Cette adresse est celle d’un agent" in page
    assert f'value="{persons[0].pk}"' in page
    assert f'value="{taken.pk}"' not in page
    assert client.post(PAGE, {"objet": chosen}).status_code == 409
    assert not Habilitation.objects.exists()
    assert not Message.objects.exists()


@pytest.mark.rule("ACT-1.d")
def test_another_cafs_person_refuses_the_whole_act(client, persons):
    foreign = PersonneInscriteFactory(lieu=LieuFactory(essonne=True))
    agent = AgentFactory()
    client.force_login(agent.user)
    assert client.post(PAGE, {"objet": [persons[0].pk, foreign.pk]}).status_code == 404
    with pytest.raises(NotFound):
        activation.activate_all(personne_ids=[persons[0].pk, foreign.pk], by=agent.user, now=NOW)
    client.force_login(AgentFactory(lecteur=True).user)
    assert client.post(PAGE, {"objet": persons[0].pk}).status_code == 403
    assert 'name="action"' not in client.get(LIST).content.decode()
    assert not Habilitation.objects.exists()


@pytest.mark.rule("ACT-1.b")
def test_who_accepted_reads_why_instead_of_a_button(client, persons):
    accepter = Convention.objects.get().accepted_by
    address = f"{LIST}{persons[0].pk}/"
    button = f'href="{address}acte/activer/"'
    client.force_login(accepter)
    page = client.get(f"{address}change/").content.decode()
    assert button not in page
    assert "Vous avez accepté cette demande" in page
    assert client.get(f"{address}acte/activer/").status_code == 403
    assert client.post(PAGE, {"objet": persons[0].pk}).status_code == 409
    with pytest.raises(Forbidden):
        activation.activate_all(personne_ids=[persons[0].pk], by=accepter, now=NOW)
    client.force_login(AgentFactory().user)
    assert button in client.get(f"{address}change/").content.decode()


@pytest.mark.rule("ACT-1.b")
@pytest.mark.rule("CON-7.d")
def test_whoever_prepared_the_avenant_does_not_open_the_access_of_whom_it_names(lieu):
    agent, other = AgentFactory(), AgentFactory()
    new = PersonneDonnee("M.", "Roux", "Sam", "sam@lieu.test", "Petite enfance", "responsable")
    acte = avenants.prepare(convention_uuid=lieu.conventions.get().uuid, personnes_added=[new], by=agent.user, now=NOW)
    for partie in ("gestionnaire", "caf"):
        signature.record_signature(
            acte_uuid=acte.uuid,
            partie=partie,
            pieces=["avenant", "annexe1"],
            signed_on=NOW.date(),
            signataire="Dominique Moreau",
            qualite="présidente",
            scan=BytesIO(a_pdf()),
            by=agent.user,
            now=NOW,
        )
    [named] = queries.to_activate(NOW)
    with pytest.raises(Forbidden, match="préparé l’avenant"):
        activation.activate(personne_id=named.pk, by=agent.user, now=NOW)
    made = activation.activate(personne_id=named.pk, by=other.user, now=NOW)
    assert lieu in queries.lieux_of(made.user, NOW)


@pytest.mark.rule("ACT-1.b")
def test_each_other_reason_is_said_in_place_of_the_button(client, persons):
    client.force_login(AgentFactory().user)
    address = f"{LIST}{persons[0].pk}/"
    button = f'href="{address}acte/activer/"'

    def shown():
        return client.get(f"{address}change/").content.decode()

    Gestionnaire.objects.update(courriel_registre="")
    assert button not in shown()
    assert "Indiquez d’abord le courriel officiel" in shown()
    Gestionnaire.objects.update(courriel_registre="mairie@commune.test")
    assert button in shown()
    suspension = SuspensionFactory(convention=Convention.objects.get())
    assert button not in shown()
    assert "Ce lieu est suspendu" in shown()
    suspension.delete()
    assert client.post(f"{address}acte/activer/").status_code == 302
    assert button not in shown()
    assert "déjà été ouvert" in shown()


@pytest.mark.rule("ACC-6.a")
def test_no_password_is_offered_to_a_person_whose_line_is_over(client, lieu):
    line = HabilitationFactory(lieu=lieu, user__password_chosen_at=None)
    client.force_login(AgentFactory().user)
    address = reverse("admin:habilitations_habilitation_change", args=[line.pk])
    resend = reverse("admin:habilitations_habilitation_acte", args=[line.pk, "renvoyer"])
    assert resend in client.get(address).content.decode()
    lieu.inscriptions.update(until_on="2026-11-22")
    assert resend not in client.get(address).content.decode()
    assert client.post(resend).status_code == 409


@pytest.mark.rule("ACT-1.c")
def test_four_eyes_are_a_setting_of_the_caf_on_by_default_and_recorded(client, persons):
    accepter = Convention.objects.get().accepted_by
    caf = persons[0].lieu.caf
    assert caf.quatre_yeux
    act = reverse("admin:territory_caf_acte", args=[caf.pk, "quatre-yeux"])
    for who, status in (({}, 403), ({"lecteur": True}, 403), ({"superviseur": True, "essonne": True}, 404)):
        client.force_login(AgentFactory(**who).user)
        assert client.post(act, {}).status_code == status
    superviseur = AgentFactory(superviseur=True)
    client.force_login(superviseur.user)
    assert client.post(act, {}).status_code == 302
    assert "Un seul agent suffit" in client.get(reverse("admin:territory_caf_change", args=[caf.pk])).content.decode()
    made = activation.activate(personne_id=persons[0].pk, by=accepter, now=NOW)
    assert made.activated_by == accepter
    client.force_login(superviseur.user)
    assert client.post(act, {"quatre_yeux": "on"}).status_code == 302
    with pytest.raises(Forbidden):
        activation.activate(personne_id=persons[1].pk, by=accepter, now=NOW)
