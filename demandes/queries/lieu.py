"""What the persons of a lieu see of demandes: one rule of visibility for all (ACC-1, ACC-3)."""

import uuid
from collections.abc import Collection
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Case, Count, Exists, F, OuterRef, Q, QuerySet, Value, When

from conventions.models import Couverture
from demandes import rules
from demandes.models import (
    Attribution,
    Demande,
    Note,
    Remise,
    Suivi,
    Telechargement,
)
from demandes.workflow import ALIVE, AT_A_LIEU, LEFT, Etat, Issue
from extranet.core.accounts.models import User
from extranet.core.bulk import AnyOf
from extranet.core.dates import paris_date, start_of_day
from extranet.core.errors import Gone, Moved, NotFound
from extranet.core.frozen import Frozen
from extranet.core.journal.models import Entry
from extranet.territory.limits import over
from extranet.territory.models import Commune
from extranet.territory.queries import search_key
from habilitations import queries as habilitations

# Ways of access that leave a copy at the lieu.
FILES = [Remise.Mode.PDF, Remise.Mode.XML, Remise.Mode.ZIP, Remise.Mode.CSV, Remise.Mode.FLUX]

# What is to be picked up comes first, in the order of its fifteenth day.
WAITING_FIRST = Case(When(state=Etat.TRANSMISE, then=0), default=1)


def own_lieux(user: User, now: datetime) -> list[int]:
    """ACC-1: their few keys, not the question: the indexes by lieu are read instead of every row."""
    return list(habilitations.lieux_of(user, now).values_list("pk", flat=True))


def demandes_visible_to(user: User, now: datetime) -> QuerySet[Demande]:
    """ACC-1, CNS-1: at one's lieux under a convention in force, not past the last day, not destroyed."""
    return demandes_at(own_lieux(user, now), paris_date(now))


def demandes_at(lieux: Collection[int], today: date) -> QuerySet[Demande]:
    """`demandes_visible_to`, for whoever has asked already which lieux are one's own."""
    return (
        Demande.objects.filter(lieu__in=lieux, state__in=AT_A_LIEU, last_day__gte=today)
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
        raise Moved("Cette demande n’est plus confiée à votre lieu : vous n’y avez plus accès.")
    raise Gone


def telechargement_of(user: User, wanted: uuid.UUID) -> Telechargement:
    """TEL-1: a file that this person asked for; 404 when another did."""
    found = Telechargement.objects.select_related("fichier", "user").filter(user=user, uuid=wanted).first()
    if found is None:
        raise NotFound
    return found


def left_from(lieux: list[int], now: datetime) -> QuerySet[Attribution]:
    """What went on without these lieux, the last first, until its day: then their attestation has it. No family."""
    return (
        Attribution.objects.filter(AnyOf(F("lieu"), lieux), fin__in=LEFT, demande__last_day__gte=paris_date(now))
        .exclude(demande__state=Etat.PURGEE)
        .exclude(demande__lieu=F("lieu"))  # it came back
        .select_related("demande__lieu", "lieu", "picked_up_by")
        .order_by("-ended_at", "-pk")
    )


@Frozen
def count_left(lieux: list[int], now: datetime) -> QuerySet[Any]:
    """How many `left_from` lists: one number, or none."""
    one = left_from(lieux, now).order_by().annotate(all=Value(1)).values("all")
    return one.annotate(number=Count("pk")).values_list("number", flat=True)


# What a lieu's list can be narrowed to, beside the states (SUI-1): what is next, first.
A_RAPPELER, RENDEZ_VOUS, BIENTOT_DETRUITES, A_MOI = "a-rappeler", "rendez-vous", "bientot-detruites", "a-moi"


def _open_agenda(lieux: list[int], today: date) -> QuerySet[Suivi]:
    """Of demandes whose outcome has not been said."""
    there = {"dossier__demande__state": Etat.RECUPEREE, "dossier__demande__last_day__gte": today}
    return Suivi.objects.filter(AnyOf(F("lieu"), lieux), **there)


def agenda(kind: str, lieux: list[int], today: date, until: datetime) -> QuerySet[Suivi]:
    """The calls of today and before, or the appointments before `until`, of these lieux, by their index; of demandes
    whose outcome has not been said.
    """
    rows = _open_agenda(lieux, today)
    return rows.filter(rappeler_on__lte=today) if kind == A_RAPPELER else rows.filter(rendez_vous_at__lt=until)


def _shown_until(today: date) -> datetime:
    """When the last day of appointments shown is over."""
    return start_of_day(rules.shown_until(today) + timedelta(days=1))


def narrowed(demandes: QuerySet[Demande], kind: str, user: User, lieux: list[int], today: date) -> QuerySet[Demande]:
    """Those of `demandes` in a state, or in one of the lists above, each in the order in which it is worked through."""
    if kind in (A_RAPPELER, RENDEZ_VOUS):
        first = "dossier__suivi__rappeler_on" if kind == A_RAPPELER else "dossier__suivi__rendez_vous_at"
        there = agenda(kind, lieux, today, _shown_until(today)).values("dossier__demande")
        return demandes.filter(pk__in=there).order_by(first, "last_day", "reference")
    if kind == BIENTOT_DETRUITES:
        soon = demandes.filter(last_day__lte=rules.soon_destroyed_until(today))
        return soon.order_by("last_day", "reference")
    if kind == A_MOI:
        return demandes.filter(dossier__suivi__confiee_a=user, state=Etat.RECUPEREE)
    return demandes.filter(state=kind) if kind else demandes


def counts_for_list(user: User, lieux: list[int], now: datetime) -> dict[str, int]:
    """How many of the demandes of `lieux` are in each state, and in each of the lists above; "" has them all."""
    rows = _counted(lieux=lieux, user=user.pk, now=now, until=_shown_until(paris_date(now)))
    own = [(number, soon) for kind, number, soon in rows if kind in AT_A_LIEU]
    return {kind: number for kind, number, _ in rows} | {
        "": sum(number for number, _ in own),
        BIENTOT_DETRUITES: sum(soon for _, soon in own),
    }


@Frozen
def _counted(lieux: list[int], user: int, now: datetime, until: datetime) -> QuerySet[Any]:
    """State or list, how many, and how many of these are soon destroyed."""
    today = paris_date(now)
    soon = Count("pk", filter=Q(last_day__lte=rules.soon_destroyed_until(today)))
    there = Demande.objects.filter(AnyOf(F("lieu"), lieux), state__in=list(AT_A_LIEU), last_day__gte=today)
    states = there.order_by().values_list("state").annotate(Count("pk"), soon=soon)
    lists = {kind: agenda(kind, lieux, today, until) for kind in (A_RAPPELER, RENDEZ_VOUS)}
    lists[A_MOI] = _open_agenda(lieux, today).filter(confiee_a=user)
    counted = [
        found.order_by().annotate(kind=Value(kind)).values_list("kind").annotate(Count("pk"), soon=Value(0))
        for kind, found in lists.items()
    ]
    return states.union(*counted, all=True)


DEADLINES = {"trois-jours": rules.AT_RISK, "sept-jours": 7}
"""TEL-5.b: how many days are left at most, where a deadline is asked for; « retard »: none."""


def due_within(demandes: QuerySet[Demande], deadline: str, now: datetime) -> QuerySet[Demande]:
    """Those that wait: late (NOT-4.i), or due within some days."""
    waiting, late = demandes.filter(state=Etat.TRANSMISE), over(now, "pick_up_day", "caf")
    if deadline not in DEADLINES:
        return waiting.filter(late)
    return waiting.exclude(late).filter(pick_up_day__lte=paris_date(now) + timedelta(days=DEADLINES[deadline]))


ORDERS = {
    "recentes": ["-deposee_le", "reference"],
    "anciennes": ["deposee_le", "reference"],
    "destruction": ["last_day", "reference"],
}
"""Other orders of a list than by deadline."""


def communes_of(lieux: list[int]) -> list[tuple[str, str]]:
    """The communes that these lieux cover or have covered, the arrondissements of each among them: what their list is
    filtered by, without reading it.
    """
    return sorted(_communes(lieux=lieux), key=lambda one: (search_key(one[1]), one[0]))


@Frozen
def _communes(lieux: list[int]) -> QuerySet[Any]:
    covered = Couverture.objects.filter(AnyOf(F("lieu"), lieux)).order_by().values("commune")
    names = Commune.objects.order_by().values_list("pk", "nom")
    return names.filter(pk__in=covered).union(names.filter(parente__in=covered))  # each by its index: no OR


def unmet_needs(lieux: Collection[int], since: datetime) -> dict[str, int]:
    """SUI-1.f: how many demandes these lieux closed without a solution since then, and with which traits."""
    rows = Attribution.objects.filter(lieu__in=lieux, issue=Issue.SANS_SOLUTION, answered_at__gte=since)
    return rows.aggregate(
        total=Count("pk"),
        atypique=Count("pk", filter=Q(atypique=True)),
        urgente=Count("pk", filter=Q(urgente=True)),
        accessibilite=Count("pk", filter=Q(accessibilite=True)),
    )


def notes_of(demande: Demande) -> QuerySet[Note]:
    """What its lieu wrote down about a family, the last first."""
    return Note.objects.filter(dossier__demande=demande).select_related("author")


def acts_at_its_lieu(demande: Demande) -> QuerySet[Entry]:
    """What the journal says of a demande since its lieu has it, the last first."""
    assert demande.transmission is not None
    since = demande.transmission.transmitted_at
    rows = Entry.objects.filter(object_kind=Demande._meta.label_lower, object_id=str(demande.uuid), at__gte=since)
    return rows.order_by("-at", "-pk")


def files_at_its_lieu(demande: Demande) -> QuerySet[Remise]:
    """The files that its lieu has had of a demande since it has it."""
    assert demande.transmission is not None
    return Remise.objects.filter(
        demande_uuid=demande.uuid,
        lieu_id=demande.transmission.lieu_id,
        mode__in=FILES,
        at__gte=demande.transmission.transmitted_at,
    )


def open_attribution(demande: Demande) -> Attribution:
    """Where a demande that is at a lieu stands there."""
    return Attribution.objects.get(demande=demande, ended_at=None)


def handed_before(demandes: Collection[Demande]) -> set[int]:
    """TEL-6: those of which their present lieu has had a file since it has them."""
    here = {(one.uuid, one.lieu_id): (one.pk, one.transmission.transmitted_at) for one in demandes if one.transmission}
    rows = Remise.objects.filter(demande_uuid__in=[one.uuid for one in demandes], mode__in=FILES)
    found = set[int]()
    for name, lieu, at in rows.values_list("demande_uuid", "lieu_id", "at"):
        pk, since = here.get((name, lieu), (0, at))
        if pk and at >= since:
            found.add(pk)
    return found


# What a lieu received: picked up, opened on screen, or named in a list (ACC-2).
RECEIVED = Q(picked_up_at__isnull=False) | Q(seen_at__isnull=False)
