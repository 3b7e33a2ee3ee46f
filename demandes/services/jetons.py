"""Tokens by which the software of a lieu fetches its demandes (TEL-4): made by its persons, revoked by its Caf too."""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.shortcuts import get_object_or_404

from demandes import queries, rights
from demandes.models import JetonLieu
from extranet.core.accounts import services as accounts
from extranet.core.accounts.models import Jeton, User
from extranet.core.errors import Refused
from extranet.core.journal import services as journal
from extranet.territory.queries import cafs_visible_to, role_of
from habilitations import queries as habilitations


@transaction.atomic
def create(*, lieu: UUID, prestataire: UUID | None, nom: str, days: int, by: User, now: datetime) -> str:
    """TEL-4.b, .d: a token for one of the person's lieux, in clear for the only time. 404 for a lieu that is not its.

    `prestataire` None: the lieu develops its software itself. Refused where none of today has that name at that lieu,
    or its engagement is not on file.
    """
    place = get_object_or_404(habilitations.lieux_of(by, now), uuid=lieu)
    named = queries.prestataires_for(by, now).filter(lieu=place, uuid=prestataire).first() if prestataire else None
    if prestataire and named is None:
        raise Refused({"logiciel": "L’engagement de ce prestataire n’est pas, ou n’est plus, accepté par votre Caf."})
    jeton, text = accounts.make_token(by, portee=Jeton.Portee.LIEU, nom=nom, days=days, now=now)
    made = JetonLieu.objects.create(jeton=jeton, lieu=place, prestataire=named)
    journal.record("jeton-lieu.cree", made, by=by, at=now, prestataire=str(named.uuid) if named else "")
    return text


@transaction.atomic
def revoke(*, jeton_id: int, by: User, now: datetime) -> JetonLieu:
    """TEL-4.c: an agent revokes a token of a lieu of its Caf. 404 outside it."""
    scope = JetonLieu.objects.filter(lieu__caf__in=cafs_visible_to(by)).select_for_update(of=("self",))
    made = get_object_or_404(scope.select_related("lieu", "jeton"), pk=jeton_id)
    rights.check(role_of(by), "revoke_jeton")
    if accounts.revoke(made.jeton, by=by, now=now):
        journal.record("jeton-lieu.revoque", made, by=by, at=now)
    return made
