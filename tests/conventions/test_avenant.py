"""Annexe 1 changes by an avenant signed by both, at its last signature; the convention's start stays (CON-7)."""

from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction
from django.http import Http404

from conventions import queries
from conventions.models import Convention, Couverture, PersonneInscrite, Piece
from conventions.rules import PersonneDonnee
from conventions.services import avenants, register, signature
from demandes.services import transmission
from extranet.core.errors import Forbidden, Refused, WrongState
from extranet.core.journal.models import Entry
from extranet.core.outbox import kinds
from extranet.core.outbox.models import Message
from extranet.core.outbox.sending import compose
from extranet.portal import integrity
from tests.factories import (
    AgentFactory,
    CommuneFactory,
    DemandeFactory,
    HabilitationFactory,
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
    return avenants.prepare(convention_uuid=convention.uuid, by=agent.user, now=now, **changes)


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
    same = PersonneDonnee("Mme", "Petit", "Alix", "ALIX@lieu.test", "Petite enfance", "animatrice")
    CommuneFactory(evry=True)
    for field, changes in [
        ("", {}),
        ("communes_added", {"communes_added": ["77100"]}),  # there already
        ("communes_added", {"communes_added": ["91228"]}),  # another Caf's
        ("communes_removed", {"communes_removed": ["77288"]}),  # not there yet
        ("personnes_removed", {"personnes_removed": [alix.personne.uuid]}),  # nobody would be left
        ("communes_removed", {"communes_removed": ["77100"]}),  # nor a commune
        ("personnes_removed", {"personnes_removed": [uuid4()], "personnes_added": [NEW]}),
        ("gestionnaire", {"gestionnaire": {"courriel_registre": "autre@ville.test"}}),  # has its own act (ACT-1.e)
        ("", {"lieu": {"nom": lieu.nom}}),  # says nothing new
        ("personnes_changed", {"personnes_changed": {uuid4(): NEW}}),
        ("personnes_added", {"personnes_added": [same]}),
        ("personnes_added", {"personnes_added": [NEW, NEW]}),
    ]:
        with pytest.raises(Refused) as refused:
            avenant(convention, agent, **changes)
        assert list(refused.value.faults) == [field]
    assert convention.actes.count() == 1
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
def test_only_a_convention_signed_and_not_over_has_avenants(agent, situation):
    now = datetime(2030, 1, 1, tzinfo=UTC)
    with pytest.raises(WrongState):
        avenant(LieuFactory(**{situation: True}).conventions.get(), agent, now, communes_added=["77288"])


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


@pytest.mark.rule("CON-7.b")
def test_one_avenant_waits_at_a_time_and_an_abandoned_one_leaves_everything_as_it_was(lieu, convention, agent):
    alix = PersonneInscriteFactory(lieu=lieu, courriel="alix@lieu.test")
    changes = {"communes_added": ["77288"], "communes_removed": ["77100"], "personnes_added": [NEW]}
    acte = avenant(convention, agent, personnes_removed=[alix.personne.uuid], **changes)
    sign(acte, agent, "gestionnaire")
    with pytest.raises(WrongState, match="avenant n° 1 attend ses signatures"):
        avenant(convention, agent, communes_added=["77288"])
    with pytest.raises(Refused):
        avenants.abandon(acte_uuid=acte.uuid, motif=" ", by=agent.user, now=LATER)
    for who, answer in (({"lecteur": True}, Forbidden), ({"essonne": True}, Http404)):
        with pytest.raises(answer):
            avenants.abandon(acte_uuid=acte.uuid, motif="erreur", by=AgentFactory(**who).user, now=LATER)
    avenants.abandon(acte_uuid=acte.uuid, motif="Commune oubliée", by=agent.user, now=LATER)
    acte.refresh_from_db()
    assert (acte.state, acte.motif_abandon, acte.effective_on) == ("abandonne", "Commune oubliée", None)
    assert not Couverture.objects.exclude(closed_by=None).exists()
    assert not PersonneInscrite.objects.exclude(closed_by=None).exists()
    assert (covered(lieu, LATER.date()), named(lieu, LATER.date())) == (["77100"], ["alix@lieu.test animatrice"])
    assert [[*map(str, lines)] for lines in queries.annexe1_of(convention)] == [
        ["Le Châtelet-en-Brie (77)"],
        [str(alix)],
    ]
    with pytest.raises(WrongState):
        sign(acte, agent, "caf")
    with pytest.raises(WrongState):
        avenants.abandon(acte_uuid=acte.uuid, motif="encore", by=agent.user, now=LATER)
    again = avenant(convention, agent, personnes_removed=[alix.personne.uuid], **changes)
    sign_both(again, agent)
    assert (again.titre, covered(lieu, EFFECT), named(lieu, EFFECT)) == (
        "avenant n° 2",
        ["77288"],
        ["sam@lieu.test responsable"],
    )
    with pytest.raises(WrongState, match="a pris effet"):
        avenants.abandon(acte_uuid=again.uuid, motif="trop tard", by=agent.user, now=LATER)
    with pytest.raises(IntegrityError, match="one_waiting_avenant"), transaction.atomic():
        for rang in (8, 9):
            convention.actes.create(nature="avenant", rang=rang, prepared_at=LATER)


@pytest.mark.rule("CON-7.b")
def test_avenants_are_numbered_among_themselves(convention, agent):
    convention.actes.update(rang=1)
    convention.actes.create(nature="convention", rang=0, state="abandonne", prepared_at=PREPARED)  # replaced (CON-12)
    acte = avenant(convention, agent, communes_added=["77288"])
    assert (acte.titre, acte.rang) == ("avenant n° 1", 2)


def said_on(lieu, day):
    """What is said of the lieu and of its gestionnaire on that day, and by which acte."""
    rows = [queries.identity_on(owner, day) for owner in (lieu, lieu.gestionnaire)]
    return [(rows[0].nom, rows[0].opened_by), (rows[1].representant_nom, rows[1].courriel_registre)]


def identities_are_whole(lieu):
    lieu.refresh_from_db()
    lieu.gestionnaire.refresh_from_db()
    assert list(integrity.identities(LATER)) == []
    for owner in (lieu, lieu.gestionnaire):  # each day is said once: no gap, no row that begins before the last is over
        day = date(2024, 1, 1)
        while day <= LATER.date():
            queries.identity_on(owner, day)
            day += timedelta(days=1)


@pytest.mark.rule("CON-7.b")
@pytest.mark.rule("CON-7.d")
@pytest.mark.rule("CON-8.b")
def test_an_identity_changes_at_the_effect_and_moves_with_it_whatever_was_said_since(lieu, convention, agent):
    before, after = lieu.nom, "RPE Les Tilleuls"
    acte = avenant(convention, agent, lieu={"nom": after}, gestionnaire={"representant_nom": "Nouveau", "ville": "X"})
    # Said while the avenant waits for its last signature to be recorded: it stays, and the avenant with it.
    register.correct_official_address(
        gestionnaire_uuid=lieu.gestionnaire.uuid, courriel="registre@ville.test", source="annuaire", by=agent.user,
        now=datetime(2025, 12, 1, 9, tzinfo=UTC),
    )  # fmt: skip
    lieu.refresh_from_db()
    assert lieu.nom == before
    sign_both(acte, agent)
    identities_are_whole(lieu)
    moved = [("officiel@cc.test", date(2025, 11, 30)), ("registre@ville.test", date(2025, 12, 1))]
    assert said_on(lieu, EVE) == [(before, None), ("Moreau", "officiel@cc.test")]
    assert said_on(lieu, EFFECT) == [(after, acte), ("Nouveau", "officiel@cc.test")]
    for address, day in moved:
        assert said_on(lieu, day)[1] == ("Nouveau", address)
    for day in (28, 21, 30):  # later, earlier, later again
        sign(acte, agent, "caf", signed_on=date(2025, 11, day), reason="date mal lue")
        identities_are_whole(lieu)
        assert said_on(lieu, date(2025, 11, day - 1)) == [(before, None), ("Moreau", "officiel@cc.test")]
        assert said_on(lieu, date(2025, 11, day)) == [(after, acte), ("Nouveau", "officiel@cc.test")]
        assert said_on(lieu, date(2025, 12, 1))[1] == ("Nouveau", "registre@ville.test")
    day = datetime(2025, 12, 3, 9, tzinfo=UTC)
    register.identify(lieu, {"site": "https://neuf.test"}, source="essai", by=agent.user, now=day)
    with pytest.raises(Refused, match="identité du lieu a changé de nouveau"):
        sign(acte, agent, "caf", signed_on=date(2025, 12, 4), reason="date mal lue")


@pytest.mark.rule("CON-7.d")
def test_actes_take_effect_in_their_order(lieu, convention, agent):
    first = avenant(convention, agent, communes_added=["77288"])
    sign_both(first, agent, date(2025, 11, 25))
    second = avenant(convention, agent, datetime(2025, 11, 26, 9, tzinfo=UTC), communes_removed=["77288"])
    sign(second, agent, "gestionnaire", signed_on=date(2025, 11, 27))
    sign(second, agent, "caf", signed_on=date(2025, 12, 2))
    for acte, day in ((first, 3), (first, 10)):
        with pytest.raises(Refused, match="avenant n° 2"):
            sign(acte, agent, "caf", signed_on=date(2025, 12, day), reason="erreur")
    sign(first, agent, "caf", signed_on=date(2025, 12, 1), reason="erreur")
    sign(second, agent, "caf", signed_on=date(2025, 12, 1), reason="erreur")
    with pytest.raises(Refused, match="avenant n° 1"):
        sign(second, agent, "caf", signed_on=date(2025, 11, 28), reason="erreur")


@pytest.mark.rule("CON-7.d")
@pytest.mark.rule("CON-7.b")
def test_lieu_and_gestionnaire_are_told_of_the_paper_and_of_the_effect_and_who_leaves_too(lieu, convention, agent):
    alix = PersonneInscriteFactory(lieu=lieu, courriel="alix@lieu.test")
    outbox = lambda kind: sorted(Message.objects.filter(kind=kind).values_list("recipient", flat=True))  # noqa: E731
    both = sorted([f"lieu:{lieu.uuid}", f"gestionnaire:{lieu.gestionnaire.uuid}"])
    changes = {"communes_removed": ["77100"], "communes_added": ["77288"], "personnes_added": [NEW]}
    acte = avenant(convention, agent, personnes_removed=[alix.personne.uuid], **changes)
    ready = Message.objects.filter(kind="conventions.avenant-pret").first()
    assert outbox("conventions.avenant-pret") == both
    sign_both(acte, agent)
    assert outbox("conventions.avenant-applique") == both
    assert outbox("conventions.plus-inscrite") == [f"inscrite:{alix.uuid}"]
    assert written(ready) is None  # it is too late to say that it is to be signed
    text = written(Message.objects.filter(kind="conventions.avenant-applique").first())
    for words in (
        "25 novembre 2025",
        "Melun (77) est ajoutée",
        "Châtelet-en-Brie (77) est retirée",
        "Sam Roux",
        "restent",
    ):
        assert words in text
    gone = written(Message.objects.get(kind="conventions.plus-inscrite"))
    assert "24 novembre 2025 au soir" in gone
    sign(acte, agent, "caf", signed_on=date(2025, 12, 1), reason="erreur")
    assert len(outbox("conventions.plus-inscrite")) == 1
    assert "30 novembre 2025 au soir" in written(Message.objects.get(kind="conventions.plus-inscrite"))


def written(message):
    """The mail as it would leave now; None when it would not."""
    kind = kinds.KINDS[message.kind]
    message.loaded = kind.load([message], LATER)[message.pk]
    mail = kind.write(message, LATER)
    return mail and f"{mail.subject}\n{compose(message, 'qui@lieu.test', mail).body}"


@pytest.mark.rule("CON-7.e")
def test_a_commune_removed_brings_no_demande_any_more_and_those_transmitted_stay(lieu, convention, agent):
    HabilitationFactory(lieu=lieu)
    CommuneFactory(melun=True)
    given = DemandeFactory(transmise=True, lieu=lieu)
    acte = avenant(convention, agent, communes_removed=["77100"], communes_added=["77288"])
    for _ in range(2):
        assert transmission.transmit_waiting_all(now=LATER) == 0
        waiting = DemandeFactory(commune=CommuneFactory(melun=True), at=PREPARED)
    sign_both(acte, agent)
    late = DemandeFactory(at=PREPARED)
    assert transmission.transmit_waiting_all(now=LATER) == 1  # the commune added: its one lieu has them now
    for demande, state, there in (
        (given, "transmise", lieu.pk),
        (waiting, "transmise", lieu.pk),
        (late, "a-orienter", None),
    ):
        demande.refresh_from_db()
        assert (demande.state, demande.lieu_id) == (state, there)


@pytest.mark.rule("CON-7.a")
@pytest.mark.parametrize(
    ("now", "possible"), [(datetime(2026, 1, 15, 22, tzinfo=UTC), True), (datetime(2026, 1, 15, 23, tzinfo=UTC), False)]
)
def test_an_avenant_is_possible_until_the_last_day_of_a_convention_whose_end_is_recorded(
    convention, agent, now, possible
):
    """23:00 UTC is the day after, in Paris."""
    Convention.objects.filter(pk=convention.pk).update(ended_on=date(2026, 1, 15))
    if not possible:
        with pytest.raises(WrongState, match="jusqu’à son dernier jour"):
            avenant(convention, agent, now, communes_added=["77288"])
        return
    acte = avenant(convention, agent, now, communes_added=["77288"])
    assert acte.couvertures_ouvertes.count() == 1
