"""The real bell: through the broker, after the commit, into the queue of its kind of work."""

import pytest
from celery import current_app
from django.conf import settings
from django.db import transaction

from extranet.core.bell import ring  # the real one, read before the tests put theirs in its place

BELLS = {
    "extranet.core.outbox.tasks.send_due": ("mail", ()),
    "demandes.tasks.ingest": ("deliveries", (7,)),
    "demandes.tasks.make_file": ("files", (8,)),
    "conventions.tasks.keep_pdf": ("clock", (9,)),
}


class Stopped(Exception):
    """What ends a transaction."""


@pytest.fixture
def broker():
    """A connection to the broker, every queue emptied before and after."""
    with current_app.connection_for_read() as connection:
        connection.default_channel.client.delete(*settings.QUEUES)
        yield connection
        connection.default_channel.client.delete(*settings.QUEUES)


def waiting(broker):
    """Queue → how many bells."""
    return {name: broker.default_channel.client.llen(name) for name in settings.QUEUES}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("task", BELLS)
def test_a_bell_is_in_its_queue_once_the_transaction_commits_and_not_before(broker, task):
    (name, ids) = BELLS[task]
    with pytest.raises(Stopped), transaction.atomic():
        ring(task, *ids)
        raise Stopped
    with transaction.atomic():
        ring(task, *ids)
        assert not any(waiting(broker).values())
    assert waiting(broker) == {one: int(one == name) for one in settings.QUEUES}
    message = broker.SimpleQueue(name).get(timeout=5)  # as a worker takes it
    message.ack()
    args, _, _ = message.payload
    assert (message.headers["task"], args) == (task, [str(one) for one in ids])
