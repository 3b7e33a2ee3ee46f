"""Reads of the register: who holds a convention today, and which communes it covers."""

from datetime import date, datetime
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from conventions import rules
from conventions.models import Acte, Convention, Couverture, Gestionnaire, Lieu, PersonneInscrite, Signature
from conventions.workflow import EtatConvention
from extranet.core.dates import paris_date
from extranet.core.words import date_courte
from extranet.territory.models import Commune
from extranet.territory.queries import cafs_visible_to


def in_force(day: date, prefix: str = "") -> Q:
    """CON-3: signed, begun, not past its last day; tacit renewal needs no row and no job. Suspended ones count."""
    return Q(**{f"{prefix}state": EtatConvention.SIGNEE, f"{prefix}in_force_from__lte": day}) & (
        Q(**{f"{prefix}ended_on": None}) | Q(**{f"{prefix}ended_on__gte": day})
    )


def lieux_in_force(now: datetime) -> QuerySet[Lieu]:
    """Lieux under a convention in force and not suspended: they receive and see demandes."""
    held = Convention.objects.filter(in_force(paris_date(now)), lieu=OuterRef("pk"), suspended_at=None)
    return Lieu.objects.filter(Exists(held))


def covering(now: datetime) -> QuerySet[Couverture]:
    """Communes covered now by lieux that receive demandes."""
    day = paris_date(now)
    return Couverture.objects.filter(
        Q(until_on=None) | Q(until_on__gte=day), from_on__lte=day, lieu__in=lieux_in_force(now)
    )


def lieux_covering(commune_code: str, now: datetime) -> QuerySet[Lieu]:
    """DEM-2: the lieux that answer for a commune now (an arrondissement is covered by its own code or its city's)."""
    wanted = Q(commune=commune_code) | Q(commune__arrondissements=commune_code)
    return Lieu.objects.filter(pk__in=covering(now).filter(wanted).values("lieu")).order_by("nom", "pk")


def covered_near(commune: Commune, now: datetime) -> QuerySet[Commune]:
    """Other communes of the same EPCI that a lieu covers at `now` (DEM-2)."""
    near = Commune.objects.filter(epci=commune.epci_id, pk__in=covering(now).values("commune"))
    return near.exclude(pk=commune.pk).order_by("nom_recherche") if commune.epci_id else near.none()


def lieux_by_commune(now: datetime) -> dict[str, list[int]]:
    """Commune code → lieux, in one query: for whoever routes many demandes."""
    index: dict[str, list[int]] = {}
    for code, lieu in covering(now).order_by("lieu_id").values_list("commune_id", "lieu_id"):
        index.setdefault(code, []).append(lieu)
    return index


def personnes_in_force(now: datetime) -> QuerySet[PersonneInscrite]:
    """Persons of annexe 1 today, of lieux under a convention in force (ACT-1)."""
    day = paris_date(now)
    return PersonneInscrite.objects.filter(
        Q(until_on=None) | Q(until_on__gte=day), from_on__lte=day, lieu__in=lieux_in_force(now)
    ).select_related("lieu")


def convention_of(lieu: Lieu, now: datetime) -> Convention | None:
    """The convention in force of a lieu, suspended or not."""
    return lieu.conventions.filter(in_force(paris_date(now))).first()


def annexe1(lieu: Lieu, day: date) -> tuple[QuerySet[Couverture], QuerySet[PersonneInscrite]]:
    """CON-8: communes and persons as they stood on `day`."""
    held = Q(until_on=None) | Q(until_on__gte=day)
    return (
        lieu.couvertures.filter(held, from_on__lte=day).select_related("commune").order_by("commune__nom_recherche"),
        lieu.personnes.filter(held, from_on__lte=day).order_by("nom", "prenom"),
    )


def conventions_visible_to(user: Any) -> QuerySet[Convention]:
    """The conventions of the agent's own Caf, all for the Cnaf, none for anybody else."""
    return Convention.objects.filter(lieu__caf__in=cafs_visible_to(user)).select_related(
        "lieu__gestionnaire", "lieu__caf"
    )


def gestionnaires_visible_to(user: Any) -> QuerySet[Gestionnaire]:
    """The gestionnaires of the agent's own Caf, all for the Cnaf, none for anybody else."""
    return Gestionnaire.objects.filter(caf__in=cafs_visible_to(user))


def founding_acte(convention: Convention) -> Acte:
    """The acte by which the convention was made (its avenants come after it)."""
    return convention.actes.select_related("pdf").get(nature=Acte.Nature.CONVENTION)


def signatures_of(acte: Acte) -> QuerySet[Signature]:
    """The signatures that stand, corrected ones left out."""
    return acte.signatures.filter(superseded_at=None).select_related("scan", "recorded_by").order_by("piece", "partie")


def signed_dates(acte: Acte) -> dict[tuple[str, str], date]:
    """(party, piece) → date, of the signatures that stand."""
    rows = acte.signatures.filter(superseded_at=None).values_list("partie", "piece", "signed_on")
    return {(partie, piece): signed_on for partie, piece, signed_on in rows}


def lines_of(acte: Acte) -> tuple[QuerySet[Couverture], QuerySet[PersonneInscrite]]:
    """The communes and persons that an acte brings into annexe 1, in force or waiting for the signatures."""
    return (
        acte.couvertures.select_related("commune__departement").order_by("commune__nom_recherche", "commune"),
        acte.personneinscrites.order_by("nom", "prenom", "pk"),
    )


def faults_of(acte: Acte) -> list[str]:
    """CON-2: what an agent has to mend before anyone relies on this acte, in sentences."""
    faults = []
    dates = signed_dates(acte)
    gestionnaire = acte.convention.lieu.gestionnaire
    early = [
        day
        for (partie, _), day in dates.items()
        if partie == Signature.Partie.GESTIONNAIRE and rules.signed_too_early(day, acte.deliberation_received_on)
    ]
    if early:
        faults.append(
            f"Le gestionnaire a signé le {date_courte(min(early))}, avant que l’acte qui l’y autorise ne parvienne à la "
            f"préfecture ({date_courte(acte.deliberation_received_on)}). Faites signer de nouveau, puis corrigez la signature."
        )
    if gestionnaire.nature in rules.PUBLIC_BODIES and not acte.deliberation_received_on:
        faults.append(
            "L’acte qui autorise le gestionnaire à signer (décision ou délibération, avec sa date de réception par la "
            "préfecture) n’est pas enregistré."
        )
    return faults
