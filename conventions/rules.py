"""Dates of a convention, what it is made from, and the SIREN's key: pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from extranet.core.dates import add_months
from extranet.core.words import date_courte

PARTIES = ("gestionnaire", "caf")

# CON-2, CON-7: the pieces of an acte by its nature, each to be signed by both parties.
PIECES: dict[str, tuple[str, ...]] = {
    "convention": ("convention", "annexe1"),
    "avenant": ("avenant", "annexe1"),  # what changes, and the annexe 1 that results
}

# Natures of gestionnaires whose signature needs an act sent to the préfecture.
PUBLIC_BODIES = frozenset({"commune", "epci", "ccas"})


@dataclass(frozen=True, slots=True)
class LieuDonne:
    """A lieu as it is handed to the register (HAB-7)."""

    nom: str
    nature: str
    adresse: str
    code_postal: str
    ville: str
    telephone: str
    courriel: str
    site: str


@dataclass(frozen=True, slots=True)
class GestionnaireDonne:
    """A gestionnaire with its représentant légal, as it is handed to the register (HAB-7)."""

    nom: str
    nature: str
    siren: str
    adresse: str
    code_postal: str
    ville: str
    representant_civilite: str
    representant_nom: str
    representant_prenom: str
    representant_qualite: str


@dataclass(frozen=True, slots=True)
class PersonneDonnee:
    """A person to be named in annexe 1, as it is handed to the register (HAB-7)."""

    civilite: str
    nom: str
    prenom: str
    courriel: str
    service: str
    fonction: str


def effective_date(nature: str, signed: Mapping[tuple[str, str], date]) -> date | None:
    """CON-2, CON-7: the last date on which a party signed a piece of this acte; None while a signature is missing."""
    needed = {(party, piece) for party in PARTIES for piece in PIECES[nature]}
    return max(signed[one] for one in needed) if signed.keys() >= needed else None


def last_day_of_line(from_on: date, effective_on: date) -> date:
    """CON-7: a line closed by an acte holds through the eve of its effect, and on its own first day in any case."""
    return max(from_on, effective_on - timedelta(days=1))


def anniversary(start: date, year: int) -> date:
    """CON-3: the `year`th anniversary of `start`, clamped from `start` itself (29 February returns in leap years)."""
    return add_months(start, 12 * year)


def next_anniversary(start: date, day: date) -> date:
    """CON-3: the end of the year under way on `day`, that day included."""
    year = max(1, day.year - start.year)
    while anniversary(start, year) < day:
        year += 1
    return anniversary(start, year)


def last_day_of_notice(anniversary_on: date) -> date:
    """CON-4: the last day on which the letter may be delivered, three months before, clamped to the month's end."""
    return add_months(anniversary_on, -3)


def signed_too_early(signed_on: date, act_received_on: date | None) -> bool:
    """CON-2: the act that allowed the gestionnaire to sign reached the préfecture after the signature."""
    return act_received_on is not None and signed_on < act_received_on


def siren_is_valid(siren: str) -> bool:
    """HAB-1: nine digits whose Luhn sum is a multiple of ten, not all zero."""
    if len(siren) != 9 or not (siren.isascii() and siren.isdigit()) or set(siren) == {"0"}:
        return False
    total = 0
    for rank, digit in enumerate(reversed(siren)):
        value = int(digit) * (1 + rank % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def signature_fault(signed_on: date, prepared_on: date, today: date) -> str | None:
    """CON-2: why a signature cannot bear this date; None when it can."""
    if signed_on > today:
        return "Cette date est dans le futur : indiquez la date portée sur le document signé."
    if signed_on < prepared_on:
        return f"Le document n’existait pas encore : il a été préparé le {date_courte(prepared_on)}."
    return None


def deliberation_faults(on: date, received_on: date | None, today: date) -> dict[str, str]:
    """CON-2: what is wrong with the dates of the act that allowed the gestionnaire to sign, by field."""
    faults = {}
    if on > today:
        faults["deliberation_on"] = "Cette date est dans le futur."
    elif on < add_months(today, -120):
        faults["deliberation_on"] = "Cette date remonte à plus de dix ans : vérifiez l’année."
    if received_on and received_on > today:
        faults["deliberation_received_on"] = "Cette date est dans le futur."
    elif received_on and received_on < on:
        faults["deliberation_received_on"] = "La préfecture ne peut pas avoir reçu l’acte avant qu’il ne soit pris."
    return faults


_SMALL_WORDS = frozenset({"le", "la", "les", "l", "de", "du", "des", "d", "cedex"})
_INITIALS = {"rpe": "RPE", "guichet-unique": "GU", "point-info": "PI"}


def lieu_code(nature: str, caf: str, town_words: Sequence[str], taken: Collection[str]) -> str:
    """A readable code that no other lieu has: RPE-77-CHATELET, then RPE-77-CHATELET-2. `town_words` without accents."""
    words = [word for word in town_words if word not in _SMALL_WORDS and not word.isdigit()] or ["lieu"]
    town = "-".join(words[: 2 if words[0] in {"saint", "sainte"} else 1])
    stem = f"{_INITIALS.get(nature, 'LI')}-{caf.removeprefix('caf-')}-{town}".upper()[:34]
    code, rank = stem, 1
    while code in taken:
        rank += 1
        code = f"{stem}-{rank}"
    return code
