"""Making demandes available to their lieu, and telling it (ING-6, NOT-1 to NOT-3)."""

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import F, Q, QuerySet

from conventions import queries as conventions
from conventions.models import Lieu
from demandes import rules
from demandes.models import Attribution, Demande, Livraison, Transmission
from demandes.services import dossiers
from demandes.workflow import AT_A_LIEU, DEMANDE, Etat, EtatLivraison, Fin
from extranet.core import bulk
from extranet.core.dates import paris_date
from extranet.core.journal import services as journal
from extranet.core.outbox import services as outbox
from extranet.core.outbox.models import Message
from extranet.territory import queries as territory
from extranet.territory.queries import CodeEntry, Match
from habilitations import queries as habilitations


@dataclass(slots=True)
class Places:
    """Communes, and the lieux that answer for them at one moment: for whoever routes many demandes."""

    codes: dict[str, CodeEntry] = field(default_factory=dict)
    lieux: dict[str, list[int]] = field(default_factory=dict)
    lieu_by_code: dict[str, int] = field(default_factory=dict)
    ending: frozenset[int] = frozenset()
    """CON-6.f: those in the last days of their convention."""

    @classmethod
    def of(cls, now: datetime, *, commune: str = "") -> "Places":
        """All of France, or one commune only."""
        if not commune:
            codes = dict(Lieu.objects.values_list("code", "pk"))
            ending = frozenset(conventions.lieux_ending(now).values_list("lieu", flat=True))
            return cls(territory.codes_index(), conventions.lieux_by_commune(now), codes, ending)
        found = territory.commune_by_code(commune)
        if found is None:
            return cls()
        return cls.at(found, list(conventions.lieux_covering(found.commune.pk, now)), code=commune)

    @classmethod
    def at(cls, found: Match, lieux: list[Lieu], *, code: str = "") -> "Places":
        """One commune, looked up already (by `code`, where that is a former one), and the lieux that cover it."""
        own = found.commune.pk
        entry = CodeEntry(own, found.former and code != own, found.commune.caf_id or "", "")
        return cls({code or own: entry}, {own: [lieu.pk for lieu in lieux]}, {lieu.code: lieu.pk for lieu in lieux})

    def covering(self, code: str) -> list[int]:
        """The lieux of a commune; an arrondissement also has those of its city. Those that end, where no other does."""
        found, entry = self.lieux.get(code, []), self.codes.get(code)
        if entry is not None and entry.parente:
            found = list(dict.fromkeys([*found, *self.lieux.get(entry.parente, [])]))
        if self.ending.isdisjoint(found):
            return found
        return [lieu for lieu in found if lieu not in self.ending] or found

    def target(self, code: str, wanted: int | None) -> int | None:
        """ING-6: the only lieu of the commune, or the one named among several; None: an agent decides."""
        covering = self.covering(code)
        if len(covering) == 1:
            return covering[0]
        return wanted if wanted in covering else None


def transmit(
    demandes: QuerySet[Demande],
    *,
    lieu_id: int,
    now: datetime,
    livraison: Livraison | None = None,
    by: journal.Actor = "systeme",
    reassign: bool = False,
    act: str = "transmit",
) -> Transmission | None:
    """Give `demandes` that wait to one lieu: one transmission, one mail a person (NOT-1). Call inside a transaction.

    With `reassign`, those too that another lieu had and that are open there no more; or those that another `act` may
    move. None, and nothing changes, when the lieu has no active person to tell, or nothing waits any more.
    """
    persons = [f"user:{account}" for account in habilitations.accounts_of(lieu_id, now)]
    acts = ["reassign", "transmit"] if reassign else [act]  # what waits ends in a state that the other starts from
    sources = frozenset[str]().union(*(DEMANDE.moves[act].sources for act in acts))
    if not persons or not demandes.filter(state__in=sources).exists():
        return None
    batch, moved = _batch_for(lieu_id, livraison, now), list[int]()
    for act in acts:
        moved += DEMANDE.apply_many(
            demandes,
            act,
            by=by,
            now=now,
            lieu_id=lieu_id,
            transmission_id=batch.pk,
            pick_up_day=None,
            closed_at=None,
        )
    open_attributions([(pk, lieu_id, batch.pk) for pk in moved], now)
    outbox.post(ANNOUNCED, key=str(batch.uuid), to=persons, now=now, transmission=batch.pk)
    return batch


class Opening(NamedTuple):
    """A transmission for a demande that is about to be inserted at its lieu."""

    place: dict[str, Any]
    """What its columns say of that."""
    mails: list[outbox.Row]


def open_for_new(lieu: Lieu, now: datetime) -> Opening | None:
    """`transmit` for a demande that is not there yet; None when the lieu has no active person to tell (CTL-9).

    Call inside its transaction, which then notes the passage (`DEMANDE.entered`), opens the attribution and posts.
    """
    persons = habilitations.accounts_of(lieu.pk, now)
    if not persons:
        return None
    batch = Transmission.objects.create(lieu=lieu, transmitted_at=now)
    mails: list[outbox.Row] = [
        (ANNOUNCED, str(batch.uuid), f"user:{user}", {"transmission": batch.pk}) for user in persons
    ]
    return Opening({"state": DEMANDE.moves["transmit"].target, "lieu": lieu, "transmission": batch}, mails)


OPENED = ("demande_id", "lieu_id", "transmission_id")


def open_attributions(rows: Sequence[tuple[int, int | None, int | None]], now: datetime) -> None:
    """From now on each of these demandes is at its lieu, by its transmission."""
    bulk.insert_values(Attribution, OPENED, rows, transmitted_at=now, fin="", motif="")


def end_attributions(demande_ids: Collection[int], fin: Fin, now: datetime, *, motif: str = "") -> None:
    """These demandes are at their lieu no more; what it received stays on record, to be attested in the end (CNS-3).

    What it had noted of them goes with it: the next lieu does not read it (SUI-1.c).
    """
    there = Attribution.objects.filter(demande__in=demande_ids, ended_at=None)
    there.update(ended_at=now, fin=fin, motif=motif)
    dossiers.forget_notes(demande_ids)


def _batch_for(lieu_id: int, livraison: Livraison | None, now: datetime) -> Transmission:
    """The transmission of a delivery to a lieu, once (ING-5): what comes after a kill and another coverage joins it.

    Where the lieu has been told of it already, a new one: its fifteen days begin with its own mail (NOT-3).
    """
    if livraison is None:
        return Transmission.objects.create(lieu_id=lieu_id, transmitted_at=now)
    known = Transmission.objects.select_for_update().filter(livraison=livraison, lieu=lieu_id).first()
    if known is None:
        return Transmission.objects.create(lieu_id=lieu_id, livraison=livraison, transmitted_at=now)
    return known if known.notified_at is None else Transmission.objects.create(lieu_id=lieu_id, transmitted_at=now)


def held_batches(livraison: Livraison, lieux: Collection[int]) -> dict[int, Transmission]:
    """Lieu → the transmission that this delivery has made there already; locked, before any demande is."""
    known = Transmission.objects.filter(livraison=livraison, lieu__in=lieux).order_by("pk").select_for_update()
    return {batch.lieu_id: batch for batch in known}


def open_batches(
    known: dict[int, Transmission], lieux: Collection[int], livraison: Livraison, now: datetime
) -> dict[int, int]:
    """Lieu → the transmission in which its demandes of a delivery are inserted, with its mails (ING-5, NOT-1).

    The mails wait for `tell_of_delivery`, for HELD at most: so that a lieu gets one for all, and gets it whatever
    becomes of the delivery. Left out, for `transmit_waiting`: lieux without an active person to tell, or told already.
    Call inside the transaction of the batch.
    """
    missing = [lieu for lieu in lieux if lieu not in known]
    persons = habilitations.persons_by_lieu(missing, now) if missing else {}
    new = [Transmission(lieu_id=lieu, livraison=livraison, transmitted_at=now) for lieu in sorted(persons)]
    bulk.insert(new)
    outbox.post_many(
        [
            (ANNOUNCED, str(batch.uuid), f"user:{user}", {"transmission": batch.pk})
            for batch in new
            for user in persons[batch.lieu_id]
        ],
        now=now,
        due_at=now + HELD,
    )
    joined = {lieu: batch.pk for lieu, batch in known.items() if not batch.notified_at}
    return joined | {batch.lieu_id: batch.pk for batch in new}


def tell_of_delivery(livraison: Livraison, now: datetime) -> None:
    """NOT-1: a delivery is at its end; the mails about its transmissions leave."""
    made = Transmission.objects.filter(livraison=livraison).values_list("uuid", flat=True)
    outbox.bring_forward(ANNOUNCED, keys=map(str, made), now=now)


ANNOUNCED = "demandes.transmission"
TOLD = "demandes.orientee"
# No delivery takes as long.
HELD = timedelta(hours=1)


def transmit_waiting(
    livraison: Livraison, *, now: datetime, places: Places, alive: Callable[[], None] = lambda: None
) -> int:
    """At the end of a delivery: what it changed, or could not transmit at once, by lieu; returns how many were told.

    One transaction a lieu, so that a kill leaves whole transmissions, each with its mails. `alive` is called before
    each.
    """
    return _transmit_by_lieu(Demande.objects.filter(livraison=livraison), livraison, now, places, alive=alive)


def transmit_waiting_all(*, now: datetime) -> int:
    """What waited because no lieu, or nobody in it, could receive it, and now has its one lieu; families are told."""
    settled = Q(livraison=None) | ~Q(livraison__state=EtatLivraison.RECUE)
    waiting = Demande.objects.filter(settled)
    if not waiting.filter(state=Etat.A_ORIENTER).exists():
        return 0
    return _transmit_by_lieu(waiting, None, now, Places.of(now))


def _transmit_by_lieu(
    demandes: QuerySet[Demande],
    livraison: Livraison | None,
    now: datetime,
    places: Places,
    *,
    alive: Callable[[], None] = lambda: None,
) -> int:
    waiting = demandes.filter(state=Etat.A_ORIENTER, last_day__gte=paris_date(now))
    by_lieu: dict[int, dict[int | None, list[str]]] = defaultdict(lambda: defaultdict(list))
    for commune, voulu in waiting.order_by().values_list("commune_id", "lieu_voulu_id").distinct():
        if goal := places.target(commune, voulu):
            by_lieu[goal][voulu].append(commune)
    done = 0
    for lieu_id, choices in sorted(by_lieu.items()):
        mine = Q()
        for wanted, communes in choices.items():
            mine |= Q(lieu_voulu=wanted, commune__in=communes)
        alive()
        with transaction.atomic():
            moving = list(waiting.filter(mine).values_list("pk", flat=True))
            theirs = Demande.objects.filter(bulk.AnyOf(F("pk"), moving))
            batch = transmit(theirs, lieu_id=lieu_id, now=now, livraison=livraison)
            if batch:
                tell_families_of(batch, now, among=theirs)
        done += batch is not None
    return done


def tell_families_of(batch: Transmission, now: datetime, *, among: QuerySet[Demande] | None = None) -> None:
    """ING-6.c: each family of this batch learns which lieu has its demande; a mail without address is cancelled.

    `among`, where others of the batch know already.
    """
    told = (Demande.objects.all() if among is None else among).filter(transmission=batch, dossier__isnull=False)
    outbox.post_many(
        [(TOLD, str(batch.uuid), f"demande:{uuid}", {"demande": pk}) for pk, uuid in told.values_list("pk", "uuid")],
        now=now,
    )


def tell_new_families(rows: Sequence[tuple[int, str, int | None]], now: datetime) -> None:
    """ING-7.c: the same for demandes (key, uuid, transmission) that a delivery has inserted at their lieu and whose
    family left an address. Once: a record that comes again is no new demande.
    """
    batches = {batch for _, _, batch in rows if batch}
    names = dict(Transmission.objects.filter(pk__in=batches).values_list("pk", "uuid"))
    outbox.post_new(
        TOLD,
        [(str(names[batch]), f"demande:{uuid}", {"demande": pk}) for pk, uuid, batch in rows if batch],
        now=now,
    )


def note_notified(messages: Sequence[Message]) -> None:
    """NOT-3: the fifteen days begin with the first mail about a transmission that was accepted, and with no other."""
    first: dict[int, datetime] = {}
    for message in messages:
        if message.sent_at:
            pk = message.about["transmission"]
            first[pk] = min(message.sent_at, first.get(pk, message.sent_at))
    unnotified = Transmission.objects.filter(pk__in=first, notified_at=None)
    started = list(unnotified.select_for_update(of=("self",)).select_related("lieu").order_by("pk"))
    by_day: dict[date, list[int]] = defaultdict(list)
    for batch in started:
        batch.notified_at = first[batch.pk]
        by_day[rules.fifteenth_day(batch.notified_at)].append(batch.pk)
    Transmission.objects.bulk_update(started, ["notified_at"])
    theirs = Demande.objects.filter(transmission__in=[batch.pk for batch in started], state__in=AT_A_LIEU)
    list(theirs.order_by("pk").select_for_update(of=("self",)).values_list("pk"))  # in the order of every other writer
    for day, batches in by_day.items():
        theirs.filter(transmission__in=batches).update(pick_up_day=day)
    journal.record_many(
        journal.entry("transmission.notifiee", batch, by="systeme", at=first[batch.pk], caf=batch.lieu.caf_id)
        for batch in started
    )
