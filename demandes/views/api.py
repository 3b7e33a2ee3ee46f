"""What programs use: deliveries in, their reports, and the schema (ING-1, TEL-3)."""

import csv
import uuid
from pathlib import Path
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from demandes import rights
from demandes.documents.motifs import refusal, said
from demandes.documents.xml_reader import SCHEMA
from demandes.models import Livraison, Rejet
from demandes.services import deliveries
from demandes.views.bearer import token_of, unauthorised
from extranet.core import clock
from extranet.core.accounts.models import Jeton
from extranet.core.documents import sheet
from extranet.core.errors import Forbidden, NotFound
from extranet.core.web.middleware import answer
from extranet.territory.queries import role_of

EXAMPLE = Path(SCHEMA).with_name("exemple.xml")


def _unauthorised(request: HttpRequest) -> HttpResponse:
    return unauthorised(request, "livraisons", "Un jeton de la Cnaf est nécessaire : Authorization: Bearer …")


def _check_cnaf(jeton: Jeton) -> None:
    if jeton.portee != Jeton.Portee.CNAF:
        raise Forbidden("Ce jeton n’ouvre pas les livraisons.")
    rights.check(role_of(jeton.user), "deposit")


@csrf_exempt
@never_cache
@login_not_required
@require_http_methods(["POST"])
def livraisons(request: HttpRequest) -> HttpResponse:
    """A delivery file, as the body or as one file of a form: 202 and its address; 200 for the same bytes again."""
    jeton = token_of(request)
    if jeton is None:
        return _unauthorised(request)
    _check_cnaf(jeton)
    source, nom = _body(request)
    if source is None:
        return answer(request, 400, "Envoyez le fichier XML dans le corps de la requête, ou un seul fichier.")
    try:
        livraison = deliveries.register(source, nom=nom, origine=Livraison.Origine.API, by=jeton.user, now=clock.now())
    except deliveries.TooLarge:
        return answer(request, 413, "Une livraison ne dépasse pas 2 Gio.")
    response = JsonResponse(_document(livraison), status=202 if livraison.is_new else 200)
    response["Location"] = reverse("demandes:api-livraison", args=[livraison.uuid])
    return response


def _body(request: HttpRequest) -> tuple[Any, str]:
    if request.content_type == "multipart/form-data":
        files = [one for one in request.FILES.values() if isinstance(one, UploadedFile)]
        return (files[0], files[0].name or "livraison.xml") if len(files) == 1 else (None, "")
    length = request.headers.get("Content-Length", "")  # without it nothing of the body is read
    return (request, "livraison.xml") if length not in ("", "0") else (None, "")


def _visible(request: HttpRequest, identifier: uuid.UUID) -> Livraison | HttpResponse:
    """For a Cnaf token, or a Cnaf user's session."""
    if jeton := token_of(request):
        _check_cnaf(jeton)
    elif not request.user.is_authenticated:
        return _unauthorised(request)
    elif not rights.may(role_of(request.user), "deposit"):
        raise NotFound
    found = Livraison.objects.filter(uuid=identifier).first()
    if found is None:
        raise NotFound
    return found


def _document(livraison: Livraison) -> dict[str, Any]:
    return {
        "id": str(livraison.uuid),
        "name": livraison.nom,
        "sha256": livraison.sha256,
        "state": livraison.state,
        "reason": refusal(livraison.motifs),
        "received_at": livraison.received_at.isoformat(),
        "finished_at": livraison.finished_at.isoformat() if livraison.finished_at else None,
        "counts": livraison.summary,
        "report": reverse("demandes:api-rapport", args=[livraison.uuid]),
    }


@never_cache
@login_not_required
@require_http_methods(["GET"])
def livraison(request: HttpRequest, identifier: uuid.UUID) -> HttpResponse:
    """State and counts."""
    found = _visible(request, identifier)
    return found if isinstance(found, HttpResponse) else JsonResponse(_document(found))


OUTCOMES = {Rejet.Issue.ECARTEE: "set-aside", Rejet.Issue.REMARQUE: "remark"}


@never_cache
@login_not_required
@require_http_methods(["GET"])
def rapport(request: HttpRequest, identifier: uuid.UUID) -> HttpResponse:
    """What was set aside or mended, line by line, as CSV. Nothing personal."""
    found = _visible(request, identifier)
    if isinstance(found, HttpResponse):
        return found
    response = HttpResponse(
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="rapport-{found.uuid}.csv"'},
    )
    writer = csv.writer(response)
    writer.writerow(["line", "reference", "outcome", "reason"])
    for rejet in found.rejets.order_by("ligne", "pk").iterator():
        writer.writerow(
            [
                rejet.ligne,
                sheet.inert(rejet.reference),
                OUTCOMES[Rejet.Issue(rejet.issue)],
                sheet.inert(said(rejet.motifs)),
            ]
        )
    return response


@login_not_required
@require_http_methods(["GET"])
def schemas(request: HttpRequest) -> HttpResponse:
    """How demandes are written in XML: the rules in words, the schema, an example."""
    return render(request, "demandes/schemas.html", {"exemple": EXAMPLE.read_text(encoding="utf-8")})


@login_not_required
@require_http_methods(["GET"])
def schema_1(request: HttpRequest) -> HttpResponse:
    """The schema."""
    shown = {"Content-Disposition": 'inline; filename="demandes-1.xsd"'}
    return HttpResponse(SCHEMA.read_bytes(), content_type="application/xml", headers=shown)
