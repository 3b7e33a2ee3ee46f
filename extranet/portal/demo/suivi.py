"""What the lieu of the demonstration has done of its demandes: calls, appointments, a note, answers (SUI-1)."""

from datetime import datetime, timedelta
from itertools import cycle
from typing import Any

from conventions.models import Lieu
from demandes.models import Attribution, Demande
from demandes.services import suivi
from demandes.services.handover import Origin
from demandes.workflow import Etat, Issue
from extranet.core.accounts.models import User
from extranet.core.dates import paris_date, start_of_day


def load(lieux: list[Lieu], now: datetime) -> None:
    """Every lieu has answered what is closed; the first one has an agenda."""
    closed = Attribution.objects.filter(demande__state=Etat.TRAITEE, ended_at=None).select_related("demande")
    for attribution, issue in zip(closed.order_by("pk"), cycle(Issue), strict=False):
        at = attribution.demande.closed_at
        Attribution.objects.filter(pk=attribution.pk).update(contacted_at=at, answered_at=at, issue=issue)
    people = User.objects.filter(email__in=["animatrice@demo.test", "guichet@demo.test"]).order_by("email")
    animator, colleague = people
    mine = Demande.objects.filter(lieu=lieux[0], state=Etat.RECUPEREE, last_day__gte=paris_date(now)).order_by("pk")
    called, met, *_ = [one.uuid for one in mine]
    before: dict[str, Any] = {"by": animator, "now": now - timedelta(days=1), "origin": Origin()}
    suivi.note_call(called, joined=False, rappeler_on=paris_date(now), **before)
    suivi.assign(met, to=colleague.uuid, **before)
    at = start_of_day(paris_date(now) + timedelta(days=1)) + timedelta(hours=14)
    suivi.set_appointment(met, at=at, moyen="lieu", **before)
    suivi.add_note(met, texte="Viendra avec la grand-mère de l’enfant. Prévoir la liste des assistantes.", **before)
