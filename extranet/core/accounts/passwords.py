"""Passwords: those that are mailed, and what is asked of those that people choose (ACT-1, ACT-3)."""

import hashlib
import hmac
import math
import re
import secrets
import string
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from django.conf import settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.core.exceptions import ValidationError

from extranet.core.accounts.hashing import in_turn
from extranet.core.accounts.models import User

LENGTH = 8
LETTERS = "".join(sorted(set(string.ascii_letters) - set("OIl")))
DIGITS = "23456789"
SHORTEST, LONGEST, BITS = 8, 128, 50


def draw() -> str:
    """ACT-1: 8 random letters and digits, no look-alikes, with a lower case, an upper case and a digit."""
    while True:
        text = "".join(secrets.choice(LETTERS + DIGITS) for _ in range(LENGTH))
        if any(c.islower() for c in text) and any(c.isupper() for c in text) and any(c.isdigit() for c in text):
            return text


def digest(user_pk: int | None, text: str) -> str:
    """A slow hash of a mailed password; the salt is of the person, so that any attempt costs exactly one."""
    salt = hmac.digest(settings.SECRET_KEY.encode(), f"one-time-secret:{user_pk}".encode(), hashlib.sha256)
    cost = 2**settings.SECRET_SCRYPT_COST
    scrypt = partial(hashlib.scrypt, text.encode(), salt=salt, n=cost, r=8, p=1, maxmem=2048 * cost, dklen=32)
    return in_turn(scrypt).hex()


def bits(password: str) -> float:
    """Estimated entropy: size of the alphabets used, for each character that a repeat or a run does not give away."""
    pool = sum(
        size
        for size, used in (
            (26, any(c in string.ascii_lowercase for c in password)),
            (26, any(c in string.ascii_uppercase for c in password)),
            (10, any(c in string.digits for c in password)),
            (33, any(c not in string.ascii_letters + string.digits for c in password)),
        )
        if used
    )
    once = re.sub(r"(.{2,}?)\1+", r"\1", password[:LONGEST], flags=re.DOTALL)
    steps = [ord(after) - ord(before) for before, after in zip(once, once[1:], strict=False)]
    given_away = sum(a == b and abs(a) <= 1 for a, b in zip(steps, steps[1:], strict=False))
    return (len(once) - given_away) * math.log2(pool or 1)


class LengthAndEntropy:
    """ACT-3: 8 to 128 characters and 50 bits, in any composition."""

    def validate(self, password: str, user: User | None = None) -> None:
        if len(password) < SHORTEST:
            raise ValidationError(f"Votre mot de passe est trop court : {SHORTEST} caractères au moins.")
        if len(password) > LONGEST:
            raise ValidationError(f"Votre mot de passe est trop long : {LONGEST} caractères au plus.")
        if bits(password) < BITS:
            raise ValidationError(
                "Votre mot de passe est trop facile à deviner : allongez-le, ou mêlez majuscules, chiffres et signes."
            )

    def get_help_text(self) -> str:
        return "8 caractères au moins, variés ; ou une phrase plus longue."


# Words about a person that other apps know (the names of its lieux).
ABOUT: list[Callable[[User], Iterable[str]]] = []


class NotAboutYou:
    """ACT-3: not made of the address, the name, or the lieu's name."""

    def validate(self, password: str, user: User | None = None) -> None:
        if user is None:
            return
        texts = [user.email, user.nom, user.prenom, *(text for about in ABOUT for text in about(user))]
        words = {word for text in texts for word in re.split(r"[\W_]+", text.lower()) if len(word) >= 4}
        rest = password.lower()
        for word in sorted(words, key=len, reverse=True):
            rest = rest.replace(word, "")
        if len(rest) < len(password) and bits(rest) < BITS / 2:
            raise ValidationError("Votre mot de passe ressemble à votre adresse, à votre nom ou à celui de votre lieu.")

    def get_help_text(self) -> str:
        return "Ni votre adresse, ni votre nom, ni celui de votre lieu."


class QuickHasher(PBKDF2PasswordHasher):
    """For tests only."""

    algorithm = "quick"
    iterations = 1

    def harden_runtime(self, password: str, encoded: str) -> Any:
        return None
