"""What each mail about attestations says, read from the present at sending. None: without purpose, cancelled."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db.models import Count

from demandes.attestations import rules
from demandes.attestations.models import Attestation
from demandes.attestations.workflow import EtatAttestation
from extranet.core.dates import paris_date
from extranet.core.languages import date_longue
from extranet.core.outbox.kinds import Mail, link, mail
from extranet.core.outbox.models import Message

CAF = "agents de la Caf et sa boîte de service"


def _attestations(messages: Sequence[Message], now: datetime) -> dict[Any, Attestation]:
    rows = Attestation.objects.select_related("lieu").annotate(nombre=Count("lignes"))
    found = rows.in_bulk([message.about["attestation"] for message in messages])
    return {message.pk: found[message.about["attestation"]] for message in messages}


def _attestation(message: Message, now: datetime, subject: str) -> Mail | None:
    found = message.loaded
    if found.state != EtatAttestation.OUVERTE:
        return None
    if message.kind != "attestations.retard" and (today := paris_date(now)) <= found.due_on:
        if rules.reminder_due(paris_date(found.opened_at), today, ()) != int(message.key.rpartition(":")[2]):
            return None  # a later one is due and says the same (NOT-5)
    context = {
        "lieu": found.lieu,
        "nombre": found.nombre,
        "dernier_jour": date_longue(found.due_on),
        "lien": link("attestations:attestation", found.uuid),
    }
    return Mail(subject, f"attestations/courriels/{message.kind.partition('.')[2]}", context)


@mail("attestations.ouverte", when="des dossiers du lieu ont été détruits", to="lieu", load=_attestations)
def ouverte(message: Message, now: datetime) -> Mail | None:
    """CNS-3."""
    return _attestation(message, now, "Attestation de destruction à signer")


@mail(
    "attestations.rappel",
    when="quinzième et vingt-cinquième jours sans signature",
    to="lieu",
    load=_attestations,
)
def rappel(message: Message, now: datetime) -> Mail | None:
    """CNS-5."""
    return _attestation(message, now, "Rappel : attestation de destruction à signer")


@mail("attestations.retard", when="lendemain de l’échéance d’une attestation", to=CAF, load=_attestations)
def retard(message: Message, now: datetime) -> Mail | None:
    """CNS-5."""
    return _attestation(message, now, "Une attestation de destruction n’est pas signée")
