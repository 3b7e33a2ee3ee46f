"""What is done from the list, in one gesture (SUI-1.e), and undone."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST

from demandes.services import suivi
from demandes.views.lieu import back_to_list, forget_undo, liste, offer_undo, origin_of
from extranet.core import clock
from extranet.core.accounts.person import person_of_a_lieu
from extranet.core.errors import NotFound, Refused

ALL_TICKED = "cochees"


@require_http_methods(["GET", "POST"])
def geste(request: HttpRequest) -> HttpResponse:
    """What became of one demande (`pour` names it, `issue-<uuid>` says it) or of those ticked; or that one family did
    not answer.
    """
    user, now, origin = person_of_a_lieu(request), clock.now(), origin_of(request)
    if request.method == "GET":  # the address of a gesture that was refused, opened again
        return redirect(back_to_list(request))
    if called := request.POST.get("sans-reponse"):
        demande = suivi.note_call(_uuid(called), joined=False, by=user, now=now, origin=origin)
        forget_undo(request)
        messages.success(request, f"C’est noté : la demande {demande.reference} est à rappeler.")
        return liste.back(request, ticked=True)
    one = request.POST.get("pour", ALL_TICKED)
    names = request.POST.getlist("demande") if one == ALL_TICKED else [one]
    issue = request.POST.get("issue" if one == ALL_TICKED else f"issue-{one}", "")
    try:
        done = suivi.answer([_uuid(name) for name in names], issue=issue, by=user, now=now, origin=origin)
    except Refused as refusal:
        return liste.page(
            request, request.POST, status=422, faute=liste.Faute(refusal.sentence, "" if one == ALL_TICKED else one)
        )
    offer_undo(request, done, issue)
    return liste.back(request, ticked=one != ALL_TICKED)


@require_POST
def reouverture(request: HttpRequest) -> HttpResponse:
    """« Annuler »: these answers were not right; what was on their agenda is there again."""
    user, now = person_of_a_lieu(request), clock.now()
    wanted = [_uuid(name) for name in request.POST.getlist("demande")]
    if not wanted:
        raise NotFound
    done = suivi.reopen(wanted, by=user, now=now)
    forget_undo(request)
    some = f"la demande {done[0].reference} est" if len(done) == 1 else f"{len(done)} demandes sont"
    messages.success(request, f"C’est annulé : {some} de nouveau à suivre.")
    return redirect(back_to_list(request))


def _uuid(name: str) -> UUID:
    try:
        return UUID(name)
    except ValueError as error:
        raise NotFound from error
