"""How dates, moments and telephone numbers are written for people."""

from datetime import date, datetime

from django import template
from django.utils.formats import date_format

register = template.Library()

NBSP = "\u00a0"


@register.filter(expects_localtime=True)
def jour(value: date | datetime | None) -> str:
    """« mardi 24 novembre 2026 », « mardi 1er décembre 2026 »."""
    return f"{date_format(value, 'l')} {_numero(value)} {date_format(value, 'F Y')}" if value else ""


@register.filter(expects_localtime=True)
def date_longue(value: date | datetime | None) -> str:
    """« 24 novembre 2026 »."""
    return f"{_numero(value)} {date_format(value, 'F Y')}" if value else ""


@register.filter(expects_localtime=True)
def moment(value: datetime | None) -> str:
    """« 24 novembre 2026 à 9 h 05 »."""
    return f"{date_longue(value)} à {value.hour}{NBSP}h{NBSP}{value:%M}" if value else ""


@register.filter
def telephone(value: str | None) -> str:
    """A French number two digits at a time; any other as it is stored."""
    number = value or ""
    if number.startswith("+33"):
        number = "0" + number[3:]
    if len(number) == 10 and number.isdigit():
        return NBSP.join(number[i : i + 2] for i in range(0, 10, 2))
    return number


def _numero(value: date | datetime) -> str:
    return "1er" if value.day == 1 else str(value.day)
