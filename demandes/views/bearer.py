"""Who calls the API: a token in the header, never in the address (ING-1, TEL-4)."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from demandes import queries
from demandes.models import JetonLieu
from demandes.services import handover
from demandes.views.lieu import origin_of
from extranet.core import clock
from extranet.core.accounts import services as accounts
from extranet.core.accounts.models import Jeton
from extranet.core.errors import Answer, Forbidden, TooMany
from extranet.core.web.brakes import wait
from extranet.core.web.middleware import answer
from extranet.core.web.network import neighbourhood

# (how many, in how many seconds): calls with one token, and wrong tokens from one network.
CALLS, WRONG = [(60, 60)], [(30, 60)]


class InAddress(Answer):
    """A token was in the address, which servers and proxies write down: whoever can read that has it."""

    status = 400
    sentence = (
        "Un jeton ne s’écrit jamais dans une adresse : les serveurs la notent. S’il ouvrait quelque chose, il est "
        "révoqué ; créez-en un autre et envoyez-le dans l’en-tête Authorization."
    )


def token_of(request: HttpRequest) -> Jeton | None:
    """The living token of `Authorization: Bearer …`; None without one. One in the address is revoked (InAddress);
    too many wrong ones from a network wait (TooMany).
    """
    now = clock.now()
    for value in (value for _, values in request.GET.lists() for value in values):
        if value.startswith(accounts.TOKEN):
            if leaked := accounts.token_for(value, now):
                accounts.revoke(leaked, by="systeme", now=now, cause="adresse")
            raise InAddress
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not text.strip():
        return None
    found = accounts.token_for(text.strip(), now)
    if found is None and (seconds := wait("api.wrong", neighbourhood(request.META.get("REMOTE_ADDR", "")), WRONG)):
        raise TooMany("Trop de jetons inconnus depuis votre réseau.", retry_after=seconds)
    return found


def unauthorised(request: HttpRequest, realm: str, sentence: str) -> HttpResponse:
    """401, and how to call."""
    response = answer(request, 401, sentence)
    response["WWW-Authenticate"] = f'Bearer realm="{realm}"'
    return response


View = Callable[..., HttpResponseBase]


def for_software(view: View) -> View:
    """Around what the software of a lieu calls: `view(request, opened)` for a token that opens a lieu now, 401 else."""

    @csrf_exempt
    @never_cache
    @login_not_required
    @wraps(view)
    def wrapped(request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
        jeton = token_of(request)
        if jeton and jeton.portee != Jeton.Portee.LIEU:
            raise Forbidden("Ce jeton n’ouvre pas les demandes d’un lieu.")
        opened = queries.opened_by(jeton, clock.now()) if jeton else None
        if opened is None:
            sentence = "Un jeton en cours de votre lieu est nécessaire : Authorization: Bearer …"
            return unauthorised(request, "demandes", sentence)
        if seconds := wait("api.calls", str(opened.uuid), CALLS):
            raise TooMany("Trop d’appels avec ce jeton.", retry_after=seconds)
        return view(request, opened, **kwargs)

    return wrapped


def origin_with(request: HttpRequest, opened: JetonLieu) -> handover.Origin:
    """Whence the request comes, and by which token, for the access record."""
    origin = origin_of(request)
    return handover.Origin(origin.network, f"jeton {opened.jeton.prefix}… {origin.device}")
