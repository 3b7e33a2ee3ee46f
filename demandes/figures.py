"""What a lieu received and did of it, counted (SUI-2). From rows that outlive the dossiers: no family data, exact."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from statistics import median_low
from typing import Any

from django.db.models import Count, Min, QuerySet
from django.db.models.functions import TruncDate

from demandes.models import MODES, Attribution
from demandes.rules import Prise, prise_of
from demandes.workflow import Issue
from extranet.core.dates import PARIS, add_months, paris_date, start_of_day

TRAITS = ("atypique", "urgente", "accessibilite")
ROLLING = "12-mois"


@dataclass(frozen=True, slots=True)
class Periode:
    """Days that figures are about, both included."""

    code: str
    first: date
    last: date

    @property
    def months(self) -> list[date]:
        """Their months, by first day."""
        count = (self.last.year - self.first.year) * 12 + self.last.month - self.first.month
        return [add_months(self.first, rank) for rank in range(count + 1)]


def year_of(year: int) -> Periode:
    """A calendar year."""
    return Periode(str(year), date(year, 1, 1), date(year, 12, 31))


def periods(lieux: Collection[int], today: date) -> list[Periode]:
    """What may be asked for: the twelve last months, this one included, then each year since the first demande."""
    first = Attribution.objects.filter(lieu__in=lieux).aggregate(first=Min("transmitted_at"))["first"]
    since = paris_date(first).year if first else today.year
    rolling = Periode(ROLLING, add_months(today.replace(day=1), -11), today)
    return [rolling, *(year_of(year) for year in range(today.year, since - 1, -1))]


@dataclass(slots=True)
class Compte:
    """How many demandes were picked up how; after how many days from the mail they were picked up, and answered."""

    prises: Counter[Prise] = field(default_factory=Counter)
    delais_prise: Counter[int] = field(default_factory=Counter)
    delais_reponse: Counter[int] = field(default_factory=Counter)

    def add(self, prise: Prise, picked_after: int | None, answered_after: int | None, count: int) -> None:
        """`count` more, all alike."""
        self.prises[prise] += count
        for delais, days in ((self.delais_prise, picked_after), (self.delais_reponse, answered_after)):
            if days is not None:
                delais[days] += count

    @property
    def recues(self) -> int:
        """All of them."""
        return self.prises.total()

    @property
    def jours_prise(self) -> int | None:
        """Half of those picked up were within so many days; None where none was."""
        return _median(self.delais_prise)

    @property
    def jours_reponse(self) -> int | None:
        """Half of those answered were within so many days; None where none was."""
        return _median(self.delais_reponse)


@dataclass(slots=True)
class Chiffres(Compte):
    """SUI-2.a: the figures of one or more lieux over a period: of all, and by month, mode and commune."""

    periode: Periode = field(kw_only=True)
    mois: dict[date, Compte] = field(default_factory=dict)
    modes: defaultdict[str, Compte] = field(default_factory=lambda: defaultdict(Compte))
    communes: defaultdict[str, Compte] = field(default_factory=lambda: defaultdict(Compte))
    issues: Counter[str] = field(default_factory=Counter)
    besoins: Counter[str] = field(default_factory=Counter)  # traits of needs that were not met (SUI-1.f)

    @property
    def recuperees(self) -> int:
        """In time or late."""
        return self.delais_prise.total()

    @property
    def repondues(self) -> int:
        """Those with an outcome."""
        return self.issues.total() - self.issues[""]


def of(lieux: Collection[int], periode: Periode, today: date) -> Chiffres:
    """What `lieux` received over `periode`, in one query: by the days of Paris on which it went on, and how many."""
    found = Chiffres(periode=periode, mois={month: Compte() for month in periode.months if month <= today})
    for one, count in _counted(lieux, periode):
        told = one["notified_on"] or one["transmitted_on"]
        prise = prise_of(
            one["notified_on"],
            one["demande__last_day"],
            picked_on=one["picked_on"],
            ended_on=one["ended_on"],
            today=today,
        )
        picked_after, answered_after = (
            (one[name] - told).days if one[name] else None for name in ("picked_on", "answered_on")
        )
        modes = [found.modes[mode] for mode in MODES if one[f"demande__{mode}"]]
        month, commune = one["transmitted_on"].replace(day=1), one["demande__commune__nom"]
        for compte in (found, found.mois[month], found.communes[commune], *modes):
            compte.add(prise, picked_after, answered_after, count)
        found.issues[one["issue"]] += count
        if one["issue"] == Issue.SANS_SOLUTION:
            found.besoins.update({trait: count for trait in TRAITS if one[trait]})
    return found


def _counted(lieux: Collection[int], periode: Periode) -> Iterator[tuple[dict[str, Any], int]]:
    since, until = start_of_day(periode.first), start_of_day(periode.last + timedelta(days=1))
    rows: QuerySet[Any] = Attribution.objects.filter(
        lieu__in=lieux, transmitted_at__gte=since, transmitted_at__lt=until
    ).order_by()
    days = {
        "transmitted_on": "transmitted_at",
        "notified_on": "transmission__notified_at",
        "picked_on": "picked_up_at",
        "answered_on": "answered_at",
        "ended_on": "ended_at",
    }
    rows = rows.annotate(**{name: TruncDate(moment, tzinfo=PARIS) for name, moment in days.items()})
    modes = [f"demande__{mode}" for mode in MODES]
    rows = rows.values(*days, "demande__last_day", "demande__commune__nom", *modes, "issue", *TRAITS)
    for one in rows.annotate(nombre=Count("pk")).iterator():
        yield one, one.pop("nombre")


def _median(days: Counter[int]) -> int | None:
    return median_low(days.elements()) if days else None
