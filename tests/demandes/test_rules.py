"""The worked dates of the convention, as tables."""

from datetime import date, datetime, timedelta

import pytest

from demandes import rules
from demandes.attestations import rules as attestation_rules
from extranet.core.dates import paris_date, start_of_day

FAR = date(2099, 1, 1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.rule("NOT-3.a")
@pytest.mark.parametrize(
    ("notified_at", "last_day"),
    [
        ("2026-11-23T09:12+01:00", "2026-12-08"),  # usual
        ("2026-03-20T23:50+01:00", "2026-04-04"),  # summer time
        ("2026-10-18T00:05+02:00", "2026-11-02"),  # winter time
        ("2026-12-17T10:00+01:00", "2027-01-01"),  # New Year's Day, then a weekend
        ("2027-02-13T08:00+01:00", "2027-02-28"),  # end of February
        ("2028-02-14T08:00+01:00", "2028-02-29"),  # leap year
        ("2026-08-01T09:00+02:00", "2026-08-16"),  # a Sunday
        ("2026-11-23T23:30+00:00", "2026-12-09"),  # already the 24th in Paris
        ("2026-07-01T22:30+00:00", "2026-07-17"),  # already the 2nd in Paris
    ],
)
def test_fifteen_calendar_days_from_the_civil_day_of_the_mail_in_paris(notified_at, last_day):
    assert rules.last_day_to_pick_up(at(notified_at), FAR) == date.fromisoformat(last_day)


@pytest.mark.rule("NOT-4.g")
def test_nobody_is_invited_to_fetch_what_is_destroyed():
    assert rules.last_day_to_pick_up(at("2027-05-20T10:00+02:00"), date(2027, 5, 23)) == date(2027, 5, 23)


@pytest.mark.rule("CNS-1.a")
@pytest.mark.rule("CNS-3.a")
@pytest.mark.parametrize(
    ("transmitted", "last_day", "attestation"),
    [
        ("2026-11-23", "2027-05-23", "2027-06-23"),
        ("2025-08-31", "2026-02-28", "2026-03-28"),
        ("2027-08-29", "2028-02-29", "2028-03-29"),
        ("2027-08-30", "2028-02-29", "2028-03-29"),
        ("2027-08-31", "2028-02-29", "2028-03-29"),
        ("2026-08-29", "2027-02-28", "2027-03-28"),
        ("2026-02-28", "2026-08-28", "2026-09-28"),
        ("2028-02-29", "2028-08-29", "2028-09-29"),
        ("2026-03-31", "2026-09-30", "2026-10-30"),
        ("2026-05-31", "2026-11-30", "2026-12-30"),
        ("2026-09-29", "2027-03-29", "2027-04-29"),
        ("2026-10-25", "2027-04-25", "2027-05-25"),
    ],
)
def test_six_months_then_one_month_chained_never_seven(transmitted, last_day, attestation):
    sent = start_of_day(date.fromisoformat(transmitted)).replace(hour=10)
    assert rules.last_day_of_dossier(sent, sent) == date.fromisoformat(last_day)
    assert attestation_rules.due_on(date.fromisoformat(last_day)) == date.fromisoformat(attestation)


@pytest.mark.rule("NOT-4.a")
@pytest.mark.rule("NOT-5.a")
@pytest.mark.parametrize(
    ("notified", "today", "sent", "due"),
    [
        ("2026-11-23T09:12+01:00", "2026-11-29", set(), None),
        ("2026-11-23T09:12+01:00", "2026-11-30", set(), 7),
        ("2026-11-23T09:12+01:00", "2026-11-30", {7}, None),
        ("2026-11-23T09:12+01:00", "2026-12-03", {7}, None),
        ("2026-11-23T09:12+01:00", "2026-12-04", {7}, 12),  # day 12 is a Saturday: the Friday before
        ("2026-11-23T09:12+01:00", "2026-12-05", {7, 12}, None),
        ("2026-11-23T09:12+01:00", "2026-12-06", set(), 12),  # stopped for days: the latest only (NOT-5)
        ("2026-11-23T09:12+01:00", "2026-12-09", set(), None),  # over: late, no reminder
    ],
)
def test_reminders_leave_on_a_working_day_and_never_in_a_pile(notified, today, sent, due):
    assert rules.reminder_day_due(at(notified), date.fromisoformat(today), sent) == due


@pytest.mark.rule("NOT-4.b")
@pytest.mark.rule("NOT-4.c")
@pytest.mark.parametrize(
    ("notified", "days", "departement", "leaves"),
    [
        ("2026-03-27T10:00+01:00", (7, 12), "77", "2026-04-03"),  # Good Friday, worked in most of France
        ("2026-03-27T10:00+01:00", (7, 12), "67", "2026-04-02"),
        ("2026-03-27T10:00+01:00", (7, 12), "68", "2026-04-02"),
        ("2026-03-27T10:00+01:00", (7, 12), "57", "2026-04-02"),
        ("2025-12-19T10:00+01:00", (7, 12), "57", "2025-12-24"),  # 25 and 26 December
        ("2025-12-19T10:00+01:00", (7, 12), "54", "2025-12-26"),
        ("2026-05-20T10:00+02:00", (7, 12), "971", "2026-05-26"),  # abolition: 27 May in Guadeloupe
        ("2026-05-20T10:00+02:00", (7, 12), "972", "2026-05-27"),
        ("2026-05-15T10:00+02:00", (7, 12), "972", "2026-05-21"),  # 22 May in Martinique
        ("2026-06-03T10:00+02:00", (7, 12), "973", "2026-06-09"),  # 10 June in Guyane
        ("2027-12-13T10:00+01:00", (7, 12), "974", "2027-12-17"),  # 20 December in La Réunion
        ("2026-04-20T10:00+02:00", (7, 12), "976", "2026-04-24"),  # 27 April in Mayotte
        ("2026-11-23T10:00+01:00", (5,), "77", "2026-11-27"),  # day 5 is a Saturday
        ("2026-11-23T10:00+01:00", (3, 14), "77", "2026-11-26"),
    ],
)
def test_the_first_reminder_leaves_on_the_day_that_the_caf_has_set_by_the_holidays_of_the_departement(
    notified, days, departement, leaves
):
    relances, sent = rules.Relances(days, departement), at(notified)
    days_before = [paris_date(sent) + timedelta(days=one) for one in range(16)]
    due = [day for day in days_before if rules.reminder_day_due(sent, day, set(), relances)]
    assert due[0] == date.fromisoformat(leaves)
    assert rules.reminder_day_due(sent, due[0], set(), relances) == days[0]


@pytest.mark.rule("NOT-4.d")
def test_late_begins_on_the_sixteenth_day():
    notified = at("2026-11-23T09:12+01:00")
    last = rules.last_day_to_pick_up(notified, FAR)
    days = [date(2026, 12, day) for day in (4, 5, 8, 9, 11)]
    delays = [rules.Delay(last, day) for day in days]
    assert [(delay.days_late, delay.is_at_risk) for delay in delays] == [
        (0, False), (0, True), (0, True), (1, False), (3, False),
    ]  # fmt: skip


@pytest.mark.rule("DEM-1.a")
@pytest.mark.parametrize(
    ("born", "day", "under"),
    [
        ("2020-11-25", "2026-11-24", True),
        ("2020-11-24", "2026-11-24", False),
        ("2020-02-29", "2026-02-27", True),
        ("2020-02-29", "2026-02-28", False),
    ],
)
def test_under_six_on_the_day_of_the_demande(born, day, under):
    assert rules.is_under_six(date.fromisoformat(born), date.fromisoformat(day)) is under


@pytest.mark.rule("DEM-3.b")
def test_a_due_date_may_be_just_past_or_eighteen_months_ahead():
    day = date(2026, 11, 24)
    assert rules.is_plausible_due_date(date(2026, 10, 13), day)
    assert not rules.is_plausible_due_date(date(2026, 10, 12), day)
    assert rules.is_plausible_due_date(date(2028, 5, 24), day)
    assert not rules.is_plausible_due_date(date(2028, 5, 25), day)


@pytest.mark.rule("ING-3.b")
@pytest.mark.parametrize(
    ("hours", "wrong"),
    [
        ([("lundi", "08:00", "12:00"), ("lundi", "12:00", "18:00")], False),
        ([("lundi", "08:00", "12:30"), ("lundi", "12:00", "18:00")], True),
        ([("lundi", "08:00", "24:00")], False),
        ([("lundi", "18:00", "08:00")], True),
        ([("lundi", "08:00", "12:00"), ("mardi", "08:00", "12:00")], False),
    ],
)
def test_hours_of_a_day_do_not_overlap(hours, wrong):
    assert rules.overlaps(hours) is wrong


@pytest.mark.rule("CNS-5.a")
def test_attestation_reminders_at_day_15_and_25_the_latest_only():
    opened = date(2027, 5, 24)
    assert attestation_rules.reminder_due(opened, date(2027, 6, 7), {0}) is None
    assert attestation_rules.reminder_due(opened, date(2027, 6, 8), {0}) == 15
    assert attestation_rules.reminder_due(opened, date(2027, 6, 20), {0}) == 25
    assert attestation_rules.reminder_due(opened, date(2027, 6, 20), {0, 25}) is None


@pytest.mark.rule("CTL-8.a")
@pytest.mark.rule("NOT-4.h")
@pytest.mark.parametrize(
    ("last", "departement", "from_"),
    [
        ("2026-12-08", "77", "2026-12-09"),
        ("2026-04-04", "77", "2026-04-08"),  # Saturday before Easter: Tuesday the 7th must have passed
        ("2026-11-02", "77", "2026-11-03"),
        ("2027-01-01", "77", "2027-01-05"),
        ("2027-02-28", "77", "2027-03-02"),
        ("2028-02-29", "77", "2028-03-01"),
        ("2026-08-16", "77", "2026-08-18"),
        ("2026-04-03", "77", "2026-04-04"),  # Good Friday, worked in most of France
        ("2026-04-03", "67", "2026-04-08"),
        ("2026-12-25", "77", "2026-12-29"),
        ("2024-12-25", "77", "2024-12-27"),
        ("2024-12-25", "57", "2024-12-28"),  # 26 December too
        ("2026-05-27", "971", "2026-05-29"),  # abolition, each on its own day
        ("2026-05-27", "972", "2026-05-28"),
        ("2026-05-22", "972", "2026-05-27"),  # a Friday, and Whit Monday behind
        ("2026-06-10", "973", "2026-06-12"),
        ("2027-12-20", "974", "2027-12-22"),
        ("2026-04-27", "976", "2026-04-29"),
    ],
)
def test_a_delay_counts_as_a_breach_once_the_next_working_day_has_passed(last, departement, from_):
    assert rules.imputed_from(date.fromisoformat(last), departement) == date.fromisoformat(from_)
