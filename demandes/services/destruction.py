"""Destroying dossiers at their day, or at once when the family withdraws (CNS-1, CNS-8, DEM-4)."""

from datetime import datetime

from django.db import connection, transaction

from demandes import queries
from demandes.models import Demande, Dossier
from demandes.workflow import DEMANDE
from extranet.core.dates import paris_date
from extranet.core.outbox import services as outbox
from habilitations import queries as habilitations

BATCH = 200


def destroy_due(*, now: datetime) -> int:
    """Destroy every dossier past its last day; returns how many. Interrupted, it goes on; run twice, it does nothing more."""
    day, done = paris_date(now), 0
    while batch := list(queries.due_for_destruction(day).values_list("pk", flat=True)[:BATCH]):
        moved = sum(destroy(pk, now=now) for pk in batch)
        if not moved:
            break
        done += moved
    if done and connection.vendor == "sqlite" and not connection.in_atomic_block:
        with connection.cursor() as cursor:  # secure_delete zeroes the pages; this empties the log that still has them
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return done


@transaction.atomic
def destroy(pk: int, *, now: datetime) -> bool:
    """Destroy one dossier past its day, in one transaction. False when somebody else did."""
    demande = Demande.objects.select_for_update(of=("self",)).filter(pk=pk).first()
    if demande is None or demande.last_day >= paris_date(now):
        return False
    if not DEMANDE.apply(demande, "destroy", by="systeme", now=now, destroyed_at=now, content=""):
        return False
    Dossier.objects.filter(demande=demande).delete()
    return True


@transaction.atomic
def withdraw(demande: Demande, *, now: datetime) -> None:
    """DEM-4: the family withdraws: destroyed at once; a lieu that had picked it up is told to destroy its copy."""
    # Read again under lock: the lieu may have picked it up since the family's page was read.
    demande = Demande.objects.select_for_update(of=("self",)).get(pk=demande.pk)
    DEMANDE.require(demande, "withdraw")
    DEMANDE.apply(demande, "withdraw", by="famille", now=now, destroyed_at=now, content="")
    Dossier.objects.filter(demande=demande).delete()
    if demande.picked_up_at:
        outbox.post(
            "demandes.retrait",
            key=str(demande.uuid),
            to=[f"user:{line.user_id}" for line in habilitations.signers_of(demande.lieu_id, now)],
            now=now,
            demande=demande.pk,
        )
