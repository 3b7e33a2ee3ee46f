"""Small maps of communes (HAB-6)."""

import re

import pytest

from extranet.territory.contours import FOLDER, MOST, carte_of
from extranet.territory.models import Commune, Departement

pytestmark = pytest.mark.django_db


def points(path):
    return [tuple(map(float, point.split())) for point in re.split("[MLZ]+", path) if point]


def middle(path):
    found = points(path)
    return sum(x for x, _ in found) / len(found), sum(y for _, y in found) / len(found)


def test_communes_lie_where_they_are_inside_their_departement():
    carte = carte_of(list(Commune.objects.filter(pk__in=["77333", "77288", "77284"]).select_related("departement")))
    where = {nom: middle(path) for nom, path in carte.communes}
    nemours, melun, meaux = where["Nemours (77)"], where["Melun (77)"], where["Meaux (77)"]
    assert meaux[1] < melun[1] < nemours[1]  # from north to south
    assert melun[0] < meaux[0]
    for x, y in [point for path in carte.fond for point in points(path)]:
        assert 0 <= x <= carte.largeur
        assert 0 <= y <= carte.hauteur


def test_every_departement_of_a_caf_has_its_contours_and_what_has_none_is_said():
    for code in Departement.objects.exclude(caf=None).exclude(pk__in=["977", "978"]).values_list("pk", flat=True):
        assert (FOLDER / f"{code}.csv").exists(), code
    carte = carte_of([Commune.objects.get(pk="75111"), Commune.objects.get(pk="75056")])
    assert carte.absentes == ["Paris 11e Arrondissement (75)"]
    assert [nom for nom, _ in carte.communes] == ["Paris (75)"]


def test_nothing_or_too_much_is_no_map():
    assert carte_of([]) is None
    assert carte_of(list(Commune.objects.filter(departement="77")[: MOST + 1])) is None
    assert carte_of([Commune(pk="97701", departement_id="977")]) is None
