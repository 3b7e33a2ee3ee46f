"""The lists of a lieu: its demandes, and those that are its no more."""

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_http_methods

from demandes import queries
from demandes.forms import FiltreForm
from demandes.services import handover
from demandes.views.lieu import note_contents, note_delays, origin_of, require_person
from demandes.workflow import Etat
from extranet.core import clock
from extranet.core.accounts.person import person
from extranet.core.dates import paris_date
from habilitations import queries as habilitations

PAGE = 25


@require_http_methods(["GET", "POST"])
def liste(request: HttpRequest) -> HttpResponse:
    """What waits first, by deadline; filters by state, and by name or reference, which is posted (RGP-2)."""
    require_person(request)
    return page(request, request.POST if request.method == "POST" else request.GET)


def page(request: HttpRequest, asked: QueryDict, *, status: int = 200) -> HttpResponse:
    """The list as `asked`; with 422, under what was refused, the choice of demandes kept."""
    user, now = person(request), clock.now()
    form = FiltreForm({"etat": asked.get("etat", ""), "q": request.POST.get("q", "")})
    visible = queries.demandes_visible_to(user, now)
    counts = queries.counts_of(visible)
    lieux = list(habilitations.lieux_of(user, now))
    filtre = {"etat": "", "q": ""} | (form.cleaned_data if form.is_valid() else {})
    if filtre["etat"]:
        visible = visible.filter(state=filtre["etat"])
    if filtre["q"]:
        visible = queries.matching(visible, filtre["q"], paris_date(now))
    # The order is read from the index, then the rows of one page.
    keys = Paginator(visible.values_list("pk", flat=True), PAGE).get_page(asked.get("page"))
    demandes = list(visible.filter(pk__in=list(keys.object_list)))
    note_contents(demandes, paris_date(now))
    demandes = handover.note_listed(demandes, by=user, now=now, origin=origin_of(request))
    note_delays(demandes, paris_date(now))
    context = {
        "page": keys,
        "demandes": demandes,
        "cochees": set(request.POST.getlist("demande")),
        "form": form,
        "filtre": filtre,
        "onglets": [("", "Toutes", sum(counts.values()))]
        + [(e.value, e.label, counts.get(e.value, 0)) for e in (Etat.TRANSMISE, Etat.RECUPEREE, Etat.TRAITEE)],
        "a_recuperer": counts.get(Etat.TRANSMISE, 0),
        "lieux": lieux,
        "parties": queries.left_from([lieu.pk for lieu in lieux], now).count(),
    }
    return render(request, "demandes/lieu/liste.html", context, status=status)


@require_GET
def parties(request: HttpRequest) -> HttpResponse:
    """What was at the lieu and went on without it: a line each, no family data; its copies must go by their day."""
    user = require_person(request)
    now = clock.now()
    left = queries.left_from(queries.own_lieux(user, now), now)
    page = Paginator(left, PAGE).get_page(request.GET.get("page"))
    return render(request, "demandes/lieu/parties.html", {"page": page})
