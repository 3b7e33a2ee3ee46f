"""The attestations of a lieu, for its persons."""

from uuid import UUID

from django.contrib import messages
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from demandes.attestations import queries, services
from demandes.attestations.forms import AttestationForm
from demandes.attestations.workflow import ATTESTATION
from demandes.views.lieu import require_person
from extranet.core import clock
from extranet.core.accounts.confirmation import answered
from extranet.core.accounts.person import person
from extranet.core.documents import store
from habilitations import queries as habilitations


def to_sign(request: HttpRequest) -> dict[str, object]:
    """How many attestations wait for this person's signature: counted only where a page says it."""
    return {"attestations_a_signer": lambda: queries.to_sign(person(request), clock.now())}


@require_GET
def liste(request: HttpRequest) -> HttpResponse:
    """Attestations to sign, then signed."""
    user = require_person(request)
    return render(
        request,
        "attestations/liste.html",
        {
            "attestations": queries.attestations_of(user, clock.now()).order_by("state", "due_on"),
            "today": clock.today(),
        },
    )


@require_http_methods(["GET", "POST"])
def attestation(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Read the list, tick the four kinds of copies, give one's password again, sign."""
    user = require_person(request)
    found = get_object_or_404(queries.attestations_of(user, clock.now()), uuid=uuid)
    form = AttestationForm(request.POST or None, request=request)
    status = 200
    if request.method == "POST":
        ATTESTATION.require(found, "sign")
        if form.is_valid():
            services.sign(uuid, copies=form.copies, visa=form.cleaned_data["visa_archives"], by=user, now=clock.now())
            messages.success(request, "L’attestation est signée. La Caf peut la consulter.")
            return redirect("attestations:attestation", uuid=uuid)
        status = 422
    page = render(
        request,
        "attestations/attestation.html",
        {
            "attestation": found,
            "lignes": found.lignes.all(),
            "form": form,
            "signable": ATTESTATION.may(found, "sign"),
            "qualite": habilitations.qualite_of(user, found.lieu, clock.now()),
            "today": clock.today(),
        },
        status=status,
    )
    return answered(form, page)


@require_GET
def attestation_pdf(request: HttpRequest, uuid: UUID) -> FileResponse:
    """The sealed PDF, to the lieu's persons."""
    user = require_person(request)
    found = get_object_or_404(queries.attestations_of(user, clock.now()), uuid=uuid, state="signee")
    assert found.pdf is not None  # kept with the signature
    response = FileResponse(
        store.open_file(found.pdf), as_attachment=True, filename="attestation.pdf", content_type="application/pdf"
    )
    response["Content-Security-Policy"] = "sandbox"
    return response
