"""What a lieu and its Caf write to each other."""

from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from extranet.core.accounts.models import User
from extranet.core.errors import NotFound
from extranet.territory.queries import cafs_visible_to
from habilitations.models import Echange, PieceJointe
from habilitations.queries.access import lieux_named
from habilitations.workflow import EtatEchange


def echanges_of(user: User, now: datetime) -> QuerySet[Echange]:
    """CTL-5, ACC-1: exchanges of the lieux that name `user`, suspended or not, whoever of them wrote."""
    return Echange.objects.filter(lieu__in=lieux_named(user, now)).select_related("lieu__caf")


def echanges_visible_to(user: User) -> QuerySet[Echange]:
    """CTL-5: exchanges with the agent's Caf."""
    return Echange.objects.filter(lieu__caf__in=cafs_visible_to(user)).select_related("lieu__caf")


def echanges_to_answer() -> QuerySet[Echange]:
    """CTL-5: those in which the Caf has the next word."""
    return Echange.objects.filter(state=EtatEchange.A_REPONDRE)


def piece_of(echange: Echange, identifier: UUID) -> PieceJointe:
    """One of its files: 404 when it is another's."""
    found = PieceJointe.objects.filter(message__echange=echange, fichier=identifier).select_related("fichier").first()
    if found is None:
        raise NotFound
    return found
