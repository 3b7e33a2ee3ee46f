"""Who holds a convention today, which communes it covers, and when it ends."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import Case, Exists, F, Min, OuterRef, Q, QuerySet, Subquery, When, Window

from conventions import rules
from conventions.models import (
    Convention,
    Courrier,
    Couverture,
    Gestionnaire,
    Lieu,
    PersonneInscrite,
    Resiliation,
    Suspension,
)
from conventions.workflow import EtatConvention
from extranet.core.accounts.models import User
from extranet.core.dates import paris_date
from extranet.core.frozen import Frozen
from extranet.territory.models import Commune
from extranet.territory.queries import Voisine, cafs_visible_to, nearest


def in_force(day: date, prefix: str = "") -> Q:
    """CON-3: signed, begun, not past its last day; tacit renewal needs no row and no job. Suspended ones count."""
    return Q(**{f"{prefix}state": EtatConvention.SIGNEE, f"{prefix}in_force_from__lte": day}) & (
        Q(**{f"{prefix}ended_on": None}) | Q(**{f"{prefix}ended_on__gte": day})
    )


def held(day: date, prefix: str = "") -> Q:
    """CON-8: the line of annexe 1 is true on `day`, from its first day through its last."""
    until = Q(**{f"{prefix}until_on": None}) | Q(**{f"{prefix}until_on__gte": day})
    return until & Q(**{f"{prefix}from_on__lte": day})


def named_on(day: date) -> QuerySet[PersonneInscrite]:
    """Lines of persons that are true on `day`, by an acte of a convention in force that day, suspended or not."""
    return PersonneInscrite.objects.filter(held(day), in_force(day, "opened_by__convention__"))


def named_to_the_end(day: date) -> QuerySet[PersonneInscrite]:
    """CON-6: lines that were true on the last day of a convention that is over on `day`, and that nothing followed."""
    start = OuterRef("opened_by__convention__in_force_from")
    followed = Convention.objects.filter(lieu=OuterRef("lieu"), in_force_from__gt=start, in_force_from__lte=day)
    end = F("opened_by__convention__ended_on")
    over = Q(opened_by__convention__ended_on__lt=day, from_on__lte=end) & (Q(until_on=None) | Q(until_on__gte=end))
    return PersonneInscrite.objects.filter(over, ~Exists(followed))


def withheld(now: datetime) -> Q:
    """CON-5, ACC-6: the suspension goes on at `now`, of a lieu or of a person."""
    return Q(from_at__lte=now) & (Q(until_at=None) | Q(until_at__gt=now))


def suspension_of(convention: Convention, now: datetime) -> Suspension | None:
    """CON-5: the suspension of the whole lieu at `now`, if there is one."""
    return convention.suspensions.filter(withheld(now)).first()


def lieux_in_force(now: datetime) -> QuerySet[Lieu]:
    """CON-5.c: lieux under a convention in force and not suspended: they receive and see demandes."""
    return Lieu.objects.filter(_is_served(now, "pk"))


def _is_served(now: datetime, lieu: str) -> Exists:
    """`lieux_in_force`, asked of the column `lieu` of a row."""
    suspended = Suspension.objects.filter(withheld(now), convention=OuterRef("pk"))
    return Exists(Convention.objects.filter(in_force(paris_date(now)), ~Exists(suspended), lieu=OuterRef(lieu)))


def covering(now: datetime) -> QuerySet[Couverture]:
    """Communes covered now by lieux that receive demandes."""
    day = paris_date(now)
    own = in_force(day, "opened_by__convention__")
    return Couverture.objects.filter(held(day), own, _is_served(now, "lieu"))


def lieux_covering(commune_code: str, now: datetime) -> QuerySet[Lieu]:
    """DEM-2: the lieux that answer for a commune now (an arrondissement is covered by its own code or its city's).

    CON-6.f: not those in the last days of their convention, where another covers it.
    """
    return Lieu.objects.filter(pk__in=_answering(code=commune_code, now=now)).order_by("nom", "pk")


@Frozen
def _answering(code: str, now: datetime) -> QuerySet[Any]:
    asked = Commune.objects.filter(pk=code).order_by()
    own_and_city = asked.values("pk").union(asked.values("parente"))  # each looked up; by OR, all would be read
    ends = Case(When(pk__in=lieux_ending(now), then=1), default=0)
    covers = Lieu.objects.filter(pk__in=covering(now).filter(commune__in=own_and_city).values("lieu")).annotate(
        ends=ends
    )
    return covers.annotate(best=Window(Min("ends"))).filter(ends=F("best")).order_by().values_list("pk", flat=True)


def lieux_ending(now: datetime) -> QuerySet[Any]:
    """CON-6.f: keys of the lieux whose convention is in force and in its last days."""
    day = paris_date(now)
    last = Convention.objects.filter(in_force(day), ended_on__lte=day + rules.LAST_DAYS)
    return last.order_by().values("lieu")


def covered_near(commune: Commune, now: datetime) -> list[Voisine]:
    """DEM-2.c: other communes that a lieu covers at `now`: the nearest of the same EPCI first, then the nearest."""
    return nearest(commune, Commune.objects.filter(pk__in=covering(now).values("commune"), actuelle=True))


def lieux_by_commune(now: datetime) -> dict[str, list[int]]:
    """Commune code → lieux, in one query: for whoever routes many demandes."""
    index: dict[str, list[int]] = {}
    for code, lieu in covering(now).order_by("lieu_id").values_list("commune_id", "lieu_id"):
        index.setdefault(code, []).append(lieu)
    return index


def personnes_in_force(now: datetime) -> QuerySet[PersonneInscrite]:
    """Persons of annexe 1 today, of lieux under a convention in force (ACT-1)."""
    return named_on(paris_date(now)).filter(lieu__in=lieux_in_force(now)).select_related("lieu")


@dataclass(frozen=True, slots=True)
class Fin:
    """CON-6: the end of a lieu's convention, near or past, that no other convention follows."""

    convention: int
    lieu: int
    ends_on: date
    families_until: date
    """The last day on which a family may have its demande sent to another lieu."""

    @property
    def asked_from(self) -> date:
        """The day from which families are asked."""
        return self.families_until - rules.LAST_DAYS


def ends_at(day: date, lieux: Collection[int] | None = None) -> dict[int, Fin]:
    """CON-6: lieu → the end of its last convention, when `day` is past it or among its last days."""
    start = OuterRef("in_force_from")
    followed = Convention.objects.filter(lieu=OuterRef("lieu"), in_force_from__gt=start, in_force_from__lte=day)
    rows = Convention.objects.filter(~Exists(followed), ended_on__lte=day + rules.LAST_DAYS)
    if lieux is not None:
        rows = rows.filter(lieu__in=lieux)
    standing = Resiliation.objects.filter(convention=OuterRef("pk"), withdrawn_on=None, ends_on=OuterRef("ended_on"))
    rows = rows.annotate(recorded_at=Subquery(standing.values("recorded_at")[:1]))
    found = {}
    for pk, lieu, ends_on, recorded_at in rows.values_list("pk", "lieu", "ended_on", "recorded_at"):
        assert ends_on is not None
        until = rules.families_have_until(ends_on, paris_date(recorded_at) if recorded_at else None)
        found[lieu] = Fin(pk, lieu, ends_on, until)
    return found


def standing_notice(convention: Convention) -> Resiliation | None:
    """CON-4: the end at an anniversary that nobody has withdrawn."""
    wanted = {"nature": Resiliation.Nature.ANNIVERSAIRE, "withdrawn_on": None}
    return convention.resiliations.filter(**wanted).select_related("courrier").first()


def letters_to_confirm() -> QuerySet[Courrier]:
    """CON-4, CON-5: letters delivered that ask for an end which nobody has recorded yet."""
    done = Resiliation.objects.filter(courrier=OuterRef("pk"))
    asked = Courrier.objects.filter(~Exists(done), issue=Courrier.Issue.REMISE)
    ends = asked.exclude(objet=Courrier.Objet.MISE_EN_DEMEURE)
    open_ = Q(convention__ended_on=None) | Q(
        objet=Courrier.Objet.MANQUEMENT, convention__ended_on__gt=F("delivered_on")
    )
    return ends.filter(open_).order_by("delivered_on", "pk")


def convention_of(lieu: Lieu, now: datetime) -> Convention | None:
    """The convention in force of a lieu, suspended or not."""
    return lieu.conventions.filter(in_force(paris_date(now))).first()


def standing(gestionnaire: Gestionnaire, today: date) -> QuerySet[Convention]:
    """Its conventions that stand on `today`, signed or to be signed: what is said of it is theirs (CON-7.a)."""
    stand = gestionnaire.conventions.filter(state__in=[EtatConvention.PREPARATION, EtatConvention.SIGNEE])
    return stand.filter(Q(ended_on=None) | Q(ended_on__gte=today))


def conventions_visible_to(user: User) -> QuerySet[Convention]:
    """The conventions of the agent's own Caf, all for the Cnaf, none for anybody else."""
    return Convention.objects.filter(lieu__caf__in=cafs_visible_to(user)).select_related("gestionnaire", "lieu__caf")


def gestionnaires_visible_to(user: User) -> QuerySet[Gestionnaire]:
    """The gestionnaires of the agent's own Caf, all for the Cnaf, none for anybody else."""
    return Gestionnaire.objects.filter(caf__in=cafs_visible_to(user))
