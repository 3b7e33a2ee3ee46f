"""The person of a request, for views that nobody reaches without logging in."""

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from extranet.core.accounts.models import User
from extranet.core.errors import Forbidden


def person(request: HttpRequest) -> User:
    """Who is logged in; 403 should a door have been left open."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


def person_of_a_lieu(request: HttpRequest) -> User:
    """Who is logged in. Agents have the back office: families' data is not theirs to see (ACC-3)."""
    user = person(request)
    if user.is_staff:
        raise Forbidden("Cet espace est réservé aux personnes habilitées des lieux d’information.")
    return user
