"""Home: find one's lieu, and the ways in for the three publics."""

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET

from conventions import queries as conventions
from conventions.models import Lieu
from extranet.core import clock
from extranet.core.accounts.person import person
from extranet.core.languages import for_families
from extranet.territory import queries as territory

MOST = 50  # communes proposed on the page


@for_families
@login_not_required
@require_GET
def accueil(request: HttpRequest) -> HttpResponse:
    """`?q=` finds communes, `?commune=` shows who answers there."""
    text = request.GET.get("q", "").strip()[:100]
    code = request.GET.get("commune", "").strip()[:5]
    found = territory.commune_by_code(code) if code else None
    matches = territory.communes_matching(text, MOST + 1) if text and not found else []
    if len(matches) == 1:
        found, matches = matches[0], []
    commune = found.commune if found else None
    lieux = [_lieu(lieu) for lieu in conventions.lieux_covering(commune.pk, clock.now())] if commune else []
    context = {
        "q": text,
        "communes": matches[:MOST],
        "encore": len(matches) > MOST,
        "commune": commune,
        "lieux": lieux,
        # A town that no lieu covers whole may be covered by arrondissement (DEM-2).
        "arrondissements": commune.arrondissements.order_by("pk") if commune and not lieux else [],
        "caf": commune.caf if commune else None,
    }
    return render(request, "portal/accueil.html", context)


def _lieu(lieu: Lieu) -> dict[str, object]:
    return {
        "uuid": lieu.uuid,
        "nom": lieu.nom,
        "nature_libelle": lieu.get_nature_display(),
        "adresse": f"{lieu.adresse}, {lieu.code_postal} {lieu.ville}",
        "telephone": lieu.telephone,
        "courriel_public": "",
    }


def entree(request: HttpRequest) -> HttpResponse:
    """After login: agents to the back office, the others to their lieu's demandes."""
    return redirect("admin:index" if person(request).is_staff else "demandes:liste")


@for_families
@login_not_required
@require_GET
def page(request: HttpRequest, name: str) -> HttpResponse:
    """Privacy, legal notice, accessibility."""
    return render(request, f"portal/{name}.html", {"hebergeur": settings.HOSTING})
