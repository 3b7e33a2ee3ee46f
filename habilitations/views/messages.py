"""What a lieu's persons write to their Caf, and what it answers (CTL-5)."""

from collections.abc import Callable
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from extranet.core import clock
from extranet.core.accounts.person import person_of_a_lieu
from extranet.core.errors import Forbidden, Refused
from extranet.core.web.files import attachment
from extranet.core.web.forms import add_refusal
from habilitations import queries
from habilitations.forms import MessageForm, NouveauMessageForm
from habilitations.models import Echange
from habilitations.services import echanges

SENT = "Votre message est envoyé. La Caf est prévenue ; sa réponse arrivera ici, et un courriel vous le dira."


@require_GET
def liste(request: HttpRequest) -> HttpResponse:
    """All exchanges of the person's lieux, the last written first."""
    user, now = person_of_a_lieu(request), clock.now()
    lieux = list(queries.lieux_named(user, now).select_related("caf"))
    found = Paginator(queries.echanges_of(user, now), 25).get_page(request.GET.get("page"))
    return render(request, "habilitations/messages/liste.html", {"lieux": lieux, "page": found})


@require_http_methods(["GET", "POST"])
def nouveau(request: HttpRequest) -> HttpResponse:
    """Write about something new. `?sujet=` only chooses the subject."""
    user, now = person_of_a_lieu(request), clock.now()
    lieux = queries.lieux_named(user, now).select_related("caf").order_by("nom", "pk")
    if not lieux:
        raise Forbidden("Aucune convention en vigueur ne vous permet d’écrire à une Caf aujourd’hui.")
    asked = {"sujet": request.GET["sujet"]} if request.GET.get("sujet") in Echange.Sujet.values else {}
    if request.method != "POST":
        form = NouveauMessageForm(lieux=lieux, initial=asked)
        return render(request, "habilitations/messages/nouveau.html", {"form": form, "lieux": lieux})
    form = NouveauMessageForm(request.POST, request.FILES, lieux=lieux)

    def send() -> Echange:
        typed = form.cleaned_data | {"lieu": form.cleaned_data["lieu"].uuid}
        return echanges.open_echange(by=user, now=now, **typed)

    if made := _sent(form, send):
        messages.success(request, SENT)
        return redirect("habilitations:echange", made.uuid)
    return render(request, "habilitations/messages/nouveau.html", {"form": form, "lieux": lieux}, status=422)


@require_http_methods(["GET", "POST"])
def echange(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """One exchange, oldest message first, and the place to write on."""
    user, now = person_of_a_lieu(request), clock.now()
    found = get_object_or_404(queries.echanges_of(user, now), uuid=uuid)
    form, status = MessageForm(), 200
    if request.method == "POST":
        form, status = MessageForm(request.POST, request.FILES), 422
        if _sent(form, lambda: echanges.write(echange=uuid, by=user, now=now, **form.cleaned_data)):
            messages.success(request, SENT)
            return redirect("habilitations:echange", uuid)
    lines = found.messages.select_related("by").prefetch_related("pieces")
    context = {"echange": found, "lignes": lines, "form": form}
    return render(request, "habilitations/messages/echange.html", context, status=status)


@require_GET
def fichier(request: HttpRequest, uuid: UUID, fichier: UUID) -> FileResponse:
    """A file of an exchange."""
    found = get_object_or_404(queries.echanges_of(person_of_a_lieu(request), clock.now()), uuid=uuid)
    piece = queries.piece_of(found, fichier)
    return attachment(piece.fichier, piece.nom)


def _sent(form: forms.Form, send: Callable[[], Echange]) -> Echange | None:
    """What was written, once it is kept; else None, and the form says why."""
    if not form.is_valid():
        return None
    try:
        return send()
    except Refused as refused:
        add_refusal(form, refused)
        return None
