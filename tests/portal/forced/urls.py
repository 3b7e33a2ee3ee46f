"""The addresses of the portal, after some that fail."""

from collections.abc import Iterator
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import include, path

from extranet.urls import handler400, handler403, handler404, handler429, handler500  # noqa: F401
from tests.portal.forced import errors


@login_not_required
def fail(request: HttpRequest, kind: str = "refused_by_the_database", **kwargs: Any) -> HttpResponse:
    errors.KINDS[kind]()
    return HttpResponse("ok")


@login_not_required
def stream(request: HttpRequest) -> StreamingHttpResponse:
    def parts() -> Iterator[bytes]:
        yield b"begun"
        errors.refused_by_the_database()

    return StreamingHttpResponse(parts())


urlpatterns = [
    path("echec/stream/", stream),
    path("echec/<str:kind>/", fail),
    path("demandes/envoyee/<str:token>/", fail),
    path("demandes/suivi/<str:token>/", fail),
    path("conventions/copie-signee/<str:token>/", fail),
    path("habilitations/complement/<str:token>/", fail),
    path("", include("extranet.urls")),
]
