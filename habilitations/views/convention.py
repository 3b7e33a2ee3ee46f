"""What a lieu's persons read of their convention. Here and not in the register, since it asks who may see it."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from conventions import queries as conventions
from extranet.core import clock
from extranet.core.accounts.person import person
from extranet.core.dates import paris_date
from extranet.core.errors import Forbidden
from habilitations import queries


@require_GET
def convention(request: HttpRequest) -> HttpResponse:
    """ACC-1: the convention and annexe 1 of each lieu of this person, as they stand. Agents have the back office."""
    user = person(request)
    if user.is_staff:
        raise Forbidden("Cet espace est réservé aux personnes habilitées des lieux d’information.")
    now = clock.now()
    lieux = [
        (lieu, conventions.convention_of(lieu, now), *conventions.annexe1(lieu, paris_date(now)))
        for lieu in queries.lieux_of(user, now)
    ]
    return render(request, "habilitations/convention.html", {"lieux": lieux})
