"""Accesses go after a year, as whole sealed months; what is left is proven, and no other way out is open (ACC-2)."""

import sqlite3
import uuid
from contextlib import suppress
from datetime import datetime, timedelta

import pytest
from django.core.cache import cache
from django.db import DatabaseError, connection, transaction

from demandes.models import Remise
from extranet.core.apart import Incomplete
from extranet.core.dates import PARIS
from extranet.core.journal import services, triggers
from extranet.core.journal.models import Departure, Entry, Seal
from extranet.portal import sweep
from tests.factories import NOW, ConventionFactory, UserFactory

pytestmark = [pytest.mark.rule("ACC-2.e"), pytest.mark.rule("ACC-2.f")]

OCTOBER_ENDS = datetime(2026, 11, 1, tzinfo=PARIS)
# The keys do not follow the moments: a slow act of October was committed after the first of November.
ACCESSES = [
    datetime(2025, 9, 12, 10, tzinfo=PARIS),
    datetime(2025, 10, 3, 10, tzinfo=PARIS),
    datetime(2025, 10, 31, 23, 59, 59, tzinfo=PARIS),
    datetime(2025, 11, 1, 0, 0, tzinfo=PARIS),
    datetime(2025, 10, 31, 23, 58, tzinfo=PARIS),
    datetime(2025, 11, 1, 0, 1, tzinfo=PARIS),
    datetime(2026, 11, 20, 9, tzinfo=PARIS),
]
KEPT = [ACCESSES[3], ACCESSES[5], ACCESSES[6]]


@pytest.fixture(autouse=True)
def data_folder(settings, tmp_path):
    settings.DATA_DIR = tmp_path


def access(at):
    return Remise.objects.create(
        at=at, user_id=1, demande_uuid=uuid.uuid4(), reference="ME-1", lieu_id=1, mode="pdf", appareil="Essai/1"
    )


def seal_all(now):
    cache.clear()
    for moment in (now - timedelta(minutes=15), now):
        services.seal(now=moment)


@pytest.fixture
def accesses(db):
    ConventionFactory(created_at=ACCESSES[0])  # kept: the journal goes with none of these months
    person = UserFactory()
    for at in ACCESSES:
        access(at)
        services.record("essai", person, by=person, at=at)
    seal_all(NOW)


def moments():
    return list(Remise.objects.order_by("pk").values_list("at", flat=True))


def faults(now=NOW + timedelta(hours=4)):
    return list(services.faults(now=now))


def sql(statement, *values):
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def as_owner(statement, *values):
    tables = ("journal_seal", "journal_departure", "demandes_remise")
    for table in tables:
        sql(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    sql(statement, *values)
    for table in tables:
        sql(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def test_months_past_a_year_go_whole_and_nothing_else(accesses):
    seals, acts = Seal.objects.count(), Entry.objects.count()
    assert sweep.run(now=NOW)["accès et journal arrivés à leur terme"] == 4
    assert moments() == KEPT
    assert (Seal.objects.count(), Entry.objects.count()) == (seals, acts)
    assert faults() == []
    assert services.let_go(now=NOW) == 0
    access(NOW)
    seal_all(NOW + timedelta(days=1))
    assert services.let_go(now=NOW + timedelta(days=30)) == 2  # November, once December has come
    assert len(moments()) == 2
    assert faults(NOW + timedelta(days=31)) == []


@pytest.mark.parametrize(
    ("last", "over"),
    [
        (datetime(2025, 10, 31, 23, 59, 59, tzinfo=PARIS), OCTOBER_ENDS),
        (datetime(2028, 2, 29, 23, 59, 59, tzinfo=PARIS), datetime(2029, 3, 1, tzinfo=PARIS)),
    ],
    ids=["end of a month", "29 February"],
)
def test_a_month_goes_at_its_first_moment_and_not_before(db, last, over):
    access(last)
    seal_all(last + timedelta(hours=1))
    assert services.let_go(now=over - timedelta(seconds=1)) == 0
    assert services.let_go(now=over) == 1
    assert faults(over) == []


def test_a_month_waits_for_its_last_line_to_be_sealed(accesses):
    access(ACCESSES[1])
    assert services.let_go(now=NOW) == 1  # September
    assert len(moments()) == 7
    seal_all(NOW + timedelta(hours=1))
    assert services.let_go(now=NOW + timedelta(hours=1)) == 4
    assert faults() == []


def test_a_month_that_was_changed_stays_and_is_seen(accesses, caplog):
    as_owner("UPDATE demandes_remise SET appareil = 'Autre' WHERE at = %s", ACCESSES[1])
    with pytest.raises(Incomplete, match="1 failed, 1 done"):
        services.let_go(now=NOW)
    assert moments() == ACCESSES[1:]
    assert "demandes_remise 2025-10" in caplog.text
    assert not Departure.objects.filter(seal__month="2025-10").exists()


def depart(link, at, key=None):
    """What the path writes; with the portal's own key unless another is given."""
    name, own = services.KEYS.current()
    departure = Departure(seal=link, at=at, key=name)
    departure.digest = services._departure_digest(departure, key or own)
    departure.save()


def last_seal():
    return Seal.objects.filter(record="demandes_remise").latest("last_id")


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM demandes_remise WHERE at < '2025-11-01'",
        "DELETE FROM demandes_remise",
        "UPDATE demandes_remise SET mode = 'xml' WHERE at < '2025-11-01'",
        "DELETE FROM journal_departure",
        "UPDATE journal_departure SET at = at - interval '1 month'",
        "TRUNCATE journal_departure",
    ],
)
def test_no_other_way_out_is_open(accesses, statement):
    services.let_go(now=OCTOBER_ENDS - timedelta(days=1))  # September
    depart(last_seal(), NOW)
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        sql(statement)


def emptied_too_early():
    """With the portal's key and a moment that has not come: the trigger looks at moments, the check at today."""
    depart(last_seal(), NOW + timedelta(days=500))
    sql("DELETE FROM demandes_remise WHERE id >= %s", last_seal().first_id)


def emptied_without_the_key():
    link = Seal.objects.filter(record="demandes_remise", month="2025-11").first()
    depart(link, NOW + timedelta(days=30), key=b"x" * 32)
    sql("DELETE FROM demandes_remise WHERE id BETWEEN %s AND %s", link.first_id, link.last_id)


def emptied_by_the_owner():
    as_owner("DELETE FROM demandes_remise WHERE at < '2025-11-02'")


def seal_of_what_went_dropped():
    first = Seal.objects.filter(record="demandes_remise").earliest("last_id")
    as_owner("DELETE FROM journal_departure WHERE seal_id = %s", first.pk)
    as_owner("DELETE FROM journal_seal WHERE id = %s", first.pk)


def departure_dropped():
    as_owner("DELETE FROM journal_departure")


def departure_backdated():
    as_owner("UPDATE journal_departure SET at = at + interval '1 day'")


def number_of_what_went_changed():
    as_owner("UPDATE journal_seal SET count = 9 WHERE month = '2025-10'")


def put_back():
    sql(
        "INSERT INTO demandes_remise (id, at, user_id, demande_uuid, reference, lieu_id, mode, appareil) "
        "SELECT %s, at, user_id, demande_uuid, reference, lieu_id, mode, appareil FROM demandes_remise LIMIT 1",
        Departure.objects.earliest("pk").seal.last_id,
    )


FOUND = {
    emptied_too_early: "was let go before the end of its term",
    emptied_without_the_key: "was let go, and not by the portal",
    emptied_by_the_owner: "does not match its seal",
    seal_of_what_went_dropped: "is gone from the database",
    departure_dropped: "does not match its seal",
    departure_backdated: "was let go, and not by the portal",
    number_of_what_went_changed: "was let go, and not by the portal",
    put_back: "was let go, and has lines",
}


@pytest.mark.parametrize("attack", FOUND, ids=lambda attack: attack.__name__)
def test_each_abuse_of_the_way_out_is_found(accesses, attack):
    services.let_go(now=NOW)
    assert faults() == []
    attack()
    assert any(FOUND[attack] in fault for fault in faults())


@pytest.fixture
def embedded():
    """The statements of the embedded database, on tables of the same columns."""
    base = sqlite3.connect(":memory:", isolation_level=None)
    base.executescript(
        "CREATE TABLE journal_seal (id INTEGER PRIMARY KEY, record TEXT, first_id INTEGER, last_id INTEGER);"
        "CREATE TABLE journal_departure (id INTEGER PRIMARY KEY, seal_id INTEGER, at TEXT);"
        "CREATE TABLE demandes_remise (id INTEGER PRIMARY KEY, at TEXT);"
        "INSERT INTO journal_seal VALUES (1, 'demandes_remise', 0, 2), (2, 'demandes_remise', 3, 4),"
        " (3, 'other', 0, 9);"
        "INSERT INTO demandes_remise VALUES (1, '2028-02-29 20:00:00.5'), (2, '2028-02-29 22:59:59.9'),"
        " (3, '2028-03-01 08:00:00'), (4, '2028-03-01 08:00:00'), (5, '2028-02-29 12:00:00');"
    )
    for statement in triggers.statements("sqlite", "demandes_remise", 12):
        base.execute(statement)
    yield base
    base.close()


def test_the_embedded_database_lets_go_the_same_lines(embedded):
    def left(statement):
        with suppress(sqlite3.IntegrityError):
            embedded.execute(statement)
        return [key for (key,) in embedded.execute("SELECT id FROM demandes_remise ORDER BY id")]

    everything = [1, 2, 3, 4, 5]
    assert left("DELETE FROM demandes_remise WHERE id = 1") == everything
    embedded.execute("INSERT INTO journal_departure VALUES (1, 3, '2030-01-01 00:00:00')")  # another record's
    embedded.execute("INSERT INTO journal_departure VALUES (2, 2, '2029-02-28 23:00:00')")  # too early for its lines
    assert left("DELETE FROM demandes_remise WHERE id < 3") == everything
    assert left("DELETE FROM demandes_remise WHERE id = 3") == everything
    embedded.execute("INSERT INTO journal_departure VALUES (3, 1, '2029-02-28 23:00:00')")  # 1 March, 00:00 in Paris
    assert left("DELETE FROM demandes_remise") == everything
    assert left("UPDATE demandes_remise SET at = '2020-01-01' WHERE id = 1") == everything
    assert left("REPLACE INTO demandes_remise VALUES (5, '2020-01-01 00:00:00')") == everything
    assert left("DELETE FROM demandes_remise WHERE id < 3") == [3, 4, 5]
