"""Demandes as files."""

from contextlib import nullcontext

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.views.decorators.http import require_POST

from demandes import queries
from demandes.forms import TelechargementForm
from demandes.services import handover
from demandes.views.lieu import liste, origin_of, require_person
from demandes.workflow import Etat
from extranet.core import clock
from extranet.core.errors import Refused
from extranet.core.web.brakes import one_at_a_time


@require_POST
def telechargement(request: HttpRequest) -> HttpResponse:
    """One or many demandes as a file; 405 on GET, 404 as a whole when one is foreign (TEL-1)."""
    user = require_person(request)
    now = clock.now()
    form = TelechargementForm(request.POST)
    if not form.is_valid():
        return _refused(request, " ".join(str(m) for errors in form.errors.values() for m in errors))
    wanted = form.cleaned_data["demande"]
    if form.cleaned_data["selection"]:
        waiting = queries.demandes_visible_to(user, now).filter(state=Etat.TRANSMISE)
        wanted = list(waiting.values_list("uuid", flat=True)[: handover.MOST + 1])
        if not wanted:
            return _refused(request, "Aucune demande n’attend d’être récupérée.")
    more, wanted = len(wanted) > handover.MOST and bool(form.cleaned_data["selection"]), wanted[: handover.MOST + 1]
    if more:
        wanted.pop()
    # One person's long downloads must not take every thread: the second waits for the first (TooMany, 429).
    turn = one_at_a_time(f"telechargement:{user.pk}") if len(wanted) > handover.FEW else nullcontext()
    try:
        with turn:
            handed = handover.fetch(
                wanted, form=form.cleaned_data["format"], by=user, now=now, origin=origin_of(request)
            )
    except Refused as refusal:
        return _refused(request, refusal.sentence)
    count = len(set(wanted))
    messages.success(
        request,
        f"{count} demande{'s' if count > 1 else ''} téléchargée{'s' if count > 1 else ''}."
        + (f" C’étaient les {handover.MOST} plus urgentes : recommencez pour la suite." if more else ""),
    )
    response = HttpResponse(handed.content, content_type=handed.media_type)
    response["Content-Disposition"] = f'attachment; filename="{handed.name}"'
    response["Cache-Control"] = "no-store"
    return response


def _refused(request: HttpRequest, sentence: str) -> HttpResponse:
    messages.error(request, sentence)
    return liste.page(request, QueryDict(), status=422)
