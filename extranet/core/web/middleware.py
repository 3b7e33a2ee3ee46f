"""What no page can read, addresses that are secrets, sessions that end, and one page for each kind of refusal."""

import re
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any
from xml.sax.xmlreader import AttributesImpl

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import Resolver404, resolve, reverse
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.utils.xmlutils import SimplerXMLGenerator

from extranet.core import clock, languages
from extranet.core.accounts import factors, sessions
from extranet.core.accounts.models import User
from extranet.core.errors import Answer, Moved, Refused, TooMany

IDLE = 30 * 60
WHOLE = 10 * 3600
MUST_CHOOSE = "accounts.must_choose"
MUST_ENROL = "accounts.must_enrol"

GetResponse = Callable[[HttpRequest], HttpResponse]


METHODS = ("GET", "HEAD", "POST", "OPTIONS")
UNREADABLE = re.compile(r"[\x00\ud800-\udfff]")  # NUL and halves of characters: no text, and databases refuse them


class Readable:
    """Refuses, before the session or any query, what no page can read: 405 for a method that none answers, 400 for a
    NUL or half a character in the address, its parameters or a cookie.

    What is typed into a form is judged by the form, beside the field.
    """

    def __init__(self, get_response: GetResponse):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method not in METHODS:
            response = answer(request, 405, "")
            response["Allow"] = ", ".join(METHODS)
            return response
        parameters = chain.from_iterable((name, *values) for name, values in request.GET.lists())
        cookies = chain.from_iterable(request.COOKIES.items())
        if any(UNREADABLE.search(text) for text in chain([request.path_info], parameters, cookies)):
            return answer(request, 400, "")
        return self.get_response(request)


class SecretAddresses:
    """Who has the address of a page with a `token` may see it: no cache keeps that page, no search engine lists it, and
    no link from it tells the address (DEM-4)."""

    def __init__(self, get_response: GetResponse):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if _is_secret(request):
            response["Referrer-Policy"] = "no-referrer"
            response["X-Robots-Tag"] = "noindex, nofollow"
            response["Cache-Control"] = "no-store, private"
        return response

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: dict[str, Any]) -> None:
        """Without a referrer, browsers send the forms of such a page as `Origin: null`, which Django refuses: there the
        form's own token, checked right after, decides alone (and the browser's word, where it gives it)."""
        elsewhere = request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin"
        if "token" in kwargs and request.META.get("HTTP_ORIGIN") == "null" and not elsewhere:
            request.META["HTTP_ORIGIN"] = f"{request.scheme}://{request.get_host()}"


def _is_secret(request: HttpRequest) -> bool:
    try:
        return "token" in (request.resolver_match or resolve(request.path_info)).kwargs
    except Resolver404:
        return False


class Languages:
    """DEM-9.a: pages for families speak the language chosen by `?langue=`, else the one chosen before (cookie), else
    the browser's. All others speak French, whatever the browser asks.
    """

    def __init__(self, get_response: GetResponse):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        asks = request.for_families = _speaks_to_families(request)  # type: ignore[attr-defined]
        with translation.override(languages.SOURCE):
            if asks:
                translation.activate(translation.get_language_from_request(request))
                languages.choose(request, request.GET.get("langue", ""))
            response = self.get_response(request)
            spoken = languages.current()
        if response.get("Content-Type", "").startswith("text/html"):
            response["Content-Language"] = spoken
            if asks:
                patch_vary_headers(response, ["Accept-Language", "Cookie"])
        if code := getattr(request, "langue_choisie", ""):
            secure = bool(settings.SESSION_COOKIE_SECURE)
            name = settings.LANGUAGE_COOKIE_NAME
            response.set_cookie(name, code, httponly=True, secure=secure, samesite="Lax")
        return response


def _speaks_to_families(request: HttpRequest) -> bool:
    """Whoever follows a wrong address is told so in its language too, but for people who work here."""
    try:
        return getattr(resolve(request.path_info).func, "for_families", False)
    except Resolver404:
        return settings.SESSION_COOKIE_NAME not in request.COOKIES


class SessionLimits:
    """ACC-5: a session ends on the server after 30 minutes idle and 10 hours in all, measured by the portal's clock."""

    def __init__(self, get_response: GetResponse):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated:
            now = int(clock.now().timestamp())
            began = request.session.setdefault("began", now)
            seen = request.session.get("seen", now)
            if now - began > WHOLE or now - seen > IDLE:
                logout(request)
                messages.info(request, "Votre session a pris fin. Connectez-vous pour continuer.")
            elif now - seen >= 30 or "seen" not in request.session:
                request.session["seen"] = now
                sessions.seen(request.session.session_key, now=clock.now())
        return self.get_response(request)


class PasswordFirst:
    """ACT-3: who came in with a password received by mail reaches no other page before choosing its own."""

    def __init__(self, get_response: GetResponse):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated and request.session.get(MUST_CHOOSE):
            allowed = (reverse("accounts:premiere"), reverse("account_logout"))
            if request.path not in allowed and not request.path.startswith(("/static/", "/sante/")):
                return redirect("accounts:premiere")
        return self.get_response(request)


class FactorFirst:
    """ACC-4.a, ACC-4.c: who needs a second factor and has none reaches no other page before adding one."""

    def __init__(self, get_response: GetResponse):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.session.get(MUST_ENROL) and isinstance(request.user, User):
            own = (reverse("mfa_index"), reverse("account_reauthenticate"), reverse("account_logout"))
            first = (*own, reverse("accounts:premiere"), "/static/", "/sante/")
            if factors.factors_of(request.user).exists():
                del request.session[MUST_ENROL]
            elif not request.path.startswith(first):
                return redirect("mfa_index")
        return self.get_response(request)


class Answers:
    """Turns the answers of services (core.errors) into a page, or into a problem document for the API."""

    def __init__(self, get_response: GetResponse):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if response.status_code == 405 and not response.content:
            allowed, response = response["Allow"], answer(request, 405, "")
            response["Allow"] = allowed
        if request.user.is_authenticated and not response.has_header("Cache-Control"):
            response["Cache-Control"] = "no-store"
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if isinstance(exception, Answer):
            faults = exception.faults if isinstance(exception, Refused) else {}
            response = answer(
                request,
                exception.status,
                exception.sentence,
                faults,
                references=exception.references,
                moved=isinstance(exception, Moved),
            )
            if isinstance(exception, TooMany):
                response["Retry-After"] = str(exception.retry_after)
            return response
        if request.path.startswith("/api/") and isinstance(exception, Http404 | PermissionDenied):
            return answer(request, 404 if isinstance(exception, Http404) else 403, "")
        return None


TITLES = {
    400: "Requête incorrecte",
    401: "Authentification requise",
    403: "Accès refusé",
    404: "Introuvable",
    405: "Méthode non permise",
    409: "État incompatible",
    410: "Plus disponible",
    413: "Envoi trop volumineux",
    415: "Format non pris en charge",
    422: "Saisie à corriger",
    429: "Trop de demandes",
    500: "Erreur du service",
    503: "Service momentanément indisponible",
}
# The first suits whoever accepts anything.
PROBLEMS = ["application/problem+json", "application/json", "application/problem+xml", "application/xml", "text/xml"]


def answer(
    request: HttpRequest,
    status: int,
    sentence: str,
    faults: dict[str, str] | None = None,
    *,
    references: Sequence[str] = (),
    moved: bool = False,
) -> HttpResponse:
    """The refusal in the form that suits the caller: a page, or RFC 9457 JSON or XML under /api/.

    `references`, for a program: which objects of those that it named are in the way. `moved`: not opened from here any
    more, where 410 else says destroyed.
    """
    if request.path.startswith("/api/"):
        response = _problem(request, status, sentence, faults, references)
    else:
        context = {"sentence": sentence, "faults": faults or {}, "ailleurs": moved}
        response = render(request, f"erreurs/{status}.html", context, status=status)
    response["Cache-Control"] = "no-store"
    if status == 503:
        response["Retry-After"] = "60"
    return response


def prefers_xml(request: HttpRequest) -> bool:
    """A program that takes XML rather than JSON."""
    return "xml" in (request.get_preferred_type(PROBLEMS) or "")


def _problem(
    request: HttpRequest, status: int, sentence: str, faults: dict[str, str] | None, references: Sequence[str]
) -> HttpResponse:
    document = {"type": "about:blank", "title": TITLES[status], "status": status, "detail": sentence or TITLES[status]}
    if not prefers_xml(request):
        more = {"errors": faults, "references": list(references)}
        whole = document | {name: value for name, value in more.items() if value}
        return JsonResponse(whole, status=status, content_type="application/problem+json")
    response = HttpResponse(status=status, content_type="application/problem+xml; charset=utf-8")
    xml = SimplerXMLGenerator(response, "utf-8")
    xml.startDocument()
    xml.startElement("problem", AttributesImpl({"xmlns": "urn:ietf:rfc:7807"}))
    for name, value in document.items():
        xml.addQuickElement(name, str(value))
    if references:
        xml.startElement("references", AttributesImpl({}))
        for reference in references:
            xml.addQuickElement("i", reference)
        xml.endElement("references")
    xml.endElement("problem")
    return response
