"""The journal is append-only, and a change would show."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import DatabaseError, connection, transaction

from extranet.core.journal import services
from extranet.core.journal.models import Entry
from tests.factories import UserFactory

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@pytest.fixture
def lines(db):
    person = UserFactory()
    for rank in range(3):
        services.record("essai", person, by=person, at=NOW + timedelta(minutes=rank))
    return Entry.objects.order_by("pk")


@pytest.mark.rule("ACC-2")
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


@pytest.mark.rule("ACC-2")
def test_seals_find_what_a_tampered_database_hides(lines):
    later = NOW + timedelta(hours=1)
    assert services.seal(now=later) == 3
    assert services.seal(now=later) == 0
    assert services.broken_seals() == []
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE journal_entry DISABLE TRIGGER USER")
        cursor.execute("UPDATE journal_entry SET event = 'autre' WHERE id = %s", [lines[1].pk])
        cursor.execute("ALTER TABLE journal_entry ENABLE TRIGGER USER")
    assert len(services.broken_seals()) == 1
