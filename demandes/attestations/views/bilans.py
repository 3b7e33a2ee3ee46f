"""The yearly statement of a lieu, for its persons (SUI-3)."""

from uuid import UUID

from django.contrib import messages
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from demandes.attestations import queries
from demandes.attestations.documents import declared
from demandes.attestations.forms import BilanForm
from demandes.attestations.services import bilans
from demandes.attestations.workflow import BILAN
from extranet.core import clock
from extranet.core.accounts.confirmation import answered, other_ways, use_confirmation
from extranet.core.accounts.person import person_of_a_lieu
from extranet.core.web.files import attachment
from habilitations import queries as habilitations


@require_http_methods(["GET", "POST"])
def bilan(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Read what the portal knows, answer each line, give one's password or second factor again, confirm."""
    user, now = person_of_a_lieu(request), clock.now()
    found = get_object_or_404(queries.bilans_of(user, now), uuid=uuid)
    form = BilanForm(request.POST or None, request=request)
    status = 200
    if request.method == "POST":
        BILAN.require(found, "confirm")
        if form.is_valid():
            said = form.cleaned_data["precisions"]
            bilans.confirm(uuid, tenues=form.tenues, precisions=said, by=user, now=now)
            use_confirmation(request)
            messages.success(request, "Le bilan est confirmé. La Caf peut le consulter.")
            return redirect("attestations:bilan", uuid=uuid)
        status = 422
    a_confirmer = BILAN.may(found, "confirm")
    context = {
        "bilan": found,
        "faits": queries.facts_of(found.lieu, found.annee, now) if a_confirmer else [],
        "declarations": declared(found),
        "form": form,
        "autres_facons": [] if form.confirmed else other_ways(request),
        "a_confirmer": a_confirmer,
        "qualite": habilitations.qualite_of(user, found.lieu, now),
    }
    return answered(form, render(request, "attestations/bilan.html", context, status=status))


@require_GET
def bilan_pdf(request: HttpRequest, uuid: UUID) -> FileResponse:
    """The sealed PDF, to the lieu's persons."""
    user = person_of_a_lieu(request)
    found = get_object_or_404(queries.bilans_of(user, clock.now()), uuid=uuid, pdf__isnull=False)
    assert found.pdf is not None  # kept with the confirmation
    return attachment(found.pdf, f"bilan-{found.annee}.pdf")
