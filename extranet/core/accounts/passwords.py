"""Passwords: those that are mailed, and what is asked of those that people choose (ACT-1, ACT-3)."""

import hashlib
import math
import re
import secrets
import string
import unicodedata
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from django.conf import settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.contrib.auth.password_validation import CommonPasswordValidator
from django.core.exceptions import ValidationError

from extranet.core import signed
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
    salt = bytes.fromhex(signed.digest("accounts.secret", str(user_pk)))
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


class NotCommon(CommonPasswordValidator):
    """ACT-3: not one of the twenty thousand most used, nor one of them dressed up with a year and a sign."""

    def validate(self, password: str, user: User | None = None) -> None:
        typed = password.strip().lower()
        bare = re.sub(r"^[\W\d_]+|[\W\d_]+$", "", typed)
        dressed = bare in self.passwords and bits(typed.replace(bare, "", 1)) < BITS
        if typed in self.passwords or dressed:
            raise ValidationError(
                "Ce mot de passe est trop courant\xa0: ajouter une année ou un signe à un mot connu ne suffit pas. "
                "Prenez plutôt quatre mots sans lien entre eux."
            )

    def get_help_text(self) -> str:
        return "Pas un mot de passe courant."


# Words about a person that other apps know (the names of its lieux).
ABOUT: list[Callable[[User], Iterable[str]]] = []

SERVICE = "caf cnaf rpe monenfant extranet relais guichet petite enfance"
# What people write for a letter, so that it still looks like it.
LOOKS_LIKE = str.maketrans("@4310!5$7€", "aaeioisste")


class NotAboutYou:
    """ACT-3: not made of the address, the name, the lieu's name or the service's:
    what is left without them is strong alone.
    """

    def validate(self, password: str, user: User | None = None) -> None:
        found, rest = without_words(password, self.words(user))
        if found and bits(rest) < BITS:
            named = ", ".join(f"«\xa0{word}\xa0»" for word in found)
            raise ValidationError(
                "Votre mot de passe ressemble à votre adresse, à votre nom, à celui de votre lieu, du service ou d’une "
                f"commune ({named})\xa0: le reste est trop facile à deviner. Ajoutez des mots sans rapport avec vous."
            )

    def words(self, user: User | None) -> list[str]:
        """What may not carry a password: the address whole, its words, those of the names, and the service's.

        Words of two letters count where they are the person's name.
        """
        texts, names = [SERVICE], list[str]()
        if user is not None:
            texts += [user.email, *(text for about in ABOUT for text in about(user))]
            names = [user.nom, user.prenom]
        whole = [user.email] if user is not None else []
        long = [word for text in texts for part in (WORD, LETTERS_ONLY) for word in part.findall(text) if len(word) > 2]
        return whole + long + [word for text in names for word in WORD.findall(text) if len(word) > 1]

    def get_help_text(self) -> str:
        return "Ni votre adresse, ni votre nom, ni celui de votre lieu."


WORD, LETTERS_ONLY = re.compile(r"[^\W_]+"), re.compile(r"[^\W\d_]+")


def without_words(password: str, words: Iterable[str]) -> tuple[list[str], str]:
    """Which of `words` are in `password`, the longest first, and what is left of it without them.

    Case, accents and what stands between letters do not count ("R.P.E."), nor signs that look like one ("Ch@telet").
    """
    named = {_squeezed(word): word.lower() for word in words}
    spellings = [_letters(password), _letters(password.translate(LOOKS_LIKE))]
    found, taken = list[str](), set[int]()
    for word in sorted(filter(None, named), key=lambda word: (-len(word), word)):
        for letters in spellings:
            for match in re.finditer(word, "".join(letter for letter, _ in letters)):
                places = set(range(letters[match.start()][1], letters[match.end() - 1][1] + 1))
                if not places <= taken and word not in found:
                    found.append(word)
                taken |= places
    return [named[word] for word in found], "".join(c for place, c in enumerate(password) if place not in taken)


def _letters(text: str) -> list[tuple[str, int]]:
    """Each letter or digit of `text` in lower case without accent, and its place; "œ" is two of one place."""
    plain = ((unicodedata.normalize("NFKD", c.casefold()), place) for place, c in enumerate(text))
    both = ((plain.replace("œ", "oe").replace("æ", "ae"), place) for plain, place in plain)
    return [(letter, place) for letters, place in both for letter in letters if letter.isalnum()]


def _squeezed(text: str) -> str:
    return "".join(letter for letter, _ in _letters(text))


class QuickHasher(PBKDF2PasswordHasher):
    """For tests only."""

    algorithm = "quick"
    iterations = 1

    def harden_runtime(self, password: str, encoded: str) -> Any:
        return None
