"""Where a family asks: the commune, its arrondissement in the three largest cities, and the lieu (DEM-2)."""

from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from conventions import queries as conventions
from conventions.models import Lieu
from demandes import queries
from demandes.models import Demande
from demandes.services import intake
from demandes.workflow import NOT_PICKED_UP
from extranet.core.web.drafts import Draft
from extranet.territory import queries as territory
from extranet.territory.models import Commune
from extranet.territory.queries import Match

FIRST = "enfants"


class Place(NamedTuple):
    """Where the family asks, and the lieu that it has chosen, or the only one."""

    found: Match
    lieux: list[Lieu]
    lieu: Lieu | None
    corrects: Demande | None = None
    arrondissements: list[Commune] = []
    """Of a whole city: one of them is to be chosen first (DEM-2.f)."""

    @property
    def query(self) -> dict[str, str]:
        """For addresses."""
        if self.corrects:
            return {"corriger": "1"}
        commune = {"commune": self.found.commune.pk}
        return commune if self.lieu is None or len(self.lieux) == 1 else commune | {"lieu": str(self.lieu.uuid)}

    @property
    def is_settled(self) -> bool:
        """Where it goes is known: chosen, or where it is already."""
        return self.lieu is not None or self.corrects is not None

    @property
    def pour(self) -> str:
        """The lieu, as the summary names it to the sending."""
        return str(self.lieu.uuid) if self.lieu else ""

    def context(self, draft: Draft | None) -> dict[str, Any]:
        """What every page of the form says of it."""
        return {
            "commune": self.found.commune,
            "lieux": self.lieux,
            "lieu": self.lieu,
            "pour": self.pour,
            "corrige": self.corrects is not None,
            "brouillon": draft.key if draft else "",
        }


class Overtaken(Exception):
    """DEM-4.c: the lieu has picked up in the meantime what the link `token` was correcting."""

    def __init__(self, token: str):
        super().__init__(intake.TOO_LATE)
        self.token = token


def place_of(request: HttpRequest, draft: Draft | None, now: datetime) -> Place | None:
    """What the address says, or what the draft corrects. Raises Overtaken once that is picked up."""
    if draft and draft.about:
        demande = queries.demande_by_token(draft.about, now)
        if demande.state not in NOT_PICKED_UP:
            raise Overtaken(draft.about)
        lieux = [demande.lieu] if demande.lieu else []
        return Place(Match(demande.commune), lieux, demande.lieu, corrects=demande)
    code = request.GET.get("commune", "")
    found = territory.commune_by_code(code) if code.isalnum() else None
    if found is None:
        return None
    if arrondissements := territory.arrondissements_of(found.commune):
        return Place(found, [], None, arrondissements=arrondissements)
    lieux = list(conventions.lieux_covering(found.commune.pk, now))
    wanted = request.GET.get("lieu", "")
    lieu = lieux[0] if len(lieux) == 1 else next((one for one in lieux if str(one.uuid) == wanted), None)
    return Place(found, lieux, lieu)


def address(step: str, place: Place | None, draft: Draft | None, anchor: str = "", **more: str) -> str:
    """That of a step's page; the first is also where the commune is chosen."""
    path = reverse("demandes:nouvelle") if step == FIRST else reverse("demandes:etape", args=[step])
    asked = (place.query if place else {}) | ({"brouillon": draft.key} if draft else {}) | more
    return path + (f"?{urlencode(asked)}" if asked else "") + (f"#{anchor}" if anchor else "")


def choose(request: HttpRequest, place: Place | None, draft: Draft | None, now: datetime) -> HttpResponse:
    """The page where what is not settled yet is chosen: commune, arrondissement, lieu; nothing personal is asked."""
    if place is None:
        return _choose_commune(request, draft)
    context = place.context(draft) | {"voulu": request.GET.get("lieu", "")}
    if place.arrondissements:
        context["arrondissements"] = place.arrondissements
        return render(request, "demandes/famille/arrondissements.html", context)
    if place.lieux:
        return render(request, "demandes/famille/lieux.html", context)
    context["voisines"] = conventions.covered_near(place.found.commune, now)
    return render(request, "demandes/famille/non_couverte.html", context)


def _choose_commune(request: HttpRequest, draft: Draft | None) -> HttpResponse:
    wanted = request.GET.get("lieu", "")  # of a poster: the commune is not known before, and the lieu not forgotten
    text = request.GET.get("q", "").strip()[:100]
    found = territory.places_matching(text) if text else []
    if len(found) == 1:
        more = {"lieu": wanted} if wanted else {}
        return redirect(address(FIRST, Place(found[0], [], None), draft, **more))
    context = {"q": text, "communes": found, "brouillon": draft.key if draft else "", "voulu": wanted}
    return render(request, "demandes/famille/commune.html", context)
