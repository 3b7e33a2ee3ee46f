"""The flux XML of a lieu's software (TEL-4): fetch, then acknowledge. Beside it what developers read."""

import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import chain
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.utils.http import parse_etags
from django.views.decorators.http import require_http_methods

from demandes.documents import accuses as references
from demandes.documents import openapi
from demandes.documents.xml_reader import REFERENCE
from demandes.models import JetonLieu
from demandes.services import flux
from demandes.views.bearer import for_software, origin_with
from extranet.core import clock
from extranet.core.web.brakes import one_at_a_time
from extranet.core.web.middleware import answer, prefers_xml


@for_software
@require_http_methods(["GET"])
def demandes_xml(request: HttpRequest, opened: JetonLieu) -> HttpResponseBase:
    """What waits for the lieu and is not acknowledged, in the order of its arrival; 304 when it says nothing new."""
    asked, after = request.GET.get("limite", str(flux.USUAL)), request.GET.get("apres", "")
    if not (asked.isascii() and asked.isdigit() and 1 <= int(asked[:9]) <= flux.MOST):
        return answer(request, 400, f"Le paramètre « limite » est un nombre de 1 à {flux.MOST}.")
    if after and not REFERENCE.fullmatch(after):
        return answer(request, 400, "Le paramètre « apres » est la référence d’une demande.")
    now = clock.now()
    page = flux.page_of(opened.lieu, after=after, most=int(asked), now=now)
    mark = f'W/"{page.mark}"'
    known = parse_etags(request.headers.get("If-None-Match", ""))
    if mark in known or "*" in known:
        return _with_headers(HttpResponse(status=304), mark)
    with ExitStack() as held:
        held.enter_context(one_at_a_time(f"flux:{opened.uuid}", retry_after=10))
        pieces = flux.documents(page, opened, now=now, origin=origin_with(request, opened))
        first = [piece for _, piece in zip(range(2), pieces, strict=False)]  # what fails at once is answered whole
        until_sent = held.pop_all()
    packed = _accepts_gzip(request)
    whole = chain(first, pieces)
    content = _Sending(_packed(whole) if packed else whole, until_sent)
    response = _with_headers(StreamingHttpResponse(content, content_type="application/xml; charset=utf-8"), mark)
    if packed:
        response["Content-Encoding"] = "gzip"
    if page.last:
        following = urlencode({"limite": asked, "apres": page.last})
        response["Link"] = f'<{request.build_absolute_uri(request.path)}?{following}>; rel="next"'
    return response


def _with_headers(response: HttpResponseBase, mark: str) -> HttpResponseBase:
    """Whoever asks again sends the mark; no cache on the way keeps anything (`never_cache`)."""
    response["ETag"] = mark
    patch_vary_headers(response, ["Authorization", "Accept-Encoding"])
    return response


def _accepts_gzip(request: HttpRequest) -> bool:
    for one in request.headers.get("Accept-Encoding", "").lower().split(","):
        name, _, weight = one.replace(" ", "").partition(";q=")
        if name in ("gzip", "*"):
            return weight.strip("0.") != "" if weight else True
    return False


class _Sending:
    """What is sent, and what ends with it: at its end, or when the program hangs up, even before the first byte."""

    def __init__(self, pieces: Iterator[bytes], until: ExitStack):
        self.pieces, self.until = pieces, until

    def __iter__(self) -> Iterator[bytes]:
        yield from self.pieces
        self.close()

    def close(self) -> None:
        self.until.close()


def _packed(pieces: Iterable[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(6, zlib.DEFLATED, 31)
    for piece in pieces:
        if some := packer.compress(piece):
            yield some
    yield packer.flush()


@for_software
@require_http_methods(["POST"])
def accuses(request: HttpRequest, opened: JetonLieu) -> HttpResponseBase:
    """What has arrived is récupérée, all of it or nothing (TEL-4.e)."""
    data = request.read(references.LARGEST + 1)
    if len(data) > references.LARGEST:
        return answer(request, 413, "Envoyez 10 000 références au plus à la fois.")
    try:
        wanted = references.read(data, request.content_type or "")
    except references.Unusable as reason:
        return answer(request, reason.status, reason.sentence)
    done = flux.acknowledge(wanted, opened, now=clock.now())
    if prefers_xml(request):
        xml = f'<accuses recuperees="{done.picked_up}" deja="{done.before}"/>\n'
        return HttpResponse(xml, content_type="application/xml; charset=utf-8")
    return JsonResponse({"recuperees": done.picked_up, "deja": done.before})


@login_not_required
@require_http_methods(["GET"])
def openapi_json(request: HttpRequest) -> HttpResponse:
    """The API, for programs."""
    return JsonResponse(openapi.document(request.build_absolute_uri("/").rstrip("/")))


@login_not_required
@require_http_methods(["GET"])
def page(request: HttpRequest) -> HttpResponse:
    """The flux, for developers: the lines that they can run as they stand."""
    context = {
        "portail": request.build_absolute_uri("/").rstrip("/"),
        "flux": request.build_absolute_uri(reverse("demandes:api-demandes")),
        "accuses": request.build_absolute_uri(reverse("demandes:api-accuses")),
        "usual": flux.USUAL,
        "most": flux.MOST,
    }
    return render(request, "demandes/flux.html", context)
