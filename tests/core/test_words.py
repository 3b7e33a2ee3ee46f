"""Articles before names, as people say them."""

from datetime import date, timedelta

import pytest

from extranet.core import words


@pytest.mark.parametrize(
    ("name", "a", "de", "le"),
    [
        ("Melun", "à Melun", "de Melun", "Melun"),
        ("Le Châtelet-en-Brie", "au Châtelet-en-Brie", "du Châtelet-en-Brie", "Le Châtelet-en-Brie"),
        ("Les Ulis", "aux Ulis", "des Ulis", "Les Ulis"),
        ("La Rochelle", "à La Rochelle", "de La Rochelle", "La Rochelle"),
        ("L'Haÿ-les-Roses", "à L'Haÿ-les-Roses", "de L'Haÿ-les-Roses", "L'Haÿ-les-Roses"),
        ("Évry-Courcouronnes", "à Évry-Courcouronnes", "d’Évry-Courcouronnes", "Évry-Courcouronnes"),
        ("Œuilly", "à Œuilly", "d’Œuilly", "Œuilly"),
        ("Hyères", "à Hyères", "d’Hyères", "Hyères"),
        ("Houilles", "à Houilles", "de Houilles", "Houilles"),
        ("Yvetot", "à Yvetot", "d’Yvetot", "Yvetot"),
        ("Yerres", "à Yerres", "d’Yerres", "Yerres"),
        ("Yutz", "à Yutz", "de Yutz", "Yutz"),
        ("Y", "à Y", "de Y", "Y"),
        ("Lesneven", "à Lesneven", "de Lesneven", "Lesneven"),  # begins like an article, is none
        ("Commune de Melun", "à la commune de Melun", "de la commune de Melun", "la commune de Melun"),
        ("Communauté de communes Brie", "à la communauté de communes Brie", "de la communauté de communes Brie", None),
        ("RPE Le Châtelet-en-Brie", "au RPE Le Châtelet-en-Brie", "du RPE Le Châtelet-en-Brie", None),
        (
            "Relais petite enfance de Melun",
            "au relais petite enfance de Melun",
            None,
            "le relais petite enfance de Melun",
        ),
        ("Guichet unique du Châtelet", "au guichet unique du Châtelet", "du guichet unique du Châtelet", None),
        ("Association Les Lutins", "à l’association Les Lutins", "de l’association Les Lutins", None),
        ("CCAS de Melun", "au CCAS de Melun", "du CCAS de Melun", "le CCAS de Melun"),
        ("Caf de l’Essonne", "à la Caf de l’Essonne", "de la Caf de l’Essonne", "la Caf de l’Essonne"),
        ("Les P’tits Loups", "aux P’tits Loups", "des P’tits Loups", "Les P’tits Loups"),
        ("Ville-d'Avray", "à Ville-d'Avray", "de Ville-d'Avray", "Ville-d'Avray"),  # a commune, not a ville
    ],
)
def test_names_take_their_article_and_contract_it(name, a, de, le):
    assert words.a(name) == a
    assert de is None or words.de(name) == de
    assert le is None or words.le(name) == le


@pytest.mark.parametrize(
    ("days", "said"),
    [
        (-10, "en retard de 10 jours"),
        (-1, "en retard de 1 jour"),
        (0, "aujourd’hui"),
        (1, "demain"),
        (3, "dans 3 jours"),
    ],
)
def test_a_deadline_is_told_by_its_distance(days, said):
    today = date(2026, 11, 24)
    assert words.echeance(today + timedelta(days=days), today).replace(words.NBSP, " ") == said


def test_an_empty_name_stays_harmless():
    assert (words.le(""), words.a(""), words.de("")) == ("", "à ", "de ")
