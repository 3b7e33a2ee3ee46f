"""What each mail about demandes says, read from the present at sending. None: it lost its purpose and is cancelled."""

import uuid
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from django.db.models import Count, F, Min, Window
from django.db.models.functions import RowNumber
from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from conventions.models import Lieu
from demandes import queries, rules
from demandes.models import Attribution, Demande, Dossier, Transmission
from demandes.services.transmission import note_notified
from demandes.workflow import ALIVE, LEFT, Etat
from extranet.core.dates import paris_date
from extranet.core.languages import date_longue
from extranet.core.outbox.kinds import Mail, addressee, link, mail
from extranet.core.outbox.models import Message
from habilitations import queries as habilitations

SHOWN = 50
CAF = "agents de la Caf et sa boîte de service"


@addressee("demande")
def families(identifiers: Collection[str], now: datetime) -> dict[str, str]:
    """Families' addresses while their dossiers exist."""
    wanted = [uuid.UUID(identifier) for identifier in identifiers]
    today = paris_date(now)
    rows = Dossier.objects.filter(demande__uuid__in=wanted, jour__gte=today)
    return {
        str(identifier): Dossier.opened(identifier, day, scelle, today).courriel
        for identifier, day, scelle in rows.values_list("demande__uuid", "jour", "scelle")
    }


def _mail(message: Message, subject: str, **context: Any) -> Mail:
    app, name = message.kind.split(".", 1)
    return Mail(subject, f"{app}/courriels/{name}", context)


def _acting(lieux: Collection[int], now: datetime) -> Mapping[int, set[str]]:
    """Lieu → whoever may act for it now, as addressees (ACC-6: access may have ended since a mail was posted)."""
    acting: dict[int, set[str]] = defaultdict(set)
    for lieu, user in habilitations.active(now).filter(personne__lieu__in=lieux).values_list("personne__lieu", "user"):
        acting[lieu].add(f"user:{user}")
    return acting


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
    """Whoever may act for the lieu now."""
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
    acting = _acting({one.transmission.lieu_id for one in found.values()}, now)
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
        name, _colon, day = key.partition(":")
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


def _demandes(messages: Sequence[Message], now: datetime) -> dict[Any, Demande | None]:
    rows = Demande.objects.select_related("lieu", "commune", "transmission", "dossier")
    found = rows.in_bulk([message.about["demande"] for message in messages])
    return {message.pk: found.get(message.about["demande"]) for message in messages}


def _demande(message: Message, now: datetime, states: frozenset[Etat]) -> Demande | None:
    demande: Demande | None = message.loaded
    return demande if demande and demande.state in states and demande.last_day >= paris_date(now) else None


def _to_family(message: Message, langue: str, subject: Promise, reference: str, **context: Any) -> Mail:
    """DEM-9.b: in the language of its demande."""
    with translation.override(langue):
        written = _mail(message, str(subject) % {"reference": reference}, reference=reference, **context)
    return replace(written, langue=langue)


@mail("demandes.accuse", when="une famille valide sa demande", to="famille", load=_demandes)
def accuse(message: Message, now: datetime) -> Mail | None:
    """DEM-4: reference, private link, rights; nothing that the family typed."""
    demande = _demande(message, now, ALIVE)
    if demande is None:
        return None
    return _to_family(
        message,
        demande.langue,
        _("Votre demande %(reference)s est enregistrée"),
        demande.reference,
        demande=demande,
        lieu=demande.lieu,
        lien=link("demandes:suivi", queries.link_token(demande.uuid)),
        confidentialite=link("portal:confidentialite"),
    )


@mail("demandes.orientee", when="la Caf confie la demande à un lieu", to="famille", load=_demandes)
def orientee(message: Message, now: datetime) -> Mail | None:
    """ING-6."""
    demande = _demande(message, now, ALIVE)
    if demande is None or demande.lieu is None:
        return None
    subject = _("Un lieu d’information va vous répondre")
    return _to_family(message, demande.langue, subject, demande.reference, demande=demande, lieu=demande.lieu)


def _lost(messages: Sequence[Message], now: datetime) -> dict[Any, tuple[Lieu, list[Attribution]]]:
    """Of each message to a person who still acts for its lieu: the lieu, and what was at it and is not any more."""
    lieux = Lieu.objects.in_bulk([message.about["lieu"] for message in messages])
    acting = _acting(lieux, now)
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
    when="la Caf reprend à un lieu des demandes, ou les confie à un autre",
    to="lieu",
    load=_lost,
)
def reprise(message: Message, now: datetime) -> Mail | None:
    """NOT-4.k, CTL-9.b: the lieu that loses them, and by when the copies of what it has picked up must go (CNS-2.b)."""
    lieu, lost = message.loaded or (None, [])
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
    subject = _("Votre demande attend une réponse")
    return _to_family(message, demande.langue, subject, demande.reference, demande=demande, lieu=demande.lieu)


@mail("demandes.retrait-famille", when="une famille retire sa demande", to="famille, une seule fois et tout de suite")
def retrait_famille(message: Message, now: datetime) -> Mail:
    """DEM-4.d: said while its address is still in hand; nothing of it is kept (`destruction.withdraw_and_confirm`)."""
    about = message.about
    subject = _("Votre demande %(reference)s est retirée")
    return _to_family(message, about["langue"], subject, about["reference"], lieu_prevenu=about["recuperee"])


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
