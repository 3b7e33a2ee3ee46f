"""Reads of attestations: who may sign them, and what is still to be put on one (CNS-3, CON-6)."""

from collections.abc import Collection
from datetime import date, datetime

from django.db.models import Count, QuerySet

from demandes.attestations.models import Attestation
from demandes.attestations.workflow import EtatAttestation
from demandes.models import Attribution
from extranet.core.accounts.models import User
from habilitations import queries as habilitations


def attestations_of(user: User, now: datetime) -> QuerySet[Attestation]:
    """CNS-3, CON-6: attestations of the lieux of `user`, even after the convention's end."""
    lieux = list(habilitations.lieux_to_attest(user, now).values_list("pk", flat=True))
    return Attestation.objects.filter(lieu__in=lieux).select_related("lieu").annotate(nombre=Count("lignes"))


def to_sign(user: User, now: datetime) -> int:
    """How many of them wait for a signature."""
    return attestations_of(user, now).filter(state=EtatAttestation.OUVERTE).count()


def to_attest(day: date, limit: int, but: Collection[int] = ()) -> QuerySet[Attribution]:
    """CNS-3: what lieux answer for and have on no attestation yet, by lieu. Not of the lieux `but`."""
    waiting = Attribution.objects.filter(attest_from__lte=day)
    if but:
        waiting = waiting.exclude(lieu__in=but)
    return waiting.select_related("demande", "picked_up_by").order_by("lieu_id", "pk")[:limit]
