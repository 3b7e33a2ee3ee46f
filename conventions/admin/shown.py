"""What lists and pages of the register say alike."""

from datetime import date

from django.db.models import Count, OuterRef, Q, Subquery

from conventions.models import Acte, Convention, Couverture, PersonneInscrite
from conventions.workflow import EtatActe, EtatConvention
from extranet.core import clock
from extranet.core.words import date_courte

UNSET = "—"


def situation_of(convention: Convention, today: date) -> str:
    """The state, with what dates and suspension say of it."""
    if convention.state != EtatConvention.SIGNEE:
        return str(convention.get_state_display())
    if convention.ended_on and convention.ended_on < today:
        return f"terminée le {date_courte(convention.ended_on)}"
    if convention.open_suspension:
        return "suspendue"
    return f"en vigueur jusqu’au {date_courte(convention.ended_on)}" if convention.ended_on else "en vigueur"


def lines_held(model: type[Couverture] | type[PersonneInscrite], lieu: str) -> Subquery:
    """How many lines of annexe 1 a lieu has, open today or waiting with their convention for its signatures."""
    founding = Q(from_on=None, opened_by__nature=Acte.Nature.CONVENTION) & ~Q(opened_by__state=EtatActe.ABANDONNE)
    open_ = Q(from_on__isnull=False) & (Q(until_on=None) | Q(until_on__gte=clock.today()))
    held = model._default_manager.filter(open_ | founding, lieu=OuterRef(lieu)).order_by().values("lieu")
    return Subquery(held.annotate(lines=Count("pk")).values("lines"))
