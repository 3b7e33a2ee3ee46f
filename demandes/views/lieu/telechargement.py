"""Demandes as files."""

from contextlib import nullcontext
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from demandes import queries
from demandes.forms import TelechargementForm
from demandes.models import Remise, Telechargement
from demandes.services import files, handover
from demandes.views.lieu import back_to_list, chosen, forget_ticked, liste, origin_of
from demandes.workflow import Etat
from extranet.core import clock
from extranet.core.accounts.person import person_of_a_lieu
from extranet.core.errors import Refused
from extranet.core.web.brakes import one_at_a_time
from extranet.core.web.files import handed_over
from habilitations import queries as habilitations


@require_POST
def telechargement(request: HttpRequest) -> HttpResponse:
    """One or many demandes as a file, or the page that waits for it; 404 as a whole when one is foreign (TEL-1)."""
    user = person_of_a_lieu(request)
    now = clock.now()
    form = TelechargementForm(request.POST)
    if not form.is_valid():
        return _refused(request, " ".join(str(m) for errors in form.errors.values() for m in errors))
    wanted = form.cleaned_data["demande"]
    if form.cleaned_data["selection"]:
        waiting = queries.demandes_visible_to(user, now).filter(state=Etat.TRANSMISE)
        if lieu := chosen(request, habilitations.lieux_of(user, now)):
            waiting = waiting.filter(lieu=lieu)
        wanted = list(waiting.values_list("uuid", flat=True)[: handover.MOST + 1])
        if not wanted:
            return _refused(request, "Aucune demande n’attend d’être récupérée.")
    more, wanted = len(wanted) > handover.MOST and bool(form.cleaned_data["selection"]), wanted[: handover.MOST + 1]
    if more:
        wanted.pop()
    wanted_as, why = form.cleaned_data["format"], form.cleaned_data["encore"] if "encore" in request.POST else None
    try:
        if files.is_for_a_worker(wanted_as, len(set(wanted))):
            asked = files.ask(wanted, form=wanted_as, by=user, now=now, encore=why)
            if more:
                messages.info(request, f"Ce sont les {handover.MOST} plus urgentes : recommencez pour la suite.")
            _note_done(request)
            return redirect("demandes:fichier", uuid=asked.uuid)
        # One person's long downloads must not take every thread: the second waits for the first (TooMany, 429).
        turn = one_at_a_time(f"telechargement:{user.pk}") if len(wanted) > handover.FEW else nullcontext()
        with turn:
            handed = handover.fetch(wanted, form=wanted_as, by=user, now=now, origin=origin_of(request), encore=why)
    except Refused as refusal:
        return _refused(request, refusal.sentence)
    _note_done(request)
    messages.success(
        request,
        _fetched(handed)
        + (f" C’étaient les {handover.MOST} plus urgentes : recommencez pour la suite." if more else ""),
    )
    return _file(handed)


@require_http_methods(["GET", "POST"])
def fichier(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """A file that a worker makes: where it stands; POST hands it over, once it is made."""
    user, now = person_of_a_lieu(request), clock.now()
    if request.method == "POST":
        why = request.POST.get("encore", "")
        about: dict[str, Any] = {"by": user, "now": now, "origin": origin_of(request)}
        try:
            handed = files.hand_over(uuid, encore=why if why in Remise.Encore else "", **about)
        except Refused as refusal:
            return _waiting(request, files.require(uuid, by=user, now=now), now, refused=refusal.sentence)
        if handed:
            messages.success(request, _fetched(handed))
            return _file(handed)
        messages.info(request, "Le fichier n’est pas prêt, ou une de ses demandes a changé : il est préparé à nouveau.")
        return redirect("demandes:fichier", uuid=uuid)
    return _waiting(request, files.require(uuid, by=user, now=now), now)


def _waiting(request: HttpRequest, found: Telechargement, now: datetime, *, refused: str = "") -> HttpResponse:
    context = {
        "fichier": found,
        "retour": back_to_list(request),
        "sans_reponse": files.is_unheard(found, now),
        "en_place": files.IN_PLACE,
        "pris_le": files.fetched_at(found),
        "motifs": Remise.Encore.choices if files.wants_reason(found) else [],
        "refuse": refused,
    }
    return render(request, "demandes/lieu/fichier.html", context, status=422 if refused else 200)


def _file(handed: handover.Handed) -> HttpResponse:
    return handed_over(HttpResponse(handed.content, content_type=handed.media_type), handed.name)


def _note_done(request: HttpRequest) -> None:
    """What was ticked in the list, where it came from there, is on its way."""
    if "ici" in request.POST:
        forget_ticked(request)


def _refused(request: HttpRequest, sentence: str) -> HttpResponse:
    messages.error(request, sentence)
    return liste.page(request, request.POST, status=422)


NAMED = 3


def _fetched(handed: handover.Handed) -> str:
    """What the file has, for the page that is read next."""
    count, names = len(handed.references), ", ".join(handed.references[:NAMED])
    if count == 1:
        return f"La demande {names} est téléchargée."
    more = f" et {count - NAMED} autre{'s' if count > NAMED + 1 else ''}" if count > NAMED else ""
    return f"{count} demandes sont téléchargées : {names}{more}."
