"""A lieu writes to its Caf, the Caf answers: dated, kept, and nothing changes by it (CTL-5)."""

from collections.abc import Sequence
from datetime import datetime
from typing import BinaryIO, NamedTuple
from uuid import UUID

from django.db import transaction
from django.shortcuts import get_object_or_404

from conventions.models import Lieu, Partie
from extranet.core.accounts.models import User
from extranet.core.documents import store
from extranet.core.errors import Refused, WrongState
from extranet.core.journal import services as journal
from extranet.core.outbox import services as outbox
from extranet.territory.queries import alerted, role_of
from habilitations import queries, rights
from habilitations.models import Echange, MessageEchange, PieceJointe
from habilitations.workflow import ECHANGE

MOST_FILES = 3
TOO_MANY = f"Joignez {MOST_FILES} fichiers au plus."


class Joint(NamedTuple):
    """A file as it was sent."""

    nom: str
    contenu: BinaryIO


@transaction.atomic
def open_echange(
    *, lieu: UUID, sujet: str, texte: str, fichiers: Sequence[Joint], nonce: UUID, by: User, now: datetime
) -> Echange:
    """A person of a lieu writes to its Caf about something new. Sent twice, it is there once."""
    found = get_object_or_404(queries.lieux_named(by, now).select_related("caf"), uuid=lieu)
    # The lieu's row is held: the same sent twice at once comes one after the other.
    Lieu.objects.select_for_update(of=("self",)).get(pk=found.pk)
    if (sent := MessageEchange.objects.filter(nonce=nonce, by=by).select_related("echange__lieu").first()) is not None:
        return sent.echange
    echange = Echange.objects.create(lieu=found, sujet=sujet, opened_at=now, written_at=now)
    journal.record("echange.ouvert", echange, by=by, at=now, sujet=sujet)
    _keep(echange, Partie.GESTIONNAIRE, texte, fichiers, nonce, by, now)
    _tell_caf(echange, nonce, now)
    return echange


@transaction.atomic
def write(*, echange: UUID, texte: str, fichiers: Sequence[Joint], nonce: UUID, by: User, now: datetime) -> Echange:
    """A person of the lieu writes again: the Caf has the next word, also where it had closed the exchange."""
    found = get_object_or_404(queries.echanges_of(by, now).select_for_update(of=("self",)), uuid=echange)
    if found.messages.filter(nonce=nonce, by=by).exists():
        return found
    ECHANGE.apply(found, "write", by=by, now=now, written_at=now)
    _keep(found, Partie.GESTIONNAIRE, texte, fichiers, nonce, by, now)
    _tell_caf(found, nonce, now)
    return found


@transaction.atomic
def answer(*, echange: UUID, texte: str, fichiers: Sequence[Joint], nonce: UUID, by: User, now: datetime) -> Echange:
    """The Caf answers; the lieu's persons are told that it has."""
    found = get_object_or_404(queries.echanges_visible_to(by).select_for_update(of=("self",)), uuid=echange)
    rights.check(role_of(by), "answer_echange")
    if found.messages.filter(nonce=nonce, by=by).exists():
        return found
    ECHANGE.apply(found, "answer", by=by, now=now, written_at=now)
    _keep(found, Partie.CAF, texte, fichiers, nonce, by, now)
    to = [f"user:{account}" for account in queries.accounts_of(found.lieu_id, now)]
    outbox.post("habilitations.message-caf", key=str(nonce), to=to, now=now, echange=found.pk)
    return found


@transaction.atomic
def close(*, echange: UUID, by: User, now: datetime) -> Echange:
    """The Caf has done what it had to; whoever writes again opens it again."""
    found = get_object_or_404(queries.echanges_visible_to(by).select_for_update(of=("self",)), uuid=echange)
    rights.check(role_of(by), "close_echange")
    if not ECHANGE.apply(found, "close", by=by, now=now):
        raise WrongState("Cet échange est déjà terminé.")
    return found


def _keep(
    echange: Echange, partie: str, texte: str, fichiers: Sequence[Joint], nonce: UUID, by: User, now: datetime
) -> None:
    if len(fichiers) > MOST_FILES:
        raise Refused({"fichiers": TOO_MANY})
    message = MessageEchange.objects.create(echange=echange, partie=partie, by=by, at=now, texte=texte, nonce=nonce)
    for joint in fichiers:
        data = store.checked_pdf(joint.contenu, field="fichiers")
        kept = store.keep(data, media_type="application/pdf", nature="message", now=now)
        PieceJointe.objects.create(message=message, nom=joint.nom, fichier=kept)


def _tell_caf(echange: Echange, nonce: UUID, now: datetime) -> None:
    outbox.post(
        "habilitations.message-lieu", key=str(nonce), to=alerted(echange.lieu.caf_id), now=now, echange=echange.pk
    )
