"""Reads of demandes: one visibility rule a public (ACC-1, ACC-3, CNS-1)."""

import uuid
from collections.abc import Collection
from contextlib import suppress
from datetime import date, datetime, timedelta
from statistics import median_low

from django.db.models import Case, Count, Exists, F, OuterRef, Q, QuerySet, When
from django.utils.translation import gettext as _

from demandes.models import Attribution, Demande, Dossier, Livraison, Transmission
from demandes.workflow import ALIVE, AT_A_LIEU, LEFT, Etat, EtatLivraison
from extranet.core import signed
from extranet.core.accounts.models import User
from extranet.core.dates import paris_date
from extranet.core.errors import Gone, NoKey, NotFound
from extranet.core.languages import date_longue
from extranet.core.outbox.models import Message
from extranet.territory.queries import search_key
from habilitations import queries as habilitations

# What is to be picked up comes first, in the order of its fifteenth day.
WAITING_FIRST = Case(When(state=Etat.TRANSMISE, then=0), default=1)

# --- a lieu's persons -----------------------------------------------------------------------------------------------


def own_lieux(user: User, now: datetime) -> list[int]:
    """ACC-1: their few keys, not the question: the indexes by lieu are read instead of every row."""
    return list(habilitations.lieux_of(user, now).values_list("pk", flat=True))


def demandes_visible_to(user: User, now: datetime) -> QuerySet[Demande]:
    """ACC-1, CNS-1: at one's lieux under a convention in force, not past the last day, not destroyed."""
    return (
        Demande.objects.filter(lieu__in=own_lieux(user, now), state__in=AT_A_LIEU, last_day__gte=paris_date(now))
        .select_related("commune", "dossier", "transmission", "lieu")
        .order_by(WAITING_FIRST, F("pick_up_day").asc(nulls_last=True), "last_day", "reference")
    )


def require_visible(user: User, wanted: Collection[uuid.UUID], now: datetime, *, lock: bool = False) -> list[Demande]:
    """The demandes of `wanted`, all of them: 404 when one was never at `user`'s lieux, 410 when one has left them, is
    destroyed or past its day.

    With `lock`, their rows are held, in the order of every other writer, then read: what waited may have changed since.
    """
    visible = demandes_visible_to(user, now).filter(uuid__in=wanted)
    if lock:
        list(visible.select_related(None).order_by("pk").select_for_update().values_list("pk"))
    found = list(visible)
    if len(found) == len(set(wanted)):
        return found
    own = own_lieux(user, now)
    asked = Demande.objects.filter(uuid__in=wanted)
    if asked.filter(Exists(Attribution.objects.filter(demande=OuterRef("pk"), lieu__in=own))).count() < len(
        set(wanted)
    ):
        raise NotFound
    if asked.filter(state__in=ALIVE, last_day__gte=paris_date(now)).exclude(lieu__in=own).exists():
        raise Gone("Cette demande n’est plus confiée à votre lieu : vous n’y avez plus accès.")
    raise Gone


def left_from(lieux: Collection[int], now: datetime) -> QuerySet[Attribution]:
    """What went on without these lieux, the last first, until its day: then their attestation has it. No family."""
    return (
        Attribution.objects.filter(lieu__in=lieux, fin__in=LEFT, demande__last_day__gte=paris_date(now))
        .exclude(demande__state=Etat.PURGEE)
        .exclude(demande__lieu=F("lieu"))  # it came back
        .select_related("demande__lieu", "lieu", "picked_up_by")
        .order_by("-ended_at", "-pk")
    )


def counts_of(demandes: QuerySet[Demande]) -> dict[str, int]:
    """State → how many of `demandes`."""
    return dict(demandes.order_by().values_list("state").annotate(Count("pk")))


def open_attribution(demande: Demande) -> Attribution:
    """Where a demande that is at a lieu stands there."""
    return Attribution.objects.get(demande=demande, ended_at=None)


# What a lieu received: picked up, opened on screen, or named in a list (ACC-2).
RECEIVED = Q(picked_up_at__isnull=False) | Q(seen_at__isnull=False)


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
    """CNS-6.c: how many dossiers a day were destroyed: the median of the last four weeks' days that had any, or 0."""
    rows = Demande.objects.filter(state=Etat.PURGEE, last_day__gte=day - timedelta(days=29), last_day__lt=day)
    counts = rows.order_by().values_list("last_day").annotate(Count("pk"))
    return median_low([count for _, count in counts] or [0])


def waiting_on(day: date) -> QuerySet[Demande]:
    """Demandes that their lieu can still pick up and has not."""
    return Demande.objects.filter(state=Etat.TRANSMISE, last_day__gte=day)


def late_on(day: date) -> QuerySet[Demande]:
    """NOT-4: those of `waiting_on` whose fifteenth day is over."""
    return waiting_on(day).filter(pick_up_day__lt=day)


def stranded_at(now: datetime) -> QuerySet[Demande]:
    """CTL-9: those of `waiting_on` whose lieu has nobody to pick them up: no active person, suspended, or ended."""
    return waiting_on(paris_date(now)).filter(lieu__in=habilitations.lieux_without_anybody(now))


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
