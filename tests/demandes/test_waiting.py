"""Demandes that wait for a lieu: who gives them, to whom, and what the family is told (ING-6)."""

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse

from demandes.models import Demande
from extranet.core.outbox import services as outbox
from tests.conftest import text_of
from tests.factories import NOW, AgentFactory, DemandeFactory, HabilitationFactory, LieuFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def today(time_machine):
    time_machine.move_to(NOW, tick=False)


def confier(demande):
    return reverse("admin:demandes_demande_acte", args=[demande.pk, "confier"])


@pytest.mark.rule("ACC-3.a")
@pytest.mark.rule("ING-6.b")
def test_an_agent_gives_it_to_a_covering_lieu_of_its_caf_and_to_no_other(client):
    here = HabilitationFactory(lieu=LieuFactory(nom="RPE des Tilleuls")).lieu
    elsewhere = HabilitationFactory(lieu=LieuFactory(convention__communes=["77288"])).lieu
    other_caf = HabilitationFactory(lieu=LieuFactory(essonne=True)).lieu
    demande = DemandeFactory(dossier__nom="Secrète")
    client.force_login(AgentFactory(essonne=True).user)
    assert client.post(confier(demande), {"lieu": here.pk}).status_code == 404
    client.force_login(AgentFactory().user)
    page = client.get(confier(demande)).content.decode()
    assert "RPE des Tilleuls" in page
    assert "Secrète" not in page
    for lieu in (elsewhere, other_caf):
        assert client.post(confier(demande), {"lieu": lieu.pk}).status_code == 422
        assert not Demande.objects.exclude(lieu=None).exists()
    assert client.post(confier(demande), {"lieu": here.pk}).status_code == 302
    demande.refresh_from_db()
    assert (demande.state, demande.lieu) == ("transmise", here)
    listed = client.get(reverse("admin:demandes_demande_changelist")).content.decode()
    assert demande.reference in listed
    assert "Secrète" not in listed


@pytest.mark.rule("ING-6.c")
def test_the_family_of_a_demande_that_waited_is_told_which_lieu_has_it(client, smtp_sink):
    lieu = HabilitationFactory(lieu=LieuFactory(nom="RPE des Tilleuls", telephone="+33160000009")).lieu
    demande = DemandeFactory(dossier__courriel="famille@famille.test", dossier__nom="Secrète")
    client.force_login(AgentFactory().user)
    client.post(confier(demande), {"lieu": lieu.pk})
    outbox.send_due(now=NOW)
    [mail] = smtp_sink.to("famille@famille.test")
    for said in ("RPE des Tilleuls", "01\u00a060\u00a000\u00a000\u00a009", demande.reference):
        assert said in text_of(mail)
    assert "Secrète" not in mail.as_string()


@pytest.mark.rule("DEM-5.a")
def test_a_demande_has_one_lieu_and_none_while_it_waits():
    lieu = LieuFactory()
    waiting, given = DemandeFactory(), DemandeFactory(transmise=True, lieu=lieu)
    for demande, wrong in ((waiting, lieu), (given, None)):
        with pytest.raises(IntegrityError), transaction.atomic():
            Demande.objects.filter(pk=demande.pk).update(lieu=wrong)
