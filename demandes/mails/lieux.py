"""To a lieu and its Caf: what waits, what was taken back or withdrawn. Nothing of families."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.db.models import Count, F, Min, Window
from django.db.models.functions import RowNumber

from conventions.models import Lieu
from demandes import queries, rules
from demandes.mails.common import CAFS, LIEUX, SHOWN, acting_for, demandes_of, written
from demandes.models import Attribution, Demande, Transmission
from demandes.services.transmission import note_notified
from demandes.workflow import AT_A_LIEU, LEFT, Etat, Fin
from extranet.core.dates import paris_date
from extranet.core.languages import date_longue
from extranet.core.outbox.kinds import Mail, link, mail
from extranet.core.outbox.models import Message
from extranet.territory.limits import until
from extranet.territory.mails import ALERTED


def _rank(message: Message) -> int:
    """The day of a reminder, from its key."""
    return int(message.key.rpartition(":")[2])


# --- of a transmission ------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Waiting:
    """A transmission, and what of it is not picked up."""

    transmission: Transmission
    count: int = 0
    nearest: date | None = None
    references: list[str] = field(default_factory=list)
    persons: set[str] = field(default_factory=set)
    """Whoever may act for the lieu now."""
    told: set[int] = field(default_factory=set)
    """Days of reminders posted and not cancelled; the last one stands for being late."""
    relances: rules.Relances = rules.Relances()


def _waiting(messages: Sequence[Message], now: datetime) -> dict[Any, Waiting]:
    transmissions = Transmission.objects.select_related("lieu")
    found = {
        pk: Waiting(one)
        for pk, one in transmissions.in_bulk([message.about["transmission"] for message in messages]).items()
    }
    waiting = queries.waiting_on(paris_date(now)).filter(transmission__in=found).order_by()
    for pk, count, nearest in waiting.values_list("transmission").annotate(Count("pk"), Min("last_day")):
        found[pk].count, found[pk].nearest = count, nearest
    rank = Window(RowNumber(), partition_by=F("transmission"), order_by=["last_day", "reference"])
    first = waiting.annotate(rank=rank).filter(rank__lte=SHOWN).order_by("transmission", "rank")
    for pk, reference in first.values_list("transmission", "reference"):
        found[pk].references.append(reference)
    acting = acting_for({one.transmission.lieu_id for one in found.values()}, now)
    for one in found.values():
        one.persons = acting[one.transmission.lieu_id]
    return {message.pk: found[message.about["transmission"]] for message in messages}


def _reminded(messages: Sequence[Message], now: datetime) -> dict[Any, Waiting]:
    found = _waiting(messages, now)
    by_uuid: dict[str, list[Waiting]] = defaultdict(list)
    for one in found.values():
        by_uuid[str(one.transmission.uuid)].append(one)
    keys = [key for name in by_uuid for key in (name, *(f"{name}:{day}" for day in range(1, rules.PICK_UP_DAYS)))]
    said = Message.objects.filter(kind__in=("demandes.rappel", "demandes.retard"), key__in=keys, cancelled_at=None)
    for key in said.values_list("key", flat=True).distinct():
        name, _colon, day = key.partition(":")
        for one in by_uuid[name]:
            one.told.add(int(day or rules.PICK_UP_DAYS))
    lieux = queries.relances_of(Lieu.objects.filter(pk__in={one.transmission.lieu_id for one in found.values()}))
    for one in found.values():
        one.relances = lieux[one.transmission.lieu_id]
    return found


def _batch(message: Message, now: datetime, subject: str, *, to_agents: bool = False, **context: Any) -> Mail | None:
    """A mail about what of a transmission is not picked up: count, references, link, last day; nothing of families."""
    waiting: Waiting = message.loaded
    if waiting.nearest is None or not (to_agents or message.recipient in waiting.persons):
        return None
    lieu, notified = waiting.transmission.lieu, waiting.transmission.notified_at or now
    day = rules.last_day_to_pick_up(notified, waiting.nearest)
    count = waiting.count
    return written(
        message,
        subject.format(n=count, s="s" if count > 1 else "", x="x" if count > 1 else ""),
        lieu=lieu,
        nombre=count,
        references=waiting.references,
        autres=count - len(waiting.references),
        dernier_jour=until(day, lieu.caf_id, at_paris=day == waiting.nearest),
        **{"lien": link("demandes:liste"), **context},
    )


@mail(
    "demandes.transmission",
    when="des demandes sont transmises au lieu",
    to="lieu",
    load=_waiting,
    liste=LIEUX,
    after=note_notified,
)
def transmission(message: Message, now: datetime) -> Mail | None:
    """NOT-1: one a lieu and batch."""
    return _batch(message, now, "{n} demande{s} à récupérer")


@mail(
    "demandes.rappel",
    when="septième et douzième jours sans récupération, sauf autres jours réglés par la Caf",
    to="lieu",
    load=_reminded,
    liste=LIEUX,
)
def rappel(message: Message, now: datetime) -> Mail | None:
    """NOT-4, NOT-5: not the first reminder when the second is due, none when the fifteen days are over, none
    after a later one or the word that it is late, even if the clock went back.
    """
    waiting, rank = message.loaded, _rank(message)
    notified = waiting.transmission.notified_at
    later = {day for day in waiting.told if day > rank}
    if notified is None or rules.reminder_day_due(notified, paris_date(now), later, waiting.relances) != rank:
        return None
    return _batch(message, now, "Rappel : {n} demande{s} à récupérer")


@mail("demandes.retard", when="seizième jour sans récupération", to="lieu", load=_waiting, liste=LIEUX)
def retard(message: Message, now: datetime) -> Mail | None:
    """NOT-4."""
    return _batch(message, now, "En retard : {n} demande{s} à récupérer")


@mail("demandes.retard-caf", when="seizième jour sans récupération", to=ALERTED, load=_waiting, liste=CAFS)
def retard_caf(message: Message, now: datetime) -> Mail | None:
    """NOT-4."""
    where = link("admin:demandes_demande_changelist") + "?delai=retard"
    return _batch(message, now, "Demandes en retard de récupération", to_agents=True, lien=where)


@mail(
    "demandes.non-notifiee",
    when="aucun courriel n’a pu annoncer une transmission de la veille",
    to=ALERTED,
    load=_waiting,
    liste=CAFS,
)
def non_notifiee(message: Message, now: datetime) -> Mail | None:
    """NOT-3."""
    waiting = message.loaded
    if waiting.transmission.notified_at or not waiting.count:
        return None
    return written(
        message,
        "Un lieu n’a pas pu être prévenu",
        lieu=waiting.transmission.lieu,
        nombre=waiting.count,
        lien=link("admin:courriels-non-distribues"),
    )


@mail(
    "demandes.retournee",
    when="tous les courriels qui annonçaient une transmission sont revenus",
    to=ALERTED,
    load=_waiting,
    liste=CAFS,
)
def retournee(message: Message, now: datetime) -> Mail | None:
    """NOT-3.c: the date stands, and says until when the lieu has; None once there is nothing to pick up."""
    if message.loaded.transmission.notified_at is None:
        return None
    where = link("admin:courriels-non-distribues")
    return _batch(message, now, "Les courriels à un lieu reviennent", to_agents=True, lien=where)


# --- what it will have to destroy -----------------------------------------------------------------------------------


def _going(messages: Sequence[Message], now: datetime) -> dict[Any, tuple[Lieu, list[Demande]]]:
    """Of each message to a person who still acts for its lieu: the lieu, and what is destroyed there in these days."""
    lieux = Lieu.objects.in_bulk([message.about["lieu"] for message in messages])
    acting, by_lieu = acting_for(lieux, now), defaultdict[int, list[Demande]](list)
    near = Demande.objects.filter(
        lieu__in=lieux,
        state__in=AT_A_LIEU,
        last_day__gte=paris_date(now),
        last_day__lte=max(message.about["au"] for message in messages),
    )
    for demande in near.order_by("last_day", "reference"):
        by_lieu[demande.lieu_id or 0].append(demande)
    found = {}
    for message in messages:
        lieu, du, au = (message.about[name] for name in ("lieu", "du", "au"))
        if message.recipient in acting[lieu]:
            theirs = [one for one in by_lieu[lieu] if du <= one.last_day.isoformat() <= au]
            found[message.pk] = (lieux[lieu], theirs)
    return found


@mail(
    "demandes.destruction-proche",
    when="quinze jours avant la destruction de demandes",
    to="lieu",
    load=_going,
    liste=LIEUX,
)
def destruction_proche(message: Message, now: datetime) -> Mail | None:
    """CNS-2.a: by which day the copies of which demandes must go; those not picked up are said apart."""
    lieu, theirs = message.loaded or (None, [])
    count = len(theirs)
    if not count:
        return None
    s = "s" if count > 1 else ""
    return written(
        message,
        f"{count} demande{s} à détruire dans les quinze jours",
        lieu=lieu,
        nombre=count,
        demandes=[(one.reference, date_longue(one.last_day), one.state == Etat.TRANSMISE) for one in theirs[:SHOWN]],
        autres=max(0, count - SHOWN),
        lien=link("demandes:liste"),
    )


# --- what it has no more ---------------------------------------------------------------------------------------------


def _lost(messages: Sequence[Message], now: datetime) -> dict[Any, tuple[Lieu, list[Attribution]]]:
    """Of each message to a person who still acts for its lieu: the lieu, and what was at it and is not any more."""
    lieux = Lieu.objects.in_bulk([message.about["lieu"] for message in messages])
    acting = acting_for(lieux, now)
    wanted = {pk for message in messages for pk in message.about["demandes"]}
    gone = Attribution.objects.filter(lieu__in=lieux, demande__in=wanted, fin__in=LEFT).exclude(demande__lieu=F("lieu"))
    by_lieu: dict[int, list[Attribution]] = defaultdict(list)
    for one in gone.select_related("demande").order_by("demande__reference", "pk"):
        by_lieu[one.lieu_id].append(one)
    return {
        message.pk: (
            lieux[message.about["lieu"]],
            [one for one in by_lieu[message.about["lieu"]] if one.demande_id in set(message.about["demandes"])],
        )
        for message in messages
        if message.recipient in acting[message.about["lieu"]]
    }


@mail(
    "demandes.reprise",
    when="la Caf reprend à un lieu des demandes, ou les confie à un autre ; une famille en choisit un autre",
    to="lieu",
    load=_lost,
    liste=LIEUX,
)
def reprise(message: Message, now: datetime) -> Mail | None:
    """NOT-4.k, CTL-9.b: the lieu that loses them, and by when the copies of what it has picked up must go (CNS-2.b)."""
    lieu, lost = message.loaded or (None, [])
    demandes = list({one.demande_id: one.demande for one in lost}.values())
    copied = {one.demande_id: one.demande for one in lost if one.picked_up_at}.values()
    count = len(demandes)
    if not count:
        return None
    over, s = all(one.fin == Fin.CONVENTION for one in lost), "s" if count > 1 else ""
    went = "confiée{s} à un autre lieu" if over else "reprise{s} par la Caf"
    return written(
        message,
        f"{count} demande{s} {went.format(s=s)}",
        lieu=lieu,
        nombre=count,
        fin_de_convention=over,
        references=[demande.reference for demande in demandes[:SHOWN]],
        autres=max(0, count - SHOWN),
        copies=[(demande.reference, date_longue(demande.last_day)) for demande in copied],
        lien=link("demandes:parties"),
    )


@mail(
    "demandes.retrait", when="une famille retire une demande déjà récupérée", to="lieu", load=demandes_of, liste=LIEUX
)
def retrait(message: Message, now: datetime) -> Mail | None:
    """DEM-4."""
    if (demande := message.loaded) is None:
        return None
    return written(
        message,
        f"Demande {demande.reference} retirée : détruisez votre copie",
        demande=demande,
        six_mois=date_longue(demande.last_day),
    )
