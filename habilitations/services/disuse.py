"""Accesses that nobody uses: said to the person in time, then suspended by the portal (ACC-6.d)."""

from datetime import datetime

from django.contrib.auth import get_user_model
from django.db import transaction

from extranet.core.dates import paris_date
from extranet.core.journal import services as journal
from extranet.core.outbox import services as outbox
from extranet.territory.queries import alerted
from habilitations import queries, rules
from habilitations.models import Habilitation
from habilitations.services import persons

REASON = "Accès inutilisé depuis 180 jours."


def warn(*, now: datetime) -> int:
    """Fifteen days before its access closes for want of use, a person learns that logging in is enough. Once for each
    stretch without use; the mail is not sent to who has logged in meanwhile.
    """
    due = queries.unused(now, rules.WARNED)
    rows = [(f"{line.pk}:{paris_date(line.used_at)}", line.user_id, line.pk) for line in due]  # type: ignore[attr-defined]
    for key, user, line in rows:
        outbox.post("habilitations.inutilisee", key=key, to=[f"user:{user}"], now=now, habilitation=line)
    return len(rows)


def suspend(*, now: datetime) -> int:
    """Suspend what nobody has used for 180 days; the person and its Caf are told. Returns how many."""
    due = list(queries.unused(now, rules.CLOSED).values_list("pk", flat=True))
    return sum(_suspend(pk, now) for pk in due)


@transaction.atomic
def _suspend(pk: int, now: datetime) -> bool:
    line = Habilitation.objects.select_for_update(of=("self",)).select_related("personne__lieu").get(pk=pk)
    user = get_user_model()._default_manager.select_for_update().get(pk=line.user_id)
    if not queries.unused(now, rules.CLOSED).filter(pk=pk).exists():  # has logged in, or was suspended, meanwhile
        return False
    made = line.suspensions.create(from_at=now, reason=REASON)
    journal.record("habilitation.suspendue", line, by="systeme", at=now, raison="inutilisee")
    persons.close_without_right(user, by="systeme", now=now)
    key = f"{line.pk}:{made.pk}"
    outbox.post("habilitations.suspendue", key=key, to=[f"habilitation:{line.uuid}"], now=now, habilitation=line.pk)
    desk = alerted(line.lieu.caf_id)
    outbox.post("habilitations.suspendue-caf", key=key, to=desk, now=now, habilitation=line.pk)
    return True
