"""The languages that families read: French, in which every text is written, and each that has its own catalogue.

Everything else speaks French: `web.middleware.Languages` opens another language only on pages marked `for_families`,
and a mail is written in the language of its `Mail`. Docs: guides/langues.md.
"""

from collections.abc import Callable
from datetime import date
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils import translation
from django.utils.dates import WEEKDAYS
from django.utils.formats import date_format

SOURCE = "fr"


def choices() -> list[tuple[str, str]]:
    """(code, name in the language of the page), for the field of a table."""
    return [(code, translation.get_language_info(code)["name_translated"]) for code, _ in settings.LANGUAGES]


def current() -> str:
    """The language that is spoken now."""
    return translation.get_language() or SOURCE


# --- pages ---------------------------------------------------------------------------------------------------------


def for_families(view: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a page that speaks its reader's language (DEM-9.a)."""
    view.for_families = True  # type: ignore[attr-defined]
    return view


def choose(request: HttpRequest, code: str) -> None:
    """The visitor asks for this language: from here on in this answer, and kept for the pages that follow."""
    if code in dict(settings.LANGUAGES):
        request.langue_choisie = code  # type: ignore[attr-defined]
        translation.activate(code)


def chosen(request: HttpRequest) -> str:
    """What the visitor has asked for, now or before; empty when it is left to the browser."""
    code = getattr(request, "langue_choisie", "") or request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, "")
    return code if code in dict(settings.LANGUAGES) else ""


def speak(request: HttpRequest, code: str) -> None:
    """The language of what is shown (a demande's), as if the visitor had asked for it, where it has asked for none."""
    if not chosen(request):
        choose(request, code)


def others(request: HttpRequest) -> dict[str, str]:
    """What the page of this answer can be read in instead: code → the language's own name."""
    offered = dict(settings.LANGUAGES) if getattr(request, "for_families", False) else {}
    return {code: name.capitalize() for code, name in offered.items() if code != current()}


# --- days ----------------------------------------------------------------------------------------------------------


def date_longue(day: date | str | None) -> str:
    """« 24 novembre 2026 », « 1er décembre 2026 », “24 November 2026”, of a day or of its ISO form; empty for none."""
    if not day:
        return ""
    day = date.fromisoformat(day) if isinstance(day, str) else day
    return _longue(date(day.year, day.month, day.day), current())


@lru_cache(4096)  # a list says the same days at each of its lines
def _longue(day: date, language: str) -> str:
    if language != SOURCE:
        return date_format(day, "DATE_FORMAT")
    return date_format(day, r"j\e\r F Y" if day.day == 1 else "j F Y")


def jour(day: date | None) -> str:
    """« mardi 24 novembre 2026 »; empty for none."""
    return f"{WEEKDAYS[day.weekday()]} {date_longue(day)}" if day else ""
