"""How days and telephone numbers are written for people. Pure."""

from datetime import date

JOURS = ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")
MOIS = (
    "janvier",
    "février",
    "mars",
    "avril",
    "mai",
    "juin",
    "juillet",
    "août",
    "septembre",
    "octobre",
    "novembre",
    "décembre",
)
COURTS = (
    "jan.",
    "fév.",
    "mars",
    "avr.",
    "mai",
    "juin",
    "juil.",
    "août",
    "sept.",
    "oct.",
    "nov.",
    "déc.",
)  # as Django's
NBSP = "\u00a0"


def date_longue(day: date | str | None) -> str:
    """« 24 novembre 2026 », « 1er décembre 2026 », of a day or of its ISO form; empty for none."""
    if not day:
        return ""
    day = date.fromisoformat(day) if isinstance(day, str) else day
    return f"{'1er' if day.day == 1 else day.day} {MOIS[day.month - 1]} {day.year}"


def date_courte(day: date | None) -> str:
    """« 24 nov. 2026 », as lists show it; empty for none."""
    return f"{day.day} {COURTS[day.month - 1]} {day.year}" if day else ""


def jour(day: date | None) -> str:
    """« mardi 24 novembre 2026 »; empty for none."""
    return f"{JOURS[day.weekday()]} {date_longue(day)}" if day else ""


def telephone(number: str | None) -> str:
    """« 06 00 00 00 01 » for a French number, unbreakable; any other as it is stored."""
    found = number or ""
    if found.startswith("+33"):
        found = "0" + found[3:]
    if len(found) == 10 and found.isdigit():
        return NBSP.join(found[i : i + 2] for i in range(0, 10, 2))
    return found
