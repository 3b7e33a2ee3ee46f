"""The space of a lieu's persons, a file a page. What each page asks first, and says of a demande."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import date, datetime, timedelta
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from conventions.models import Lieu
from demandes.models import Demande
from demandes.services import handover
from demandes.workflow import Etat, Issue
from extranet.core import clock
from extranet.core.errors import NoKey
from extranet.core.words import echeance

CHOSEN = "lieu-choisi"
UNDO = "reponse-annulable"
UNDO_LIFE = timedelta(minutes=10)
LAST = "derniere-liste"
TICKED = "demandes-cochees"


def back_to_list(request: HttpRequest) -> str:
    """The address of the list as this person saw it last: its filters, its order, its page (TEL-5)."""
    return reverse("demandes:liste") + request.session.get(LAST, "")


def forget_ticked(request: HttpRequest) -> None:
    """What was ticked in the list has been done."""
    request.session.pop(TICKED, None)


def chosen(request: HttpRequest, lieux: Iterable[Lieu]) -> Lieu | None:
    """Of the lieux of this person, the one that it has chosen to work for; None for all of them together."""
    name = request.session.get(CHOSEN)
    return next((lieu for lieu in lieux if str(lieu.uuid) == name), None)


def origin_of(request: HttpRequest) -> handover.Origin:
    """Whence the request comes, for the access record."""
    return handover.Origin(request.META.get("REMOTE_ADDR"), request.headers.get("User-Agent", ""))


def offer_undo(request: HttpRequest, demandes: Sequence[Demande], issue: str) -> None:
    """SUI-1.e: until another gesture, or for ten minutes, the list says what was done of these (as they were before),
    and has the button that undoes it. References, no name.
    """
    said, fresh = Issue(issue).label, sum(demande.state == Etat.TRANSMISE for demande in demandes)
    if len(demandes) == 1:
        phrase = f"La demande {demandes[0].reference} est traitée : {said}."
        phrase += " Si vous annulez, elle reste notée comme récupérée." if fresh else ""
    else:
        phrase = f"{len(demandes)} demandes sont traitées : {said}."
        phrase += " Si vous annulez, elles restent notées comme récupérées." if fresh else ""
    request.session[UNDO] = {
        "phrase": phrase,
        "demandes": [str(demande.uuid) for demande in demandes],
        "jusque": (clock.now() + UNDO_LIFE).timestamp(),
    }


def undoable(request: HttpRequest, now: datetime) -> dict[str, Any] | None:
    """What the last gesture did, while it may be undone from the list."""
    offered = request.session.get(UNDO)
    return offered if offered and now.timestamp() < offered["jusque"] else None


def forget_undo(request: HttpRequest) -> None:
    """Another gesture was made, or that one is undone."""
    request.session.pop(UNDO, None)


def note_contents(demandes: Iterable[Demande], today: date) -> None:
    """What each family says, as `contenu`; nothing where it cannot be read for the moment: the others are shown
    (CNS-10.c).
    """
    for demande in demandes:
        with suppress(NoKey):
            demande.contenu = demande.dossier.open(today)


def note_delays(demandes: Iterable[Demande], now: datetime) -> None:
    """What the pages show of the fifteen days: `delai`, and in words `echeance`."""
    for demande in demandes:
        demande.delai = demande.delay(now)
        demande.echeance = echeance(demande.delai.last, demande.delai.today) if demande.delai else ""
