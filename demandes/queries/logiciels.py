"""What the software of a lieu may fetch (TEL-4)."""

from collections.abc import Collection
from datetime import datetime

from django.db.models import Exists, OuterRef, QuerySet

from conventions import queries as conventions
from conventions.models import Lieu, Prestataire
from demandes.models import (
    Attribution,
    Demande,
    JetonLieu,
)
from demandes.queries.lieu import own_lieux
from demandes.workflow import Etat
from extranet.core.accounts.models import Jeton, User
from extranet.core.dates import paris_date


def prestataires_for(user: User, now: datetime) -> QuerySet[Prestataire]:
    """TEL-4.d: those that a token of this person may name: of its lieux, at work today, their engagement on file."""
    engaged = conventions.prestataires_engaged(paris_date(now)).filter(lieu__in=own_lieux(user, now))
    return engaged.select_related("lieu").order_by("lieu__nom", "nom", "pk")


def opened_by(jeton: Jeton, now: datetime) -> JetonLieu | None:
    """TEL-4.c: what a living token of a lieu opens now: its person may act for that lieu, and the prestataire that it
    names, if any, still works for it under its engagement. By date, at each request.
    """
    named = JetonLieu.objects.filter(jeton=jeton, lieu__in=own_lieux(jeton.user, now)).select_related("lieu").first()
    if named and named.prestataire_id is not None:
        engaged = conventions.prestataires_engaged(paris_date(now)).filter(lieu=named.lieu, pk=named.prestataire_id)
        return named if engaged.exists() else None
    return named


def linked(jetons: Collection[Jeton], now: datetime) -> dict[int, JetonLieu]:
    """Of these tokens those of a lieu, by key: which lieu, whose software, and whether they open it now (`ouvre`)."""
    rows = JetonLieu.objects.filter(jeton__in=jetons).select_related("lieu", "prestataire", "jeton__user")
    found = {row.jeton_id: row for row in rows}
    for row in found.values():
        row.ouvre = opens(row, now)
    return found


def opens(made: JetonLieu, now: datetime) -> bool:
    """Whether this token opens its lieu now."""
    return made.is_alive(now) and opened_by(made.jeton, now) is not None


def to_fetch(lieu: Lieu, now: datetime) -> QuerySet[Demande]:
    """TEL-4.a: what its software has to fetch and acknowledge, in the order of its arrival."""
    return Demande.objects.filter(lieu=lieu, state=Etat.TRANSMISE, last_day__gte=paris_date(now)).order_by("pk")


def known_at(lieu: Lieu, references: Collection[str]) -> QuerySet[Demande]:
    """ACC-1.b: what this lieu has or had, of these references."""
    here = Attribution.objects.filter(demande=OuterRef("pk"), lieu=lieu)
    return Demande.objects.filter(Exists(here), reference__in=references).order_by("pk")
