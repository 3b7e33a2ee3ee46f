"""Another address is another login, by an avenant and from its effect: never two for one person (ACT-6.b)."""

from datetime import UTC, datetime, timedelta
from io import BytesIO

import pytest

from conventions.rules import PersonneDonnee
from conventions.services import avenants, signature
from extranet.core.errors import WrongState
from extranet.core.outbox.models import Message
from habilitations import queries
from habilitations.models import Habilitation
from habilitations.services import activation
from tests.factories import AgentFactory, HabilitationFactory, LieuFactory, UserFactory, a_pdf

pytestmark = [pytest.mark.django_db, pytest.mark.rule("ACT-6.b")]
PREPARED = datetime(2026, 11, 16, 9, tzinfo=UTC)
EFFECT = datetime(2026, 11, 20, 12, tzinfo=UTC)
EVE, NEXT = EFFECT - timedelta(days=1), EFFECT + timedelta(days=1)


@pytest.fixture
def line():
    return HabilitationFactory(
        user__email="alix@ancienne.test", lieu__gestionnaire__courriel_registre="registre@ville.test"
    )


def entering(lieu, now):
    return sorted(queries.entering(now).filter(personne__lieu=lieu).values_list("user__email", flat=True))


def to_activate(now):
    return sorted(queries.to_activate(now).values_list("courriel", flat=True))


def change(lieu, **addresses):
    """An avenant that gives these persons, by their address, another; signed on the day of EFFECT."""
    agent = AgentFactory().user
    lines = {one.courriel: one for one in lieu.inscriptions.filter(until_on=None)}
    changed = {
        lines[before].personne.uuid: PersonneDonnee(one.civilite, one.nom, one.prenom, after, one.service, one.fonction)
        for before, after in addresses.items()
        if (one := lines[before])
    }
    acte = avenants.prepare(
        convention_uuid=lieu.conventions.get().uuid, personnes_changed=changed, by=agent, now=PREPARED
    )
    for partie in ("gestionnaire", "caf"):
        signature.record_signature(
            acte_uuid=acte.uuid,
            partie=partie,
            pieces=("avenant", "annexe1"),
            signed_on=EFFECT.date(),
            signataire="Gabrielle Roux",
            qualite="directrice",
            scan=BytesIO(a_pdf()),
            by=agent,
            now=EFFECT,
        )
    return acte


def activate(lieu, address, by=None, now=EFFECT):
    named = lieu.inscriptions.get(courriel=address, until_on=None)
    return activation.activate(personne_id=named.pk, by=by or AgentFactory().user, now=now)


def test_the_account_before_opens_nothing_from_the_effect_and_the_new_one_once_an_agent_has_opened_it(line):
    lieu = line.lieu
    acte = change(lieu, **{"alix@ancienne.test": "alix@nouvelle.test"})
    assert entering(lieu, EVE) == ["alix@ancienne.test"]
    assert entering(lieu, EFFECT) == entering(lieu, NEXT) == []
    assert not queries.lieux_of(line.user, EFFECT).exists()
    assert not queries.lieux_to_attest(line.user, EFFECT).exists()
    assert queries.without_anybody([lieu.pk], EFFECT) == {lieu.pk}
    assert to_activate(EFFECT) == ["alix@nouvelle.test"]
    made = activate(lieu, "alix@nouvelle.test")
    assert (made.personne, made.user == line.user) == (line.personne, False)
    assert entering(lieu, NEXT) == ["alix@nouvelle.test"]
    assert to_activate(NEXT) == []
    assert made.user.password_chosen_at is None  # nothing of the other account goes with it
    [told] = Message.objects.filter(kind="conventions.plus-inscrite")
    assert told.recipient == f"inscrite:{acte.personneinscrites_fermees.get().uuid}"
    over = acte.personneinscrites_fermees.get()
    assert activation.activate(personne_id=over.pk, by=AgentFactory().user, now=NEXT) == line  # as it was: shut
    assert entering(lieu, NEXT) == ["alix@nouvelle.test"]
    assert activate(lieu, "alix@nouvelle.test", now=NEXT) == made  # done twice, it is there
    assert Habilitation.objects.filter(personne=line.personne).count() == 2


def test_two_that_exchange_their_addresses_take_over_nobodys_account(line):
    other = HabilitationFactory(lieu=line.lieu, user__email="noe@lieu.test")
    change(line.lieu, **{"alix@ancienne.test": "noe@lieu.test", "noe@lieu.test": "alix@ancienne.test"})
    assert entering(line.lieu, EFFECT) == []
    made = activate(line.lieu, "noe@lieu.test")
    assert (made.personne, made.user) == (line.personne, other.user)
    assert entering(line.lieu, NEXT) == ["noe@lieu.test"]


def test_an_address_that_is_an_agents_or_closed_is_not_opened(line):
    UserFactory(email="ferme@lieu.test", is_active=False)
    AgentFactory(user__email="agent@caf.test")
    noe = HabilitationFactory(lieu=line.lieu, user__email="noe@lieu.test")
    change(line.lieu, **{"alix@ancienne.test": "agent@caf.test", noe.user.email: "ferme@lieu.test"})
    for address in ("agent@caf.test", "ferme@lieu.test"):
        with pytest.raises(WrongState):
            activate(line.lieu, address)
    assert entering(line.lieu, NEXT) == []


def test_who_has_another_lieu_keeps_it_by_the_address_that_this_one_names(line):
    elsewhere = LieuFactory()
    HabilitationFactory(lieu=elsewhere, user=line.user)
    change(line.lieu, **{"alix@ancienne.test": "alix@nouvelle.test"})
    assert entering(line.lieu, EFFECT) == []
    assert entering(elsewhere, EFFECT) == ["alix@ancienne.test"]


@pytest.mark.rule("CON-7.d")
def test_the_session_of_who_leaves_opens_nothing_more_with_its_next_request(line, client, time_machine):
    client.force_login(line.user)
    time_machine.move_to(EFFECT, tick=False)
    assert line.lieu.nom in client.get("/espace/convention/").content.decode()
    change(line.lieu, **{"alix@ancienne.test": "alix@nouvelle.test"})
    page = client.get("/espace/convention/")
    assert line.lieu.nom not in page.content.decode()
    assert client.get("/espace/demandes/").status_code in (200, 403)
