"""Search while typing, for the public forms. Public data: no account asked."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from extranet.territory import queries


@login_not_required
@require_safe
@cache_control(public=True, max_age=300)
def communes(request: HttpRequest) -> HttpResponse:
    """`?q=` name or postal code, `?caf=` one Caf's territory."""
    matches = queries.communes_matching(request.GET.get("q", ""), caf=request.GET.get("caf"))
    rows = [
        {
            "code": match.commune.pk,
            "nom": match.commune.nom,
            "code_postal": match.code_postal,
            "departement": match.commune.departement_id,
            "ancien_nom": match.ancien_nom,
        }
        for match in matches
    ]
    return JsonResponse(rows, safe=False)


@login_not_required
@require_safe
@cache_control(public=True, max_age=300)
def epcis(request: HttpRequest) -> HttpResponse:
    """`?q=` words of the name, `?departement=` its code."""
    found = queries.epcis_matching(request.GET.get("q", ""), request.GET.get("departement"))
    return JsonResponse([{"code": epci.pk, "nom": epci.nom, "type": epci.type} for epci in found], safe=False)
