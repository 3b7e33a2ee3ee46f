"""One demande, on screen."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from demandes.documents.reading import sections
from demandes.services import handover
from demandes.views.lieu import note_delays, origin_of, require_person
from demandes.workflow import DEMANDE
from extranet.core import clock
from extranet.core.dates import paris_date


@require_GET
def detail(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """One demande, read on screen (recorded; not a pick-up)."""
    user = require_person(request)
    now = clock.now()
    demande = handover.show(uuid, by=user, now=now, origin=origin_of(request))
    note_delays([demande], paris_date(now))
    contenu = demande.dossier.open(paris_date(now))
    return render(
        request,
        "demandes/lieu/detail.html",
        {
            "demande": demande,
            "contenu": contenu,
            "sections": sections(demande, contenu),
            "peut_clore": DEMANDE.may(demande, "close"),
        },
    )


@require_POST
def cloture(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """The family has its answer."""
    user = require_person(request)
    demande = handover.close(uuid, by=user, now=clock.now())
    messages.success(request, f"La demande {demande.reference} est marquée comme traitée.")
    return redirect("demandes:detail", uuid=uuid)
