"""Pages of lieux, and what they all may say."""

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from extranet.core import clock
from extranet.core.accounts.person import person
from habilitations import queries


def suspended(request: HttpRequest) -> dict[str, object]:
    """CON-5.c: `suspensions` of the lieux of this person; looked up only where a page says it."""
    return {"suspensions": SimpleLazyObject(lambda: queries.suspensions_for(person(request), clock.now()))}
