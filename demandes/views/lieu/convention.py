"""The lieu's convention."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from conventions import queries as conventions
from demandes.views.lieu import require_person
from extranet.core import clock
from extranet.core.dates import paris_date
from habilitations import queries as habilitations


@require_GET
def convention(request: HttpRequest) -> HttpResponse:
    """The lieu's convention and annexe 1 as they stand."""
    require_person(request)
    now = clock.now()
    lieux = [
        (lieu, conventions.convention_of(lieu, now), *conventions.annexe1(lieu, paris_date(now)))
        for lieu in habilitations.lieux_of(request.user, now)
    ]
    return render(request, "demandes/lieu/convention.html", {"lieux": lieux})
