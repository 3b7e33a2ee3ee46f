"""What each mail about attestations and yearly statements says, read from the present at sending. None: without
purpose, cancelled.
"""

from datetime import datetime

from django.db.models import Count

from demandes.attestations import rules
from demandes.attestations.models import Attestation, Bilan
from demandes.attestations.workflow import EtatAttestation, EtatBilan
from extranet.core.dates import paris_date
from extranet.core.languages import date_longue
from extranet.core.outbox.kinds import Mail, link, mail, objects_of
from extranet.core.outbox.models import Message
from extranet.territory.mails import ALERTED

LISTE = "attestations-lieux"


_attestations = objects_of(
    "attestation",
    lambda now: Attestation.objects.select_related("lieu__caf", "convention").annotate(nombre=Count("lignes")),
)


def _attestation(message: Message, now: datetime, subject: str) -> Mail | None:
    found = message.loaded
    if found is None or found.state != EtatAttestation.OUVERTE:
        return None
    if message.kind != "attestations.retard" and (today := paris_date(now)) <= found.due_on:
        if rules.reminder_due(paris_date(found.opened_at), today, ()) != int(message.key.rpartition(":")[2]):
            return None  # a later one is due and says the same (NOT-5)
    context = {
        "lieu": found.lieu,
        "nombre": found.nombre,
        "dernier_jour": found.jusque,
        "lien": link("attestations:attestation", found.uuid),
    }
    return Mail(subject, f"attestations/courriels/{message.kind.partition('.')[2]}", context)


@mail("attestations.ouverte", when="des dossiers du lieu ont été détruits", to="lieu", load=_attestations, liste=LISTE)
def ouverte(message: Message, now: datetime) -> Mail | None:
    """CNS-3."""
    return _attestation(message, now, "Attestation de destruction à signer")


@mail(
    "attestations.finale",
    when="lendemain de la fin d’une convention",
    to="personnes et boîte du lieu, gestionnaire",
    load=_attestations,
)
def finale(message: Message, now: datetime) -> Mail | None:
    """CON-6.g, CON-6.h: what is over, what is due, what goes on."""
    found: Attestation | None = message.loaded
    if found is None or found.convention is None or found.state != EtatAttestation.OUVERTE:
        return None
    context = {
        "lieu": found.lieu,
        "convention": found.convention,
        "fin": date_longue(found.convention.ended_on),
        "nombre": getattr(found, "nombre", 0),
        "dernier_jour": found.jusque,
        "lien": link("attestations:attestation", found.uuid),
    }
    return Mail("Votre convention a pris fin : ce qu’il vous reste à faire", "attestations/courriels/finale", context)


@mail(
    "attestations.rappel",
    when="quinzième et vingt-cinquième jours sans signature",
    to="lieu",
    load=_attestations,
    liste=LISTE,
)
def rappel(message: Message, now: datetime) -> Mail | None:
    """CNS-5."""
    return _attestation(message, now, "Rappel : attestation de destruction à signer")


@mail("attestations.retard", when="lendemain de l’échéance d’une attestation", to=ALERTED, load=_attestations)
def retard(message: Message, now: datetime) -> Mail | None:
    """CNS-5."""
    return _attestation(message, now, "Une attestation de destruction n’est pas signée")


_bilans = objects_of("bilan", lambda now: Bilan.objects.select_related("lieu__caf"))


def _bilan(message: Message, subject: str) -> Mail | None:
    found: Bilan | None = message.loaded
    if found is None or found.state != EtatBilan.OUVERT:
        return None
    context = {
        "lieu": found.lieu,
        "annee": found.annee,
        "dernier_jour": date_longue(found.due_on),
        "lien": link("attestations:bilan", found.uuid),
    }
    return Mail(subject, f"attestations/courriels/{message.kind.partition('.')[2]}", context)


@mail("attestations.bilan", when="en janvier, pour l’année qui vient de finir", to="lieu", load=_bilans, liste=LISTE)
def bilan(message: Message, now: datetime) -> Mail | None:
    """SUI-3: prepared, to be confirmed."""
    return _bilan(message, "Bilan annuel de vos obligations, à confirmer")


@mail(
    "attestations.bilan-rappel", when="1er mars, si le bilan n’est pas confirmé", to="lieu", load=_bilans, liste=LISTE
)
def bilan_rappel(message: Message, now: datetime) -> Mail | None:
    """SUI-3: the only reminder."""
    return _bilan(message, "Rappel : bilan annuel de vos obligations à confirmer")
