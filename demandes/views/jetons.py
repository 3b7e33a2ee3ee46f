"""Tokens for software, made, watched and revoked on one page: of the Cnaf's users for deliveries (ING-1), of a lieu's
persons for the flux (TEL-4).
"""

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from demandes import queries, rights
from demandes.forms import JetonLieuForm
from demandes.services import jetons as services
from extranet.core import clock
from extranet.core.accounts import services as accounts
from extranet.core.accounts.forms import JetonForm
from extranet.core.accounts.models import Jeton
from extranet.core.accounts.person import person, person_of_a_lieu
from extranet.core.errors import Refused
from extranet.core.web.forms import add_refusal
from extranet.territory.queries import role_of
from habilitations import queries as habilitations


@never_cache
@require_http_methods(["GET", "POST"])
def jetons(request: HttpRequest) -> HttpResponse:
    """One's tokens with their last use, and a form for a new one."""
    form = _form(request)
    if request.method == "GET":
        return _page(request, form)
    return _create(request, form) if form.is_valid() else _page(request, form)


def _deposits(request: HttpRequest) -> bool:
    """Whether this is a user of the Cnaf; else a person of a lieu, or 403."""
    if rights.may(role_of(request.user), "deposit"):
        return True
    person_of_a_lieu(request)
    return False


def _form(request: HttpRequest, *, empty: bool = False) -> JetonForm:
    data = request.POST if request.method == "POST" and not empty else None
    if _deposits(request):
        return JetonForm(data)
    now = clock.now()
    lieux = habilitations.lieux_of(person(request), now).order_by("nom", "pk")
    return JetonLieuForm(data, lieux=lieux, prestataires=queries.prestataires_for(person(request), now))


@reauthentication_required
def _create(request: HttpRequest, form: JetonForm) -> HttpResponse:
    """The answer to the sending shows the token: nothing else ever does. Sent again, the name is taken."""
    by, now = person(request), clock.now()
    nom, days = form.cleaned_data["nom"], form.cleaned_data["jours"]
    try:
        if isinstance(form, JetonLieuForm):
            lieu, prestataire = form.opened
            text = services.create(lieu=lieu, prestataire=prestataire, nom=nom, days=days, by=by, now=now)
        else:
            text = accounts.create_token(by, portee=Jeton.Portee.CNAF, nom=nom, days=days, now=now)
    except Refused as refused:
        add_refusal(form, refused)
        return _page(request, form)
    return _page(request, _form(request, empty=True), created=text)


def _page(request: HttpRequest, form: JetonForm, created: str = "") -> HttpResponse:
    now = clock.now()
    own = list(accounts.tokens_of(person(request)))
    linked = queries.linked(own, now)
    context = {
        "form": form,
        "created": created,
        "jetons": [(jeton, linked.get(jeton.pk)) for jeton in own],
        "now": now,
        "des_lieux": isinstance(form, JetonLieuForm),
        "livraisons": request.build_absolute_uri(reverse("demandes:api-livraisons")),
        "flux": request.build_absolute_uri(reverse("demandes:api-demandes")),
    }
    return render(request, "demandes/jetons.html", context, status=422 if form.errors else 200)


@require_POST
def revocation(request: HttpRequest, token_id: int) -> HttpResponse:
    """Revoke one's own token."""
    _deposits(request)
    jeton = accounts.revoke_token(person(request), token_id, now=clock.now())
    messages.success(request, f"Le jeton « {jeton.nom} » est révoqué : il n’ouvre plus rien.")
    return redirect("demandes:jetons")
