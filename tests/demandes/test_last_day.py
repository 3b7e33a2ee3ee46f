"""CNS-9: the day of destruction is known when a demande comes in, and only ever comes nearer."""

import io
from datetime import UTC, date, datetime, timedelta

import pytest

from bench.deliveries import delivery, record
from demandes import rules
from demandes.models import Demande
from demandes.services import applying, deliveries, orientation
from demandes.workflow import Etat
from extranet.core.dates import start_of_day
from tests.factories import AgentFactory, DemandeFactory, HabilitationFactory

JUNE = datetime(2026, 6, 24, 8, tzinfo=UTC)
NOVEMBER = datetime(2026, 11, 23, 9, tzinfo=UTC)


@pytest.mark.rule("CNS-9.a")
@pytest.mark.parametrize(
    ("deposited", "received", "last_day"),
    [
        ("2026-06-24T10:00+02:00", "2026-06-24T10:00+02:00", "2026-12-24"),  # by the form
        ("2026-06-24T10:00+02:00", "2026-11-23T10:00+01:00", "2026-12-24"),  # delivered five months late
        ("2026-11-23T10:40+01:00", "2026-11-23T10:00+01:00", "2027-05-23"),  # a source whose clock is ahead
        ("2026-08-31T23:30+02:00", "2026-09-01T00:10+02:00", "2027-02-28"),  # the month's end decides
        ("2026-11-30T23:59+01:00", "2026-12-01T00:01+01:00", "2027-05-30"),
        ("2027-03-28T01:59+01:00", "2027-03-28T03:00+02:00", "2027-09-28"),  # the night of the change of hour
    ],
)
def test_six_months_from_the_deposit_or_the_arrival_whichever_comes_first(deposited, received, last_day):
    moments = datetime.fromisoformat(deposited), datetime.fromisoformat(received)
    assert rules.last_day_of_dossier(*moments) == date.fromisoformat(last_day)


@pytest.mark.rule("CNS-8.b")
@pytest.mark.rule("CNS-9.b")
def test_given_to_a_lieu_after_five_months_it_still_goes_on_the_day_first_told(db):
    lieu = HabilitationFactory().lieu
    agent = AgentFactory(
        caf=lieu.caf,
    ).user
    waits = DemandeFactory(caf=lieu.caf, at=JUNE)
    assert waits.last_day == date(2026, 12, 24)

    orientation.give(demande_ids=[waits.pk], lieu_id=lieu.pk, by=agent, now=NOVEMBER)

    waits.refresh_from_db()
    assert (waits.state, waits.transmission.transmitted_at) == (Etat.TRANSMISE, NOVEMBER)
    assert waits.last_day == date(2026, 12, 24)


@pytest.mark.rule("CNS-9.b")
def test_a_new_version_that_says_a_later_deposit_moves_nothing_and_an_earlier_one_brings_it_nearer(db):
    HabilitationFactory()

    def take(deposited, now, message):
        tail = f"<message>{message}</message>"
        content = "".join(delivery(iter([record(1, now, at=deposited.isoformat(), tail=tail)]), now))
        found = deliveries.register(
            io.BytesIO(content.encode()), nom=f"{message}.xml", origine="depot", now=now, ring=False
        )
        assert applying.ingest(found.pk, now=now).summary["set-aside"] == 0
        return Demande.objects.get().last_day

    assert take(JUNE, JUNE, "une") == date(2026, 12, 24)
    assert take(JUNE + timedelta(days=30), JUNE + timedelta(days=31), "deux") == date(2026, 12, 24)
    assert take(JUNE - timedelta(days=10), JUNE + timedelta(days=32), "trois") == date(2026, 12, 14)


def test_the_last_day_ends_at_midnight_in_paris():
    end = rules.last_day_of_dossier(JUNE, JUNE)
    assert start_of_day(end + timedelta(days=1)) == datetime(2026, 12, 24, 23, tzinfo=UTC)
