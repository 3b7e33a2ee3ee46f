"""What each mail about demandes says, read from the present at sending. None: it lost its purpose and is cancelled."""

import uuid
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.db.models import Count, F, Min, Window
from django.db.models.functions import RowNumber

from conventions.models import Lieu
from demandes import queries, rules
from demandes.models import Attribution, Demande, Dossier, Transmission
from demandes.services.transmission import note_notified
from demandes.workflow import ALIVE, LEFT, Etat
from extranet.core.dates import paris_date
from extranet.core.outbox.kinds import Mail, addressee, link, mail
from extranet.core.outbox.models import Message
from extranet.core.words import date_longue
from habilitations import queries as habilitations

SHOWN = 50
CAF = "agents de la Caf et sa boîte de service"


@addressee("demande")
def families(identifiers: Collection[str]) -> dict[str, str]:
    """Families' addresses while their dossiers exist."""
    wanted = [uuid.UUID(identifier) for identifier in identifiers]
    rows = Dossier.objects.filter(demande__uuid__in=wanted).values_list("demande__uuid", "courriel")
    return {str(identifier): address for identifier, address in rows}


def _mail(message: Message, subject: str, **context: Any) -> Mail:
    app, _, name = message.kind.partition(".")
    return Mail(subject, f"{app}/courriels/{name}", context)


def _still_acts(message: Message, lieu_id: int, now: datetime) -> bool:
    """ACC-6: a person whose access ended since the mail was posted gets none."""
    return habilitations.persons_of(lieu_id, now).filter(user=message.recipient.removeprefix("user:")).exists()


def _rank(message: Message) -> int:
    """The day of a reminder, from its key."""
    return int(message.key.rpartition(":")[2])


# --- of a transmission ---------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Waiting:
    """A transmission, and what of it is not picked up."""

    transmission: Transmission
    count: int = 0
    nearest: date | None = None
    references: list[str] = field(default_factory=list)
    persons: set[str] = field(default_factory=set)
    """Whoever may act for the lieu now, as addressees (ACC-6: access may have ended since the mail was posted)."""
    told: set[int] = field(default_factory=set)
    """Days of reminders posted and not cancelled; the last one stands for being late."""


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
    acting: dict[int, set[str]] = defaultdict(set)
    lieux = {one.transmission.lieu_id for one in found.values()}
    for lieu, user in habilitations.active(now).filter(lieu__in=lieux).values_list("lieu", "user"):
        acting[lieu].add(f"user:{user}")
    for one in found.values():
        one.persons = acting[one.transmission.lieu_id]
    return {message.pk: found[message.about["transmission"]] for message in messages}


def _reminded(messages: Sequence[Message], now: datetime) -> dict[Any, Waiting]:
    found = _waiting(messages, now)
    by_uuid: dict[str, list[Waiting]] = defaultdict(list)
    for one in found.values():
        by_uuid[str(one.transmission.uuid)].append(one)
    keys = [key for name in by_uuid for key in (name, *(f"{name}:{day}" for day in rules.REMINDER_DAYS))]
    said = Message.objects.filter(kind__in=("demandes.rappel", "demandes.retard"), key__in=keys, cancelled_at=None)
    for key in said.values_list("key", flat=True).distinct():
        name, _, day = key.partition(":")
        for one in by_uuid[name]:
            one.told.add(int(day or rules.PICK_UP_DAYS))
    return found


def _batch(message: Message, now: datetime, subject: str, *, to_agents: bool = False, **context: Any) -> Mail | None:
    """A mail about what of a transmission is not picked up: count, references, link, last day; nothing of families."""
    waiting: Waiting = message.loaded
    if waiting.nearest is None or not (to_agents or message.recipient in waiting.persons):
        return None
    day = rules.last_day_to_pick_up(waiting.transmission.notified_at or now, waiting.nearest)
    count = waiting.count
    return _mail(
        message,
        subject.format(n=count, s="s" if count > 1 else "", x="x" if count > 1 else ""),
        lieu=waiting.transmission.lieu,
        nombre=count,
        references=waiting.references,
        autres=count - len(waiting.references),
        dernier_jour=date_longue(day),
        **{"lien": link("demandes:liste"), **context},
    )


@mail(
    "demandes.transmission",
    when="des demandes sont transmises au lieu",
    to="lieu",
    load=_waiting,
    after=note_notified,
)
def transmission(message: Message, now: datetime) -> Mail | None:
    """NOT-1: one a lieu and batch."""
    return _batch(message, now, "{n} demande{s} à récupérer")


@mail("demandes.rappel", when="septième et douzième jours sans récupération", to="lieu", load=_reminded)
def rappel(message: Message, now: datetime) -> Mail | None:
    """NOT-4, NOT-5: not the reminder of day 7 when that of day 12 is due, none when the fifteen days are over, none
    after a later one or the word that it is late, even if the clock went back.
    """
    waiting, rank = message.loaded, _rank(message)
    notified = waiting.transmission.notified_at
    later = {day for day in waiting.told if day > rank}
    if notified is None or rules.reminder_day_due(notified, paris_date(now), later) != rank:
        return None
    return _batch(message, now, "Rappel : {n} demande{s} à récupérer")


@mail("demandes.retard", when="seizième jour sans récupération", to="lieu", load=_waiting)
def retard(message: Message, now: datetime) -> Mail | None:
    """NOT-4."""
    return _batch(message, now, "En retard : {n} demande{s} à récupérer")


@mail("demandes.retard-caf", when="seizième jour sans récupération", to=CAF, load=_waiting)
def retard_caf(message: Message, now: datetime) -> Mail | None:
    """NOT-4."""
    where = link("admin:demandes_demande_changelist") + "?delai=retard"
    return _batch(message, now, "Demandes en retard de récupération", to_agents=True, lien=where)


@mail(
    "demandes.non-notifiee",
    when="aucun courriel n’a pu annoncer une transmission de la veille",
    to=CAF,
    load=_waiting,
)
def non_notifiee(message: Message, now: datetime) -> Mail | None:
    """NOT-3."""
    waiting = message.loaded
    if waiting.transmission.notified_at or not waiting.count:
        return None
    return _mail(
        message,
        "Un lieu n’a pas pu être prévenu",
        lieu=waiting.transmission.lieu,
        nombre=waiting.count,
        lien=link("admin:courriels-non-distribues"),
    )


# --- to a family ---------------------------------------------------------------------------------------------------


def _demandes(messages: Sequence[Message], now: datetime) -> dict[Any, Demande]:
    rows = Demande.objects.select_related("lieu", "commune", "transmission", "dossier")
    found = rows.in_bulk([message.about["demande"] for message in messages])
    return {message.pk: found.get(message.about["demande"]) for message in messages}


def _demande(message: Message, now: datetime, states: frozenset[Etat]) -> Demande | None:
    demande: Demande | None = message.loaded
    return demande if demande and demande.state in states and demande.last_day >= paris_date(now) else None


@mail("demandes.accuse", when="une famille valide sa demande", to="famille", load=_demandes)
def accuse(message: Message, now: datetime) -> Mail | None:
    """DEM-4: reference, private link, rights; nothing that the family typed."""
    demande = _demande(message, now, ALIVE)
    if demande is None:
        return None
    return _mail(
        message,
        f"Votre demande {demande.reference} est enregistrée",
        demande=demande,
        lieu=demande.lieu,
        recue_le=date_longue(paris_date(demande.received_at)),
        detruite_le=date_longue(demande.last_day),
        lien=link("demandes:suivi", queries.link_token(demande.uuid)),
        confidentialite=link("portal:confidentialite"),
    )


@mail("demandes.orientee", when="la Caf confie la demande à un lieu", to="famille", load=_demandes)
def orientee(message: Message, now: datetime) -> Mail | None:
    """ING-6."""
    demande = _demande(message, now, ALIVE)
    if demande is None or demande.lieu is None:
        return None
    return _mail(message, "Un lieu d’information va vous répondre", demande=demande, lieu=demande.lieu)


@mail("demandes.reprise", when="la Caf reprend à un lieu des demandes, ou les confie à un autre", to="lieu")
def reprise(message: Message, now: datetime) -> Mail | None:
    """NOT-4.k, CTL-9.b: the lieu that loses them, and by when the copies of what it has picked up must go (CNS-2.b)."""
    lieu = Lieu.objects.get(pk=message.about["lieu"])
    if not _still_acts(message, lieu.pk, now):
        return None
    gone = Attribution.objects.filter(lieu=lieu, demande__in=message.about["demandes"], fin__in=LEFT)
    lost = gone.exclude(demande__lieu=lieu).select_related("demande").order_by("demande__reference", "pk")
    demandes = list({one.demande_id: one.demande for one in lost}.values())
    copied = {one.demande_id: one.demande for one in lost if one.picked_up_at}.values()
    count = len(demandes)
    if not count:
        return None
    return _mail(
        message,
        f"{count} demande{'s' if count > 1 else ''} reprise{'s' if count > 1 else ''} par la Caf",
        lieu=lieu,
        nombre=count,
        references=[demande.reference for demande in demandes[:SHOWN]],
        autres=max(0, count - SHOWN),
        copies=[(demande.reference, date_longue(demande.last_day)) for demande in copied],
        lien=link("demandes:parties"),
    )


@mail("demandes.retard-famille", when="seizième jour sans récupération", to="famille", load=_demandes)
def retard_famille(message: Message, now: datetime) -> Mail | None:
    """NOT-4: whom the family can turn to."""
    demande = _demande(message, now, frozenset({Etat.TRANSMISE}))
    if demande is None:
        return None
    return _mail(message, "Votre demande attend une réponse", demande=demande, lieu=demande.lieu)


@mail("demandes.retrait-famille", when="une famille retire sa demande", to="famille, une seule fois et tout de suite")
def retrait_famille(message: Message, now: datetime) -> Mail:
    """DEM-4.d: said while its address is still in hand; nothing of it is kept (`destruction.withdraw_and_confirm`)."""
    about = message.about
    return _mail(
        message,
        f"Votre demande {about['reference']} est retirée",
        reference=about["reference"],
        lieu_prevenu=about["recuperee"],
    )


# --- withdrawals ----------------------------------------------------------------------------------------------------


@mail("demandes.retrait", when="une famille retire une demande déjà récupérée", to="lieu", load=_demandes)
def retrait(message: Message, now: datetime) -> Mail | None:
    """DEM-4."""
    if (demande := message.loaded) is None:
        return None
    return _mail(
        message,
        f"Demande {demande.reference} retirée : détruisez votre copie",
        demande=demande,
        six_mois=date_longue(demande.last_day),
    )
