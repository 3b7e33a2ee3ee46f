"""Two acts at once about the same new address: both end well, with one account (ACT-1, ACT-6)."""

import threading
import time
from typing import Any

import pytest
from django.db import connection, connections, transaction

from extranet.core.accounts.models import User
from extranet.core.outbox.models import Message
from habilitations.models import Habilitation
from habilitations.services import activation
from tests.factories import NOW, AgentFactory, LieuFactory, PersonneInscriteFactory

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.rule("ACT-6.a")]
ADDRESS = "alix@partage.test"


def two_lines() -> list[int]:
    """The same address, in annexe 1 of two lieux, typed in two ways."""
    return [
        PersonneInscriteFactory(
            lieu=LieuFactory(gestionnaire__courriel_registre="mairie@commune.test"), courriel=typed
        ).pk
        for typed in (ADDRESS, "Alix@Partage.test")
    ]


def waits_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")  # else a transaction sees what it saw first
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return bool(cursor.fetchone()[0])


def together(*acts: Any) -> list[BaseException]:
    """Run `acts` each in its own thread and connection; what they raised."""
    faults: list[BaseException] = []

    def run(act: Any) -> None:
        try:
            act()
        except BaseException as fault:
            faults.append(fault)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=[act]) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return faults


def one_account_two_rights() -> None:
    assert User.objects.filter(email=ADDRESS).count() == 1
    assert Habilitation.objects.filter(user__email=ADDRESS).count() == 2
    assert Message.objects.filter(kind="habilitations.activation").count() == 2


def test_the_second_waits_for_the_first_and_takes_its_account(bells: Any) -> None:
    """The first has made the account and is not over when the second, which saw none, comes to make it."""
    agent, (one, other) = AgentFactory().user, two_lines()
    made = threading.Event()

    def first() -> None:
        with transaction.atomic():
            activation.activate(personne_id=one, by=agent, now=NOW)
            made.set()
            deadline = time.monotonic() + 20
            while not waits_for_a_lock() and time.monotonic() < deadline:
                pass

    def second() -> None:
        assert made.wait(20)
        activation.activate(personne_id=other, by=agent, now=NOW)

    assert not together(first, second)
    one_account_two_rights()


def test_both_at_the_same_moment(bells: Any) -> None:
    agent, lines = AgentFactory().user, two_lines()
    start = threading.Barrier(2)

    def act(personne: int) -> Any:
        def run() -> None:
            start.wait(20)
            activation.activate(personne_id=personne, by=agent, now=NOW)

        return run

    assert not together(*map(act, lines))
    one_account_two_rights()
