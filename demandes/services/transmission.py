"""Making demandes available to their lieu, and telling it (ING-6, NOT-1 to NOT-3)."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet

from conventions import queries as conventions
from conventions.models import Lieu
from demandes.models import Demande, Livraison, Transmission
from demandes.workflow import DEMANDE, Etat, EtatLivraison
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

    @classmethod
    def of(cls, now: datetime, *, commune: str = "") -> "Places":
        """All of France, or one commune only."""
        if not commune:
            codes = dict(Lieu.objects.values_list("code", "pk"))
            return cls(territory.codes_index(), conventions.lieux_by_commune(now), codes)
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
        """The lieux of a commune; an arrondissement also has those of its city."""
        own, entry = self.lieux.get(code, []), self.codes.get(code)
        if entry is None or not entry.parente:
            return own
        return list(dict.fromkeys([*own, *self.lieux.get(entry.parente, [])]))

    def target(self, code: str, wanted: int | None) -> int | None:
        """ING-6: the only lieu of the commune, or the one named among several; None: an agent decides."""
        covering = self.covering(code)
        if len(covering) == 1:
            return covering[0]
        return wanted if wanted in covering else None


def transmit(
    demandes: QuerySet[Demande], *, lieu_id: int, now: datetime, livraison: Livraison | None = None, by: Any = "systeme"
) -> Transmission | None:
    """Give `demandes` that wait to one lieu: one transmission, one mail a person (NOT-1). Call inside a transaction.

    None, and nothing changes, when the lieu has no active person to tell, or nothing waits any more.
    """
    persons = [f"user:{line.user_id}" for line in habilitations.persons_of(lieu_id, now)]
    if not persons or not demandes.filter(state=Etat.A_ORIENTER).exists():
        return None
    batch = _batch_for(lieu_id, livraison, now)
    known, where = demandes.only("pk", "state", "caf"), {"lieu_id": lieu_id, "transmission_id": batch.pk}
    DEMANDE.apply_many(known.exclude(transmitted_at=None), "transmit", by=by, now=now, **where)
    DEMANDE.apply_many(known.filter(transmitted_at=None), "transmit", by=by, now=now, **where, transmitted_at=now)
    outbox.post("demandes.transmission", key=str(batch.uuid), to=persons, now=now, transmission=batch.pk)
    return batch


def _batch_for(lieu_id: int, livraison: Livraison | None, now: datetime) -> Transmission:
    """The transmission of a delivery to a lieu, once (ING-5): what comes later, after a kill and a change of coverage, joins it.

    Where the lieu has been told of it already, a new one: its fifteen days begin with its own mail (NOT-3).
    """
    if livraison is None:
        return Transmission.objects.create(lieu_id=lieu_id, transmitted_at=now)
    known = Transmission.objects.select_for_update().filter(livraison=livraison, lieu=lieu_id).first()
    if known is None:
        return Transmission.objects.create(lieu_id=lieu_id, livraison=livraison, transmitted_at=now)
    return known if known.notified_at is None else Transmission.objects.create(lieu_id=lieu_id, transmitted_at=now)


def transmit_waiting(
    livraison: Livraison, *, now: datetime, places: Places, alive: Callable[[], None] = lambda: None
) -> int:
    """At the end of a delivery: what it brought or changed, grouped by lieu; returns how many lieux were told.

    One transaction a lieu, so that a kill leaves whole transmissions, each with its mails. `alive` is called before each.
    """
    return _transmit_by_lieu(Demande.objects.filter(livraison=livraison), livraison, now, places, alive=alive)


def transmit_waiting_all(*, now: datetime) -> int:
    """What waited because no lieu, or nobody in it, could receive it, and now has its one lieu; families are told."""
    settled = Q(livraison=None) | ~Q(livraison__state=EtatLivraison.RECUE)
    waiting = Demande.objects.filter(settled)
    if not waiting.filter(state=Etat.A_ORIENTER).exists():
        return 0
    return _transmit_by_lieu(waiting, None, now, Places.of(now), families_too=True)


def _transmit_by_lieu(
    demandes: QuerySet[Demande],
    livraison: Livraison | None,
    now: datetime,
    places: Places,
    *,
    families_too: bool = False,
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
            batch = transmit(waiting.filter(mine), lieu_id=lieu_id, now=now, livraison=livraison)
            if batch and families_too:
                tell_families_of(batch, now)
        done += batch is not None
    return done


def tell_families_of(batch: Transmission, now: datetime) -> None:
    """ING-6.c: each family of this batch learns which lieu has its demande; the mail of one without address is cancelled."""
    told = Demande.objects.filter(transmission=batch, dossier__isnull=False)
    outbox.post_many(
        [
            ("demandes.orientee", str(batch.uuid), f"demande:{uuid}", {"demande": pk})
            for pk, uuid in told.values_list("pk", "uuid")
        ],
        now=now,
    )


def note_notified(messages: Sequence[Message]) -> None:
    """NOT-3: the fifteen days begin with the first mail about a transmission that was accepted. Only the first counts."""
    first: dict[int, datetime] = {}
    for message in messages:
        if message.sent_at:
            pk = message.about["transmission"]
            first[pk] = min(message.sent_at, first.get(pk, message.sent_at))
    unnotified = Transmission.objects.filter(pk__in=first, notified_at=None)
    started = list(unnotified.select_for_update(of=("self",)).select_related("lieu").order_by("pk"))
    for batch in started:
        batch.notified_at = first[batch.pk]
    Transmission.objects.bulk_update(started, ["notified_at"])
    journal.record_many(
        journal.entry("transmission.notifiee", batch, by="systeme", at=first[batch.pk], caf=batch.lieu.caf_id)
        for batch in started
    )
