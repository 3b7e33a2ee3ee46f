"""Overseas, a lieu is late only when the day is over in Paris and at its Caf, and both times are shown (NOT-4.i)."""

import csv
from datetime import date, datetime

import pytest
from django.conf import settings

from extranet.territory.limits import until
from extranet.territory.zones import ZONES, behind, clock_of, day_at, end_of


@pytest.mark.rule("NOT-4.i")
@pytest.mark.parametrize(
    ("caf", "last", "ends"),
    [
        ("caf-77", "2026-12-08", "2026-12-08T23:00Z"),
        ("caf-2a", "2026-07-08", "2026-07-08T22:00Z"),
        ("caf-973", "2026-12-08", "2026-12-09T03:00Z"),  # Cayenne, four hours behind Paris in winter
        ("caf-973", "2026-07-08", "2026-07-09T03:00Z"),  # five in summer
        ("caf-971", "2026-12-08", "2026-12-09T04:00Z"),
        ("caf-972", "2026-07-08", "2026-07-09T04:00Z"),
        ("caf-971", "2026-03-28", "2026-03-29T04:00Z"),  # the night that summer time begins in Paris
        ("caf-971", "2026-10-24", "2026-10-25T04:00Z"),  # and ends
        ("caf-974", "2026-12-08", "2026-12-08T23:00Z"),  # over at 20:00Z in La Réunion: Paris counts
        ("caf-974", "2026-07-08", "2026-07-08T22:00Z"),
        ("caf-976", "2028-02-29", "2028-02-29T23:00Z"),
    ],
)
def test_a_day_is_over_when_it_is_in_paris_and_there(caf, last, ends):
    moment, day = datetime.fromisoformat(ends), date.fromisoformat(last)
    assert end_of(day, caf) == moment
    assert day_at(moment, caf) > day
    assert day_at(moment.replace(hour=moment.hour - 1, minute=59, second=59), caf) == day


@pytest.mark.rule("NOT-4.i")
def test_the_cafs_where_a_day_lasts_that_is_over_in_paris():
    evening, night = datetime.fromisoformat("2026-12-08T23:30Z"), datetime.fromisoformat("2026-12-09T03:30Z")
    day = date(2026, 12, 8)
    assert behind(evening) == {"caf-971": day, "caf-972": day, "caf-973": day}
    assert behind(night) == {"caf-971": day, "caf-972": day}
    assert behind(datetime.fromisoformat("2026-12-08T21:30Z")) == {}


@pytest.mark.rule("NOT-4.i")
def test_every_overseas_caf_of_the_reference_has_its_zone():
    with (settings.BASE_DIR / "extranet" / "territory" / "data" / "cafs.csv").open(encoding="utf-8") as rows:
        overseas = {row["code_caf"] for row in csv.DictReader(rows) if row["codes_departements"].startswith("97")}
    assert set(ZONES) == overseas
    assert clock_of("caf-77").key == "Europe/Paris"


@pytest.mark.rule("NOT-4.i")
@pytest.mark.parametrize(
    ("caf", "last", "at_paris", "words"),
    [
        ("77", "2026-03-16", False, "16 mars 2026"),
        ("973", "2026-03-16", False, "16 mars 2026 à minuit, heure de Guyane (le lendemain à 4 h, heure de Paris)"),
        ("973", "2026-07-08", False, "8 juillet 2026 à minuit, heure de Guyane (le lendemain à 5 h, heure de Paris)"),
        ("971", "2026-03-28", False, "28 mars 2026 à minuit, heure de Guadeloupe (le lendemain à 6 h, heure de Paris)"),
        ("974", "2026-03-16", False, "16 mars 2026 à minuit, heure de Paris (le lendemain à 3 h, heure de La Réunion)"),
        ("976", "2026-07-08", False, "8 juillet 2026 à minuit, heure de Paris (le lendemain à 1 h, heure de Mayotte)"),
        # What is destroyed then ends in Paris.
        ("973", "2026-03-16", True, "16 mars 2026 à minuit, heure de Paris (20 h, heure de Guyane)"),
        ("972", "2026-07-08", True, "8 juillet 2026 à minuit, heure de Paris (18 h, heure de Martinique)"),
    ],
)
def test_both_times_are_said(caf, last, at_paris, words):
    assert until(date.fromisoformat(last), f"caf-{caf}", at_paris=at_paris).replace("\xa0", " ") == words
