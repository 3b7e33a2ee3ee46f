"""Handing demandes to their lieu: one batch, one notification, one clock (NOT-1, NOT-3, ING-6)."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce
from django.shortcuts import get_object_or_404

from conventions import queries as conventions
from demandes import rights, rules
from demandes.models import Demande, Livraison, Transmission
from demandes.workflow import DEMANDE, Etat
from extranet.core.errors import Refused
from extranet.core.outbox import services as outbox
from extranet.core.outbox.models import Message
from extranet.territory.queries import agent_of, role_of
from habilitations import queries as habilitations


@transaction.atomic
def transmit_waiting(demandes: QuerySet[Demande], *, livraison: Livraison | None, now: datetime, by: Any = "systeme") -> int:
    """Transmit those of `demandes` that wait and have a lieu to go to, grouped by lieu; returns how many.

    A lieu without an active person, or whose convention does not hold any more, gets nothing: they go on waiting.
    """
    waiting = demandes.filter(state=Etat.A_ORIENTER, lieu_vise__isnull=False)
    done = 0
    for lieu in conventions.lieux_in_force(now).filter(pk__in=waiting.values("lieu_vise")).order_by("pk"):
        persons = [f"user:{line.user_id}" for line in habilitations.persons_of(lieu.pk)]
        if not persons:
            continue
        batch = Transmission.objects.create(lieu=lieu, livraison=livraison, transmitted_at=now)
        moved = DEMANDE.apply_many(
            waiting.filter(lieu_vise=lieu),
            "transmit",
            by=by,
            now=now,
            lieu=lieu,
            transmission=batch,
            last_day=rules.last_day_of_dossier(now),
            transmitted_at=Coalesce(F("transmitted_at"), now),
        )
        again = Demande.objects.filter(transmission=batch, transmitted_at__lt=now)
        for pk, first in again.values_list("pk", "transmitted_at"):
            # CNS-1: the six months count from the first transmission, whatever lieu came first.
            Demande.objects.filter(pk=pk).update(last_day=rules.last_day_of_dossier(first))
        outbox.post("demandes.transmission", key=str(batch.uuid), to=persons, now=now, transmission=batch.pk)
        done += len(moved)
    return done


def transmit_waiting_all(*, now: datetime) -> int:
    """What waits although a lieu is known for it: its persons were not active yet, or an ingestion was cut short."""
    finished = Q(livraison=None) | ~Q(livraison__state="recue")
    return transmit_waiting(Demande.objects.filter(finished), livraison=None, now=now)


@transaction.atomic
def assign(*, demande_id: int, lieu_id: int, by: Any, now: datetime) -> Demande:
    """ING-6: an agent gives a waiting demande to a lieu of its Caf that covers the commune; the family is told."""
    agent = agent_of(by)
    scope = Demande.objects.all() if agent and agent.caf_id is None else Demande.objects.filter(caf=agent and agent.caf)
    demande = get_object_or_404(scope.select_for_update(of=("self",)), pk=demande_id)
    rights.check(role_of(by), "assign")
    DEMANDE.require(demande, "transmit")
    lieu = conventions.lieux_covering(demande.commune_id, now).filter(pk=lieu_id, caf=demande.caf_id).first()
    if lieu is None:
        raise Refused({"lieu": "Ce lieu ne couvre pas la commune de la demande aujourd’hui."})
    if not habilitations.persons_of(lieu.pk).exists():
        raise Refused({"lieu": "Aucune personne de ce lieu n’a d’accès actif : elle ne serait pas prévenue."})
    Demande.objects.filter(pk=demande.pk).update(lieu_vise=lieu)
    transmit_waiting(Demande.objects.filter(pk=demande.pk), livraison=None, now=now, by=by)
    outbox.post(
        "demandes.orientee",
        key=f"{demande.uuid}:{lieu.pk}",
        to=[f"demande:{demande.uuid}"],
        now=now,
        demande=demande.pk,
    )
    demande.refresh_from_db()
    return demande


def note_notified(message: Message, now: datetime) -> None:
    """NOT-3: the first mail accepted starts the fifteen days; later ones do not move them."""
    Transmission.objects.filter(pk=message.about["transmission"], notified_at=None).update(notified_at=now)
