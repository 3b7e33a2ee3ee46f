"""CON-9: prestataires of a lieu, and their engagements."""

from datetime import date, datetime

from django.db.models import Exists, OuterRef, QuerySet

from conventions.models import DemandeEngagement, Engagement, Lieu, Prestataire
from conventions.queries.register import held
from extranet.core.accounts.models import User
from extranet.core.dates import paris_date
from extranet.core.outbox.models import Message
from extranet.territory.limits import over
from extranet.territory.queries import cafs_visible_to


def prestataires_visible_to(user: User) -> QuerySet[Prestataire]:
    """The prestataires of the lieux of the agent's own Caf, all for the Cnaf, none for anybody else."""
    return Prestataire.objects.filter(lieu__caf__in=cafs_visible_to(user)).select_related("lieu")


def prestataires_on(lieu: Lieu, day: date) -> QuerySet[Prestataire]:
    """CON-9.a: those that work for a lieu on `day`, each with its engagements and what is demanded of it."""
    rows = lieu.prestataires.filter(held(day)).order_by("nom", "pk")
    return rows.prefetch_related("engagements__received_by", "demandes_engagement")


def prestataires_engaged(day: date) -> QuerySet[Prestataire]:
    """CON-9, TEL-4.d: those that work for their lieu on `day` and whose signed engagement the Caf has accepted."""
    accepted = Engagement.objects.filter(prestataire=OuterRef("pk"), decided_at__isnull=False, motif_refus="")
    return Prestataire.objects.filter(held(day), Exists(accepted))


def engagements_awaited(day: date) -> QuerySet[DemandeEngagement]:
    """CON-9.b: demands whose document is not there, nor deposited to be verified, of prestataires of today."""
    deposited = Engagement.objects.filter(prestataire=OuterRef("prestataire"), decided_at=None)
    return DemandeEngagement.objects.filter(~Exists(deposited), held(day, "prestataire__"), answered_at=None)


def engagements_late(now: datetime) -> QuerySet[DemandeEngagement]:
    """Those of `engagements_awaited` for which `DemandeEngagement.is_late`."""
    return engagements_awaited(paris_date(now)).filter(over(now, "due_on", "prestataire__lieu__caf"))


def engagements_to_verify(day: date) -> QuerySet[Engagement]:
    """CON-9.b: documents that lieux deposited and that no agent has looked at."""
    return Engagement.objects.filter(held(day, "prestataire__"), decided_at=None)


def reminded(keys: list[str]) -> set[str]:
    """Which of these reminders of an engagement are posted already."""
    posted = Message.objects.filter(kind="conventions.engagement-rappel", key__in=keys)
    return set(posted.values_list("key", flat=True))
