"""Reads of the register: who holds a convention today, and which communes it covers."""

from datetime import date, datetime

from django.db.models import Exists, F, OuterRef, Q, QuerySet

from conventions import rules
from conventions.models import (
    Acte,
    Convention,
    Couverture,
    Gestionnaire,
    IdentiteGestionnaire,
    IdentiteLieu,
    Lieu,
    Partie,
    PersonneInscrite,
    Piece,
    Signature,
    Suspension,
)
from conventions.workflow import EtatConvention
from extranet.core.accounts.models import User
from extranet.core.dates import paris_date
from extranet.core.words import date_courte
from extranet.territory.models import Commune
from extranet.territory.queries import cafs_visible_to


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
    suspended = Suspension.objects.filter(withheld(now), convention=OuterRef("pk"))
    held = Convention.objects.filter(in_force(paris_date(now)), ~Exists(suspended), lieu=OuterRef("pk"))
    return Lieu.objects.filter(Exists(held))


def covering(now: datetime) -> QuerySet[Couverture]:
    """Communes covered now by lieux that receive demandes."""
    day = paris_date(now)
    own = in_force(day, "opened_by__convention__")
    return Couverture.objects.filter(held(day), own, lieu__in=lieux_in_force(now))


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
    return named_on(paris_date(now)).filter(lieu__in=lieux_in_force(now)).select_related("lieu")


def convention_of(lieu: Lieu, now: datetime) -> Convention | None:
    """The convention in force of a lieu, suspended or not."""
    return lieu.conventions.filter(in_force(paris_date(now))).first()


def annexe1(lieu: Lieu, day: date) -> tuple[QuerySet[Couverture], QuerySet[PersonneInscrite]]:
    """CON-8: communes and persons as they stood on `day`, under the convention in force that day."""
    own = held(day) & in_force(day, "opened_by__convention__")
    return (
        lieu.couvertures.filter(own).select_related("commune").order_by("commune__nom_recherche"),
        lieu.inscriptions.filter(own).order_by("nom", "prenom"),
    )


def identity_on(owner: Lieu | Gestionnaire, day: date) -> IdentiteLieu | IdentiteGestionnaire:
    """CON-8.b: what was said of a lieu or of a gestionnaire on `day`; of two changes on one day, the later."""
    held = owner.identites.filter(Q(until_on=None) | Q(until_on__gte=day), from_on__lte=day)
    return held.latest("from_on", "pk")


def conventions_visible_to(user: User) -> QuerySet[Convention]:
    """The conventions of the agent's own Caf, all for the Cnaf, none for anybody else."""
    return Convention.objects.filter(lieu__caf__in=cafs_visible_to(user)).select_related("gestionnaire", "lieu__caf")


def gestionnaires_visible_to(user: User) -> QuerySet[Gestionnaire]:
    """The gestionnaires of the agent's own Caf, all for the Cnaf, none for anybody else."""
    return Gestionnaire.objects.filter(caf__in=cafs_visible_to(user))


def founding_acte(convention: Convention) -> Acte:
    """The acte by which the convention was made (its avenants come after it)."""
    return convention.actes.filter(nature=Acte.Nature.CONVENTION).latest("rang")


def pieces_of(acte: Acte) -> list[Piece]:
    """The papers of an acte, in the order of `rules.PIECES`, with their file."""
    order = rules.PIECES[acte.nature]
    return sorted(acte.pieces.select_related("pdf"), key=lambda piece: order.index(piece.nature))


def signatures_of(acte: Acte) -> QuerySet[Signature]:
    """The signatures that stand, corrected ones left out."""
    standing = Signature.objects.filter(piece__acte=acte, superseded_at=None)
    return standing.select_related("scan", "recorded_by", "piece").order_by("piece__nature", "partie")


def superseded_of(acte: Acte) -> QuerySet[Signature]:
    """CON-2.k: the signatures that a correction replaced."""
    replaced = Signature.objects.filter(piece__acte=acte).exclude(superseded_at=None)
    return replaced.select_related("scan", "piece").order_by("superseded_at")


def signed_dates(acte: Acte) -> dict[tuple[str, str], date]:
    """(party, piece) → date, of the signatures that stand."""
    standing = Signature.objects.filter(piece__acte=acte, superseded_at=None)
    rows = standing.values_list("partie", "piece__nature", "signed_on")
    return {(partie, piece): signed_on for partie, piece, signed_on in rows}


def lines_of(acte: Acte) -> tuple[QuerySet[Couverture], QuerySet[PersonneInscrite]]:
    """The communes and persons that an acte brings into annexe 1, in force or waiting for the signatures."""
    return (
        acte.couvertures_ouvertes.select_related("commune__departement").order_by("commune__nom_recherche", "commune"),
        acte.personneinscrites_ouvertes.order_by("nom", "prenom", "pk"),
    )


def annexe1_of(convention: Convention) -> tuple[QuerySet[Couverture], QuerySet[PersonneInscrite]]:
    """CON-8: every line of a convention, over, holding or waiting for signatures, by whichever of its actes."""
    return (
        Couverture.objects.filter(opened_by__convention=convention)
        .select_related("commune")
        .order_by("commune__nom_recherche", "commune", "from_on"),
        PersonneInscrite.objects.filter(opened_by__convention=convention).order_by("nom", "prenom", "from_on", "pk"),
    )


def changed_before(acte: Acte, day: date) -> bool:
    """CON-7: another acte has taken effect on what this one opens, before `day`: this one cannot begin that late."""
    later = Acte.objects.filter(convention=acte.convention, rang__gt=acte.rang, effective_on__lt=day)
    if acte.nature == Acte.Nature.CONVENTION:
        return later.exists()
    return any(lines.filter(until_on__lt=day).exists() for lines in lines_of(acte))


def faults_of(acte: Acte) -> list[str]:
    """CON-2: what an agent has to mend before anyone relies on this acte, in sentences."""
    faults = []
    dates = signed_dates(acte)
    gestionnaire = acte.convention.gestionnaire
    early = [
        day
        for (partie, _), day in dates.items()
        if partie == Partie.GESTIONNAIRE and rules.signed_too_early(day, acte.deliberation_received_on)
    ]
    if early:
        faults.append(
            f"Le gestionnaire a signé le {date_courte(min(early))}, avant que l’acte qui l’y autorise ne parvienne à "
            f"la préfecture ({date_courte(acte.deliberation_received_on)}). Faites signer de nouveau, puis corrigez la "
            "signature."
        )
    if gestionnaire.nature in rules.PUBLIC_BODIES and not acte.deliberation_received_on:
        faults.append(
            "L’acte qui autorise le gestionnaire à signer (décision ou délibération, avec sa date de réception par la "
            "préfecture) n’est pas enregistré."
        )
    return faults
