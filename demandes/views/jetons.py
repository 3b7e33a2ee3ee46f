"""Tokens for the software that posts deliveries: made, watched and revoked by the Cnaf's users (ING-1)."""

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from demandes import rights
from extranet.core import clock
from extranet.core.accounts import services as accounts
from extranet.core.accounts.forms import JetonForm
from extranet.core.accounts.models import Jeton
from extranet.core.accounts.person import person
from extranet.core.errors import Refused
from extranet.territory.queries import role_of


@never_cache
@require_http_methods(["GET", "POST"])
def jetons(request: HttpRequest) -> HttpResponse:
    """One's tokens with their last use, and a form for a new one."""
    rights.check(role_of(request.user), "deposit")
    if request.method == "GET":
        return _page(request, JetonForm())
    form = JetonForm(request.POST)
    return _create(request, form) if form.is_valid() else _page(request, form)


@reauthentication_required
def _create(request: HttpRequest, form: JetonForm) -> HttpResponse:
    """The answer to the sending shows the token: nothing else ever does. Sent again, the name is taken."""
    try:
        text = accounts.create_token(
            person(request),
            portee=Jeton.Portee.CNAF,
            nom=form.cleaned_data["nom"],
            days=form.cleaned_data["jours"],
            now=clock.now(),
        )
    except Refused as refused:
        for name, sentence in refused.faults.items():
            form.add_error(name, sentence)
        return _page(request, form)
    return _page(request, JetonForm(), created=text)


def _page(request: HttpRequest, form: JetonForm, created: str = "") -> HttpResponse:
    context = {
        "form": form,
        "created": created,
        "jetons": accounts.tokens_of(person(request)),
        "now": clock.now(),
        "api": request.build_absolute_uri(reverse("demandes:api-livraisons")),
    }
    return render(request, "demandes/jetons.html", context, status=422 if form.errors else 200)


@require_POST
def revocation(request: HttpRequest, token_id: int) -> HttpResponse:
    """Revoke one's own token."""
    rights.check(role_of(request.user), "deposit")
    jeton = accounts.revoke_token(person(request), token_id, now=clock.now())
    messages.success(request, f"Le jeton « {jeton.nom} » est révoqué : il n’ouvre plus rien.")
    return redirect("demandes:jetons")
