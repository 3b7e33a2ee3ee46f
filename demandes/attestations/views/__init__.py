"""What a lieu states, on the pages of its persons: a file a kind of statement."""

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from demandes.attestations import queries
from extranet.core import clock
from extranet.core.accounts.person import person


def to_sign(request: HttpRequest) -> dict[str, object]:
    """`a_signer`: how many attestations and statements wait for this person; counted only where a page says it."""
    return {"a_signer": SimpleLazyObject(lambda: queries.awaited(person(request), clock.now()))}
