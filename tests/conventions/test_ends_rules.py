"""Dates of a notice, of its reminders, and of what families are asked: tables of examples (CON-4, CON-6)."""

from datetime import date

import pytest

from conventions import rules

DAY = date.fromisoformat


@pytest.mark.rule("CON-4.c")
@pytest.mark.rule("CON-4.e")
@pytest.mark.parametrize(
    ("start", "delivered", "ends_on", "disputed"),
    [
        ("2025-09-11", "2026-06-11", "2026-09-11", False),  # the last day
        ("2025-09-11", "2026-06-12", "2027-09-11", False),  # one day late
        ("2026-11-23", "2027-08-23", "2027-11-23", False),
        ("2026-11-23", "2027-08-24", "2028-11-23", False),
        ("2024-02-29", "2024-11-28", "2025-02-28", False),
        ("2024-02-29", "2024-11-29", "2026-02-28", True),  # forwards: 28 February 2025 at the latest
        ("2024-02-29", "2024-11-30", "2026-02-28", True),
        ("2024-02-29", "2024-12-01", "2026-02-28", False),  # late both ways
        ("2024-02-29", "2027-11-29", "2028-02-29", False),  # back on the 29th
        ("2024-02-29", "2027-11-30", "2029-02-28", True),
        ("2026-05-31", "2027-02-28", "2027-05-31", False),
        ("2026-05-31", "2027-03-01", "2028-05-31", False),
        ("2026-05-31", "2028-02-29", "2028-05-31", False),
        ("2026-12-01", "2027-09-01", "2027-12-01", False),
        ("2026-12-01", "2027-12-01", "2028-12-01", False),  # on the anniversary itself
    ],
)
def test_a_letter_ends_the_year_that_its_delivery_reaches(start, delivered, ends_on, disputed):
    found = rules.notice(DAY(start), DAY(delivered))
    assert (found.ends_on, found.is_disputed) == (DAY(ends_on), disputed)


@pytest.mark.rule("CON-4.g")
@pytest.mark.parametrize(
    ("term", "today", "sent", "rank"),
    [
        ("2027-01-15", "2026-08-14", (), None),
        ("2027-01-15", "2026-08-15", (), 0),  # five months before
        ("2027-01-15", "2026-08-15", (0,), None),
        ("2027-01-15", "2026-09-15", (0,), 1),  # four
        ("2027-01-15", "2026-09-30", (0, 1), 2),  # three and a half: fifteen days before the last day
        ("2027-01-15", "2026-10-15", (), 2),  # stopped for months: the latest only
        ("2027-01-15", "2026-10-16", (), None),  # no letter can be in time any more
        ("2027-01-15", "2026-09-20", (2,), None),  # the clock went back since
        ("2027-05-31", "2026-12-31", (), 0),
        ("2027-05-31", "2027-02-13", (0, 1), 2),
    ],
)
def test_agents_are_reminded_three_times_while_a_letter_can_be_in_time(term, today, sent, rank):
    assert rules.notice_reminder_due(DAY(term), DAY(today), sent) == rank


@pytest.mark.rule("CON-6.d")
@pytest.mark.parametrize(
    ("ends_on", "recorded_on", "until"),
    [
        ("2027-01-15", "2026-10-01", "2027-01-15"),  # known long before: the last day of the convention
        ("2027-01-15", None, "2027-01-15"),
        ("2026-11-23", "2026-11-23", "2026-12-08"),  # breach: fifteen days from its recording
        ("2026-11-20", "2026-11-23", "2026-12-08"),
        ("2026-12-08", "2026-11-23", "2026-12-08"),
    ],
)
def test_families_have_until_the_last_day_and_fifteen_days_at_least(ends_on, recorded_on, until):
    assert rules.families_have_until(DAY(ends_on), DAY(recorded_on) if recorded_on else None) == DAY(until)


@pytest.mark.rule("CON-6.d")
@pytest.mark.parametrize(
    ("today", "sent", "rank"),
    [
        ("2026-12-30", (), None),
        ("2026-12-31", (), 0),
        ("2027-01-14", (0,), None),
        ("2027-01-15", (0,), 1),
        ("2027-01-15", (), 1),  # stopped for fifteen days: once
        ("2027-01-16", (), None),
        ("2027-01-10", (1,), None),
    ],
)
def test_families_are_asked_fifteen_days_before_and_on_the_last_day(today, sent, rank):
    assert rules.consultation_due(DAY("2027-01-15"), DAY(today), sent) == rank


START, TODAY = DAY("2025-01-15"), DAY("2026-11-23")


@pytest.mark.rule("CON-4.a")
@pytest.mark.rule("CON-4.b")
@pytest.mark.parametrize(
    ("posted", "presented", "delivered", "issue", "faulty"),
    [
        ("2026-11-02", "2026-11-04", "2026-11-10", "remise", set()),
        ("2026-11-02", None, None, "", set()),
        ("2026-11-02", "2026-11-04", None, "non-reclamee", set()),
        ("2026-11-24", None, None, "", {"posted_on"}),  # in the future
        ("2026-11-20", "2026-11-25", "2026-11-26", "remise", {"presented_on", "delivered_on"}),
        ("2025-01-14", None, None, "", {"posted_on"}),  # before the convention
        ("2026-11-02", "2026-11-01", None, "", {"presented_on"}),
        ("2026-11-02", "2026-11-10", "2026-11-04", "remise", {"delivered_on"}),
        ("2026-11-02", None, "2026-11-01", "remise", {"delivered_on"}),
        ("2026-11-02", None, None, "remise", {"delivered_on"}),
        ("2026-11-02", None, "2026-11-04", "refusee", {"issue"}),
        ("2026-11-02", None, "2026-11-04", "", {"issue"}),
    ],
)
def test_a_letter_s_dates_follow_each_other_and_none_is_to_come(posted, presented, delivered, issue, faulty):
    found = rules.letter_faults(
        DAY(posted),
        DAY(presented) if presented else None,
        DAY(delivered) if delivered else None,
        issue,
        start=START,
        today=TODAY,
    )
    assert set(found) == faulty
