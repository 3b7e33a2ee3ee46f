"""Reads of demandes: one visibility rule a public (ACC-1, ACC-3, CNS-1)."""

import uuid
from collections.abc import Collection
from contextlib import suppress
from datetime import date, datetime, timedelta
from statistics import median_low
from typing import Any

from django.db.models import Case, Count, F, QuerySet, When
from django.utils.translation import gettext as _

from demandes import rules
from demandes.models import Attestation, Demande, Dossier, LigneAttestation, Livraison, Transmission
from demandes.workflow import ALIVE, Etat, EtatLivraison
from extranet.core import signed
from extranet.core.dates import paris_date
from extranet.core.errors import Gone, NoKey, NotFound
from extranet.core.languages import date_longue
from extranet.core.outbox.models import Message
from extranet.territory.queries import search_key
from habilitations import queries as habilitations

# What is to be picked up comes first, in the order of its fifteenth day.
WAITING_FIRST = Case(When(state=Etat.TRANSMISE, then=0), default=1)

# --- a lieu's persons -----------------------------------------------------------------------------------------------


def demandes_known_to(user: Any, now: datetime) -> QuerySet[Demande]:
    """ACC-1: demandes of the lieux that `user` may act for, destroyed ones included."""
    # Their few keys, not the question: the index of the lieu is read instead of every demande.
    return Demande.objects.filter(lieu__in=list(habilitations.lieux_of(user, now).values_list("pk", flat=True)))


def demandes_visible_to(user: Any, now: datetime) -> QuerySet[Demande]:
    """ACC-1, CNS-1: own lieux under a convention in force, not past the last day, not destroyed."""
    return (
        demandes_known_to(user, now)
        .filter(last_day__gte=paris_date(now), state__in=ALIVE)
        .select_related("commune", "dossier", "transmission", "lieu")
        .order_by(WAITING_FIRST, F("transmission__notified_at").asc(nulls_last=True), "last_day", "reference")
    )


def require_visible(user: Any, wanted: Collection[uuid.UUID], now: datetime, *, lock: bool = False) -> list[Demande]:
    """The demandes of `wanted`, all of them: 404 when one is not of `user`'s lieux, 410 when one is destroyed or past its day.

    With `lock`, their rows are held, in the order of every other writer, then read: what waited may have changed since.
    """
    visible = demandes_visible_to(user, now).filter(uuid__in=wanted)
    if lock:
        list(visible.select_related(None).order_by("pk").select_for_update().values_list("pk"))
    found = list(visible)
    if len(found) == len(set(wanted)):
        return found
    if demandes_known_to(user, now).filter(uuid__in=wanted).count() == len(set(wanted)):
        raise Gone
    raise NotFound


def counts_for(user: Any, now: datetime) -> dict[str, int]:
    """State → how many visible demandes."""
    rows = demandes_visible_to(user, now).order_by().values_list("state").annotate(Count("pk"))
    return dict(rows)


def attestations_of(user: Any, now: datetime) -> QuerySet[Attestation]:
    """CNS-3, CON-6: attestations of the lieux of `user`, even after the convention's end."""
    lieux = habilitations.lieux_to_attest(user, now)
    return Attestation.objects.filter(lieu__in=lieux).select_related("lieu").annotate(nombre=Count("lignes"))


# --- a family ------------------------------------------------------------------------------------------------------


def link_token(demande: uuid.UUID) -> str:
    """The token of a family's private link (DEM-4)."""
    return signed.token("demande", demande)


def demande_by_token(token: str, now: datetime) -> Demande:
    """The demande of a private link: 404 when the token is not ours, 410 when the dossier is gone or past its day."""
    identifier = signed.read("demande", token)
    if identifier is None:
        raise NotFound
    demande = (
        Demande.objects.filter(uuid=identifier).select_related("dossier", "commune", "lieu", "transmission").first()
    )
    if demande is None:
        raise NotFound
    if demande.state == Etat.RETIREE:
        sentence = _("Cette demande a été retirée le %(jour)s. Ses données ont été détruites aussitôt.")
        raise Gone(sentence % {"jour": _day(demande.destroyed_at)})
    if demande.state == Etat.PURGEE:
        sentence = _("Vos données ont été détruites le %(jour)s, à la fin de leur conservation.")
        raise Gone(sentence % {"jour": _day(demande.destroyed_at)})
    if demande.last_day < paris_date(now):
        sentence = _("La conservation de vos données a pris fin le %(jour)s.")
        raise Gone(sentence % {"jour": date_longue(demande.last_day)})
    return demande


def _day(moment: datetime | None) -> str:
    return date_longue(paris_date(moment)) if moment else ""


def is_acknowledged(demande: Demande) -> bool:
    """DEM-4.f: whether a mail to the family is on its way or gone; not the fourth of a day for one address."""
    return Message.objects.filter(kind="demandes.accuse", key=str(demande.uuid)).exists()


# --- the system ----------------------------------------------------------------------------------------------------


def due_for_destruction(day: date) -> QuerySet[Demande]:
    """CNS-1, CNS-8: past their last day and not destroyed yet."""
    return Demande.objects.filter(state__in=ALIVE, last_day__lt=day).order_by("last_day", "pk")


def usual_day(day: date) -> int:
    """CNS-6.c: how many dossiers a day were destroyed, the median of the days of the last four weeks that had any; 0 for none."""
    rows = Demande.objects.filter(state=Etat.PURGEE, last_day__gte=day - timedelta(days=29), last_day__lt=day)
    counts = rows.order_by().values_list("last_day").annotate(Count("pk"))
    return median_low([count for _, count in counts] or [0])


def waiting_on(day: date) -> QuerySet[Demande]:
    """Demandes that their lieu can still pick up and has not."""
    return Demande.objects.filter(state=Etat.TRANSMISE, last_day__gte=day)


def late_on(day: date) -> QuerySet[Demande]:
    """NOT-4: those of `waiting_on` whose fifteenth day is over."""
    return waiting_on(day).filter(transmission__notified_at__lt=rules.notified_before_is_late(day))


def stranded_at(now: datetime) -> QuerySet[Demande]:
    """CTL-9: those of `waiting_on` whose lieu has nobody to pick them up: no active person, suspended, or ended."""
    return waiting_on(paris_date(now)).filter(lieu__in=habilitations.lieux_without_anybody(now))


def waiting_transmissions(day: date) -> QuerySet[Transmission]:
    """Transmissions of which something is not picked up."""
    return Transmission.objects.filter(pk__in=waiting_on(day).values("transmission")).select_related("lieu")


def to_attest(day: date, limit: int, but: Collection[int] = ()) -> QuerySet[Demande]:
    """CNS-3: destroyed demandes that a lieu had received and has not attested; at the end of their six months too,
    those withdrawn of which it had a copy. Not of the lieux `but`.
    """
    attested = LigneAttestation.objects.values("demande")
    purged = Demande.objects.filter(state=Etat.PURGEE, lieu__isnull=False)
    withdrawn = Demande.objects.filter(
        state=Etat.RETIREE, lieu__isnull=False, picked_up_at__isnull=False, last_day__lt=day
    )
    waiting = (purged | withdrawn).exclude(pk__in=attested)
    if but:
        waiting = waiting.exclude(lieu__in=but)
    return waiting.select_related("picked_up_by").order_by("lieu", "pk")[:limit]


def matching(demandes: QuerySet[Demande], text: str, today: date) -> QuerySet[Demande]:
    """Those whose reference or name contains `text`, accents and case ignored. Opened and compared here: a lieu has tens
    to thousands. One that cannot be opened is found by its reference.
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
