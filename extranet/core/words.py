"""How short days, telephone numbers and names in a sentence are written for people, in French. Pure."""

import re
from datetime import date
from typing import NamedTuple

JOURS = ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")
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


# Where French has a space that must not end a line.
_TIED = ((" :", ":"), (" ;", ";"), (" ?", "?"), (" !", "!"), (" »", "»"))


def tied(text: str) -> str:
    """French text whose signs stay with their word at the end of a line."""
    for apart, sign in _TIED:
        text = text.replace(apart, NBSP + sign)
    return text.replace("« ", f"«{NBSP}").replace("n° ", f"n°{NBSP}")


def date_courte(day: date | None) -> str:
    """« 24 nov. 2026 », as lists show it; empty for none."""
    return f"{day.day} {COURTS[day.month - 1]} {day.year}" if day else ""


def jours(count: int | None) -> str:
    """« 3 jours », unbreakable; a dash for none."""
    return "—" if count is None else f"{count}{NBSP}jour{'s' if count > 1 else ''}"


def echeance(day: date, today: date) -> str:
    """How far a deadline is: « en retard de 10 jours », « aujourd’hui », « demain », « dans 3 jours »."""
    days = (day - today).days
    if days < 0:
        return f"en retard de {-days}{NBSP}jour{'s' if days < -1 else ''}"
    return ("aujourd’hui", "demain")[days] if days < 2 else f"dans {days}{NBSP}jours"


def telephone(number: str | None) -> str:
    """« 06 00 00 00 01 » for a French number, unbreakable; any other as it is stored."""
    found = number or ""
    if found.startswith("+33"):
        found = "0" + found[3:]
    if len(found) == 10 and found.isdigit():
        return NBSP.join(found[i : i + 2] for i in range(0, 10, 2))
    return found


# --- names in a sentence --------------------------------------------------------------------------------------------

# What a name may begin with when it says what it names: its article. Only these take one, and lose their capital.
_ARTICLES = {
    **dict.fromkeys(
        (
            "caf",
            "cnaf",
            "cc",
            "ca",
            "cu",
            "caisse",
            "commune",
            "ville",
            "mairie",
            "communauté",
            "métropole",
            "mutuelle",
        ),
        "la ",
    ),
    **dict.fromkeys(("maison", "crèche", "fédération", "fondation", "régie", "coordination", "halte-garderie"), "la "),
    **dict.fromkeys(("rpe", "ram", "ccas", "cias", "sivom", "sivu", "laep", "relais", "guichet", "syndicat"), "le "),
    **dict.fromkeys(("centre", "département", "service", "pôle", "point", "lieu", "multi-accueil"), "le "),
    **dict.fromkeys(("association", "établissement", "espace", "union", "office", "intercommunalité", "antenne"), "l’"),
}
_ACRONYMS = frozenset({"cc", "ca", "cu", "rpe", "ram", "ccas", "cias", "sivom", "sivu", "laep", "cnaf"})
_KEPT = frozenset({"caf"})  # « la Caf de Seine-et-Marne »
# Communes whose h or y is elided by usage; the others keep « de ».
_ELIDED = re.compile(
    "h(yères|érouville|ennebont|irson|ayange|aubourdin|énin|endaye|éricourt|erblay|esdin|onfleur|autmont|azebrouck|agondange)"
    "|y[bcdfghjklmnpqrstvwxz]|y[eèé]",
    re.IGNORECASE,
)
_VOWELS = frozenset("aàâäeéèêëiîïoôöœuùûüæ")


class _Name(NamedTuple):
    article: str  # "le ", "la ", "les ", "l’", or none
    rest: str
    own: bool  # the article is the name's own: it keeps its capital where it stays


def _read(name: str) -> _Name:
    first, _, rest = name.partition(" ")
    if first in ("Le", "La", "Les") and rest:
        return _Name(f"{first.lower()} ", rest, True)
    if re.match("L[’']", name):
        return _Name("l’", name[2:], True)
    kind = first.lower()
    if kind in _ARTICLES and rest:
        kept = first.upper() if kind in _ACRONYMS else first if kind in _KEPT else kind
        return _Name(_ARTICLES[kind], f"{kept} {rest}", False)
    return _Name("", name, False)


def le(name: str) -> str:
    """`name` as it stands in a sentence: « la commune de Melun », « le RPE de Melun », « Le Châtelet-en-Brie »."""
    found = _read(name)
    return name if found.own else found.article + found.rest


def a(name: str) -> str:
    """« au Châtelet-en-Brie », « aux Ulis », « à La Rochelle », « à l’association… », « au RPE… », « à Melun »."""
    found = _read(name)
    match found.article:
        case "le ":
            return f"au {found.rest}"
        case "les ":
            return f"aux {found.rest}"
    return f"à {le(name)}"


def de(name: str) -> str:
    """« du Châtelet-en-Brie », « des Ulis », « de La Rochelle », « d’Évry », « de la commune… », « du RPE… »."""
    found = _read(name)
    match found.article:
        case "le ":
            return f"du {found.rest}"
        case "les ":
            return f"des {found.rest}"
        case "" if name[:1].lower() in _VOWELS or _ELIDED.match(name):
            return f"d’{name}"
    return f"de {le(name)}"
