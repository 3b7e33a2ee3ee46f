"""How dates, moments, telephone numbers and what is to be corrected are written for people, in templates."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django import template

from extranet.core import languages, words
from extranet.core.web.forms import Fault, faults_of

register = template.Library()
register.filter("jour", languages.jour, expects_localtime=True)
register.filter("date_courte", words.date_courte, expects_localtime=True)
register.filter("date_longue", languages.date_longue, expects_localtime=True)
register.filter("telephone", words.telephone)


def _in_french(said: Callable[[str], str]) -> Callable[[str], str]:
    """In another language the name stands alone, and the sentence around it says the rest."""
    return lambda name: said(name) if languages.current() == languages.SOURCE else name


# {{ commune.nom|a }}: « au Châtelet-en-Brie »; |de: « du … »; |le: the name with its article, if it takes one.
register.filter("a", _in_french(words.a))
register.filter("de", _in_french(words.de))
register.filter("le", _in_french(words.le))


@register.filter(expects_localtime=True)
def moment(value: datetime | None) -> str:
    """« 24 novembre 2026 à 9 h 05 »."""
    return f"{languages.date_longue(value)} à {value.hour}{words.NBSP}h{words.NBSP}{value:%M}" if value else ""


@register.simple_tag
def fautes_de(known: list[Fault] | None, *parts: Any) -> list[Fault]:
    """What the view has worked out, else the faults of `parts` that are there."""
    return known or faults_of(*[part for part in parts if part and part.is_bound])
