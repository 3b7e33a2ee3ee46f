"""The end of the proof: when a convention, and all that proves it, goes (ACC-2.e)."""

from datetime import date, timedelta

from django.db.models import Q, QuerySet

from conventions import rules
from conventions.models import Convention
from conventions.workflow import CONVENTION, EtatConvention
from extranet.core.dates import add_months, paris_date, start_of_day
from extranet.core.journal.models import Entry


def proof_over(convention: Convention, day: date) -> bool:
    """ACC-2.e: the last day of its proof lies before `day`. Never of one that stands, signed or to be signed."""
    last_day = convention.ended_on
    if convention.state == EtatConvention.ABANDONNEE:
        last_day = _abandoned_on(convention)
    return last_day is not None and rules.last_day_of_proof(last_day) < day


def _abandoned_on(convention: Convention) -> date | None:
    """As the journal says, which is kept as long as the convention."""
    lines = Entry.objects.filter(object_kind=Convention._meta.label_lower, object_id=str(convention.uuid))
    at = lines.filter(event=CONVENTION.moves["abandon"].event).values_list("at", flat=True).first()
    return paris_date(at) if at else None


def past_proof(day: date) -> list[int]:
    """ACC-2.e: the conventions whose proof is over on `day`, the first one first."""
    five_years = add_months(day, -60)
    ended = Q(ended_on__lte=five_years)
    abandoned = Q(state=EtatConvention.ABANDONNEE, created_at__lt=start_of_day(five_years + timedelta(days=1)))
    rows = Convention.objects.filter(ended | abandoned).order_by("pk")
    return [one.pk for one in rows if proof_over(one, day)]


def first_day(conventions: QuerySet[Convention]) -> date | None:
    """The first day of the oldest of them, that of its preparation where it was never in force; None without any."""
    days = conventions.values_list("in_force_from", "created_at")
    return min((start or paris_date(made) for start, made in days), default=None)
