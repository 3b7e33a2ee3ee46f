"""Search while typing, for the public forms. Public data: no account asked."""

from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from extranet.core.words import de
from extranet.territory import queries
from extranet.territory.models import Epci


@login_not_required
@require_safe
@cache_control(public=True, max_age=300)
def communes(request: HttpRequest) -> HttpResponse:
    """`?q=` name or postal code: places where a family can ask (DEM-2.f); with `?caf=` all of one Caf's territory, and
    its EPCI where `?epci=1` asks for them (HAB-2.c).
    """
    q, caf = request.GET.get("q", ""), request.GET.get("caf")
    matches = queries.communes_matching(q, caf=caf) if caf else queries.places_matching(q)
    rows: list[dict[str, Any]] = [
        {
            "code": match.commune.pk,
            "nom": match.commune.nom,
            "code_postal": match.code_postal,
            "departement": match.commune.departement_id,
            "ancien_nom": match.ancien_nom,
        }
        for match in matches
    ]
    if caf and "epci" in request.GET:
        found = queries.epcis_matching(q, caf=caf, limit=5)
        shares = queries.shares_of(found, caf)
        rows += [{"code": epci.pk, "nom": all_of(epci, *shares[epci.pk]), "epci": True} for epci in found]
    return JsonResponse(rows, safe=False)


def all_of(epci: Epci, own: int, whole: int) -> str:
    """HAB-2.c: what adding a whole EPCI adds: all its communes, or those of one Caf where it is across several."""
    if own < whole:
        return f"{own} des {whole} communes {de(epci.nom)}, les autres étant d’une autre Caf"
    return f"Toutes les communes {de(epci.nom)} ({whole})"


@login_not_required
@require_safe
@cache_control(public=True, max_age=300)
def epcis(request: HttpRequest) -> HttpResponse:
    """`?q=` words of the name, `?departement=` its code."""
    found = queries.epcis_matching(request.GET.get("q", ""), request.GET.get("departement"))
    return JsonResponse([{"code": epci.pk, "nom": epci.nom, "type": epci.type} for epci in found], safe=False)
