"""Fifty clicks at once: one avenant, applied once (CON-7.d)."""

import threading
from collections.abc import Callable
from datetime import UTC, date, datetime
from io import BytesIO

import pytest
from django.db import connections

from conventions.models import Acte, Couverture, Signature
from conventions.services import avenants, signature
from extranet.core.errors import Refused, WrongState
from extranet.core.journal.models import Entry
from extranet.core.outbox.models import Message
from tests.factories import AgentFactory, CommuneFactory, LieuFactory, a_pdf

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.rule("CON-7.d")]
PREPARED = datetime(2025, 11, 17, 9, tzinfo=UTC)
LATER = datetime(2025, 12, 15, 9, tzinfo=UTC)
CLICKS = 50


def at_once(act: Callable[[], object]) -> list[type]:
    """The answers of fifty threads that begin together: what `act` returned or raised, by type."""
    start, answers = threading.Barrier(CLICKS), []

    def click() -> None:
        try:
            start.wait(timeout=60)
            answers.append(type(act()))
        except Exception as fault:
            answers.append(type(fault))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=click) for _ in range(CLICKS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    return answers


def test_one_is_prepared_and_takes_effect_once(bells):
    CommuneFactory(melun=True)
    lieu, agent = LieuFactory(), AgentFactory().user
    convention = lieu.conventions.get()
    changes = {"communes_added": ["77288"], "communes_removed": ["77100"], "lieu": {"nom": "Nouveau nom"}}
    answers = at_once(lambda: avenants.prepare(convention_uuid=convention.uuid, by=agent, now=PREPARED, **changes))
    assert sorted(answers, key=str) == sorted([Acte] + [WrongState] * (CLICKS - 1), key=str)
    acte = Acte.objects.get(nature="avenant")
    scan = a_pdf()

    def sign(partie, day):
        return signature.record_signature(
            acte_uuid=acte.uuid,
            partie=partie,
            pieces=("avenant", "annexe1"),
            signed_on=date(2025, 11, day),
            signataire="Gabrielle Roux",
            qualite="directrice",
            scan=BytesIO(scan),
            by=agent,
            now=LATER,
        )

    sign("gestionnaire", 20)
    answers = at_once(lambda: sign("caf", 25))
    assert sorted(answers, key=str) == sorted([Acte] + [Refused] * (CLICKS - 1), key=str)
    assert Signature.objects.filter(piece__acte=acte).count() == 4
    assert Entry.objects.filter(event="acte.applique").count() == 1
    assert Message.objects.filter(kind="conventions.avenant-applique").count() == 2
    lines = Couverture.objects.order_by("pk").values_list("commune", "from_on", "until_on")
    assert list(lines) == [("77100", date(2025, 1, 15), date(2025, 11, 24)), ("77288", date(2025, 11, 25), None)]
    assert lieu.identites.filter(opened_by=acte).count() == 1
