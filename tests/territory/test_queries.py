import pytest

from extranet.territory import queries
from extranet.territory.models import Commune

pytestmark = pytest.mark.django_db


def names(text: str, **options: object) -> list[str]:
    return [match.commune.nom for match in queries.communes_matching(text, **options)]


@pytest.mark.rule("HAB-2.b")
@pytest.mark.parametrize(
    "typed",
    [
        "Le Châtelet-en-Brie",
        "le chatelet en brie",
        "LE CHÂTELET EN B",
        "chatelet-en",  # a word inside the name
        "  le   châtelet’en ",  # stray spaces, typographic apostrophe
        "Le Cha\u0302telet-en-Brie",  # accents as separate characters
        "Le Châtelet-en-Brie (77820)",  # the label given back
    ],
)
def test_a_name_is_found_however_it_is_typed(typed):
    assert names(typed) == ["Le Châtelet-en-Brie"]


@pytest.mark.rule("HAB-2.b")
@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("St-Denis", ["97411", "93066", "11339"]),  # homonyms, the most populated first
        ("l'hay", ["94038"]),
        ("L’Haÿ les roses", ["94038"]),
        ("bains", ["43018", "73008"]),  # the whole name before a word of a larger town
        ("y", ["80829"]),  # a commune of one letter
        ("97133", ["97701"]),  # overseas
        ("77820", ["77100", "77165", "77103"]),  # one postal code, several communes
        ("7782", ["77100", "77165", "77103"]),
        ("75015", ["75056", "75115"]),  # a whole town and its arrondissement
        ("77820 ecrennes", ["77165"]),
    ],
)
def test_a_search_answers_these_communes_in_this_order(typed, found):
    present = [match.commune.pk for match in queries.communes_matching(typed)]
    assert [code for code in present if code in found] == found
    assert present[0] == found[0]


@pytest.mark.parametrize(
    "typed", ["", " ", "a", "7", "-", "%%", "__", "*", "zzzzzz", "99999", "'; --", "\x00\x00", "é" * 500]
)
def test_nothing_is_answered_to_what_says_nothing(typed):
    assert queries.communes_matching(typed) == []
    assert queries.epcis_matching(typed) == []


@pytest.mark.rule("HAB-2.d")
def test_paris_is_found_whole_and_by_arrondissement():
    found = names("paris", limit=21)
    assert found[:3] == ["Paris", "Paris 1er Arrondissement", "Paris 2e Arrondissement"]
    assert found[20] == "Paris 20e Arrondissement"
    assert queries.commune_by_code("75101").commune.parente_id == "75056"


@pytest.mark.rule("HAB-2.b")
def test_a_former_commune_resolves_to_the_one_of_today():
    (match,) = queries.communes_matching("arbignieu")
    assert (match.commune.nom, match.ancien_nom, match.former) == ("Arboys en Bugey", "Arbignieu", True)
    merged = queries.commune_by_code("01003")
    assert (merged.commune.pk, merged.former) == ("01165", True)
    shared = queries.commune_by_code("01015")  # code of a déléguée and of the commune of today
    assert (shared.commune.pk, shared.former) == ("01015", False)
    assert queries.commune_by_code("00000") is None


@pytest.mark.rule("HAB-2.a")
def test_a_search_can_be_limited_to_the_territory_of_a_caf():
    assert "Le Châtelet-en-Brie" in names("le chatelet")
    assert len(names("le chatelet")) > 1
    assert names("le chatelet", caf="caf-77") == ["Le Châtelet-en-Brie"]
    assert names("saint denis en val", caf="caf-77") == []
    assert names("arbignieu", caf="caf-77") == []
    assert names("93200", caf="caf-77") == []


def test_islands_of_the_north_belong_to_guadeloupe_and_other_collectivities_to_no_caf():
    index = queries.codes_index()
    assert index["97701"].caf == index["97801"].caf == "caf-971"
    assert index["98818"].caf == ""
    assert index["01003"] == queries.CodeEntry("01165", True, "caf-01", "")
    assert index["75101"] == queries.CodeEntry("75101", False, "caf-75", "75056")


@pytest.mark.rule("HAB-2.c")
def test_an_epci_is_found_by_words_and_lists_its_communes():
    (epci,) = queries.epcis_matching("brie chateaux", departement="77")
    assert epci.pk == "200070779"
    assert queries.epcis_matching("brie chateaux", departement="91") == []
    listed = queries.communes_of_epci(epci.pk).values_list("pk", flat=True)
    assert len(listed) == 31
    assert {"77100", "77165", "77103"} < set(listed)


def test_a_territory_of_greater_paris_lists_its_communes_though_they_belong_to_the_metropole_too():
    assert "93066" in queries.communes_of_epci("200057867").values_list("pk", flat=True)
    assert Commune.objects.get(pk="93066").epci_id == "200054781"


def test_the_number_of_queries_does_not_grow_with_the_answer(django_assert_max_num_queries):
    with django_assert_max_num_queries(3):
        assert len(names("saint")) == queries.SHOWN


def test_the_search_is_public_cached_and_short(client):
    answer = client.get("/communes/", {"q": "arbignieu"})
    assert answer.status_code == 200
    assert set(answer["Cache-Control"].split(", ")) == {"public", "max-age=300"}
    assert answer.json() == [
        {
            "code": "01015",
            "nom": "Arboys en Bugey",
            "code_postal": "01300",
            "departement": "01",
            "ancien_nom": "Arbignieu",
        }
    ]
    assert client.get("/communes/").json() == []
    assert client.get("/epcis/", {"q": "brie chateaux"}).json()[0]["code"] == "200070779"
    assert client.post("/communes/", {"q": "melun"}).status_code in (403, 405)
