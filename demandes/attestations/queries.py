"""Reads of attestations and yearly statements: who may sign them, what is to be put on one (CNS-3, CON-6, SUI-3)."""

from collections.abc import Collection
from datetime import date, datetime
from typing import Any, NamedTuple

from django.db.models import Count, Exists, OuterRef, QuerySet, Value
from django.db.models.functions import TruncDate

from conventions import queries as conventions
from conventions.models import Convention, Lieu
from demandes import figures
from demandes.attestations.models import Attestation, Bilan
from demandes.attestations.workflow import EtatAttestation, EtatBilan
from demandes.models import Attribution
from demandes.rules import Prise
from extranet.core.accounts.models import User
from extranet.core.dates import PARIS, paris_date, start_of_day
from extranet.core.frozen import Frozen
from extranet.core.outbox.models import Message
from extranet.core.words import jours
from extranet.territory.limits import over
from habilitations import queries as habilitations
from habilitations.models import Echange
from habilitations.rules import SHOWN


def attestations_of(user: User, now: datetime) -> QuerySet[Attestation]:
    """CNS-3, CON-6: attestations of the lieux of `user`, even after the convention's end."""
    lieux = list(habilitations.lieux_to_attest(user, now).values_list("pk", flat=True))
    return (
        Attestation.objects.filter(lieu__in=lieux).select_related("lieu", "convention").annotate(nombre=Count("lignes"))
    )


class Awaited(NamedTuple):
    """How many attestations wait for a person's signature, and yearly statements for its confirmation."""

    attestations: int
    bilans: int


def awaited(user: User, now: datetime) -> Awaited:
    """CNS-3, SUI-3: of all lieux for which it may state something."""
    counts = dict(_awaited(user=user.pk, now=now))
    return Awaited(counts.get(Attestation._meta.label, 0), counts.get(Bilan._meta.label, 0))


@Frozen
def _awaited(user: int, now: datetime) -> QuerySet[Any]:
    lieux = habilitations.bound(now).filter(user=user).order_by().values("personne__lieu")
    counted = [
        rows.filter(lieu__in=lieux)
        .order_by()
        .annotate(kind=Value(rows.model._meta.label))
        .values_list("kind")
        .annotate(Count("pk"))
        for rows in (
            Attestation.objects.filter(state=EtatAttestation.OUVERTE),
            Bilan.objects.filter(state=EtatBilan.OUVERT),
        )
    ]
    return counted[0].union(counted[1], all=True)


def overdue(now: datetime) -> QuerySet[Attestation]:
    """Those for which `Attestation.is_late`."""
    return Attestation.objects.filter(over(now, "due_on", "lieu__caf"), state=EtatAttestation.OUVERTE)


def to_attest(day: date, limit: int, but: Collection[int] = ()) -> QuerySet[Attribution]:
    """CNS-3: what lieux answer for and have on no attestation yet, by lieu. Not of the lieux `but`."""
    waiting = Attribution.objects.filter(attest_from__lte=day)
    if but:
        waiting = waiting.exclude(lieu__in=but)
    return waiting.select_related("demande", "picked_up_by").order_by("lieu_id", "pk")[:limit]


# --- yearly statements (SUI-3) --------------------------------------------------------------------------------------


def bilans_of(user: User, now: datetime) -> QuerySet[Bilan]:
    """SUI-3: statements of the lieux of `user`, as attestations are theirs; the last year first."""
    lieux = habilitations.lieux_to_attest(user, now)
    return Bilan.objects.filter(lieu__in=lieux).select_related("lieu").order_by("-annee", "lieu__nom", "pk")


def without_bilan(year: int, day: date, limit: int) -> list[int]:
    """SUI-3: lieux under a convention on `day` that was in force in `year` already, and have no statement of it."""
    rows = Convention.objects.filter(conventions.in_force(day), in_force_from__lte=date(year, 12, 31))
    rows = rows.exclude(Exists(Bilan.objects.filter(lieu=OuterRef("lieu"), annee=year)))
    return list(rows.order_by("lieu_id").values_list("lieu_id", flat=True).distinct()[:limit])


def to_remind(year: int, opened_before: datetime) -> list[Bilan]:
    """SUI-3: statements of `year` that are not confirmed, whose persons were not reminded."""
    rows = list(Bilan.objects.filter(annee=year, state=EtatBilan.OUVERT, opened_at__lt=opened_before).order_by("pk"))
    said = Message.objects.filter(kind="attestations.bilan-rappel", key__in=[str(one.uuid) for one in rows])
    known = set(said.values_list("key", flat=True))
    return [one for one in rows if str(one.uuid) not in known]


Faits = list[tuple[str, list[tuple[str, str]]]]


def facts_of(lieu: Lieu, year: int, now: datetime) -> Faits:
    """SUI-3: what the portal knows of how `lieu` kept its obligations over `year`, in titled lines, in a constant
    number of queries. What is said of a day is said of today.
    """
    today = paris_date(now)
    return [
        (f"Les demandes reçues en {year}", _requests(lieu, year, today)),
        (f"Les attestations de destruction dues en {year}", _attested(lieu, year, today)),
        ("Les personnes et les prestataires, à ce jour", _people(lieu, now)),
        (f"Les échanges avec la Caf en {year}", [("Commencés par le lieu", str(_exchanges(lieu, year)))]),
    ]


def _requests(lieu: Lieu, year: int, today: date) -> list[tuple[str, str]]:
    found = figures.of([lieu.pk], figures.year_of(year), today)
    late = found.recuperees - found.prises[Prise.A_TEMPS]
    return [
        ("Reçues", str(found.recues)),
        ("Récupérées dans les quinze jours", str(found.prises[Prise.A_TEMPS])),
        ("Récupérées plus tard", str(late)),
        ("Jamais récupérées dans les quinze jours, ni depuis", str(found.prises[Prise.EN_RETARD] - late)),
        ("Délai médian pour récupérer", jours(found.jours_prise)),
        ("Réponses enregistrées sur le portail", str(found.repondues)),
    ]


def _attested(lieu: Lieu, year: int, today: date) -> list[tuple[str, str]]:
    due = Attestation.objects.filter(lieu=lieu, due_on__year=year).annotate(on=TruncDate("signed_at", tzinfo=PARIS))
    rows = list(due.values_list("on", "due_on"))
    return [
        ("Signées à temps", str(sum(bool(on and on <= last) for on, last in rows))),
        ("Signées en retard", str(sum(bool(on and on > last) for on, last in rows))),
        ("Non signées, en retard", str(sum(on is None and last < today for on, last in rows))),
        ("À signer", str(sum(on is None and last >= today for on, last in rows))),
    ]


def _people(lieu: Lieu, now: datetime) -> list[tuple[str, str]]:
    idle = habilitations.unused(now, SHOWN).filter(personne__lieu=lieu).count()
    prestataires = list(conventions.prestataires_on(lieu, paris_date(now)))
    kept = [any(e.decided_at and not e.motif_refus for e in one.engagements.all()) for one in prestataires]
    return [
        ("Personnes qui ont un accès", str(habilitations.persons_of(lieu.pk, now).count())),
        (f"Accès inutilisés depuis {jours(SHOWN.days)}", str(idle)),
        ("Prestataires déclarés", str(len(prestataires))),
        ("Prestataires dont la Caf a l’engagement signé", str(sum(kept))),
    ]


def _exchanges(lieu: Lieu, year: int) -> int:
    since, until = start_of_day(date(year, 1, 1)), start_of_day(date(year + 1, 1, 1))
    return Echange.objects.filter(lieu=lieu, opened_at__gte=since, opened_at__lt=until).count()
