"""The attestations of a lieu, for its persons."""

from uuid import UUID

from django.contrib import messages
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from demandes.attestations import queries
from demandes.attestations.forms import AttestationForm
from demandes.attestations.services import copies
from demandes.attestations.workflow import ATTESTATION
from extranet.core import clock
from extranet.core.accounts.confirmation import answered, other_ways, use_confirmation
from extranet.core.accounts.person import person_of_a_lieu
from extranet.core.web.files import attachment
from habilitations import queries as habilitations


@require_GET
def liste(request: HttpRequest) -> HttpResponse:
    """Attestations to sign, then signed; and the yearly statements."""
    user = person_of_a_lieu(request)
    now = clock.now()
    rows = [(one, one.is_late(now)) for one in queries.attestations_of(user, now).order_by("state", "due_on")]
    context = {"attestations": rows, "bilans": queries.bilans_of(user, now), "today": clock.today()}
    return render(request, "attestations/liste.html", context)


@require_http_methods(["GET", "POST"])
def attestation(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Read the list, tick the four kinds of copies, give one's password or second factor again, sign."""
    user = person_of_a_lieu(request)
    found = get_object_or_404(queries.attestations_of(user, clock.now()), uuid=uuid)
    form = AttestationForm(request.POST or None, request=request)
    status = 200
    if request.method == "POST":
        ATTESTATION.require(found, "sign")
        if form.is_valid():
            copies.sign(uuid, copies=form.copies, visa=form.cleaned_data["visa_archives"], by=user, now=clock.now())
            use_confirmation(request)
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
            "autres_facons": [] if form.confirmed else other_ways(request),
            "signable": ATTESTATION.may(found, "sign"),
            "qualite": habilitations.qualite_of(user, found.lieu, clock.now()),
            "en_retard": found.is_late(clock.now()),
        },
        status=status,
    )
    return answered(form, page)


@require_GET
def attestation_pdf(request: HttpRequest, uuid: UUID) -> FileResponse:
    """The sealed PDF, to the lieu's persons."""
    user = person_of_a_lieu(request)
    found = get_object_or_404(queries.attestations_of(user, clock.now()), uuid=uuid, state="signee")
    assert found.pdf is not None  # kept with the signature
    return attachment(found.pdf, "attestation.pdf")
