"""What the mails about demandes share."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from django.db.models import Prefetch, QuerySet

from conventions.models import Fermeture
from demandes.models import Demande
from extranet.core.dates import paris_date
from extranet.core.outbox.kinds import Mail, objects_of
from extranet.core.outbox.models import Message
from habilitations import queries as habilitations

SHOWN = 50
LIEUX, CAFS = "demandes-lieux", "demandes-caf"  # by which their mail software sorts what comes often (List-Id)


def written(message: Message, subject: str, **context: Any) -> Mail:
    app, name = message.kind.split(".", 1)
    return Mail(subject, f"{app}/courriels/{name}", context)


def acting_for(lieux: Collection[int], now: datetime) -> Mapping[int, set[str]]:
    """Lieu → whoever may act for it now, as addressees (ACC-6: access may have ended since a mail was posted)."""
    acting: dict[int, set[str]] = defaultdict(set)
    for lieu, user in habilitations.active(now).filter(personne__lieu__in=lieux).values_list("personne__lieu", "user"):
        acting[lieu].add(f"user:{user}")
    return acting


def _demandes(now: datetime) -> QuerySet[Demande]:
    """Their lieux have `fermetures_proches`: those that families are told of."""
    closures = Prefetch("lieu__fermetures", Fermeture.objects.shown_on(paris_date(now)), "fermetures_proches")
    return Demande.objects.select_related("lieu", "caf", "commune", "transmission").prefetch_related(closures)


demandes_of = objects_of("demande", _demandes)
