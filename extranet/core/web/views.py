"""Pages for refusals that Django itself answers."""

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, HttpResponseServerError
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from extranet.core.web.middleware import answer


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403: the form is too old or comes from elsewhere; says what to do."""
    return answer(
        request,
        403,
        _("Cette page était ouverte depuis trop longtemps. Revenez en arrière, rechargez-la, puis recommencez."),
    )


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400; 413 when it is too long to be read."""
    return answer(request, 413 if isinstance(exception, RequestDataTooBig) else 400, "")


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403: it is there, and this role may not."""
    return answer(request, 403, "")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404: for this person it does not exist, whether it does for another or not."""
    return answer(request, 404, "")


def too_many(request: HttpRequest) -> HttpResponse:
    """429: a brake holds; the page says when to try again."""
    response = answer(request, 429, "")
    response["Retry-After"] = "60"
    return response


def server_error(request: HttpRequest) -> HttpResponse:
    """500: a page that needs neither database nor session."""
    if request.path.startswith("/api/"):
        return answer(request, 500, "")
    return HttpResponseServerError(render_to_string("erreurs/500.html"))
