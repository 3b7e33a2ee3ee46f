"""First login, changing one's password, and losing it."""

from typing import Any

from allauth.account.views import LoginView, ReauthenticateView
from allauth.core import ratelimit
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from extranet.core import clock
from extranet.core.accounts import services, throttle
from extranet.core.accounts.confirmation import answered
from extranet.core.accounts.forms import ChangementForm, ChoixForm, PerduForm
from extranet.core.accounts.person import person
from extranet.core.errors import Refused
from extranet.core.web.middleware import MUST_CHOOSE


class Connexion(LoginView):
    """ACT-7: too many wrong tries are answered 429; so are too many of any kind from one network address."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        own = throttle.is_own_device(request, request.POST.get("login", ""))
        if not own and (refusal := ratelimit.consume_or_429(request, action="door")):
            return refusal
        return super().dispatch(request, *args, **kwargs)

    def form_invalid(self, form: Any) -> HttpResponse:
        return answered(form, super().form_invalid(form))


class Confirmation(ReauthenticateView):
    """ACT-7: the password asked again by allauth."""

    def form_invalid(self, form: Any) -> HttpResponse:
        return answered(form, super().form_invalid(form))


def _choose(request: HttpRequest, form: Any, template: str) -> HttpResponse:
    if request.method == "POST" and form.is_valid():
        try:
            services.choose_password(person(request), form.cleaned_data["nouveau"], now=clock.now())
        except Refused as refused:
            for name, sentence in refused.faults.items():
                form.add_error(name, sentence)
        else:
            request.session.pop(MUST_CHOOSE, None)
            update_session_auth_hash(request, person(request))
            messages.success(request, "Votre mot de passe est enregistré.")
            return redirect("portal:entree")
    return answered(form, render(request, template, {"form": form}, status=422 if form.errors else 200))


@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def premiere(request: HttpRequest) -> HttpResponse:
    """ACT-3: who came in with a mailed password chooses its own."""
    if not request.session.get(MUST_CHOOSE):
        return redirect("portal:entree")
    return _choose(request, ChoixForm(request.POST or None), "account/premiere_connexion.html")


@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def changer(request: HttpRequest) -> HttpResponse:
    """ACT-4: a person changes its password; its other sessions end."""
    return _choose(request, ChangementForm(request.POST or None, request=request), "account/password_change.html")


@never_cache
@login_not_required
@require_http_methods(["GET", "POST"])
def perdu(request: HttpRequest) -> HttpResponse:
    """ACT-5: the same page whatever the address."""
    form = PerduForm(request.POST or None)
    envoye = request.method == "POST" and form.is_valid()
    if envoye:
        if refusal := ratelimit.consume_or_429(
            request, action="reset_password", key=form.cleaned_data["courriel"].lower()
        ):
            return refusal
        services.request_password(form.cleaned_data["courriel"], now=clock.now())
    context = {"form": form, "envoye": envoye}
    return render(request, "account/perdu.html", context, status=422 if form.errors else 200)
