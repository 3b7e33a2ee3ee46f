"""A whole lieu suspended as a precaution: nobody sees a demande, none is given to it, its convention stays (CON-5)."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.http import Http404
from django.urls import reverse

from conventions import queries
from conventions.services import precaution
from demandes.models import Demande
from extranet.core.errors import Forbidden, Refused, WrongState
from tests.factories import (
    NOW,
    AgentFactory,
    DemandeFactory,
    HabilitationFactory,
    LieuFactory,
    SuspensionFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def convention():
    return LieuFactory().conventions.get()


@pytest.fixture
def superviseur():
    return AgentFactory(superviseur=True)


def suspend(convention, agent, now=NOW, reason="Fuite signalée."):
    return precaution.suspend(convention_uuid=convention.uuid, reason=reason, by=agent.user, now=now)


@pytest.mark.rule("CON-5.b")
@pytest.mark.rule("CON-5.c")
def test_a_lieu_is_suspended_and_given_back_from_the_desk(client, time_machine, convention, superviseur):
    time_machine.move_to(NOW, tick=False)
    lieu = convention.lieu
    person = HabilitationFactory(lieu=lieu).user
    demande = DemandeFactory(transmise=True, lieu=lieu)
    space, detail = reverse("demandes:liste"), reverse("demandes:detail", args=[demande.uuid])

    def seen():
        client.force_login(person)
        listed = demande.reference in client.get(space).content.decode()
        return client.get(detail).status_code, listed, queries.lieux_covering("77100", NOW).exists()

    page = reverse("admin:conventions_convention_change", args=[convention.pk])
    act = "admin:conventions_convention_acte"
    assert seen() == (200, True, True)
    client.force_login(superviseur.user)
    assert client.post(reverse(act, args=[convention.pk, "suspendre"]), {"reason": "Fuite."}).status_code == 302
    shown = client.get(page).content.decode()
    assert "Fuite." in shown
    assert "Lieu suspendu par précaution" in shown
    assert seen() == (404, False, False)
    assert queries.convention_of(lieu, NOW) == convention
    assert Demande.objects.get().state == "transmise"
    client.force_login(AgentFactory(superviseur=True).user)
    assert client.post(reverse(act, args=[convention.pk, "lever-la-suspension"])).status_code == 302
    assert seen() == (200, True, True)


@pytest.mark.rule("CON-5.b")
def test_it_holds_from_its_moment_to_the_one_of_its_end(convention):
    SuspensionFactory(convention=convention, from_at=NOW, until_at=NOW + timedelta(hours=1))
    moments = [(-1, True), (0, False), (3_599, False), (3_600, True)]
    for seconds, open_ in moments:
        assert queries.lieux_in_force(NOW + timedelta(seconds=seconds)).exists() is open_


@pytest.mark.rule("CON-5.b")
def test_whoever_suspended_does_not_lift_unless_the_caf_let_it(convention, superviseur):
    suspend(convention, superviseur)
    lift = {"convention_uuid": convention.uuid, "by": superviseur.user, "now": NOW}
    with pytest.raises(Forbidden, match="une autre personne"):
        precaution.lift(**lift)
    type(convention.lieu.caf).objects.update(quatre_yeux=False)
    precaution.lift(**lift)
    with pytest.raises(WrongState):
        precaution.lift(**lift)
    assert convention.suspensions.get().lifted_by == superviseur.user


@pytest.mark.rule("CON-5.b")
def test_it_needs_a_reason_a_convention_in_force_and_happens_once_at_a_time(convention, superviseur):
    with pytest.raises(Refused):
        suspend(convention, superviseur, reason=" ")
    suspend(convention, superviseur)
    with pytest.raises(WrongState, match="déjà"):
        suspend(convention, superviseur)
    with pytest.raises(IntegrityError, match="one_open_suspension"), transaction.atomic():
        SuspensionFactory(convention=convention)
    with pytest.raises(IntegrityError, match="lifted_after_its_start"), transaction.atomic():
        convention.suspensions.update(until_at=NOW - timedelta(seconds=1))
    for situation in ("a_signer", "convention_finie"):
        with pytest.raises(WrongState, match="en vigueur"):
            suspend(LieuFactory(**{situation: True}).conventions.get(), superviseur)


@pytest.mark.rule("CON-5.b")
@pytest.mark.rule("CTL-6.c")
@pytest.mark.parametrize(
    ("who", "answer"),
    [({}, Forbidden), ({"lecteur": True}, Forbidden), ({"cnaf": True}, Forbidden), ({"essonne": True}, Http404)],
)
def test_only_a_superviseur_of_the_caf_does_it(convention, who, answer):
    with pytest.raises(answer):
        suspend(convention, AgentFactory(**who))
    SuspensionFactory(convention=convention)
    with pytest.raises(answer):
        precaution.lift(convention_uuid=convention.uuid, by=AgentFactory(**who).user, now=NOW)
