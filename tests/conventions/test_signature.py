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


def deliberation(acte, agent, on=date(2026, 11, 20), received=None, published=None, **given):
    given = {"nature": "deliberation", "numero": "2026-41", "by": agent.user, "now": LATER} | given
    signature.record_deliberation(
        acte_uuid=acte.uuid,
        deliberation_on=on,
        deliberation_received_on=received,
        deliberation_published_on=published,
        **given,
    )
    acte.refresh_from_db()


@pytest.mark.rule("CON-2.c")
@pytest.mark.rule("CON-2.e")
@pytest.mark.rule("CON-2.f")
@pytest.mark.parametrize(
    ("received", "published", "words"),
    [
        (25, 20, "avant que l’acte qui l’y autorise ne soit exécutoire (reçu par la préfecture le 25 nov. 2026"),
        (20, 25, "publié le 25 nov. 2026). Faites signer de nouveau"),
        (24, 24, None),
        (24, None, "sa date de publication n’est pas enregistrée"),
        (None, 24, "sa date de réception par la préfecture n’est pas enregistrée"),
        (None, None, "ces deux dates ne sont pas enregistrées"),
    ],
)
def test_a_signature_before_the_act_took_effect_is_shown_as_a_fault(acte, agent, received, published, words):
    [fault] = queries.faults_of(acte)
    assert "n’est pas enregistré" in fault
    record(acte, agent)
    received, published = (day and date(2026, 11, day) for day in (received, published))
    deliberation(acte, agent, received=received, published=published)
    faults = queries.faults_of(acte)
    assert not faults if words is None else [words in fault for fault in faults] == [True]


@pytest.mark.rule("CON-2.f")
def test_an_association_needs_no_act(agent):
    lieu = LieuFactory(a_signer=True, convention__created_at=NOW, gestionnaire__association=True)
    acte = queries.founding_acte(Convention.objects.get(lieu=lieu))
    record(acte, agent)
    assert queries.faults_of(acte) == []


@pytest.mark.rule("CON-2.c")
@pytest.mark.rule("CON-2.d")
@pytest.mark.parametrize(
    ("on", "received", "published", "field"),
    [
        (date(2026, 12, 4), None, None, "deliberation_on"),
        (date(2026, 11, 20), date(2026, 11, 19), None, "deliberation_received_on"),
        (date(2026, 11, 20), date(2026, 12, 4), None, "deliberation_received_on"),
        (date(1926, 11, 20), None, None, "deliberation_on"),
        (date(2026, 11, 20), None, date(2026, 11, 19), "deliberation_published_on"),
        (date(2026, 11, 20), None, date(2026, 12, 4), "deliberation_published_on"),
    ],
)
def test_impossible_dates_of_the_act_are_refused(acte, agent, on, received, published, field):
    with pytest.raises(Refused) as refused:
        deliberation(acte, agent, on, received, published)
    assert list(refused.value.faults) == [field]


@pytest.mark.rule("CON-2.d")
def test_the_act_keeps_its_own_file_until_another_takes_its_place(acte, agent):
    with pytest.raises(Refused) as refused:
        deliberation(acte, agent, scan=BytesIO(b"MZ"))
    assert list(refused.value.faults) == ["scan"]
    assert (acte.deliberation_on, StoredFile.objects.count()) == (None, 0)
    deliberation(acte, agent, published=date(2026, 11, 21), scan=BytesIO(a_pdf()))
    first = acte.deliberation_scan
    deliberation(acte, agent, published=date(2026, 11, 22))
    assert (acte.deliberation_scan, acte.deliberation_published_on) == (first, date(2026, 11, 22))
    deliberation(acte, agent, scan=BytesIO(a_pdf(2)))
    lines = Entry.objects.filter(event="convention.deliberation").order_by("pk")
    assert [line.details["apres"][-1] for line in lines] == [first.sha256, first.sha256, acte.deliberation_scan.sha256]
    assert acte.deliberation_scan.sha256 != first.sha256


@pytest.mark.rule("CON-2.g")
def test_a_delegation_is_recorded_with_the_signature_whole_or_not_at_all(acte, agent):
    with pytest.raises(Refused) as refused:
        record(acte, agent, delegation="arrêté 2026-14", signed_on=date(2026, 12, 4))
    assert set(refused.value.faults) == {"delegation_on", "signed_on"}  # both said at once
    record(acte, agent, delegation="arrêté 2026-14", delegation_on=date(2026, 10, 2))
    said = {(line.delegation, line.delegation_on) for line in Signature.objects.all()}
    assert said == {("arrêté 2026-14", date(2026, 10, 2))}


@pytest.mark.rule("CON-2.h")
def test_where_the_originals_are_is_recorded_and_corrected_at_any_time(acte, agent):
    given = {"acte_uuid": acte.uuid, "by": agent.user, "now": LATER}
    with pytest.raises(Refused):
        signature.record_originals(originaux="  ", **given)
    signature.record_originals(originaux="Bureau 12", **given)
    record(acte, agent)
    record(acte, agent, "caf")
    signature.record_originals(originaux="Armoire 2026", **given)
    acte.refresh_from_db()
    assert acte.originaux == "Armoire 2026"
    line = Entry.objects.filter(event="convention.originaux").latest("pk")
    assert line.details == {"avant": "Bureau 12", "apres": "Armoire 2026"}


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
            start.wait(timeout=60)
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


@pytest.mark.rule("CON-2.a")
@pytest.mark.rule("CON-2.k")
@pytest.mark.django_db(transaction=True)
def test_fifty_clicks_at_once_record_one_signature():
    agent = AgentFactory()
    acte = queries.founding_acte(LieuFactory(a_signer=True, convention__created_at=NOW).conventions.get())
    start, outcomes = threading.Barrier(50), []

    def click():
        try:
            connection.ensure_connection()
            start.wait(timeout=60)
            record(acte, agent)
            outcomes.append("recorded")
        except Refused as refused:
            outcomes.append(*refused.faults)
        finally:
            connection.close()

    threads = [threading.Thread(target=click) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["reason"] * 49 + ["recorded"]
    assert Signature.objects.count() == 2  # convention and annexe 1
    assert StoredFile.objects.filter(nature="scan").count() == 1
    assert Entry.objects.filter(event="convention.signature").count() == 1
