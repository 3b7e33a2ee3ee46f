"""One-time links by which a gestionnaire reads an acte to sign and hands in its signed copy (CON-15)."""

from datetime import datetime

from conventions import queries
from conventions.models import Acte, CopieSignee
from conventions.workflow import EtatActe
from extranet.core.accounts.models import User
from extranet.core.dates import paris_date
from extranet.core.errors import Answer, WrongState
from extranet.core.journal import services as journal
from extranet.core.outbox import services as outbox

WAITS = "Une copie signée est arrivée : vérifiez-la d’abord."


def invite(acte: Acte, *, by: User, now: datetime) -> CopieSignee:
    """CON-15.a: for whoever has locked the convention: the mail with the paper and a link; one sent before is over."""
    if fault := obstacle(acte, now):
        raise fault
    close(acte, by=by, now=now)
    made = CopieSignee.objects.create(acte=acte, asked_at=now, asked_by=by)
    journal.record("convention.lien-envoye", acte.convention, by=by, at=now, acte=acte.rang)
    if acte.nature == Acte.Nature.AVENANT:
        write("conventions.avenant-pret", made, now)
    else:
        write("conventions.a-signer", made, now)
    return made


def obstacle(acte: Acte, now: datetime) -> Answer | None:
    """Why no link can be sent: as what `invite` would raise."""
    if acte.state != EtatActe.PREPARE:
        return WrongState("Ce document est déjà signé par les deux parties, ou abandonné.")
    if acte.convention.is_over(paris_date(now)):
        return WrongState("Cette convention a pris fin : rien ne s’y signe plus.")
    return WrongState(WAITS) if queries.copy_to_verify(acte) else None


def close(acte: Acte, *, by: User, now: datetime) -> None:
    """The open link of an acte, served or not, opens nothing any more: something has come in its place."""
    acte.copies.filter(closed_at=None).update(closed_at=now, closed_by=by, issue=CopieSignee.Issue.REMPLACEE)


def write(kind: str, copie: CopieSignee, now: datetime) -> None:
    """A mail with its link, to the lieu, and to the gestionnaire where it has an address."""
    convention = copie.acte.convention
    to = [f"lieu:{convention.lieu.uuid}"]
    signer = convention.gestionnaire
    if signer.courriel_registre or signer.courriel:
        to.append(f"gestionnaire:{signer.uuid}")
    outbox.post(kind, key=str(copie.uuid), to=to, now=now, copie=copie.pk)
