"""The journal is append-only, and a change would show."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import DatabaseError, connection, transaction

from extranet.core.journal import services
from extranet.core.journal.models import Entry, Seal
from tests.factories import CafFactory, UserFactory

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@pytest.fixture
def lines(db):
    person = UserFactory()
    for rank in range(3):
        services.record("essai", person, by=person, at=NOW + timedelta(minutes=rank))
    return Entry.objects.order_by("pk")


@pytest.mark.rule("ACC-2.d")
@pytest.mark.parametrize("change", ["update", "delete", "sql"])
def test_no_line_can_be_changed_or_removed(lines, change):
    with pytest.raises(DatabaseError), transaction.atomic():
        if change == "update":
            lines.update(event="autre")
        elif change == "delete":
            lines.first().delete()
        else:
            with connection.cursor() as cursor:
                cursor.execute("DELETE FROM journal_entry")
    assert lines.count() == 3


@pytest.mark.rule("CTL-4.a")
def test_an_object_is_named_by_what_a_restored_database_gives_to_nothing_else(lines):
    person = UserFactory()
    assert {(line.object_id, line.actor) for line in lines} == {
        (name, f"user:{name}") for name in lines.values_list("object_id", flat=True)
    }
    assert services.name_of(person) == str(person.uuid)
    assert services.name_of(CafFactory(code="caf-77")) == "caf-77"
    with pytest.raises(TypeError, match="no public name"):
        services.name_of(Seal(pk=1))


@pytest.mark.rule("ACC-2.f")
def test_seals_find_what_a_tampered_database_hides(lines):
    assert services.seal(now=NOW) == 0  # seen
    assert services.seal(now=NOW + timedelta(minutes=14)) == 0  # a transaction of then may still be open
    assert services.seal(now=NOW + timedelta(minutes=15)) == 3
    assert services.seal(now=NOW + timedelta(hours=1)) == 0
    assert services.broken_seals(now=NOW + timedelta(hours=1)) == []
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE journal_entry DISABLE TRIGGER USER")
        cursor.execute("UPDATE journal_entry SET event = 'autre' WHERE id = %s", [lines[1].pk])
        cursor.execute("ALTER TABLE journal_entry ENABLE TRIGGER USER")
    assert len(services.broken_seals(now=NOW + timedelta(hours=1))) == 1


@pytest.mark.rule("ACC-2.f")
def test_a_line_committed_late_under_a_lower_key_is_sealed_whole(lines):
    """A long import writes the moment it began at: what is old by its moment may be new in the table."""
    person, last = UserFactory(), lines.last().pk
    services.seal(now=NOW)
    for moment in (NOW + timedelta(minutes=14), NOW - timedelta(hours=2)):
        services.record("essai", person, by=person, at=moment)
    assert services.seal(now=NOW + timedelta(minutes=15)) == 3
    assert services.seal(now=NOW + timedelta(minutes=30)) == 2
    assert list(Seal.objects.values_list("last_id", flat=True).order_by("last_id")) == [last, last + 2]
    assert services.broken_seals(now=NOW + timedelta(hours=1)) == []
