"""What every template may use."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from extranet.core import languages
from extranet.core.web.middleware import MUST_ENROL


def portal(request: HttpRequest) -> dict[str, Any]:
    """`demo` (banner), `public_url`, `espace`: the person works for a lieu, not for a Caf; `enrolement`: it reaches no
    other page before it has a second factor; `autres_langues` that the page can be read in (code → its own name)."""
    user = getattr(request, "user", None)
    return {
        "demo": settings.DEMO,
        "public_url": settings.PUBLIC_URL,
        "espace": bool(user and user.is_authenticated and not user.is_staff),
        "enrolement": bool(user and user.is_authenticated and request.session.get(MUST_ENROL)),
        "autres_langues": languages.others(request),
    }
