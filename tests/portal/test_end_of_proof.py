"""Five years after its last day the proof of a convention goes, from every table, file and month of journal (ACC-2)."""

import threading
import uuid
from datetime import date, datetime, timedelta

import pytest
from django.conf import settings as django_settings
from django.core.cache import cache
from django.db import DatabaseError, connection, connections, transaction
from django.urls import reverse

from conventions.models import (
    Acte,
    Convention,
    CopieSignee,
    Courrier,
    Gestionnaire,
    Lieu,
    Personne,
    Reprise,
    Resiliation,
    Signature,
)
from conventions.services import register
from demandes.attestations.models import Attestation
from demandes.models import Attribution, ClockMark
from extranet.core.accounts.models import User
from extranet.core.apart import Incomplete
from extranet.core.dates import PARIS, start_of_day
from extranet.core.documents import store
from extranet.core.journal import services as journal
from extranet.core.journal.models import Departure, Entry, Seal
from extranet.portal import integrity, proof, sweep
from habilitations.models import Echange
from tests.factories import (
    AgentFactory,
    ConventionFactory,
    DemandeFactory,
    DemandeHabilitationFactory,
    GestionnaireFactory,
    HabilitationFactory,
    LieuFactory,
    SuspensionFactory,
    SuspensionHabilitationFactory,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.rule("ACC-2.e")]

GONE, KEPT = "Kanariova", "Restantine"
LAST_MOMENT = datetime(2031, 12, 31, 23, 59, 59, tzinfo=PARIS)
OVER = datetime(2032, 1, 1, tzinfo=PARIS)
LIVED = datetime(2026, 6, 15, 10, tzinfo=PARIS)
LATER = datetime(2030, 3, 15, 10, tzinfo=PARIS)


@pytest.fixture(autouse=True)
def data_folder(settings, tmp_path):
    settings.DATA_DIR = tmp_path


@pytest.fixture
def agent():
    return AgentFactory(user__email="agent@caf.test").user


@pytest.fixture
def gestionnaire():
    return GestionnaireFactory(representant_nom=KEPT, courriel=f"{KEPT.lower()}@cc.test")


def filed(mark, at):
    """A kept file of its own."""
    return store.keep(f"{mark} {uuid.uuid4()}".encode(), media_type="application/pdf", nature="scan", now=at)


def lived(gestionnaire, agent, mark, at, **about):
    """A convention with all that the portal may keep about it, `mark` wherever somebody is named or wrote."""
    lieu = LieuFactory(gestionnaire=gestionnaire, convention=None, courriel=f"{mark.lower()}@rpe.test")
    convention = ConventionFactory(lieu=lieu, created_at=at, in_force_from=at.date(), accepted_by=agent, **about)
    acte = Acte.objects.get(convention=convention)
    Acte.objects.filter(pk=acte.pk).update(deliberation_scan=filed(mark, at), identite={"lieu": {"nom": [mark, mark]}})
    lieu.identites.update(opened_by=acte, source="", recorded_by=agent)
    for piece in acte.pieces.all():
        pdf = filed(mark, at)
        type(piece).objects.filter(pk=piece.pk).update(pdf=pdf, pdf_sha256=pdf.sha256, publiable=filed(mark, at))
        for partie in ("gestionnaire", "caf"):
            scan = filed(mark, at)
            Signature.objects.create(
                piece=piece, partie=partie, signed_on=at, signataire=mark, qualite=mark, scan=scan, recorded_at=at
            )
    CopieSignee.objects.create(acte=acte, asked_at=at, asked_by=agent, handed_at=at, scan=scan)
    letter = Courrier.objects.create(
        convention=convention, partie="caf", numero=f"1A{mark}", posted_on=at, recorded_at=at, recorded_by=agent,
        scan=filed(mark, at), avis=filed(mark, at),
    )  # fmt: skip
    Resiliation.objects.create(
        convention=convention, courrier=letter, nature="manquement", motif=mark, ends_on=at, recorded_at=at,
        recorded_by=agent, withdrawn_on=at, withdrawal=filed(mark, at),
    )  # fmt: skip
    convention.tentatives_amiables.create(tried_on=at, description=mark, suite=mark, recorded_at=at, recorded_by=agent)
    SuspensionFactory(convention=convention, reason=mark, from_at=at, until_at=at, suspended_by=agent, lifted_by=agent)
    Reprise.objects.create(convention=convention, caf=lieu.caf, numero=mark, empreinte="0" * 64, recorded_at=at)
    user = habilitated(lieu, acte, mark)
    attested(lieu, convention, user, mark, at)
    works_with(lieu, user, agent, mark, at)
    application = DemandeHabilitationFactory(convention=convention, state="acceptee", decided_at=at, submitted_at=at)
    application.versions.update(representant_nom=mark)
    journal.record("convention.signee", convention, by=user, at=at, dit=mark)
    return convention


def habilitated(lieu, acte, mark):
    line = HabilitationFactory(
        lieu=lieu, inscription__opened_by=acte, user__nom=mark, user__email=f"{mark.lower()}@lieu.test"
    )
    SuspensionHabilitationFactory(habilitation=line, reason=mark, suspended_by=line.user)
    line.user.jetons.create(nom=mark, digest=mark, portee="lieu", created_at=LIVED, expires_at=LIVED)
    return line.user


def attested(lieu, convention, user, mark, at):
    demande = DemandeFactory(
        purgee=True, at=at, lieu=lieu, attribution__picked_up_by=user, attribution__picked_up_at=at,
        attribution__attest_from=None,
    )  # fmt: skip
    pdf = filed(mark, at)
    made = Attestation.objects.create(
        lieu=lieu, convention=convention, state="signee", opened_at=at, due_on=at, signed_at=at, signed_by=user,
        signataire=mark, pdf=pdf, pdf_sha256=pdf.sha256,
    )  # fmt: skip
    made.lignes.create(
        attribution=demande.attributions.get(), reference="R", transmitted_on=at, picked_up_by=mark, destroyed_on=at
    )


def works_with(lieu, user, agent, mark, at):
    prestataire = lieu.prestataires.create(nom=mark, from_on=at, until_on=at)
    prestataire.engagements.create(scan=filed(mark, at), signed_on=at, received_at=at, received_by=user)
    prestataire.demandes_engagement.create(asked_at=at, asked_by=agent, due_on=at)
    echange = Echange.objects.create(lieu=lieu, sujet="question", opened_at=at, written_at=at)
    said = echange.messages.create(partie="gestionnaire", by=user, at=at, texte=mark, nonce=uuid.uuid4())
    said.pieces.create(nom=mark, fichier=filed(mark, at))


def in_tables(mark):
    """Table → how many of its rows say it, in any letters."""
    found = {}
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            if not table.startswith("territory_"):
                cursor.execute(
                    f"SELECT count(*) FROM {connection.ops.quote_name(table)} t WHERE t::text ILIKE %s", [f"%{mark}%"]
                )
                found[table] = cursor.fetchone()[0]
    return {table: count for table, count in found.items() if count}


def in_files(mark):
    folder = django_settings.DATA_DIR / "fichiers"
    return sum(mark.encode() in path.read_bytes() for path in folder.rglob("*") if path.is_file())


def seal_all(now):
    cache.clear()
    for moment in (now - timedelta(minutes=20), now):
        journal.seal(now=moment)


def swept(now):
    done = sweep.run(now=now)
    assert -1 not in done.values(), done
    return done["conventions de plus de cinq ans"]


@pytest.fixture
def both(gestionnaire, agent):
    """One convention that ended in 2026, and another of the same gestionnaire that stands since 2030; before 2028 it
    had another représentant légal.
    """
    ended = lived(gestionnaire, agent, GONE, LIVED, ended_on=date(2026, 12, 31))
    standing = lived(gestionnaire, agent, KEPT, LATER)
    gestionnaire.identites.update(until_on=date(2028, 1, 1), representant_nom=GONE, courriel=f"{GONE}@cc.test")
    now_holds = {name: getattr(gestionnaire, name) for name in gestionnaire.identites.model.VALUES}
    gestionnaire.identites.create(from_on=date(2028, 1, 2), opened_by=ended.actes.get(), recorded_at=LATER, **now_holds)
    return ended, standing


def test_all_of_it_goes_at_the_end_and_nothing_on_the_last_day(both):
    """Every table and file; the convention of the same gestionnaire that stands keeps all of its own."""
    ended, standing = both
    seal_all(LATER + timedelta(days=1))
    said, files, kept_files = in_tables(GONE), in_files(GONE), in_files(KEPT)
    assert (len(said), files) == (21, 15)  # the world above is whole
    kept = in_tables(KEPT)
    assert swept(LAST_MOMENT) == 0
    assert (in_tables(GONE), in_files(GONE)) == (said, files)

    assert swept(OVER) == 1
    assert in_files(GONE) == 0
    assert in_tables(GONE) == {}  # the months of the journal with it: nothing else of them is kept
    assert (in_tables(KEPT), in_files(KEPT)) == (kept, kept_files)
    assert list(Convention.objects.all()) == [standing]
    assert not User.objects.filter(email=f"{GONE.lower()}@lieu.test").exists()
    assert integrity.faults(OVER) == []
    assert swept(OVER + timedelta(hours=1)) == 0
    # What stays is neutral: the demande, where it was, that it was picked up.
    lieu = ended.lieu
    row = Attribution.objects.get(lieu=lieu)
    assert (row.demande.state, row.picked_up_at, row.picked_up_by) == ("purgee", LIVED, None)
    assert (lieu.nom, lieu.gestionnaire) == (Lieu.objects.get(pk=lieu.pk).nom, standing.gestionnaire)


@pytest.mark.rule("CNS-6.c")
def test_nothing_goes_while_a_clock_has_leapt(both):
    mark = ClockMark.objects.create(boot="b", started_at=LATER, seen_at=LATER, leapt_at=LATER)
    assert swept(OVER) == 0
    mark.delete()
    assert swept(OVER) == 1


def test_without_another_a_lieu_that_received_demandes_keeps_its_name_and_its_gestionnaire_too(
    client, gestionnaire, agent
):
    lived(gestionnaire, agent, KEPT, LIVED, ended_on=date(2026, 12, 31))
    assert swept(OVER) == 1
    assert (in_tables(KEPT), in_files(KEPT)) == ({"journal_entry": 1}, 0)  # not sealed yet
    assert Gestionnaire.objects.get().nom == gestionnaire.nom
    assert integrity.faults(OVER) == []
    client.force_login(agent)
    lieu = Lieu.objects.get()
    for kind, row in (("lieu", lieu), ("gestionnaire", lieu.gestionnaire)):
        for page in (
            reverse(f"admin:conventions_{kind}_changelist"),
            reverse(f"admin:conventions_{kind}_change", args=[row.pk]),
        ):
            assert row.nom in client.get(page).content.decode()
    swept(OVER + timedelta(days=1))


def test_an_abandoned_one_goes_five_years_after_its_abandonment(agent, gestionnaire):
    """Prepared long before; its lieu never received anything, so nothing at all is left of it."""
    convention = ConventionFactory(a_signer=True, lieu__gestionnaire=gestionnaire, created_at=LIVED)
    replaced = GestionnaireFactory()  # whom a correction of the paper has put another in the place of (CON-12)
    replaced.identites.update(opened_by=convention.actes.get(), source="")
    assert swept(OVER) == 0  # it may still be signed
    register.abandon(convention_uuid=convention.uuid, motif="Sans suite.", by=agent, now=LATER)
    assert swept(datetime(2035, 3, 15, 23, tzinfo=PARIS)) == 0
    assert swept(datetime(2035, 3, 16, tzinfo=PARIS)) == 1
    assert not any(kind.objects.exists() for kind in (Convention, Acte, Lieu, Gestionnaire, Personne))


@pytest.mark.parametrize(
    ("last_day", "kept_until"),
    [("2027-02-28", "2032-02-28"), ("2028-02-29", "2033-02-28"), ("2027-03-01", "2032-03-01")],
)
def test_around_29_february_it_goes_on_the_day_after_and_not_before(last_day, kept_until):
    convention = ConventionFactory(ended_on=date.fromisoformat(last_day))
    midnight = start_of_day(date.fromisoformat(kept_until) + timedelta(days=1))
    assert proof.let_go(now=midnight - timedelta(seconds=1)) == 0
    assert proof.let_go(now=midnight) == 1
    assert not Lieu.objects.filter(pk=convention.lieu_id).exists()


def test_with_one_of_two_conventions_of_a_lieu_goes_only_what_was_over_before_the_other(gestionnaire, agent):
    first = lived(gestionnaire, agent, GONE, LIVED, ended_on=date(2026, 12, 31))
    lieu = first.lieu
    second = ConventionFactory(lieu=lieu, created_at=LATER, in_force_from=LATER.date())
    user = habilitated(lieu, second.actes.get(), KEPT)
    works_with(lieu, user, agent, KEPT, LATER)
    pdf = filed(KEPT, LATER)
    later = Attestation.objects.create(
        lieu=lieu, opened_at=LATER, due_on=LATER, signed_by=user, pdf=pdf, pdf_sha256=pdf.sha256
    )
    kept = in_tables(KEPT)
    assert swept(OVER) == 1
    lieu.refresh_from_db()
    assert in_tables(GONE) == {
        "conventions_lieu": 1,
        "conventions_identitelieu": 1,
        "journal_entry": 1,
    }  # how the lieu is reached, which still holds
    assert (in_tables(KEPT), in_files(KEPT)) == (kept, 3)
    assert list(Attestation.objects.all()) == [later]
    assert integrity.faults(OVER) == []


def test_one_that_fails_is_left_whole_and_the_others_go(gestionnaire, agent, caplog):
    """What must not be is shown: a file that another proof names too."""
    stuck = lived(gestionnaire, agent, KEPT, LIVED, ended_on=date(2026, 12, 31))
    lived(gestionnaire, agent, GONE, LIVED, ended_on=date(2026, 12, 31))
    shared = Signature.objects.filter(piece__acte__convention=stuck).earliest("pk").scan
    standing = lived(gestionnaire, agent, "Autre", LATER)
    CopieSignee.objects.filter(acte__convention=standing).update(scan=shared)
    rows, files = in_tables(KEPT), in_files(KEPT)
    with pytest.raises(Incomplete, match="1 failed, 1 done"):
        proof.let_go(now=OVER)
    assert (in_tables(KEPT), in_files(KEPT)) == (rows, files)
    assert in_files(GONE) == 0
    assert set(in_tables(GONE)) == {"journal_entry"}
    assert sweep.run(now=OVER)["conventions de plus de cinq ans"] == -1


def test_an_account_goes_with_the_last_proof_that_names_it(gestionnaire, agent):
    """A colleague who left had deposited an engagement for the other lieu: the account is proof there."""
    ended = lived(gestionnaire, agent, GONE, LIVED, ended_on=date(2026, 12, 31))
    other = lived(gestionnaire, agent, KEPT, LIVED, ended_on=date(2027, 12, 31))
    user = User.objects.get(email=f"{GONE.lower()}@lieu.test")
    other.lieu.prestataires.get().engagements.update(received_by=user)
    swept(OVER)
    assert not Convention.objects.filter(pk=ended.pk).exists()
    assert User.objects.filter(pk=user.pk).exists()
    swept(datetime(2033, 1, 1, tzinfo=PARIS))
    assert not User.objects.filter(pk=user.pk).exists()
    assert list(User.objects.filter(is_staff=False)) == []
    assert User.objects.filter(pk=agent.pk).exists()


def test_two_sweeps_at_once_destroy_it_once(gestionnaire, agent):
    lived(gestionnaire, agent, GONE, LIVED, ended_on=date(2026, 12, 31))
    done, start = [], threading.Barrier(2)

    def run():
        start.wait()
        done.append(proof.let_go(now=OVER))
        connections.close_all()

    both = [threading.Thread(target=run) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert sorted(done) == [0, 1]
    assert Entry.objects.filter(event=proof.DESTROYED).count() == 1
    assert in_files(GONE) == 0


# --- the months of the journal ----------------------------------------------------------------------------------------


@pytest.fixture
def months(agent):
    """Lines of four months, sealed; the oldest convention that is kept is of October 2025."""
    kept = ConventionFactory(created_at=datetime(2025, 10, 20, tzinfo=PARIS))
    for at in (datetime(2025, 9, 3, tzinfo=PARIS), datetime(2025, 9, 30, 23, 59, tzinfo=PARIS)):
        journal.record("convention.pdf", kept, by=agent, at=at)
    for at in (datetime(2025, 10, 1, tzinfo=PARIS), datetime(2026, 1, 5, tzinfo=PARIS)):
        journal.record("convention.pdf", kept, by=agent, at=at)
    seal_all(LIVED)
    return kept


def faults(now=OVER):
    return list(journal.faults(now=now))


@pytest.mark.rule("ACC-2.f")
def test_months_before_the_oldest_convention_kept_go_whole_and_stay_verifiable(months):
    seals = Seal.objects.count()
    assert journal.let_go(now=datetime(2026, 9, 30, 23, tzinfo=PARIS)) == 0  # not a year yet
    assert journal.let_go(now=datetime(2026, 10, 1, tzinfo=PARIS)) == 2
    assert journal.let_go(now=OVER) == 0
    assert Entry.objects.earliest("at").at == datetime(2025, 10, 1, tzinfo=PARIS)
    assert (Seal.objects.count(), faults()) == (seals, [])
    asked = DemandeHabilitationFactory(submitted_at=datetime(2025, 12, 31, tzinfo=PARIS))
    Convention.objects.update(ended_on=date(2026, 12, 31))
    assert proof.let_go(now=OVER) == 1
    assert journal.let_go(now=OVER) == 1  # October, not January: an application of December is kept
    asked.delete()
    assert journal.let_go(now=OVER) == 1
    assert faults() == []


@pytest.mark.rule("ACC-2.f")
@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM journal_entry",
        "DELETE FROM journal_entry WHERE at >= '2026-01-01'",
        "UPDATE journal_entry SET caf = ''",
    ],
)
def test_nothing_else_leaves_the_journal(months, statement):
    journal.let_go(now=OVER)
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.rule("ACC-2.f")
def test_a_month_that_is_still_needed_and_gone_is_found(months):
    """By who holds the key, past its year: the trigger lets it, the check knows the convention that needs it."""
    link = Seal.objects.get(record="journal_entry", month="2025-10")
    name, key = journal.KEYS.current()
    departure = Departure(seal=link, at=OVER, key=name)
    departure.digest = journal._departure_digest(departure, key)
    departure.save()
    Entry.objects.filter(pk__gte=link.first_id, pk__lte=link.last_id).delete()
    assert any("was let go before the end of its term" in fault for fault in faults())
