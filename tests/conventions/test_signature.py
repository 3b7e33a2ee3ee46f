"""Four signatures, and only they, put a convention in force."""

import contextlib
import threading
from datetime import date, timedelta
from io import BytesIO

import pytest
from django.db import connection
from django.http import Http404

from conventions import queries
from conventions.models import Convention, Couverture, PersonneInscrite, Signature
from conventions.services import signature
from conventions.workflow import EtatConvention
from extranet.core.documents.models import StoredFile
from extranet.core.errors import Forbidden, Refused, WrongState
from extranet.core.journal.models import Entry
from tests.factories import NOW, AgentFactory, LieuFactory, PersonneInscriteFactory, a_pdf

pytestmark = pytest.mark.django_db

BOTH = ["convention", "annexe1"]
LATER = NOW + timedelta(days=10)


@pytest.fixture
def agent():
    return AgentFactory()


@pytest.fixture
def acte():
    lieu = LieuFactory(a_signer=True, convention__created_at=NOW)
    PersonneInscriteFactory(lieu=lieu)
    return queries.founding_acte(Convention.objects.get(lieu=lieu))


def record(acte, agent, partie="gestionnaire", pieces=BOTH, signed_on=date(2026, 11, 24), now=LATER, **given):
    given = {"signataire": "Dominique Moreau", "qualite": "président", "scan": BytesIO(a_pdf())} | given
    return signature.record_signature(
        acte_uuid=acte.uuid, partie=partie, pieces=pieces, signed_on=signed_on, by=agent.user, now=now, **given
    )


def in_force_from(acte):
    return Convention.objects.get(actes=acte).in_force_from


@pytest.mark.rule("ACC-2.d")
@pytest.mark.rule("CON-2.j")
@pytest.mark.rule("CON-2.l")
def test_nothing_takes_effect_before_the_fourth_signature_then_all_does_at_the_last_date(acte, agent):
    steps = [("caf", "annexe1", 30), ("gestionnaire", "convention", 24), ("caf", "convention", 26)]
    for partie, piece, day in steps:
        record(acte, agent, partie, [piece], date(2026, 11, day))
        assert in_force_from(acte) is None
        assert not queries.lieux_covering("77100", LATER).exists()
    record(acte, agent, "gestionnaire", ["annexe1"], date(2026, 11, 25))
    convention = Convention.objects.get()
    assert (convention.state, convention.in_force_from) == (EtatConvention.SIGNEE, date(2026, 11, 30))
    assert {*Couverture.objects.values_list("from_on", flat=True)} == {date(2026, 11, 30)}
    assert {*PersonneInscrite.objects.values_list("from_on", flat=True)} == {date(2026, 11, 30)}
    assert queries.lieux_covering("77100", LATER).get() == convention.lieu
    assert Entry.objects.filter(event="convention.signee").count() == 1
    acte.refresh_from_db()
    assert acte.effective_on == date(2026, 11, 30)


@pytest.mark.rule("CON-2.a")
def test_one_form_records_both_papers_of_a_party_with_one_file(acte, agent):
    record(acte, agent)
    assert queries.signed_dates(acte).keys() == {("gestionnaire", "convention"), ("gestionnaire", "annexe1")}
    assert StoredFile.objects.filter(nature="scan").count() == 1


@pytest.mark.rule("CON-2.b")
@pytest.mark.rule("CON-2.k")
@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"signed_on": date(2026, 12, 4)}, "signed_on"),  # tomorrow
        ({"signed_on": date(2026, 11, 22)}, "signed_on"),  # before the paper was made
        ({"scan": BytesIO(b"MZ not a pdf")}, "scan"),
        ({"scan": BytesIO(a_pdf()[:200])}, "scan"),  # truncated
        ({"scan": BytesIO(b"")}, "scan"),
    ],
    ids=["future", "before-it-existed", "not-a-pdf", "truncated", "empty"],
)
def test_what_cannot_be_is_refused_beside_its_field_and_nothing_is_kept(acte, agent, given, field):
    with pytest.raises(Refused) as refused:
        record(acte, agent, **given)
    assert list(refused.value.faults) == [field]
    assert not Signature.objects.exists()
    assert not StoredFile.objects.exists()


@pytest.mark.rule("CON-2.k")
def test_a_signature_of_today_in_paris_is_taken_just_after_midnight(acte, agent):
    record(acte, agent, signed_on=date(2026, 12, 4), now=NOW.replace(month=12, day=3, hour=23, minute=5))
    assert Signature.objects.count() == 2


@pytest.mark.rule("CON-2.k")
def test_a_correction_needs_a_reason_supersedes_and_moves_the_effect(acte, agent):
    record(acte, agent)
    record(acte, agent, "caf", signed_on=date(2026, 11, 27))
    with pytest.raises(Refused) as refused:
        record(acte, agent, "caf", ["convention"], date(2026, 12, 1))
    assert list(refused.value.faults) == ["reason"]
    assert in_force_from(acte) == date(2026, 11, 27)
    record(acte, agent, "caf", ["convention"], date(2026, 12, 1), reason="Mauvaise date lue")
    assert in_force_from(acte) == date(2026, 12, 1)
    assert {*Couverture.objects.values_list("from_on", flat=True)} == {date(2026, 12, 1)}
    assert Signature.objects.filter(superseded_at=None).count() == 4
    replaced = Signature.objects.exclude(superseded_at=None).get()
    assert (replaced.signed_on, replaced.partie) == (date(2026, 11, 27), "caf")
    assert Entry.objects.filter(event="convention.effet-corrige").count() == 1


@pytest.mark.rule("CON-2.c")
@pytest.mark.rule("CON-2.e")
def test_an_act_that_reached_the_prefecture_after_the_signature_is_shown_as_a_fault(acte, agent):
    assert "n’est pas enregistré" in queries.faults_of(acte)[0]
    record(acte, agent)
    given = {"acte_uuid": acte.uuid, "nature": "deliberation", "numero": "2026-41", "by": agent.user, "now": LATER}
    signature.record_deliberation(
        deliberation_on=date(2026, 11, 20), deliberation_received_on=date(2026, 11, 25), **given
    )
    acte.refresh_from_db()
    assert "avant que l’acte" in queries.faults_of(acte)[0]
    signature.record_deliberation(
        deliberation_on=date(2026, 11, 20), deliberation_received_on=date(2026, 11, 24), **given
    )
    acte.refresh_from_db()
    assert queries.faults_of(acte) == []


@pytest.mark.rule("CON-2.c")
@pytest.mark.parametrize(
    ("on", "received", "field"),
    [
        (date(2026, 12, 4), None, "deliberation_on"),
        (date(2026, 11, 20), date(2026, 11, 19), "deliberation_received_on"),
        (date(2026, 11, 20), date(2026, 12, 4), "deliberation_received_on"),
        (date(1926, 11, 20), None, "deliberation_on"),
    ],
)
def test_impossible_dates_of_the_act_are_refused(acte, agent, on, received, field):
    with pytest.raises(Refused) as refused:
        signature.record_deliberation(
            acte_uuid=acte.uuid,
            nature="decision",
            numero="7",
            deliberation_on=on,
            deliberation_received_on=received,
            by=agent.user,
            now=LATER,
        )
    assert list(refused.value.faults) == [field]


@pytest.mark.rule("ACC-3.a")
@pytest.mark.rule("CTL-6.c")
@pytest.mark.parametrize(
    ("trait", "answer"), [("essonne", Http404), ("lecteur", Forbidden), ("cnaf", Forbidden), ("superviseur", None)]
)
def test_only_who_may_write_in_this_caf_records_a_signature(acte, trait, answer):
    person = AgentFactory(**{trait: True})
    if answer is None:
        record(acte, person)
        return
    with pytest.raises(answer):
        record(acte, person)
    assert not Signature.objects.exists()


def test_signatures_are_closed_once_the_end_is_recorded(agent):
    lieu = LieuFactory(convention_finie=True)
    with pytest.raises(WrongState):
        record(queries.founding_acte(lieu.conventions.get()), agent, reason="erreur")


@pytest.mark.rule("CON-2.l")
@pytest.mark.django_db(transaction=True)
def test_both_parties_at_once_put_it_in_force_once():
    """Each thread waits for the other just before it counts the signatures: with the row held, one never gets there."""
    if connection.vendor == "sqlite":
        pytest.skip("one writer at a time")
    agent = AgentFactory()
    acte = queries.founding_acte(LieuFactory(a_signer=True, convention__created_at=NOW).conventions.get())
    start, meeting = threading.Barrier(2), threading.Barrier(2)

    def pause(execute, sql, params, many, context):
        if sql.startswith('SELECT "conventions_signature"."partie"'):
            with contextlib.suppress(threading.BrokenBarrierError):
                meeting.wait(timeout=2)
        return execute(sql, params, many, context)

    faults = []

    def sign(partie, day):
        try:
            connection.ensure_connection()
            start.wait(timeout=10)
            with connection.execute_wrapper(pause):
                record(acte, agent, partie, signed_on=date(2026, 11, day))
        except Exception as fault:
            faults.append(fault)
        finally:
            connection.close()

    threads = [threading.Thread(target=sign, args=args) for args in (("gestionnaire", 24), ("caf", 26))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert in_force_from(acte) == date(2026, 11, 26)
    assert Entry.objects.filter(event="convention.signee").count() == 1
