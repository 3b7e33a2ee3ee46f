"""What clocks, agents and deliveries ask: due, late, stranded, refused (NOT-1, CNS-1)."""

from contextlib import suppress
from datetime import date, datetime, timedelta
from statistics import median_low

from django.db.models import Count, Exists, OuterRef, QuerySet

from conventions.models import Fermeture, Lieu
from demandes import rules
from demandes.models import (
    Demande,
    Dossier,
    Livraison,
    Transmission,
)
from demandes.workflow import ALIVE, Etat, EtatLivraison
from extranet.core.dates import paris_date
from extranet.core.errors import NoKey
from extranet.territory.limits import over
from extranet.territory.queries import departements_of, search_key
from habilitations import queries as habilitations


def due_for_destruction(day: date) -> QuerySet[Demande]:
    """CNS-1, CNS-8: past their last day and not destroyed yet."""
    return Demande.objects.filter(state__in=ALIVE, last_day__lt=day).order_by("last_day", "pk")


def usual_day(day: date) -> int:
    """CNS-6.c: how many dossiers a day were destroyed: the median of the last four weeks' days that had any, or 0."""
    rows = Demande.objects.filter(state=Etat.PURGEE, last_day__gte=day - timedelta(days=29), last_day__lt=day)
    counts = rows.order_by().values_list("last_day").annotate(Count("pk"))
    return median_low([count for _, count in counts] or [0])


def waiting_on(day: date) -> QuerySet[Demande]:
    """Demandes that their lieu can still pick up and has not."""
    return _waiting(Demande.objects.all(), day)


def _waiting(among: QuerySet[Demande], day: date) -> QuerySet[Demande]:
    return among.filter(state=Etat.TRANSMISE, last_day__gte=day)


def late_at(now: datetime) -> QuerySet[Demande]:
    """NOT-4: those of `waiting_on` whose fifteenth day is over, as `Demande.delay` says it of one."""
    return waiting_on(paris_date(now)).filter(over(now, "pick_up_day", "caf"))


def closed_when_due(day: date) -> QuerySet[Demande]:
    """NOT-4.j: those of `waiting_on` whose fifteenth day, still to come, is one on which their lieu is closed."""
    due = OuterRef("pick_up_day")
    closed = Fermeture.objects.filter(lieu=OuterRef("lieu"), du__lte=due, au__gte=due)
    return waiting_on(day).filter(Exists(closed), pick_up_day__gte=day)


def stranded(among: QuerySet[Demande], now: datetime) -> QuerySet[Demande]:
    """CTL-9: those of `among` that wait at a lieu (`waiting_on`) where nobody can pick them up: no active person,
    suspended, or ended. Asked once a lieu, not once a demande.
    """
    waiting = _waiting(among, paris_date(now))
    there = list(waiting.order_by().values_list("lieu", flat=True).distinct())
    return waiting.filter(lieu__in=habilitations.without_anybody(there, now))


def relances_of(lieux: QuerySet[Lieu]) -> dict[int, rules.Relances]:
    """NOT-4.b, NOT-4.c: lieu → the days on which it is reminded, and its département."""
    rows = list(lieux.values_list("pk", "caf__premier_rappel", "caf__second_rappel", "code_postal"))
    departements = departements_of([code for *_, code in rows])
    return {
        pk: rules.Relances(tuple(day for day in (first, second) if day), departements.get(code, ""))
        for pk, first, second, code in rows
    }


def departement_of(lieu: Lieu) -> str:
    """The département of a lieu, whose holidays it has; empty where its postal code says none."""
    return departements_of([lieu.code_postal]).get(lieu.code_postal, "")


def transmissions_of(demandes: QuerySet[Demande]) -> QuerySet[Transmission]:
    """The transmissions by which `demandes` are at their lieux."""
    return Transmission.objects.filter(Exists(demandes.filter(transmission=OuterRef("pk")))).select_related("lieu")


def matching(demandes: QuerySet[Demande], text: str, today: date) -> QuerySet[Demande]:
    """Those whose reference or name contains `text`, accents and case ignored. Opened and compared here: a lieu has
    tens to thousands. One that cannot be opened is found by its reference.
    """
    key, found = search_key(text), []
    for pk, name, reference, day, scelle in demandes.values_list(
        "pk", "uuid", "reference", "dossier__jour", "dossier__scelle"
    ):
        if text.upper() in reference.upper():
            found.append(pk)
        elif key:
            with suppress(NoKey):
                said = Dossier.opened(name, day, scelle, today)
                if key in search_key(f"{said.prenom} {said.nom} {said.prenom}"):
                    found.append(pk)
    return demandes.filter(pk__in=found)


# --- deliveries -----------------------------------------------------------------------------------------------------

REFUSED_SHOWN = timedelta(days=15)


def refused_deliveries(now: datetime) -> QuerySet[Livraison]:
    """Refused whole or set apart, as long as their bytes are kept: the Cnaf looks at them."""
    return Livraison.objects.filter(state=EtatLivraison.REFUSEE, finished_at__gt=now - REFUSED_SHOWN)
