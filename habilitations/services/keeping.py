"""Applications that were not accepted do not stay (HAB-8.a)."""

from datetime import datetime

from django.db import transaction

from extranet.core.journal import services as journal
from habilitations import queries
from habilitations.models import DemandeHabilitation


def erase_due(*, now: datetime) -> int:
    """HAB-8.a: erase what is past its last day, each by itself: what is stopped goes on at the next run."""
    due = queries.past_keeping(now).order_by("pk").values_list("pk", flat=True)
    return sum(erase(demande_id=pk, now=now) for pk in list(due))


@transaction.atomic
def erase(*, demande_id: int, now: datetime) -> bool:
    """Erase one with all that the lieu and the Caf wrote about it; True when it was still to be erased.

    The journal keeps its reference and the fact. A complement that comes in at the same moment keeps it.
    """
    demande = DemandeHabilitation.objects.select_for_update(of=("self",)).filter(pk=demande_id).first()
    if demande is None or not queries.past_keeping(now).filter(pk=demande_id).exists():
        return False
    journal.record(queries.ERASED, demande, by="systeme", at=now, reference=demande.reference)
    demande.delete()
    return True
