"""The door and its second factors, first login, changing one's password, and losing it."""

from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.internal.decorators import login_stage_required
from allauth.account.internal.stagekit import stash_login
from allauth.account.views import LoginView, ReauthenticateView
from allauth.core import ratelimit
from allauth.mfa.base.views import AuthenticateView
from allauth.mfa.base.views import ReauthenticateView as FactorReauthenticateView
from allauth.mfa.webauthn.views import LoginWebAuthnView
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from extranet.core import clock
from extranet.core.accounts import devices, services, sessions, throttle
from extranet.core.accounts.confirmation import answered
from extranet.core.accounts.forms import ChangementForm, ChoixForm, CodeCourrielForm, PerduForm
from extranet.core.accounts.person import person
from extranet.core.accounts.sessions import RECEIVED
from extranet.core.accounts.stages import DeviceStage
from extranet.core.errors import Refused
from extranet.core.web.forms import add_refusal
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


class SecondFacteur(AuthenticateView):
    """ACC-4: the code or the key, after the password. ACT-7: ten wrong in a row are held, as passwords are."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        counted = f"second-facteur {self.stage.login.user.pk}"
        if throttle.is_held(counted):
            self.form.add_error(None, get_adapter().validation_error(throttle.TOO_MANY))
        elif self.form.is_valid():
            throttle.note_right(counted)
            return self.form_valid(self.form)
        else:
            throttle.note_wrong(counted)
        response = self.form_invalid(self.form)
        response.status_code = 422
        return answered(self.form, response)


class ConfirmationFacteur(FactorReauthenticateView):
    """ACT-7: a code asked again by allauth."""

    def form_invalid(self, form: Any) -> HttpResponse:
        return answered(form, super().form_invalid(form))


class CleAcces(LoginWebAuthnView):
    """ACC-4: a passkey by itself, which asks its person for a code, a finger or a face."""

    def form_valid(self, form: Any) -> HttpResponse:
        self.request.session.pop(RECEIVED, None)  # typed before, and not needed
        return super().form_valid(form)


@login_stage_required(stage=DeviceStage.key, redirect_urlname="account_login")
@require_http_methods(["GET", "POST"])
def appareil(request: HttpRequest) -> HttpResponse:
    """ACC-4.d: the code that was mailed, for a device not seen before."""
    stage = request._login_stage  # type: ignore[attr-defined]
    form = CodeCourrielForm(request.POST if request.POST and "renvoyer" not in request.POST else None)
    if "renvoyer" in request.POST:
        stage.ask(stage.login.user)
        stash_login(request, stage.login)
    elif request.method == "POST" and form.is_valid():
        good = devices.confirm(stage.login.user, stage.state["code"], form.cleaned_data["code"], now=clock.now())
        if good:
            return stage.exit()
        form.add_error(
            "code",
            "Ce n’est pas le bon code. Recopiez celui du dernier courriel reçu."
            if good is False
            else "Ce code a expiré, ou a été essayé trop de fois. Demandez-en un autre.",
        )
    context = {"form": form, "trop": not stage.state["code"], "renvoye": "renvoyer" in request.POST}
    return render(request, "account/appareil.html", context, status=422 if form.errors else 200)


def _choose(request: HttpRequest, form: Any, template: str) -> HttpResponse:
    if request.method == "POST" and form.is_valid():
        try:
            services.choose_password(person(request), form.cleaned_data["nouveau"], now=clock.now())
        except Refused as refused:
            add_refusal(form, refused)
        else:
            request.session.pop(MUST_CHOOSE, None)
            before = request.session.session_key
            update_session_auth_hash(request, person(request))
            sessions.renamed(before, request.session.session_key)
            messages.success(request, "Votre mot de passe est enregistré.")
            response = redirect("portal:entree")
            throttle.remember_device(response, person(request))
            return response
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


@never_cache
@require_http_methods(["GET", "POST"])
def mes_sessions(request: HttpRequest) -> HttpResponse:
    """ACC-5.b: where this person is logged in, and the end of any of them."""
    user, now = person(request), clock.now()
    if request.method == "POST":
        if "autres" in request.POST:
            sessions.end_others(user, but=request.session.session_key, now=now)
        else:
            sessions.end(user, request.POST.get("fermer", ""), now=now)
        messages.success(request, "C’est fait : ces sessions n’ouvrent plus rien.")
        return redirect("accounts:sessions")
    held = sessions.sessions_of(user, now=now)
    return render(request, "account/sessions.html", {"sessions": held, "cle": request.session.session_key})
