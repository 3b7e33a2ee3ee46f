"""A lieu reads its annexe 1 as it stood on any day of its convention, with the acte behind each line (CON-8.a)."""

from datetime import date

import pytest
from django.urls import reverse

from conventions import queries
from conventions.services import register
from habilitations.models import Habilitation
from tests.factories import NOW, AgentFactory, HabilitationFactory, LieuFactory, PersonneInscriteFactory

pytestmark = [pytest.mark.django_db, pytest.mark.rule("CON-8.a")]
PAGE = "habilitations:convention"

# In force from 15 January 2025. Melun comes by an avenant on 1 March 2026, which takes Alix away; Noé was there for
# one day, 15 June 2026; the lieu has another name from 1 September 2026.
TABLE = [
    # day, communes, persons, name of the lieu
    ("2025-01-14", [], [], None),  # the day before the convention
    ("2025-01-15", ["77100"], ["Alix", "Camille"], "Ancien nom"),  # its first day
    ("2026-02-28", ["77100"], ["Alix", "Camille"], "Ancien nom"),  # the eve of the avenant
    ("2026-03-01", ["77100", "77288"], ["Camille"], "Ancien nom"),  # its day
    ("2026-06-14", ["77100", "77288"], ["Camille"], "Ancien nom"),
    ("2026-06-15", ["77100", "77288"], ["Camille", "Noé"], "Ancien nom"),  # opened and closed on one day
    ("2026-06-16", ["77100", "77288"], ["Camille"], "Ancien nom"),
    ("2026-08-31", ["77100", "77288"], ["Camille"], "Ancien nom"),
    ("2026-09-01", ["77100", "77288"], ["Camille"], "Nouveau nom"),
    ("2026-11-23", ["77100", "77288"], ["Camille"], "Nouveau nom"),  # today
]


@pytest.fixture
def lieu(time_machine):
    time_machine.move_to(NOW, tick=False)
    lieu = LieuFactory(nom="Ancien nom", convention__communes=["77100"])
    convention = lieu.conventions.get()
    HabilitationFactory(lieu=lieu, user__email="camille@lieu.test", user__prenom="Camille")
    acte = convention.actes.create(
        nature="avenant", rang=1, state="applique", prepared_at=NOW, effective_on=date(2026, 3, 1)
    )
    LieuFactory(convention__communes=["77288"])  # makes the row of Melun
    lieu.couvertures.create(opened_by=acte, commune_id="77288", from_on=date(2026, 3, 1))
    lieu.couvertures.create(opened_by=acte, commune_id="77288")  # waits: never there
    PersonneInscriteFactory(lieu=lieu, prenom="Alix", until_on=date(2026, 2, 28), closed_by=acte)
    PersonneInscriteFactory(lieu=lieu, prenom="Noé", from_on=date(2026, 6, 15), until_on=date(2026, 6, 15))
    renamed = convention.actes.create(
        nature="avenant", rang=2, state="applique", prepared_at=NOW, effective_on=date(2026, 9, 1)
    )
    register.identify(lieu, {"nom": "Nouveau nom"}, acte=renamed, by=AgentFactory().user, now=NOW)
    return lieu


@pytest.mark.parametrize(("day", "communes", "personnes", "nom"), TABLE)
def test_each_day_has_its_annexe(lieu, day, communes, personnes, nom):
    found = queries.standing_on(lieu.conventions.get(), date.fromisoformat(day))
    assert sorted(line.commune_id for line in found.communes) == communes
    assert sorted(line.prenom for line in found.personnes) == personnes
    assert (found.lieu.nom if found.lieu else None) == nom
    behind = {line.commune_id: line.opened_by.titre for line in found.communes}
    assert behind == {code: "avenant n° 1" if code == "77288" else "convention" for code in communes}


def test_the_page_shows_the_day_that_is_asked_for_and_how_a_change_is_asked(lieu, client):
    client.force_login(_user(lieu))
    today = client.get(reverse(PAGE)).content.decode()
    assert "Nouveau nom" in today
    assert "Melun" in today
    assert "demande expresse" in today
    assert "Alix" not in today
    before = client.get(reverse(PAGE), {"au": "2026-02-28"}).content.decode()
    assert "28 février 2026" in before.replace("\xa0", " ")
    assert "Ancien nom, 12 rue" in before
    assert "Melun" not in before
    assert "Alix" in before
    assert "n’était pas en vigueur" in client.get(reverse(PAGE), {"au": "14/01/2025"}).content.decode()
    for wrong in ("", "demain", "2026-02-30"):
        answer = client.get(reverse(PAGE), {"au": wrong})
        assert answer.status_code == 422
        assert "Indiquez une date" in answer.content.decode()
        assert "Nouveau nom" in answer.content.decode()


def _user(lieu):
    return Habilitation.objects.get(personne__lieu=lieu).user


def test_the_paper_of_an_avenant_is_read_by_its_lieu_while_it_waits(lieu, client):
    convention = lieu.conventions.get()
    acte = convention.actes.create(nature="avenant", rang=3, prepared_at=NOW)
    for nature in ("avenant", "annexe1"):
        acte.pieces.create(nature=nature, text_version="essai")
    there = reverse("habilitations:avenant", args=[acte.uuid])
    client.force_login(_user(lieu))
    assert there in client.get(reverse(PAGE)).content.decode()
    answer = client.get(there)
    assert b"".join(answer.streaming_content).startswith(b"%PDF-")
    assert answer["Cache-Control"] == "private, no-store"
    client.force_login(HabilitationFactory(lieu=LieuFactory()).user)
    assert client.get(there).status_code == 404
    client.force_login(AgentFactory().user)
    assert client.get(there).status_code == 403
    convention.actes.filter(pk=acte.pk).update(state="abandonne")
    client.force_login(_user(lieu))
    assert client.get(there).status_code == 404
    assert there not in client.get(reverse(PAGE)).content.decode()
