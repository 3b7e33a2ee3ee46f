"""All persons of a lieu choose a new password (CON-5.d)."""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.shortcuts import get_object_or_404

from conventions import queries as conventions
from conventions import rights
from extranet.core.accounts.models import User
from extranet.core.accounts.services import alive_secrets, revoke, tokens_of
from extranet.core.errors import WrongState
from extranet.core.journal import services as journal
from extranet.core.outbox import services as outbox
from extranet.territory.queries import role_of
from habilitations import queries


@transaction.atomic
def renew(*, convention_uuid: UUID, by: User, now: datetime) -> int:
    """CON-5.d: no password of these persons opens any more, mailed ones neither, and their sessions and tokens end;
    each is mailed one that serves to choose its own. Nobody at the Caf sees any. Returns how many persons.
    """
    visible = conventions.conventions_visible_to(by).select_for_update(of=("self",))
    convention = get_object_or_404(visible, uuid=convention_uuid)
    rights.check(role_of(by), "renew_passwords")
    wanted = queries.signers_of(convention.lieu_id, now).values("user")
    users = list(User.objects.filter(pk__in=wanted).select_for_update(of=("self",)).order_by("pk"))
    if not users:
        raise WrongState("Ce lieu n’a aucune personne dont l’accès soit ouvert.")
    for user in users:
        user.set_unusable_password()  # ends its sessions, which are tied to it
        user.save(update_fields=["password"])
        alive_secrets(user, now).update(killed_at=now)
        for jeton in tokens_of(user).filter(revoked_at=None, expires_at__gt=now):
            revoke(jeton, by=by, now=now)
    journal.record("convention.mots-de-passe", convention, by=by, at=now, personnes=len(users))
    key = f"{convention.uuid}:{now.timestamp():.0f}"
    outbox.post("habilitations.nouveau-mot-de-passe", key=key, to=[f"user:{user.pk}" for user in users], now=now)
    return len(users)
