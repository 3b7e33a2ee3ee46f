"""The space of a lieu's persons, a file a page. What each page asks first, and says of a demande."""

from collections.abc import Iterable
from contextlib import suppress
from datetime import date

from django.http import HttpRequest

from demandes.models import Demande
from demandes.services import handover
from extranet.core.accounts.models import User
from extranet.core.accounts.person import person
from extranet.core.errors import Forbidden, NoKey
from extranet.core.words import echeance


def require_person(request: HttpRequest) -> User:
    """Who is logged in. Agents have the back office: families' data is not theirs to see (ACC-3)."""
    user = person(request)
    if user.is_staff:
        raise Forbidden("Cet espace est réservé aux personnes habilitées des lieux d’information.")
    return user


def origin_of(request: HttpRequest) -> handover.Origin:
    """Whence the request comes, for the access record."""
    return handover.Origin(request.META.get("REMOTE_ADDR"), request.headers.get("User-Agent", ""))


def note_contents(demandes: Iterable[Demande], today: date) -> None:
    """What each family says, as `contenu`; nothing where it cannot be read for the moment: the others are shown
    (CNS-10.c).
    """
    for demande in demandes:
        with suppress(NoKey):
            demande.contenu = demande.dossier.open(today)


def note_delays(demandes: Iterable[Demande], today: date) -> None:
    """What the pages show of the fifteen days: `delai`, and in words `echeance`."""
    for demande in demandes:
        demande.delai = demande.delay(today)
        demande.echeance = echeance(demande.delai.last, today) if demande.delai else ""
