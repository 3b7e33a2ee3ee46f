"""What a chosen password may not be made of: oneself, one's lieu, the service,
or a word that everybody uses (ACT-3.c).
"""

from datetime import UTC, datetime

import pytest

from extranet.core.accounts import passwords, services
from extranet.core.accounts.models import User
from extranet.core.errors import Refused
from tests.factories import HabilitationFactory, LieuFactory

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)

pytestmark = pytest.mark.rule("ACT-3.c")


@pytest.fixture
def animatrice(db: None) -> User:
    """Of the RPE of Melun, with a first name of three letters."""
    user = User.objects.create_user("animatrice@demo.test", nom="Ly", prenom="Léa")
    HabilitationFactory(user=user, lieu=LieuFactory(nom="RPE Melun Val-de-Seine", ville="Melun"))
    return user


@pytest.mark.parametrize(
    ("password", "because"),
    [
        ("animatrice@demo.test", "« animatrice@demo.test »"),  # the whole address
        ("ANIMATRICE@demo.test", "« animatrice@demo.test »"),
        ("animatrice@demo.test77", "« animatrice@demo.test »"),
        ("Animatrice2026!", "« animatrice »"),
        ("2026Animatrice!", "« animatrice »"),
        ("An!matr1ce-2026", "« animatrice »"),  # signs that stand for letters
        ("RPE-Melun-2026!", "« melun », « rpe »"),
        ("Vaux-le-Pénil-2026!", "« vauxlepénil »"),  # another commune of its Caf
        ("rpe_MELUN_77000", "« melun », « rpe »"),
        ("R.P.E.-Mélun-77", "« melun », « rpe »"),
        ("Val-de-Seine77!", "« seine », « val »"),
        ("Léa-Melun-2026", "« melun », « léa »"),
        ("LeaLy2026!!", "« léa », « ly »"),
        ("MelunMelunMelun1", "« melun »"),
        ("Caf-Cnaf-2026!", "« cnaf », « caf »"),
        ("Monenfant.2026", "« monenfant »"),
        ("RelaisPetiteEnfance77", "« enfance », « petite », « relais »"),
        ("Kx7$rpe!w", "« rpe »"),  # what is left is short
        ("Bonjour2026!", "courant"),
        ("2026-Password-!!", "courant"),
        ("azertyuiop", "trop facile"),
    ],
)
def test_what_is_left_without_known_words_must_be_strong_alone(animatrice: User, password: str, because: str) -> None:
    with pytest.raises(Refused) as refusal:
        services.choose_password(animatrice, password, now=NOW)
    assert because in refusal.value.faults["nouveau"].replace("\xa0", " ")
    assert User.objects.get(pk=animatrice.pk).password_chosen_at is None


@pytest.mark.parametrize(
    "password",
    [
        "quatre mots sans lien",
        "les chats de Melun dansent la nuit",  # a known word in a long sentence
        "petite tortue violette sur un toit",
        "correct horse battery staple",
        "Bonjour, tortue violette",
        "Kx7$wq2!",
        "léaudacieux cheval gris trotte",
        "Animatrice + trois girafes bleues",
        "demain il fera beau à Nemours",
        "8402957316402957",
    ],
)
def test_a_good_one_passes_whatever_word_it_holds(animatrice: User, password: str) -> None:
    services.choose_password(animatrice, password, now=NOW)
    assert User.objects.get(pk=animatrice.pk).check_password(password)


def test_an_agent_has_no_lieu_and_the_same_rule(db: None) -> None:
    agent = User.objects.create_user("alex.martin@caf77.test", nom="Martin", prenom="Alex", is_staff=True)
    for password in ("Caf77-Martin!!", "alex.martin@caf77.test", "Alex.Alex.2026"):
        with pytest.raises(Refused, match="ressemble"):
            services.choose_password(agent, password, now=NOW)
    services.choose_password(agent, "quatre mots sans lien", now=NOW)


@pytest.mark.parametrize(
    "password", ["\x00" * 128, "İ" * 60, "œ" * 128, "ﬃ" * 128, "\U0001f600" * 128, "(" * 128, "a@" * 64]
)
def test_odd_signs_are_judged_without_a_fault(animatrice: User, password: str) -> None:
    found, rest = passwords.without_words(password, passwords.NotAboutYou().words(animatrice))
    assert not found
    assert rest == password
