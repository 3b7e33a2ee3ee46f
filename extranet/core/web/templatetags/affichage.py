"""How dates, moments and telephone numbers are written for people, in templates."""

from datetime import datetime

from django import template

from extranet.core import words

register = template.Library()
register.filter("jour", words.jour, expects_localtime=True)
register.filter("date_courte", words.date_courte, expects_localtime=True)
register.filter("date_longue", words.date_longue, expects_localtime=True)
register.filter("telephone", words.telephone)


@register.filter(expects_localtime=True)
def moment(value: datetime | None) -> str:
    """« 24 novembre 2026 à 9 h 05 »."""
    return f"{words.date_longue(value)} à {value.hour}{words.NBSP}h{words.NBSP}{value:%M}" if value else ""
