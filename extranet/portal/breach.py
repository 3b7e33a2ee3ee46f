"""CTL-8: the file of a breach: facts that the portal knows, letters, amicable attempts, outcome. No family data."""

import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import Count, Exists, OuterRef

from conventions.models import Convention, Courrier, DemandeEngagement, Engagement, Lieu, Prestataire
from demandes.attestations.models import Attestation
from demandes.models import Attribution, Remise
from demandes.rules import fifteenth_day, imputed_from
from extranet.core.dates import add_months, paris_date, start_of_day
from extranet.core.documents import store
from extranet.core.documents.pdf import render
from extranet.territory.queries import departements_of
from extranet.territory.zones import day_at
from habilitations.models import Habilitation

SHOWN = 500
TEMPLATE = "portal/pdf/manquement.html"


@dataclass(frozen=True, slots=True)
class Retard:
    """A demande that a lieu did not pick up in its fifteen days."""

    reference: str
    notified_on: date
    last: date
    until: date
    """The day on which it was picked up or left the lieu, as its limits are counted; today while it waits."""
    picked_up_at: datetime | None
    issue: str

    @property
    def jours(self) -> int:
        """How many days late."""
        return (self.until - self.last).days


def retards(convention: Convention, now: datetime) -> list[Retard]:
    """NOT-3, NOT-4.h: those that count against the lieu, the next working day having passed; the longest first."""
    return sorted(_retards(convention, now), key=lambda one: (-one.jours, one.reference))


def _retards(convention: Convention, now: datetime) -> Iterator[Retard]:
    start, departement = start_of_day(convention.in_force_from or paris_date(now)), _departement(convention.lieu)
    rows = Attribution.objects.filter(lieu=convention.lieu_id, transmitted_at__gte=start)
    known = rows.exclude(transmission__notified_at=None).order_by("pk")
    columns = ("demande__reference", "demande__last_day", "transmission__notified_at", "picked_up_at", "ended_at")
    for reference, last_day, notified_at, picked_up_at, ended_at in known.values_list(*columns).iterator():
        last = min(fifteenth_day(notified_at), last_day)
        until = day_at(picked_up_at or ended_at or now, convention.lieu.caf_id)
        if until < imputed_from(last, departement):
            continue
        issue = "récupérée" if picked_up_at else "partie sans avoir été récupérée" if ended_at else "attend encore"
        yield Retard(reference, paris_date(notified_at), last, until, picked_up_at, issue)


def write(convention: Convention, now: datetime) -> bytes:
    """The PDF of the facts."""
    today = paris_date(now)
    late = retards(convention, now)
    attestations = Attestation.objects.filter(lieu=convention.lieu_id, due_on__lt=today).order_by("due_on")
    lieu, departement = convention.lieu, _departement(convention.lieu)

    def failed(due_on: date, done_at: datetime | None) -> bool:
        """NOT-4.h: done too late to pass for in time, or not done yet."""
        return day_at(done_at or now, lieu.caf_id) >= imputed_from(due_on, departement)

    due = [one for one in attestations if failed(one.due_on, one.signed_at)]
    accepted = Engagement.objects.filter(prestataire=OuterRef("pk"), decided_at__isnull=False, motif_refus="")
    without = Prestataire.objects.filter(~Exists(accepted), lieu=lieu).order_by("nom", "pk")
    demands = DemandeEngagement.objects.filter(prestataire__lieu=lieu, due_on__lt=today, answered_at=None)
    demands = demands.select_related("prestataire").order_by("due_on", "pk")
    context = {
        "convention": convention,
        "lieu": lieu,
        "caf": lieu.caf,
        "jour": today,
        "retards": late[:SHOWN],
        "retards_nombre": len(late),
        "recues": Attribution.objects.filter(lieu=lieu).count(),
        "attestations": due,
        "sans_engagement": list(without),
        "engagements_demandes": [one for one in demands if failed(one.due_on, None)],
        "personnes": _persons(convention, now),
        "depuis": add_months(today, -12),
        "suspensions": convention.suspensions.order_by("from_at"),
        "suspensions_personnes": _suspensions(convention),
        "courriers": convention.courriers.order_by("posted_on", "pk"),
        "tentatives": convention.tentatives_amiables.order_by("tried_on", "pk"),
        "resiliations": convention.resiliations.select_related("courrier").order_by("recorded_at"),
    }
    return render(TEMPLATE, context, title=f"Dossier de manquement – {convention.numero}", now=now)


def _departement(lieu: Lieu) -> str:
    """Whose holidays the lieu has."""
    return departements_of([lieu.code_postal]).get(lieu.code_postal, "")


def _persons(convention: Convention, now: datetime) -> list[dict[str, object]]:
    """Who may enter, and how often each has opened demandes of this lieu in the last twelve months."""
    since = start_of_day(add_months(paris_date(now), -12))
    accesses = Remise.objects.filter(lieu_id=convention.lieu_id, at__gte=since).order_by()
    counts = dict(accesses.values_list("user_id").annotate(Count("pk")))
    rows = Habilitation.objects.filter(personne__lieu=convention.lieu_id).select_related("user").order_by("pk")
    return [
        {
            "nom": one.user.get_full_name(),
            "activee": paris_date(one.activated_at),
            "connexion": paris_date(one.user.last_login) if one.user.last_login else None,
            "acces": counts.get(one.user_id, 0),
        }
        for one in rows
    ]


def _suspensions(convention: Convention) -> list[tuple[str, datetime, datetime | None, str]]:
    rows = Habilitation.objects.filter(personne__lieu=convention.lieu_id, suspensions__isnull=False)
    columns = ("user__prenom", "user__nom", "suspensions__from_at", "suspensions__until_at", "suspensions__reason")
    return [
        (f"{prenom} {nom}", since, until, reason)
        for prenom, nom, since, until, reason in rows.order_by("suspensions__from_at").values_list(*columns)
    ]


def bundle(convention: Convention, now: datetime) -> bytes:
    """One ZIP: the PDF of the facts, every letter with what the post gave back, each accord."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("dossier-de-manquement.pdf", write(convention, now))
        letters = convention.courriers.select_related("scan", "avis").order_by("posted_on", "pk")
        for rank, letter in enumerate(letters, start=1):
            _add_letter(made, rank, letter)
        ends = convention.resiliations.exclude(withdrawal=None).select_related("withdrawal").order_by("pk")
        for rank, end in enumerate(ends, start=1):
            assert end.withdrawal is not None
            made.writestr(f"accords/{rank:02}-retrait-de-resiliation.pdf", store.read(end.withdrawal))
    return buffer.getvalue()


def _add_letter(made: zipfile.ZipFile, rank: int, letter: Courrier) -> None:
    name = f"lettres/{rank:02}-{letter.posted_on}-{letter.objet}"
    if letter.scan:
        made.writestr(f"{name}.pdf", store.read(letter.scan))
    if letter.avis:
        made.writestr(f"{name}-avis-de-reception.pdf", store.read(letter.avis))
