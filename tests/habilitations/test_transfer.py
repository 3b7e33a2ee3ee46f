"""An application sent to the wrong Caf goes to another (HAB-3.g): its communes are checked again (HAB-2.a)."""

import pytest
import time_machine

from conventions.models import Couverture
from extranet.core.errors import WrongState
from extranet.core.journal.models import Entry
from extranet.core.outbox.services import send_due
from habilitations import queries
from habilitations.models import TransfertDemande
from habilitations.services import applications
from tests.conftest import text_of
from tests.factories import NOW, AgentFactory, ComplementFactory, DemandeHabilitationFactory
from tests.habilitations.test_application import form_of, press, said, said_beside
from tests.habilitations.test_complement import link_of, opened, page_of, send, walked

pytestmark = pytest.mark.django_db
TYPED = {"caf": "caf-91", "motif": "Le lieu est dans l’Essonne."}


@pytest.fixture(autouse=True)
def _now():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.mark.rule("HAB-3.g")
@pytest.mark.rule("HAB-6.a")
def test_an_agent_transfers_it_and_the_lieu_and_the_new_caf_are_told(client, smtp_sink):
    demande, agent = DemandeHabilitationFactory(), AgentFactory()
    other = AgentFactory(essonne=True, user__email="agent@caf91.test")
    client.force_login(agent.user)
    for wrong in ({}, TYPED | {"motif": " "}, TYPED | {"caf": "caf-77"}, TYPED | {"caf": "caf-999"}):
        assert client.post(page_of(demande, "transferer"), wrong).status_code == 422
    assert not TransfertDemande.objects.exists()
    done = client.post(page_of(demande, "transferer"), TYPED, follow=True)
    assert "la nouvelle Caf sont prévenus" in done.content.decode()
    assert done.redirect_chain[-1][0] == "/admin/habilitations/demandehabilitation/"
    for path in (page_of(demande), page_of(demande, "accepter"), page_of(demande, "transferer")):
        assert client.get(path).status_code == 404
    demande.refresh_from_db()
    assert (demande.caf_id, demande.state) == ("caf-91", "deposee")
    send_due(now=NOW)
    (mail,) = smtp_sink.to("rpe@lieu.test")
    for words in ("Caf de Seine-et-Marne", "Caf de l'Essonne", TYPED["motif"], demande.reference):
        assert words in text_of(mail)
    (mail,) = smtp_sink.to("agent@caf91.test")
    assert page_of(demande) in text_of(mail)
    client.force_login(other.user)
    page = client.get(page_of(demande)).content.decode()
    assert "transférée à une autre Caf" in page
    assert "Motif : Le lieu est dans l’Essonne." in page
    assert Entry.objects.get(event="demande-habilitation.transferee").actor == f"user:{agent.user.uuid}"


@pytest.mark.rule("HAB-3.g")
def test_mails_to_the_first_caf_that_have_not_left_do_not_leave_and_it_may_come_back(client, smtp_sink):
    there, back = AgentFactory(user__email="agent@caf77.test"), AgentFactory(essonne=True)
    demande = DemandeHabilitationFactory()
    applications.transfer(demande_id=demande.pk, caf=back.caf, motif="là", by=there.user, now=NOW)
    applications.transfer(demande_id=demande.pk, caf=there.caf, motif="ici", by=back.user, now=NOW)
    applications.transfer(demande_id=demande.pk, caf=back.caf, motif="là", by=there.user, now=NOW)
    send_due(now=NOW)
    assert not smtp_sink.to("agent@caf77.test")
    assert len(smtp_sink.to("rpe@lieu.test")) == 3


@pytest.mark.rule("HAB-2.a")
@pytest.mark.rule("HAB-3.g")
def test_communes_of_the_first_caf_hold_acceptance_back_until_a_complement_mends_them(client):
    demande, other = DemandeHabilitationFactory(), AgentFactory(essonne=True)
    by = AgentFactory().user
    applications.transfer(demande_id=demande.pk, caf=other.caf, motif="Essonne", by=by, now=NOW)
    client.force_login(other.user)
    page = client.get(page_of(demande)).content.decode()
    assert "À faire corriger par un complément : Le Châtelet-en-Brie (77)." in page
    assert client.post(page_of(demande, "accepter")).status_code == 409
    with pytest.raises(WrongState, match="Hors du territoire"):
        applications.accept(demande_id=demande.pk, by=other.user, now=NOW)
    complement = applications.ask_complement(demande_id=demande.pk, texte="Les communes.", by=other.user, now=NOW)
    client.logout()

    first = opened(client, complement)
    key = form_of(first).action.partition("?")[2]
    straight = client.get(client.post(f"/habilitations/nouvelle/relire/?{key}", {"valider": "1"})["Location"])
    assert "Le Châtelet-en-Brie (77) n’est pas du territoire" in said(straight)
    assert "Le Châtelet-en-Brie (77) n’est pas du territoire" in said_beside(straight, "q")
    press(client, 3, key, {"ajouter": "91228"})
    assert send(client, walked(client, client.get(form_of(first).action)))["Location"] == link_of(complement)
    demande.refresh_from_db()
    assert queries.communes_elsewhere(demande) == []
    applications.accept(demande_id=demande.pk, by=other.user, now=NOW)
    assert list(Couverture.objects.values_list("commune_id", "lieu__caf")) == [("91228", "caf-91")]


@pytest.mark.rule("HAB-3.g")
@pytest.mark.parametrize(("who", "status"), [({"lecteur": True}, 403), ({"cnaf": True}, 404), ({"essonne": True}, 404)])
def test_others_cannot_transfer_it(client, who, status):
    demande = DemandeHabilitationFactory()
    client.force_login(AgentFactory(**who).user)
    assert client.post(page_of(demande, "transferer"), TYPED).status_code == status
    assert not TransfertDemande.objects.exists()


@pytest.mark.rule("HAB-3.g")
def test_a_complement_that_waits_is_closed_by_a_transfer_and_a_decided_application_stays(client):
    complement, agent, other = ComplementFactory(), AgentFactory(), AgentFactory(essonne=True)
    applications.transfer(demande_id=complement.demande_id, caf=other.caf, motif="là", by=agent.user, now=NOW)
    assert client.get(link_of(complement)).status_code == 410
    refused = DemandeHabilitationFactory(refusee=True)
    client.force_login(agent.user)
    assert client.post(page_of(refused, "transferer"), TYPED).status_code == 409
    assert client.post(page_of(refused, "complement"), {"texte": "x"}).status_code == 409
