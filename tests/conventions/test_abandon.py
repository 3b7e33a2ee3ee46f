"""A convention in preparation comes to nothing, with a reason; what both have signed does not (CON-12)."""

from datetime import UTC, date, datetime

import pytest
from django.urls import reverse

from conventions import queries
from conventions.models import Convention, Signature
from conventions.services import register, signature
from extranet.core.documents import store
from extranet.core.errors import Refused, WrongState
from extranet.core.journal.models import Entry
from habilitations.models import DemandeHabilitation
from habilitations.services import applications
from tests.factories import NOW, AgentFactory, DemandeHabilitationFactory, LieuFactory, a_pdf

pytestmark = pytest.mark.django_db
ACT = "admin:conventions_convention_acte"


@pytest.fixture
def convention():
    return LieuFactory(a_signer=True).conventions.get()


@pytest.fixture
def agent():
    return AgentFactory()


def sign(convention, agent, partie, piece):
    Signature.objects.create(
        piece=queries.founding_acte(convention).pieces.get(nature=piece),
        partie=partie,
        signed_on=date(2026, 11, 20),
        signataire="Alex",
        qualite="maire",
        scan=store.keep(a_pdf(), media_type="application/pdf", nature="scan", now=NOW),
        recorded_at=NOW,
        recorded_by=agent.user,
    )


@pytest.mark.rule("CON-12.b")
@pytest.mark.rule("CTL-4.a")
@pytest.mark.parametrize("signed", [False, True])
def test_it_is_abandoned_with_its_reason_even_after_one_signature(client, convention, agent, signed):
    if signed:
        sign(convention, agent, "gestionnaire", "convention")
    client.force_login(agent.user)
    page = reverse("admin:conventions_convention_change", args=[convention.pk])
    act = reverse(ACT, args=[convention.pk, "abandonner"])
    assert act in client.get(page).content.decode()
    empty = client.post(act, {"motif": "  "})
    assert empty.status_code == 422
    assert "Indiquez pourquoi" in empty.content.decode()
    assert client.post(act, {"motif": "Lieu déposé deux fois."}).status_code == 302
    convention.refresh_from_db()
    assert (convention.state, convention.motif_abandon) == ("abandonnee", "Lieu déposé deux fois.")
    assert queries.founding_acte(convention).state == "abandonne"
    shown = client.get(page).content.decode()
    assert "Lieu déposé deux fois." in shown
    assert "Convention abandonnée" in shown
    assert "/acte/" not in shown
    [line] = Entry.objects.filter(event="convention.abandonnee")
    assert (line.object_id, line.actor) == (str(convention.uuid), f"user:{agent.user.uuid}")
    assert client.post(act, {"motif": "Encore."}).status_code == 409
    with pytest.raises(WrongState, match="déjà abandonnée"):
        register.abandon(convention_uuid=convention.uuid, motif="Encore.", by=agent.user, now=NOW)


@pytest.mark.rule("CON-12.b")
def test_what_both_have_signed_is_not_abandoned(client, agent):
    convention = LieuFactory().conventions.get()
    client.force_login(agent.user)
    act = reverse(ACT, args=[convention.pk, "abandonner"])
    assert act not in client.get(reverse("admin:conventions_convention_change", args=[convention.pk])).content.decode()
    assert client.post(act, {"motif": "Trop tard."}).status_code == 409
    with pytest.raises(WrongState, match="ne peut plus être abandonnée"):
        register.abandon(convention_uuid=convention.uuid, motif="Trop tard.", by=agent.user, now=NOW)
    convention.refresh_from_db()
    assert (convention.state, convention.motif_abandon) == ("signee", "")


@pytest.mark.rule("CON-12.b")
def test_no_reason_no_abandonment_and_nothing_is_signed_afterwards(convention, agent):
    with pytest.raises(Refused):
        register.abandon(convention_uuid=convention.uuid, motif=" ", by=agent.user, now=NOW)
    register.abandon(convention_uuid=convention.uuid, motif="Sans suite.", by=agent.user, now=NOW)
    with pytest.raises(WrongState):
        signature.record_signature(
            acte_uuid=queries.founding_acte(convention).uuid,
            partie="caf",
            pieces=["convention"],
            signed_on=date(2026, 11, 23),
            signataire="A",
            qualite="b",
            scan=None,
            by=agent.user,
            now=NOW,
        )


@pytest.mark.rule("CON-12.b")
@pytest.mark.parametrize(("who", "status"), [({"lecteur": True}, 403), ({"essonne": True}, 404), ({"cnaf": True}, 403)])
def test_who_may_not(client, convention, who, status):
    client.force_login(AgentFactory(**who).user)
    answer = client.post(reverse(ACT, args=[convention.pk, "abandonner"]), {"motif": "Non."})
    assert answer.status_code == status
    convention.refresh_from_db()
    assert convention.state == "preparation"


@pytest.mark.rule("CON-12.b")
def test_the_lieu_can_apply_again_afterwards(agent):
    now = datetime(2026, 11, 23, 9, tzinfo=UTC)
    first = applications.accept(demande_id=DemandeHabilitationFactory().pk, by=agent.user, now=now)
    register.abandon(convention_uuid=first.convention.uuid, motif="Sans suite.", by=agent.user, now=now)
    again = DemandeHabilitationFactory(
        version__gestionnaire_siren=first.version.gestionnaire_siren, version__gestionnaire_nom="Nom corrigé"
    )
    second = applications.accept(demande_id=again.pk, by=agent.user, now=now)
    assert second.convention != first.convention
    assert second.convention.lieu.gestionnaire.nom == "Nom corrigé"
    assert list(Convention.objects.order_by("pk").values_list("state", flat=True)) == ["abandonnee", "preparation"]
    assert DemandeHabilitation.objects.filter(state="acceptee").count() == 2
