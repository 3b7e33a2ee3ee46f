"""Annexe 1 changes by an avenant signed by both, at its last signature; the convention's start stays (CON-7)."""

from datetime import UTC, date, datetime
from io import BytesIO
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction
from django.http import Http404

from conventions import queries
from conventions.models import Couverture, PersonneInscrite, Piece
from conventions.rules import PersonneDonnee
from conventions.services import register, signature
from extranet.core.errors import Forbidden, Refused, WrongState
from extranet.core.journal.models import Entry
from tests.factories import (
    AgentFactory,
    CommuneFactory,
    LieuFactory,
    PersonneFactory,
    PersonneInscriteFactory,
    a_pdf,
)

pytestmark = pytest.mark.django_db

# In force from 15 January 2025; the avenant comes ten months later.
PREPARED = datetime(2025, 11, 17, 9, tzinfo=UTC)
LATER = datetime(2025, 12, 15, 9, tzinfo=UTC)
EVE, EFFECT = date(2025, 11, 24), date(2025, 11, 25)
NEW = PersonneDonnee("M.", "Roux", "Sam", "Sam@lieu.test", "Petite enfance", "responsable")


@pytest.fixture
def agent():
    return AgentFactory()


@pytest.fixture
def lieu():
    CommuneFactory(melun=True)
    return LieuFactory()


@pytest.fixture
def convention(lieu):
    return lieu.conventions.get()


def avenant(convention, agent, now=PREPARED, **changes):
    return register.prepare_avenant(convention_uuid=convention.uuid, by=agent.user, now=now, **changes)


def sign(acte, agent, partie, pieces=("avenant", "annexe1"), signed_on=EFFECT, now=LATER, **given):
    given = {"signataire": "Dominique Moreau", "qualite": "présidente", "scan": BytesIO(a_pdf())} | given
    return signature.record_signature(
        acte_uuid=acte.uuid, partie=partie, pieces=pieces, signed_on=signed_on, by=agent.user, now=now, **given
    )


def sign_both(acte, agent, signed_on=EFFECT):
    sign(acte, agent, "gestionnaire", signed_on=date(2025, 11, 20))
    sign(acte, agent, "caf", signed_on=signed_on)


def covered(lieu, day):
    return sorted(line.commune_id for line in queries.annexe1(lieu, day)[0])


def named(lieu, day):
    return sorted(f"{line.courriel} {line.fonction}" for line in queries.annexe1(lieu, day)[1])


@pytest.mark.rule("CON-7.d")
def test_an_avenant_signed_ten_months_later_changes_annexe_1_and_not_the_start_of_the_convention(
    lieu, convention, agent
):
    alix = PersonneInscriteFactory(lieu=lieu, courriel="alix@lieu.test")
    acte = avenant(
        convention, agent, communes_added=["77288"], communes_removed=["77100"], personnes_added=[NEW],
        personnes_removed=[alix.personne.uuid],
    )  # fmt: skip
    assert [piece.nature for piece in queries.pieces_of(acte)] == ["avenant", "annexe1"]
    steps = [("gestionnaire", ["avenant"], 18), ("caf", ["annexe1"], 25), ("caf", ["avenant"], 20)]
    for partie, pieces, day in steps:
        sign(acte, agent, partie, pieces, date(2025, 11, day))
        assert (covered(lieu, LATER.date()), named(lieu, LATER.date())) == (["77100"], ["alix@lieu.test animatrice"])
    sign(acte, agent, "gestionnaire", ["annexe1"], date(2025, 11, 19))
    acte.refresh_from_db()
    convention.refresh_from_db()
    assert (acte.state, acte.effective_on, convention.in_force_from) == ("applique", EFFECT, date(2025, 1, 15))
    assert (covered(lieu, EVE), covered(lieu, EFFECT)) == (["77100"], ["77288"])
    assert (named(lieu, EVE), named(lieu, EFFECT)) == (["alix@lieu.test animatrice"], ["sam@lieu.test responsable"])
    assert list(queries.lieux_covering("77100", LATER)) == []
    assert list(queries.lieux_covering("77288", LATER)) == [lieu]
    assert Entry.objects.filter(event="acte.applique", object_id=str(acte.uuid), caf=lieu.caf_id).count() == 1
    assert not Entry.objects.filter(event="convention.signee").exists()


@pytest.mark.rule("CON-7.d")
def test_a_change_of_function_closes_a_line_and_opens_the_next_of_the_same_person(lieu, convention, agent):
    alix = PersonneInscriteFactory(lieu=lieu, courriel="alix@lieu.test")
    changed = PersonneDonnee("Mme", alix.nom, alix.prenom, "alix@lieu.test", "Petite enfance", "responsable")
    acte = avenant(convention, agent, personnes_changed={alix.personne.uuid: changed})
    sign_both(acte, agent)
    lines = PersonneInscrite.objects.filter(personne=alix.personne).order_by("from_on")
    assert [(line.fonction, line.from_on, line.until_on) for line in lines] == [
        ("animatrice", date(2025, 1, 15), EVE),
        ("responsable", EFFECT, None),
    ]


@pytest.mark.rule("CON-2.k")
@pytest.mark.rule("CON-7.d")
def test_a_corrected_signature_moves_what_the_avenant_opened_and_closed_and_nothing_else(lieu, convention, agent):
    acte = avenant(convention, agent, communes_added=["77288"], communes_removed=["77100"])
    sign_both(acte, agent)
    sign(acte, agent, "caf", signed_on=date(2025, 12, 1), reason="Date mal lue")
    convention.refresh_from_db()
    assert convention.in_force_from == date(2025, 1, 15)
    assert (covered(lieu, date(2025, 11, 30)), covered(lieu, date(2025, 12, 1))) == (["77100"], ["77288"])
    line = Entry.objects.get(event="convention.effet-corrige")
    assert (line.details["acte"], line.details["avant"], line.details["apres"]) == (1, "2025-11-25", "2025-12-01")


@pytest.mark.rule("CON-2.k")
def test_the_founding_acte_cannot_come_to_begin_after_its_avenant(lieu, convention, agent):
    founding = queries.founding_acte(convention)
    papers = ["convention", "annexe1"]
    for partie in ("gestionnaire", "caf"):
        sign(founding, agent, partie, papers, date(2025, 1, 15))
    sign_both(avenant(convention, agent, communes_added=["77288"]), agent)
    with pytest.raises(Refused) as refused:
        sign(founding, agent, "caf", papers, date(2025, 11, 26), reason="erreur")
    assert list(refused.value.faults) == ["signed_on"]
    sign(founding, agent, "caf", papers, date(2025, 1, 20), reason="erreur")
    convention.refresh_from_db()
    assert convention.in_force_from == date(2025, 1, 20)
    assert {*Couverture.objects.values_list("commune", "from_on")} == {
        ("77100", date(2025, 1, 20)),
        ("77288", EFFECT),
    }


@pytest.mark.rule("CON-7.d")
def test_a_piece_that_is_not_of_the_acte_is_not_signed(convention, agent):
    acte = avenant(convention, agent, communes_added=["77288"])
    for pieces in (["convention", "annexe1"], []):
        with pytest.raises(Refused) as refused:
            sign(acte, agent, "caf", pieces)
        assert list(refused.value.faults) == ["pieces"]


@pytest.mark.rule("CON-7.b")
def test_what_cannot_be_changed_is_refused_beside_its_field_and_nothing_is_kept(lieu, convention, agent):
    alix = PersonneInscriteFactory(lieu=lieu, courriel="alix@lieu.test")
    avenant(convention, agent, communes_added=["77288"], personnes_removed=[alix.personne.uuid])
    same = PersonneDonnee("Mme", "Petit", "Alix", "ALIX@lieu.test", "Petite enfance", "animatrice")
    CommuneFactory(evry=True)
    for field, changes in [
        ("", {}),
        ("communes_added", {"communes_added": ["77100"]}),  # there already
        ("communes_added", {"communes_added": ["77288"]}),  # another avenant brings it
        ("communes_added", {"communes_added": ["91228"]}),  # another Caf's
        ("communes_removed", {"communes_removed": ["77288"]}),  # not there yet
        ("personnes_removed", {"personnes_removed": [alix.personne.uuid]}),  # another avenant ends it
        ("personnes_changed", {"personnes_changed": {uuid4(): NEW}}),
        ("personnes_added", {"personnes_added": [same]}),
        ("personnes_added", {"personnes_added": [NEW, NEW]}),
    ]:
        with pytest.raises(Refused) as refused:
            avenant(convention, agent, **changes)
        assert list(refused.value.faults) == [field]
    assert convention.actes.count() == 2
    assert Couverture.objects.filter(closed_by__isnull=False).count() == 0


@pytest.mark.rule("CON-7.b")
@pytest.mark.rule("CTL-6.c")
@pytest.mark.parametrize(
    ("who", "answer"), [({"essonne": True}, Http404), ({"lecteur": True}, Forbidden), ({"cnaf": True}, Forbidden)]
)
def test_only_who_may_write_in_this_caf_prepares_one(convention, who, answer):
    with pytest.raises(answer):
        avenant(convention, AgentFactory(**who), communes_added=["77288"])


@pytest.mark.rule("CON-7.a")
@pytest.mark.parametrize("situation", ["a_signer", "convention_finie"])
def test_only_a_convention_signed_and_not_ended_has_avenants(agent, situation):
    with pytest.raises(WrongState):
        avenant(LieuFactory(**{situation: True}).conventions.get(), agent, communes_added=["77288"])


@pytest.mark.rule("CON-8.b")
def test_a_line_that_waits_stands_beside_the_one_it_replaces_and_two_never_hold_at_once(lieu, convention):
    acte = queries.founding_acte(convention)
    line = lieu.couvertures.get()
    waiting = Couverture.objects.create(opened_by=acte, lieu=lieu, commune_id="77100")
    with pytest.raises(IntegrityError, match="one_open_couverture"), transaction.atomic():
        Couverture.objects.filter(pk=waiting.pk).update(from_on=EFFECT)
    with pytest.raises(IntegrityError, match="couverture_ends_after_start"), transaction.atomic():
        Couverture.objects.filter(pk=line.pk).update(until_on=date(2025, 1, 14))
    with pytest.raises(IntegrityError, match="couverture_ends_after_start"), transaction.atomic():
        Couverture.objects.filter(pk=waiting.pk).update(until_on=EFFECT)  # closed, and never begun
    named = PersonneInscriteFactory(lieu=lieu)
    with pytest.raises(IntegrityError, match="personneinscrite_ends_after_start"), transaction.atomic():
        PersonneInscrite.objects.filter(pk=named.pk).update(until_on=date(2025, 1, 14))
    with pytest.raises(IntegrityError, match="one_open_line_a_personne"), transaction.atomic():
        PersonneInscriteFactory(lieu=lieu, personne=named.personne)
    with pytest.raises(IntegrityError, match="one_open_personne_a_courriel"), transaction.atomic():
        PersonneInscriteFactory(lieu=lieu, courriel=named.courriel)
    assert PersonneFactory(lieu=lieu).inscriptions.count() == 0


@pytest.mark.rule("CON-2.l")
def test_an_acte_has_its_effect_once_applied_and_one_founds_the_convention(convention):
    acte = queries.founding_acte(convention)
    with pytest.raises(IntegrityError, match="acte_effective_once_applied"), transaction.atomic():
        convention.actes.filter(pk=acte.pk).update(effective_on=None)
    with pytest.raises(IntegrityError, match="one_founding_acte"), transaction.atomic():
        convention.actes.create(nature="convention", rang=1, prepared_at=LATER)
    with pytest.raises(IntegrityError, match="a_pdf_kept_has_its_hash"), transaction.atomic():
        Piece.objects.update(pdf_sha256="0" * 64)
