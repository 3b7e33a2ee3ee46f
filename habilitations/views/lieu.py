"""What a lieu's persons say of it to families: hours, site, address, closures; and its poster (DEM-2.e, NOT-4.j)."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from urllib.parse import urlencode
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from conventions import queries as conventions
from conventions.documents import affiche as posters
from conventions.models import Fermeture, Lieu
from conventions.services import presentation as services
from extranet.core import clock
from extranet.core.accounts.person import person_of_a_lieu
from extranet.core.dates import paris_date
from extranet.core.errors import Refused
from extranet.core.web.files import handed_over
from extranet.core.web.forms import add_refusal
from extranet.territory.models import Commune
from habilitations import queries
from habilitations.forms import AfficheForm, FermetureForm, PresentationForm

CLOSURE = "habilitations/lieu/fermeture.html"
ASK = "/demandes/nouvelle/"  # the families' form: a fixed address of an app above


@require_GET
def lieux(request: HttpRequest) -> HttpResponse:
    """Each lieu of the person, as families see it, with its closures to come and its poster."""
    user, now = person_of_a_lieu(request), clock.now()
    own = queries.lieux_of(user, now).order_by("nom", "pk")
    rows = [
        {
            "lieu": lieu,
            "fermetures": lieu.fermetures.filter(au__gte=paris_date(now)),
            "affiche": AfficheForm(communes=_communes(lieu, now), auto_id=f"id_{lieu.code}_%s"),
        }
        for lieu in own
    ]
    return render(request, "habilitations/lieu/lieux.html", {"rangs": rows})


@require_http_methods(["GET", "POST"])
def presentation(request: HttpRequest, identifier: UUID) -> HttpResponse:
    """DEM-2.e: hours, site and public address."""
    user, now = person_of_a_lieu(request), clock.now()
    own = queries.lieux_of(user, now)
    lieu = get_object_or_404(own, uuid=identifier)
    said = {"horaires": lieu.horaires, "site": lieu.site_public, "courriel": lieu.courriel_public}
    form = PresentationForm(request.POST if request.method == "POST" else None, initial=said)
    save = partial(services.present, lieu=identifier, own=own, by=user, now=now)
    done = "Les familles voient ces informations dès maintenant."
    return _form_page(request, form, save, done, "habilitations/lieu/presentation.html", lieu=lieu)


@require_http_methods(["GET", "POST"])
def nouvelle(request: HttpRequest, identifier: UUID) -> HttpResponse:
    """NOT-4.j: a closure is declared."""
    user, now = person_of_a_lieu(request), clock.now()
    own = queries.lieux_of(user, now)
    lieu = get_object_or_404(own, uuid=identifier)
    form = FermetureForm(request.POST if request.method == "POST" else None)
    save = partial(services.declare_closure, lieu=identifier, own=own, by=user, now=now)
    return _form_page(request, form, save, "La fermeture est déclarée.", CLOSURE, lieu=lieu, fermeture=None)


@require_http_methods(["GET", "POST"])
def fermeture(request: HttpRequest, identifier: UUID) -> HttpResponse:
    """NOT-4.j: a closure is changed, or removed."""
    user, now = person_of_a_lieu(request), clock.now()
    own = queries.lieux_of(user, now)
    found = get_object_or_404(Fermeture.objects.filter(lieu__in=own).select_related("lieu"), uuid=identifier)
    if request.method == "POST" and "retirer" in request.POST:
        services.remove_closure(fermeture=identifier, own=own, by=user, now=now)
        messages.success(request, "La fermeture est retirée.")
        return redirect("habilitations:lieux")
    known = {"du": found.du, "au": found.au, "motif": found.motif}
    form = FermetureForm(request.POST if request.method == "POST" else None, initial=known)
    save = partial(services.change_closure, fermeture=identifier, own=own, by=user, now=now)
    return _form_page(request, form, save, "La fermeture est modifiée.", CLOSURE, lieu=found.lieu, fermeture=found)


@require_GET
def affiche(request: HttpRequest, identifier: UUID) -> HttpResponse:
    """The poster of a lieu, to be printed: what it offers and a code that opens the families' form for it."""
    user, now = person_of_a_lieu(request), clock.now()
    lieu = get_object_or_404(queries.lieux_of(user, now), uuid=identifier)
    form = AfficheForm(request.GET, communes=_communes(lieu, now))
    if not form.is_valid():
        return redirect("habilitations:lieux")
    size, commune = form.cleaned_data["format"], form.cleaned_data["commune"]
    # The lieu goes with it: where another covers the commune too, the family comes to the one whose poster it reads.
    asked = ({"commune": commune} if commune else {}) | {"lieu": str(lieu.uuid)}
    address = f"{settings.PUBLIC_URL}{ASK}?{urlencode(asked)}"
    content = posters.write(lieu, address=address, size=size, now=now)
    return handed_over(HttpResponse(content, content_type="application/pdf"), f"affiche-{lieu.code}-{size}.pdf")


def _communes(lieu: Lieu, now: datetime) -> list[Commune]:
    return [line.commune for line in conventions.annexe1(lieu, paris_date(now))[0]]


def _form_page(
    request: HttpRequest, form: forms.Form, save: Callable[..., object], done: str, template: str, **shown: object
) -> HttpResponse:
    """What the form says is saved, back to the lieu's page with `done`; else the form, with what is wrong in it."""
    if form.is_valid():
        try:
            save(**form.cleaned_data)
        except Refused as refused:
            add_refusal(form, refused)
        else:
            messages.success(request, done)
            return redirect("habilitations:lieux")
    return render(request, template, {"form": form, **shown}, status=422 if form.errors else 200)
