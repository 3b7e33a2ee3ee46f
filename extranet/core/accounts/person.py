"""The person of a request, for views that nobody reaches without logging in."""

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from extranet.core.accounts.models import User


def person(request: HttpRequest) -> User:
    """Who is logged in; 403 should a door have been left open."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user
