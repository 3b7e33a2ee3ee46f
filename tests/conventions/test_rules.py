"""Dates of a convention, the SIREN's key, the codes of lieux."""

from datetime import date

import pytest

from conventions import rules

DAY = date.fromisoformat


@pytest.mark.rule("CON-3.a")
@pytest.mark.rule("CON-3.b")
@pytest.mark.parametrize(
    ("start", "day", "term"),
    [
        ("2026-01-15", "2026-01-15", "2027-01-15"),  # the first day
        ("2026-01-15", "2027-01-15", "2027-01-15"),  # the last day still belongs to the year under way
        ("2026-01-15", "2027-01-16", "2028-01-15"),  # renewed, without any job
        ("2025-09-11", "2026-03-01", "2026-09-11"),
        ("2024-02-29", "2024-03-01", "2025-02-28"),  # clamped in a common year
        ("2024-02-29", "2027-02-28", "2027-02-28"),
        ("2024-02-29", "2027-03-01", "2028-02-29"),  # back on the 29th in a leap year
        ("2026-05-31", "2026-05-31", "2027-05-31"),
        ("2026-12-31", "2027-01-01", "2027-12-31"),
    ],
)
def test_a_convention_ends_its_year_on_its_anniversary(start, day, term):
    assert rules.next_anniversary(DAY(start), DAY(day)) == DAY(term)


@pytest.mark.rule("CON-4.d")
@pytest.mark.parametrize(
    ("term", "last_day"),
    [
        ("2026-09-11", "2026-06-11"),
        ("2027-11-23", "2027-08-23"),
        ("2025-02-28", "2024-11-28"),
        ("2028-02-29", "2027-11-29"),
        ("2027-05-31", "2027-02-28"),  # no 31 February
        ("2028-05-31", "2028-02-29"),
    ],
)
def test_a_notice_is_delivered_three_months_before_at_the_latest(term, last_day):
    assert rules.last_day_of_notice(DAY(term)) == DAY(last_day)


@pytest.mark.rule("ACC-2.e")
@pytest.mark.parametrize(
    ("last_day", "kept_until"),
    [
        ("2026-12-31", "2031-12-31"),
        ("2028-02-29", "2033-02-28"),  # no 29 February five years later
        ("2027-02-28", "2032-02-28"),
        ("2026-05-31", "2031-05-31"),
    ],
)
def test_the_proof_of_a_convention_is_kept_for_five_years_from_its_last_day(last_day, kept_until):
    assert rules.last_day_of_proof(DAY(last_day)) == DAY(kept_until)


FOUR = [("gestionnaire", 0), ("gestionnaire", 1), ("caf", 0), ("caf", 1)]


@pytest.mark.rule("CON-2.j")
@pytest.mark.rule("CON-2.l")
@pytest.mark.parametrize("nature", ["convention", "avenant"])
@pytest.mark.parametrize("missing", [None, *FOUR])
def test_only_both_parties_on_each_piece_of_the_acte_give_a_date_and_it_is_the_last(nature, missing):
    days = dict(zip(FOUR, ["2026-11-02", "2026-11-02", "2026-11-20", "2026-11-23"], strict=True))
    signed = {(party, rules.PIECES[nature][rank]): DAY(day) for (party, rank), day in days.items()}
    signed["caf", "other"] = DAY("2026-11-30")  # no piece of this acte
    if missing:
        del signed[missing[0], rules.PIECES[nature][missing[1]]]
    assert rules.effective_date(nature, signed) == (None if missing else DAY("2026-11-23"))


@pytest.mark.rule("CON-7.d")
@pytest.mark.parametrize(
    ("opened", "effect", "last"),
    [
        ("2025-01-15", "2026-03-01", "2026-02-28"),
        ("2026-02-28", "2026-03-01", "2026-02-28"),
        ("2026-03-01", "2026-03-01", "2026-03-01"),  # opened and closed on one day: it was true that day
    ],
)
def test_a_line_closed_by_an_acte_holds_through_the_eve_of_its_effect(opened, effect, last):
    assert rules.last_day_of_line(DAY(opened), DAY(effect)) == DAY(last)


@pytest.mark.rule("CON-2.e")
@pytest.mark.rule("CON-2.f")
@pytest.mark.parametrize(
    ("signed", "received", "published", "early"),
    [
        ("2026-11-02", None, None, False),  # nothing recorded to compare with
        ("2026-11-02", "2026-11-02", None, False),
        ("2026-11-02", "2026-11-03", None, True),
        ("2026-11-02", "2026-10-30", None, False),
        ("2026-11-02", None, "2026-11-03", True),
        ("2026-11-02", "2026-10-30", "2026-11-03", True),  # received in time, published too late
        ("2026-11-02", "2026-11-03", "2026-10-30", True),  # published in time, received too late
        ("2026-11-03", "2026-11-03", "2026-10-30", False),  # on the very day
    ],
)
def test_a_signature_before_the_act_was_executory_is_a_fault(signed, received, published, early):
    days = [day and DAY(day) for day in (received, published)]
    assert rules.signed_too_early(DAY(signed), *days) is early


@pytest.mark.rule("CON-2.g")
@pytest.mark.parametrize(
    ("reference", "on", "field"),
    [
        ("", None, None),
        ("arrêté 2026-14", "2026-11-02", None),  # on the day of the signature
        ("arrêté 2026-14", None, "delegation_on"),
        ("", "2026-10-02", "delegation"),
        ("arrêté 2026-14", "2026-11-03", "delegation_on"),  # after the signature
    ],
)
def test_a_delegation_has_reference_and_date_and_comes_before_the_signature(reference, on, field):
    faults = rules.delegation_faults(reference, on and DAY(on), DAY("2026-11-02"))
    assert list(faults) == ([field] if field else [])


@pytest.mark.rule("HAB-1.b")
@pytest.mark.rule("HAB-6.b")
@pytest.mark.parametrize(
    ("siren", "valid"),
    [
        ("732829320", True),
        ("356000000", True),
        ("732829321", False),  # last digit wrong
        ("723829320", False),  # two digits swapped
        ("000000000", False),  # its sum is right, it is nobody's
        ("73282932", False),
        ("7328293200", False),
        ("73282932O", False),
        ("７32829320", False),  # a full-width digit
        ("", False),
    ],
)
def test_a_siren_is_known_by_its_key(siren, valid):
    assert rules.siren_is_valid(siren) is valid


@pytest.mark.parametrize(
    ("nature", "words", "taken", "code"),
    [
        ("rpe", ["le", "chatelet", "en", "brie"], set(), "RPE-77-CHATELET"),
        ("guichet-unique", ["melun"], set(), "GU-77-MELUN"),
        ("rpe", ["saint", "fargeau", "ponthierry"], set(), "RPE-77-SAINT-FARGEAU"),
        ("rpe", ["melun"], {"RPE-77-MELUN", "RPE-77-MELUN-2"}, "RPE-77-MELUN-3"),
        ("autre", [], set(), "LI-77-LIEU"),
        ("rpe", ["x" * 100], set(), "RPE-77-" + "X" * 27),  # never over the schema's 40 characters, rank included
    ],
)
def test_a_lieu_gets_a_readable_code_of_its_own(nature, words, taken, code):
    assert rules.lieu_code(nature, "caf-77", words, taken) == code
