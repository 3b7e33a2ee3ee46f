"""What each mail about demandes says, read from the present at sending. None: it lost its purpose and is cancelled."""

import uuid
from datetime import datetime
from typing import Any

from conventions.models import Lieu
from demandes import queries, rules
from demandes.models import Attestation, Demande, Dossier, Transmission
from demandes.services.transmission import note_notified
from demandes.workflow import ALIVE, Etat, EtatAttestation
from extranet.core.dates import paris_date
from extranet.core.outbox.kinds import Mail, addressee, link, mail
from extranet.core.outbox.models import Message
from extranet.core.words import date_longue
from habilitations import queries as habilitations

SHOWN = 50


@addressee("demande")
def family(identifier: str) -> str | None:
    """The family's address while its dossier exists."""
    return Dossier.objects.filter(demande__uuid=uuid.UUID(identifier)).values_list("courriel", flat=True).first()


def _mail(message: Message, subject: str, **context: Any) -> Mail:
    app, _, name = message.kind.partition(".")
    return Mail(subject, f"{app}/courriels/{name}", context)


def _waiting(message: Message, now: datetime) -> tuple[Transmission, list[Demande]]:
    transmission = Transmission.objects.select_related("lieu").get(pk=message.about["transmission"])
    waiting = queries.waiting_on(paris_date(now)).filter(transmission=transmission)
    return transmission, list(waiting.order_by("last_day", "reference"))


def _still_acts(message: Message, lieu_id: int, now: datetime) -> bool:
    """ACC-6: a person whose access ended since the mail was posted gets none."""
    return habilitations.persons_of(lieu_id, now).filter(user=message.recipient.removeprefix("user:")).exists()


def _rank(message: Message) -> int:
    """The day of a reminder, from its key."""
    return int(message.key.rpartition(":")[2])


def _batch(message: Message, now: datetime, subject: str, *, to_agents: bool = False) -> Mail | None:
    """A mail about what of a transmission is not picked up: count, references, link, last day; nothing of families."""
    transmission, waiting = _waiting(message, now)
    if not waiting or not (to_agents or _still_acts(message, transmission.lieu_id, now)):
        return None
    day = rules.last_day_to_pick_up(transmission.notified_at or now, waiting[0].last_day)
    count = len(waiting)
    return _mail(
        message,
        subject.format(n=count, s="s" if count > 1 else "", x="x" if count > 1 else ""),
        lieu=transmission.lieu,
        nombre=count,
        references=[demande.reference for demande in waiting[:SHOWN]],
        autres=max(0, count - SHOWN),
        dernier_jour=date_longue(day),
        lien=link("demandes:liste"),
    )


@mail("demandes.transmission", when="des demandes sont transmises au lieu", to="lieu", after=note_notified)
def transmission(message: Message, now: datetime) -> Mail | None:
    """NOT-1: one a lieu and batch."""
    return _batch(message, now, "{n} demande{s} à récupérer")


@mail("demandes.rappel", when="septième et douzième jours sans récupération", to="lieu")
def rappel(message: Message, now: datetime) -> Mail | None:
    """NOT-4, NOT-5: not the reminder of day 7 when that of day 12 is due, none when the fifteen days are over."""
    notified = Transmission.objects.get(pk=message.about["transmission"]).notified_at
    if notified is None or rules.reminder_day_due(notified, paris_date(now), ()) != _rank(message):
        return None
    return _batch(message, now, "Rappel : {n} demande{s} à récupérer")


@mail("demandes.retard", when="seizième jour sans récupération", to="lieu")
def retard(message: Message, now: datetime) -> Mail | None:
    """NOT-4."""
    return _batch(message, now, "En retard : {n} demande{s} à récupérer")


@mail("demandes.retard-caf", when="seizième jour sans récupération", to="agents de la Caf")
def retard_caf(message: Message, now: datetime) -> Mail | None:
    """NOT-4."""
    return _batch(message, now, "Demandes en retard de récupération", to_agents=True)


@mail(
    "demandes.non-notifiee", when="aucun courriel n’a pu annoncer une transmission de la veille", to="agents de la Caf"
)
def non_notifiee(message: Message, now: datetime) -> Mail | None:
    """NOT-3."""
    transmission, waiting = _waiting(message, now)
    if transmission.notified_at or not waiting:
        return None
    return _mail(message, "Un lieu n’a pas pu être prévenu", lieu=transmission.lieu, nombre=len(waiting))


def _demande(message: Message, now: datetime, states: frozenset[Etat]) -> Demande | None:
    rows = Demande.objects.select_related("lieu", "commune", "transmission", "dossier")
    return rows.filter(pk=message.about["demande"], state__in=states, last_day__gte=paris_date(now)).first()


@mail("demandes.accuse", when="une famille valide sa demande", to="famille")
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


@mail("demandes.orientee", when="la Caf confie la demande à un lieu", to="famille")
def orientee(message: Message, now: datetime) -> Mail | None:
    """ING-6."""
    demande = _demande(message, now, ALIVE)
    if demande is None or demande.lieu is None:
        return None
    return _mail(message, "Un lieu d’information va vous répondre", demande=demande, lieu=demande.lieu)


@mail("demandes.reprise", when="la Caf reprend à un lieu des demandes qu’il n’a pas récupérées", to="lieu")
def reprise(message: Message, now: datetime) -> Mail | None:
    """NOT-4.k, CTL-9.b: the lieu that loses them."""
    lieu = Lieu.objects.get(pk=message.about["lieu"])
    if not _still_acts(message, lieu.pk, now):
        return None
    lost = Demande.objects.filter(pk__in=message.about["demandes"]).exclude(lieu=lieu)
    references = list(lost.order_by("reference").values_list("reference", flat=True))
    count = len(references)
    if not count:
        return None
    return _mail(
        message,
        f"{count} demande{'s' if count > 1 else ''} reprise{'s' if count > 1 else ''} par la Caf",
        lieu=lieu,
        nombre=count,
        references=references[:SHOWN],
        autres=max(0, count - SHOWN),
    )


@mail("demandes.retard-famille", when="seizième jour sans récupération", to="famille")
def retard_famille(message: Message, now: datetime) -> Mail | None:
    """NOT-4: whom the family can turn to."""
    demande = _demande(message, now, frozenset({Etat.TRANSMISE}))
    if demande is None:
        return None
    return _mail(message, "Votre demande attend une réponse", demande=demande, lieu=demande.lieu)


@mail("demandes.retrait", when="une famille retire une demande déjà récupérée", to="lieu")
def retrait(message: Message, now: datetime) -> Mail | None:
    """DEM-4."""
    demande = Demande.objects.select_related("lieu").get(pk=message.about["demande"])
    return _mail(
        message,
        f"Demande {demande.reference} retirée : détruisez votre copie",
        demande=demande,
        six_mois=date_longue(demande.last_day),
    )


def _attestation(message: Message, now: datetime, subject: str) -> Mail | None:
    found = Attestation.objects.select_related("lieu").get(pk=message.about["attestation"])
    if found.state != EtatAttestation.OUVERTE:
        return None
    if message.kind != "demandes.attestation-retard" and (today := paris_date(now)) <= found.due_on:
        if rules.attestation_reminder_due(paris_date(found.opened_at), today, ()) != _rank(message):
            return None  # a later one is due and says the same (NOT-5)
    return _mail(
        message,
        subject,
        lieu=found.lieu,
        nombre=found.lignes.count(),
        dernier_jour=date_longue(found.due_on),
        lien=link("demandes:attestation", found.uuid),
    )


@mail("demandes.attestation", when="des dossiers du lieu ont été détruits à six mois", to="lieu")
def attestation(message: Message, now: datetime) -> Mail | None:
    """CNS-3."""
    return _attestation(message, now, "Attestation de destruction à signer")


@mail("demandes.attestation-rappel", when="quinzième et vingt-cinquième jours sans signature", to="lieu")
def attestation_rappel(message: Message, now: datetime) -> Mail | None:
    """CNS-5."""
    return _attestation(message, now, "Rappel : attestation de destruction à signer")


@mail("demandes.attestation-retard", when="lendemain de l’échéance d’une attestation", to="agents de la Caf")
def attestation_retard(message: Message, now: datetime) -> Mail | None:
    """CNS-5."""
    return _attestation(message, now, "Une attestation de destruction n’est pas signée")
