"""A lieu's figures: exact, worked out by the days of Paris, outliving what they count (SUI-2)."""

import io
import zipfile
from datetime import UTC, date, datetime, timedelta

import pypdf
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from lxml import etree

from demandes import figures
from demandes.models import Attribution, Demande
from demandes.rules import Prise, prise_of
from demandes.services import destruction
from tests.factories import CommuneFactory, DemandeFactory, HabilitationFactory, LieuFactory

NOW = datetime(2026, 11, 27, 9, tzinfo=UTC)
URL = "/espace/statistiques/"
TOLD = date(2026, 11, 1)


@pytest.mark.rule("SUI-2.a")
@pytest.mark.parametrize(
    ("told", "last_day", "picked", "ended", "today", "expected"),
    [
        (TOLD, date(2027, 5, 1), date(2026, 11, 16), None, date(2026, 12, 1), Prise.A_TEMPS),  # the fifteenth day
        (TOLD, date(2027, 5, 1), date(2026, 11, 17), None, date(2026, 12, 1), Prise.EN_RETARD),  # the day after
        (TOLD, date(2027, 5, 1), None, None, date(2026, 11, 16), Prise.EN_COURS),
        (TOLD, date(2027, 5, 1), None, None, date(2026, 11, 17), Prise.EN_RETARD),
        (TOLD, date(2027, 5, 1), None, date(2026, 11, 10), date(2026, 12, 1), Prise.PARTIE),  # withdrawn meanwhile
        (TOLD, date(2027, 5, 1), None, date(2026, 11, 20), date(2026, 12, 1), Prise.EN_RETARD),  # taken away, late
        (TOLD, date(2026, 11, 5), None, date(2026, 11, 6), date(2026, 12, 1), Prise.EN_RETARD),  # destroyed first
        (None, date(2027, 5, 1), None, None, date(2027, 4, 1), Prise.EN_COURS),  # nobody was told: no delay
        (None, date(2027, 5, 1), date(2027, 3, 1), None, date(2027, 4, 1), Prise.A_TEMPS),
    ],
)
def test_in_time_is_by_the_fifteenth_day_and_never_later(told, last_day, picked, ended, today, expected):
    assert prise_of(told, last_day, picked_on=picked, ended_on=ended, today=today) == expected


@pytest.fixture
def person(db, time_machine):
    time_machine.move_to(NOW, tick=False)
    return HabilitationFactory()


def received(lieu, days_ago, *, picked=None, answered=None, issue="", melun=False, **about):
    """A demande that `lieu` was told of so many days ago; picked up and answered so many days after."""
    at = NOW - timedelta(days=days_ago)
    said = {"attribution__picked_up_at": at + timedelta(days=picked)} if picked is not None else {}
    if answered is not None:
        said |= {"attribution__answered_at": at + timedelta(days=answered), "attribution__issue": issue}
    state = {"recuperee": True} if picked is not None else {"transmise": True}
    return DemandeFactory(lieu=lieu, at=at, commune=CommuneFactory(melun=melun), **state, **said, **about)


def some(lieu):
    received(lieu, 60, picked=3, answered=10, issue="accueil-collectif", creche_collective=True)
    received(lieu, 50, picked=15, answered=15, issue="sans-solution", attribution__atypique=True)
    received(lieu, 40, picked=20)
    received(lieu, 30, melun=True)
    received(lieu, 2)
    received(lieu, 400, picked=1)  # another year


@pytest.mark.rule("SUI-2.a")
def test_figures_are_those_of_the_lieu_and_period_and_outlive_the_dossiers(person, client):
    some(person.lieu)
    received(LieuFactory(), 10, picked=1)
    year = figures.year_of(2026)

    def counted():
        return figures.of([person.lieu.pk], year, NOW.date())

    before = counted()
    assert before.recues == 5
    assert before.prises == {Prise.A_TEMPS: 2, Prise.EN_RETARD: 2, Prise.EN_COURS: 1}
    assert (before.recuperees, before.jours_prise, before.jours_reponse) == (3, 15, 10)
    assert before.issues == {"accueil-collectif": 1, "sans-solution": 1, "": 3}
    collective, assistante = before.modes["creche_collective"], before.modes["assistante_maternelle"]
    assert (collective.recues, collective.jours_prise, collective.jours_reponse) == (1, 3, 10)
    assert assistante.prises == before.prises
    assert sorted(one.recues for one in before.communes.values()) == [1, 4]
    [melun] = [one for one in before.communes.values() if one.recues == 1]
    assert (melun.prises, melun.jours_prise) == ({Prise.EN_RETARD: 1}, None)
    assert {month.month: one.jours_prise for month, one in before.mois.items() if one.delais_prise} == {9: 3, 10: 15}
    assert before.besoins == {"atypique": 1}
    assert sum(one.recues for one in before.mois.values()) == 5
    for demande in Demande.objects.filter(lieu=person.lieu, state="recuperee"):
        destruction.withdraw(demande, now=NOW)
    assert not Attribution.objects.filter(lieu=person.lieu, picked_up_at__isnull=False, ended_at=None).exists()
    assert counted() == before
    client.force_login(person.user)
    codes = [one.code for one in client.get(URL).context["periodes"]]
    assert codes == ["12-mois", "2026", "2025"]


@pytest.mark.rule("SUI-2.a")
def test_a_person_sees_its_lieux_only_in_as_many_queries_whatever_there_is(person, client):
    client.force_login(person.user)

    def asked():
        with CaptureQueriesContext(connection) as queries:
            page = client.get(URL)
        return page, len(queries)

    received(person.lieu, 3)
    asked()
    _, few = asked()
    some(person.lieu)
    received(LieuFactory(), 10, picked=1)
    page, many = asked()
    assert many == few
    assert page.context["chiffres"].recues == 6
    text = page.content.decode()
    assert 'role="img"' in text
    assert "style=" not in text.split("<main")[1]
    root = etree.HTML(text)
    for section in root.iterfind(".//section[@class='carte statistique']"):  # what is drawn is in the table beside it
        drawn = [node.text for node in section.iterfind(".//text[@class='barres__nombre']")]
        assert drawn == [row.findtext("td") for row in section.iterfind(".//tbody/tr")][: len(drawn)]


@pytest.mark.rule("SUI-2.b")
def test_the_yearly_sheet_says_the_same_as_pdf_and_as_a_spreadsheet_that_works_nothing_out(person, client):
    some(person.lieu)
    person.lieu.nom = "=HYPERLINK(A1)"
    person.lieu.save()
    client.force_login(person.user)
    address = f"{URL}{person.lieu.uuid}/2026."
    pdf = client.get(f"{address}pdf")
    reader = pypdf.PdfReader(io.BytesIO(pdf.content))
    assert len(reader.pages) <= 2
    words = " ".join(" ".join(page.extract_text() for page in reader.pages).split())
    for said in (
        "Fiche d’activité 2026",
        "Demandes reçues 5",
        "Récupérées à temps 2",
        "15 jours",
        "Sans solution à ce jour 1",
    ):
        assert said in words
    sheet = client.get(f"{address}ods")
    content = zipfile.ZipFile(io.BytesIO(sheet.content)).read("content.xml").decode()
    assert ":formula" not in content
    assert "<text:p>=HYPERLINK(A1)</text:p>" in content
    assert 'office:value-type="float" office:value="5"' in content
    for elsewhere in (f"{URL}{LieuFactory().uuid}/2026.pdf", f"{URL}{person.lieu.uuid}/2024.pdf", f"{address}exe"):
        assert client.get(elsewhere).status_code == 404
