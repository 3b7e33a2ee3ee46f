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


@dataclass(frozen=True, slots=True)
class ConventionReprise:
    """A running convention as it is handed to the register, under the Caf's own number (CON-13). Communes by code."""

    numero: str
    lieu: LieuDonne
    gestionnaire: GestionnaireDonne
    courriel_officiel: str
    communes: tuple[str, ...]
    personnes: tuple[PersonneDonnee, ...]
    signed_gestionnaire_on: date
    signed_caf_on: date
    signataire_gestionnaire: str
    qualite_gestionnaire: str
    signataire_caf: str
    qualite_caf: str
    effective_on: date | None = None  # None: the day of the last signature

    @property
    def last_signed_on(self) -> date:
        """CON-2.l: no convention takes effect before."""
        return max(self.signed_gestionnaire_on, self.signed_caf_on)

    @property
    def in_force_from(self) -> date:
        """Its first day."""
        return self.effective_on or self.last_signed_on


def takeover_faults(given: ConventionReprise, today: date) -> dict[str, str]:
    """CON-13.f: what is wrong with the dates of a convention taken over, by field. Only there they may be of before."""
    faults = {}
    for name in ("signed_gestionnaire_on", "signed_caf_on"):
        if getattr(given, name) > today:
            faults[name] = "Cette date est dans le futur : indiquez la date portée sur le document signé."
    if faults or given.effective_on is None:
        return faults
    if given.effective_on > today:
        faults["effective_on"] = "Cette convention n’est pas encore en vigueur : elle ne peut pas être reprise."
    elif given.effective_on < given.last_signed_on:
        faults["effective_on"] = (
            f"Une convention ne prend pas effet avant sa dernière signature ({date_courte(given.last_signed_on)})."
        )
    return faults


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


@dataclass(frozen=True, slots=True)
class Preavis:
    """CON-4: what a letter delivered on a day does to a convention; counted backwards, and forwards to compare."""

    delivered_on: date
    term: date
    """The end of the year under way on that day."""
    last_day: date
    """The last day on which a letter could be delivered for that term."""
    following: date
    """The end of the year after it."""

    @property
    def in_time(self) -> bool:
        """CON-4.d: delivered three months before the term at the latest, counted backwards from it."""
        return self.delivered_on <= self.last_day

    @property
    def ends_on(self) -> date:
        """CON-4.c: the term under way, or the next where the letter came too late."""
        return self.term if self.in_time else self.following

    @property
    def is_disputed(self) -> bool:
        """CON-4.e: late backwards, and yet three months counted forwards from its delivery end by the term."""
        return not self.in_time and add_months(self.delivered_on, 3) <= self.term


def notice(start: date, delivered_on: date) -> Preavis:
    """CON-4: the end that a letter delivered on a day asks of a convention in force from `start`."""
    term = next_anniversary(start, delivered_on)
    following = next_anniversary(start, term + timedelta(days=1))
    return Preavis(delivered_on, term, last_day_of_notice(term), following)


def advised_posting_day(last_day: date) -> date:
    """CON-4.g: three weeks before: a letter may wait fifteen days at the post office, and must travel."""
    return last_day - timedelta(days=21)


def notice_reminder_due(term: date, today: date, sent: Collection[int]) -> int | None:
    """CON-4.g: of 5, 4 and 3½ months before the term (ranks 0, 1, 2), the latest reached and not yet told.

    None once no letter can be in time any more.
    """
    last_day = last_day_of_notice(term)
    days = (add_months(term, -5), add_months(term, -4), last_day - timedelta(days=15))
    reached = [rank for rank, day in enumerate(days) if day <= today <= last_day]
    if not reached or any(rank >= reached[-1] for rank in sent):
        return None
    return reached[-1]


def last_day_of_proof(last_day: date) -> date:
    """ACC-2.e: until when the proof of a convention is kept: five years from its last day, or from its abandonment."""
    return add_months(last_day, 60)


# CON-6: the days before an end in which families are asked, and new demandes go elsewhere where they can.
LAST_DAYS = timedelta(days=15)


def families_have_until(ends_on: date, recorded_on: date | None = None) -> date:
    """CON-6.d: the last day for a family to have its demande sent to another lieu: that of the convention.

    An end that was not known fifteen days ahead (breach) leaves families fifteen days from its recording.
    """
    return max(ends_on, recorded_on + LAST_DAYS) if recorded_on else ends_on


def consultation_due(until: date, today: date, sent: Collection[int]) -> int | None:
    """CON-6.d: families are asked fifteen days before (rank 0) and on the last day (rank 1); the one due and not told.

    None before, and once it is over.
    """
    reached = [rank for rank, day in enumerate((until - LAST_DAYS, until)) if day <= today <= until]
    if not reached or any(rank >= reached[-1] for rank in sent):
        return None
    return reached[-1]


def letter_faults(
    posted_on: date,
    presented_on: date | None,
    delivered_on: date | None,
    issue: str,
    *,
    start: date,
    today: date,
) -> dict[str, str]:
    """CON-4.a, CON-4.b: what cannot be of the dates and the outcome of a registered letter, by field."""
    faults = {}
    dated = {"posted_on": posted_on, "presented_on": presented_on, "delivered_on": delivered_on}
    for field, day in dated.items():
        if day and day > today:
            faults[field] = "Cette date est dans le futur : indiquez celle que porte le document de La Poste."
    if posted_on < start:
        faults["posted_on"] = f"La convention n’existait pas encore : elle a pris effet le {date_courte(start)}."
    if presented_on and presented_on < posted_on:
        faults.setdefault("presented_on", "La lettre ne peut pas être présentée avant d’être postée.")
    if delivered_on and delivered_on < (presented_on or posted_on):
        faults.setdefault("delivered_on", "La lettre ne peut pas être remise avant d’être postée et présentée.")
    if issue == "remise" and not delivered_on:
        faults.setdefault("delivered_on", "Indiquez le jour de la remise, que porte l’avis de réception.")
    if issue != "remise" and delivered_on:
        faults.setdefault("issue", "Une lettre qui a un jour de remise a été remise : corrigez l’un ou l’autre.")
    return faults


def executory_on(received_on: date | None, published_on: date | None) -> date | None:
    """CON-2.f: from when the act takes effect, as far as is known: the later of both days (CGCT L2131-1)."""
    return max((day for day in (received_on, published_on) if day), default=None)


def anniversaries(start: date, through: date) -> list[date]:
    """CON-3.c: the anniversaries of `start` that have come by `through`, that day included."""
    years = range(1, max(0, through.year - start.year) + 1)
    return [day for year in years if (day := anniversary(start, year)) <= through]


def signed_too_early(signed_on: date, received_on: date | None, published_on: date | None) -> bool:
    """CON-2.e, CON-2.f: the gestionnaire signed before the act that allowed it had taken effect."""
    effect = executory_on(received_on, published_on)
    return effect is not None and signed_on < effect


def siren_is_valid(siren: str) -> bool:
    """HAB-1: nine digits whose Luhn sum is a multiple of ten, not all zero."""
    if len(siren) != 9 or not (siren.isascii() and siren.isdigit()) or set(siren) == {"0"}:
        return False
    total = 0
    for rank, digit in enumerate(reversed(siren)):
        value = int(digit) * (1 + rank % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def engagement_reminder(due_on: date, today: date) -> int | None:
    """CON-9.b: which reminder of a demanded engagement is due: 0 on the day awaited, then one a week; None before.

    Weekends and holidays count. Only the last one reached, never a pile of those before it.
    """
    return (today - due_on).days // 7 if today >= due_on else None


def engagement_due_fault(due_on: date, today: date) -> str | None:
    """CON-9.b: why an engagement cannot be awaited on this day; None when it can."""
    if due_on <= today:
        return "Choisissez un jour à venir : le lieu doit avoir le temps de répondre."
    if due_on > add_months(today, 6):
        return "Choisissez un jour dans les six mois."
    return None


def engagement_signed_fault(signed_on: date, today: date) -> str | None:
    """CON-9.a: why an engagement cannot bear this date; None when it can."""
    return "Cette date est dans le futur : indiquez la date portée sur le document." if signed_on > today else None


def signature_fault(signed_on: date, prepared_on: date, today: date) -> str | None:
    """CON-2: why a signature cannot bear this date; None when it can."""
    if signed_on > today:
        return "Cette date est dans le futur : indiquez la date portée sur le document signé."
    if signed_on < prepared_on:
        return f"Le document n’existait pas encore : il a été préparé le {date_courte(prepared_on)}."
    return None


def delegation_faults(reference: str, on: date | None, signed_on: date) -> dict[str, str]:
    """CON-2.g: what is wrong with the delegation of a signatory, by field."""
    if bool(reference) != (on is not None):
        field = "delegation_on" if reference else "delegation"
        return {field: "Indiquez la référence de la délégation et sa date, ou aucune des deux."}
    if on and on > signed_on:
        return {"delegation_on": "La délégation est postérieure à la signature."}
    return {}


def deliberation_faults(on: date, received_on: date | None, published_on: date | None, today: date) -> dict[str, str]:
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
    if published_on and published_on > today:
        faults["deliberation_published_on"] = "Cette date est dans le futur."
    elif published_on and published_on < on:
        faults["deliberation_published_on"] = "L’acte ne peut pas avoir été publié avant d’être pris."
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


CLOSURES_SHOWN = timedelta(weeks=6)
CLOSURES_AHEAD = 12  # months


def closure_faults(
    du: date, au: date, today: date, others: Collection[tuple[date, date]], *, begun: date | None = None
) -> dict[str, str]:
    """NOT-4.j: what is wrong with a closure from `du` through `au` beside `others`, by field; `begun`: the first day of
    one that has begun, which may stay.
    """
    if du < today and du != begun:
        return {"du": "Ce jour est passé : une fermeture se déclare pour aujourd’hui ou plus tard."}
    if au < today:
        return {"au": "Ce jour est passé : choisissez aujourd’hui ou un jour à venir."}
    if au < du:
        return {"au": "Le dernier jour vient après le premier, ou le même jour."}
    if au > add_months(today, CLOSURES_AHEAD):
        return {"au": "Déclarez une fermeture au plus douze mois à l’avance."}
    for start, end in sorted(others):
        if du <= end and start <= au:
            return {"du": f"Une fermeture du {date_courte(start)} au {date_courte(end)} est déjà déclarée."}
    return {}
