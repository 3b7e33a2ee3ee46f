"""Home: find one's lieu, and the ways in for the three publics."""

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET

from conventions import queries as conventions
from extranet.core import clock
from extranet.core.accounts import factors, sessions
from extranet.core.accounts.person import person
from extranet.core.languages import for_families
from extranet.portal import profile
from extranet.territory import queries as territory
from habilitations import queries as habilitations

MOST = 50  # communes proposed on the page


@for_families
@login_not_required
@require_GET
def accueil(request: HttpRequest) -> HttpResponse:
    """`?q=` finds communes, `?commune=` shows who answers there."""
    text = request.GET.get("q", "").strip()[:100]
    code = request.GET.get("commune", "").strip()[:5]
    found = territory.commune_by_code(code) if code else None
    matches = territory.places_matching(text, MOST + 1) if text and not found else []
    if len(matches) == 1:
        found, matches = matches[0], []
    commune, now = found.commune if found else None, clock.now()
    arrondissements = territory.arrondissements_of(commune) if commune else []
    asked = commune if not arrondissements else None
    lieux = conventions.lieux_covering(asked.pk, now) if asked else []
    context = {
        "q": text,
        "communes": matches[:MOST],
        "encore": len(matches) > MOST,
        "commune": commune,
        "lieux": lieux,
        "arrondissements": arrondissements,
        "voisines": conventions.covered_near(asked, now) if asked and not lieux else [],
    }
    return render(request, "portal/accueil.html", context)


def entree(request: HttpRequest) -> HttpResponse:
    """After login: agents to the back office, the others to their lieu's demandes."""
    return redirect("admin:index" if person(request).is_staff else "demandes:liste")


@require_GET
def compte(request: HttpRequest) -> HttpResponse:
    """A person's own page: who it is, where it may enter, and the way to its password, second factor, sessions."""
    user, now = person(request), clock.now()
    own = habilitations.with_fonction(habilitations.active(now).filter(user=user), now)
    context = {
        "agent": territory.agent_of(user),
        "lieux": own.select_related("personne__lieu__caf").order_by("personne__lieu__nom", "pk"),
        "facteurs": factors.factors_of(user).count(),
        "sessions": sessions.sessions_of(user, now=now).count(),
    }
    return render(request, "portal/compte.html", context)


@require_GET
def donnees(request: HttpRequest) -> HttpResponse:
    """RGP-3.b: all that the portal holds about the person who asks."""
    return render(request, "portal/donnees.html", {"sections": profile.held_about(person(request))})


@for_families
@login_not_required
@require_GET
def page(request: HttpRequest, name: str) -> HttpResponse:
    """Privacy, legal notice, accessibility."""
    return render(request, f"portal/{name}.html", {"hebergeur": settings.HOSTING})
