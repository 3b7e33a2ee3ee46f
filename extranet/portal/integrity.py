"""Proves the invariants; each check gives sentences, none when all is well."""

import logging
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from django.db.models import Count, Exists, F, OuterRef, Q
from django.db.models.functions import TruncDate

from conventions.models import (
    Convention,
    Couverture,
    Gestionnaire,
    IdentiteGestionnaire,
    IdentiteLieu,
    Lieu,
    PersonneInscrite,
)
from demandes import queries
from demandes.attestations.models import LigneAttestation
from demandes.models import Attribution, Demande, Dossier, Livraison, Note, Suivi, Telechargement
from demandes.services import dossiers, inbox
from demandes.services.files import LIFE
from demandes.workflow import ALIVE, AT_A_LIEU, DEMANDE, Etat, Fin
from extranet.core.dates import PARIS, paris_date
from extranet.core.documents import store
from extranet.core.journal import services as journal
from extranet.core.vault import days
from habilitations import queries as habilitations

logger = logging.getLogger(__name__)


def past_their_day(now: datetime) -> Iterator[str]:
    """CNS-1, HAB-8: no personal data past its limit."""
    late = Dossier.objects.filter(demande__last_day__lt=paris_date(now)).count()
    if late:
        yield f"{late} dossiers past their last day"
    left = Dossier.objects.exclude(demande__state__in=ALIVE).count()
    if left:
        yield f"{left} dossiers of destroyed or withdrawn demandes"
    if late := habilitations.past_keeping(now).count():
        yield f"{late} applications past their last day"
    over = Telechargement.objects.filter(expires_at__lt=now - LIFE, fichier__isnull=False)
    if late := over.count():
        yield f"{late} files that were asked for, an hour past their hour"
    lost = Demande.objects.filter(state__in=ALIVE, dossier=None).count()
    if lost:
        yield f"{lost} demandes without dossier"


def sealed(now: datetime) -> Iterator[str]:
    """CNS-10: each dossier under the key of its last day, each key there and the one that sealed."""
    for day, (why, count) in sorted(dossiers.trouble(now=now).items()):
        if count:
            yield f"key of {day} {why}: {count} dossiers"
    for day, count in dossiers.of_another_key(now=now):
        yield f"{count} dossiers of {day} were sealed under another key"
    if wrong := Dossier.objects.exclude(jour=F("demande__last_day")).count():
        yield f"{wrong} dossiers under the key of another day than their last"
    if wrong := Note.objects.exclude(jour=F("dossier__jour")).count():
        yield f"{wrong} notes under the key of another day than their dossier"
    if over := days.overdue(paris_date(now)):
        yield f"{len(over)} keys of days that are over, the first of {over[0]}"


def one_lieu(now: datetime) -> Iterator[str]:
    """DEM-5.a: a demande at a lieu has an open attribution, to that lieu, by its transmission; no other has one. What
    is on the agenda of a lieu is of a demande that it has.
    """
    here = Attribution.objects.filter(
        demande=OuterRef("pk"), ended_at=None, lieu=OuterRef("lieu"), transmission=OuterRef("transmission")
    )
    if count := Demande.objects.filter(~Exists(here), state__in=AT_A_LIEU).count():
        yield f"{count} demandes at a lieu without an open attribution to it"
    if count := Attribution.objects.filter(ended_at=None).exclude(demande__state__in=AT_A_LIEU).count():
        yield f"{count} open attributions of demandes that are at no lieu"
    kept = Q(dossier__demande__state__in=[Etat.RECUPEREE, Etat.TRAITEE], dossier__demande__lieu=F("lieu"))
    if count := Suivi.objects.exclude(kept).count():
        yield f"{count} agendas of demandes that their lieu has not, or has not picked up"


def all_owed(now: datetime) -> Iterator[str]:
    """CNS-3: what was destroyed at a lieu, or received by one, is on an attestation or waits to be; until the proof of
    the convention under which it was there has gone (ACC-2.e).
    """
    kept = Convention.objects.filter(lieu=OuterRef("lieu"), in_force_from__lte=OuterRef("ended_on"))
    said = LigneAttestation.objects.filter(attribution=OuterRef("pk"))
    owed = Attribution.objects.alias(ended_on=TruncDate("ended_at", tzinfo=PARIS)).filter(
        queries.RECEIVED | Q(fin=Fin.DETRUITE),
        Exists(kept),
        ~Exists(said),
        attest_from=None,
        demande__state__in=DEMANDE.final,
    )
    if count := owed.count():
        yield f"{count} attributions that no attestation has or will have"


def one_convention(now: datetime) -> Iterator[str]:
    """CON-10: no lieu has two conventions in force on one day."""
    day = paris_date(now)
    held = Q(in_force_from__lte=day) & (Q(ended_on=None) | Q(ended_on__gte=day))
    for row in Convention.objects.filter(held).values("lieu__code").annotate(n=Count("pk")).filter(n__gt=1):
        yield f"lieu {row['lieu__code']}: {row['n']} conventions in force"


def identities(now: datetime) -> Iterator[str]:
    """CON-8.b: the columns of each lieu and gestionnaire are those of the row that holds now, and there is one."""
    kinds: list[tuple[Any, str, Any]] = [
        (IdentiteLieu, "lieu", Lieu),
        (IdentiteGestionnaire, "gestionnaire", Gestionnaire),
    ]
    for kind, owner, owners in kinds:
        rows = kind._default_manager.filter(until_on=None)
        for row in rows.exclude(**{name: F(f"{owner}__{name}") for name in kind.VALUES}).order_by("pk"):
            yield f"{owner} {getattr(row, f'{owner}_id')}: its columns are not those of its identity"
        for lost in owners._default_manager.exclude(pk__in=rows.values(owner)).order_by("pk"):
            yield f"{owner} {lost.pk}: no identity holds now"


def own_lines(now: datetime) -> Iterator[str]:
    """CON-8: a line of annexe 1 is of the lieu of its person and of its acte."""
    for line in PersonneInscrite.objects.exclude(
        lieu=F("personne__lieu"), opened_by__convention__lieu=F("lieu")
    ).order_by("pk"):
        yield f"line {line.pk} of a person: not of the lieu of its person or acte"
    for covered in Couverture.objects.exclude(opened_by__convention__lieu=F("lieu")).order_by("pk"):
        yield f"line {covered.pk} of a commune: not of the lieu of its acte"


def balanced(now: datetime) -> Iterator[str]:
    """ING-4: what was read of a delivery is what became of its records."""
    sums = F("creees") + F("mises_a_jour") + F("inchangees") + F("ecartees")
    for livraison in Livraison.objects.exclude(lues=sums):
        yield f"livraison {livraison.uuid}: counts do not balance"


def journal_unbroken(now: datetime) -> Iterator[str]:
    """ACC-2: each append-only record, its seals, and what is kept of them outside the database."""
    yield from journal.faults(now=now)


def files(now: datetime) -> Iterator[str]:
    """CON-1, CNS-4: each kept file has its record and the bytes that the record says, and no file is without one."""
    yield from store.damaged()
    for path in store.orphans(now=now):
        yield f"file without record: {path.name}"


def delivery_files(now: datetime) -> Iterator[str]:
    """ING-5, RGP-5: each livraison has its bytes, all bytes their livraison, and none stands still."""
    yield from inbox.faults(now=now)


CHECKS: list[Callable[[datetime], Iterator[str]]] = [
    past_their_day,
    sealed,
    one_lieu,
    all_owed,
    one_convention,
    identities,
    own_lines,
    balanced,
    journal_unbroken,
    files,
    delivery_files,
]


def faults(now: datetime) -> list[str]:
    """Every sentence of every check; one that cannot end is itself a fault, and the others go on."""
    found: list[str] = []
    for check in CHECKS:
        try:
            found += check(now)
        except Exception as error:
            logger.exception("check failed: %s", check.__name__)
            found.append(f"{check.__name__}: could not be checked ({type(error).__name__})")
    return found
