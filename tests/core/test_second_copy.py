"""Killed between the server's acceptance and the note of it, a mail leaves again as the same mail (NOT-2)."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction

from extranet.core.outbox import services
from tests.factories import UserFactory

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


class Killed(BaseException):
    """As a kill is: nothing catches it."""


@pytest.mark.rule("NOT-2.d")
@pytest.mark.django_db(transaction=True)
def test_the_second_copy_has_the_message_id_of_the_first(smtp_sink):
    person = UserFactory(email="personne@lieu.test")
    with transaction.atomic():
        services.post("accounts.personnalise", key="1", to=[f"user:{person.pk}"], now=NOW)

    def die(execute, sql, params, many, context):
        if sql.startswith('UPDATE "outbox_message"') and smtp_sink.mails:
            raise Killed
        return execute(sql, params, many, context)

    with connection.execute_wrapper(die), pytest.raises(Killed):
        services.send_due(now=NOW)
    assert services.send_due(now=NOW) == (0, 0)  # still held
    assert services.send_due(now=NOW + services.LEASE + timedelta(minutes=1)) == (1, 0)
    first, second = (mail["Message-ID"] for mail in smtp_sink.mails)
    assert first == second
