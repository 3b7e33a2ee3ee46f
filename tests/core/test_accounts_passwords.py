"""What is asked of a password that a person chooses (ACT-3)."""

from datetime import UTC, datetime

import pytest

from extranet.core.accounts import passwords, services
from extranet.core.accounts.models import User
from extranet.core.errors import Refused
from tests.factories import use_mailed

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)


@pytest.fixture
def camille(db: None, monkeypatch: pytest.MonkeyPatch) -> User:
    monkeypatch.setattr(passwords, "ABOUT", [lambda user: ["Relais petite enfance du Châtelet"]])
    return User.objects.create_user("camille.durand@brie.test", nom="Durand", prenom="Camille")


@pytest.mark.rule("ACT-3.c")
@pytest.mark.parametrize(
    "password",
    [
        "Kx7$wq2!",  # eight signs of four kinds
        "kQ7mZp2wX",  # nine letters of both cases and digits
        "q7mzphwt2b",  # ten lower case letters and digits
        "qmzphwtrbnc",  # eleven lower case letters
        "8402957316402957",  # sixteen digits
        "éléphant violet à roulettes",
        "正しい馬の電池ホチキスです",
        "x" + "qmzphwtrbnck" * 1 + " et la suite " * 8,  # long, 117 signs
    ],
)
def test_fifty_bits_pass_in_any_composition(camille: User, password: str) -> None:
    services.choose_password(camille, password, now=NOW)
    assert User.objects.get().check_password(password)


@pytest.mark.rule("ACT-3.c")
@pytest.mark.parametrize(
    ("password", "because"),
    [
        ("", "trop court"),
        ("Kx7$wq2", "trop court"),
        ("kQ7mZp2w", "trop facile"),  # eight letters and digits: 47.6 bits
        ("qmzphwtrbn", "trop facile"),
        ("aaaaaaaaaaaaaaaaaaaa", "trop facile"),
        ("abcdefghijklmnopqrst", "trop facile"),
        ("98765432109876543210", "trop facile"),
        ("loulouloulouloulou", "trop facile"),
        ("x" * 129, "trop long"),
        ("1234567890qwertyuiop", "trop courant"),
        ("camille.durand@brie.test", "ressemble"),
        ("Durand-Camille-77", "ressemble"),
        ("Relais-Châtelet-77", "ressemble"),
    ],
)
def test_what_is_easy_to_guess_is_refused_with_a_sentence(camille: User, password: str, because: str) -> None:
    with pytest.raises(Refused) as refusal:
        services.choose_password(camille, password, now=NOW)
    assert because in refusal.value.faults["nouveau"]
    assert User.objects.get().password_chosen_at is None


@pytest.mark.rule("ACT-3.c")
def test_the_one_received_cannot_become_ones_own(camille: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "draw", lambda: "Kx7$wq2!")  # as strong as the rule asks, so that only this refuses
    text = services.issue_password(camille, "activation", now=NOW)
    use_mailed(camille, text, now=NOW)
    with pytest.raises(Refused, match="autre mot de passe que celui reçu"):
        services.choose_password(camille, text, now=NOW)
