"""The signed copy of an acte, handed in by a one-time link and verified by an agent (CON-15)."""

from collections.abc import Collection
from datetime import date, datetime
from typing import BinaryIO
from uuid import UUID

from django.db import transaction

from conventions import queries, rights
from conventions.models import Acte, Convention, CopieSignee, Partie
from conventions.services import links, signature
from conventions.services.signature import Reading
from conventions.workflow import ACTE, EtatActe
from extranet.core.accounts.models import User
from extranet.core.dates import paris_date
from extranet.core.documents import store
from extranet.core.errors import Moved, Refused, WrongState
from extranet.core.journal import services as journal
from extranet.core.outbox import services as outbox
from extranet.territory.queries import alerted, role_of

NOTHING = "Aucune copie signée n’attend d’être vérifiée."


@transaction.atomic
def send_link(*, acte_uuid: UUID, by: User, now: datetime) -> CopieSignee:
    """CON-15.a: mail the paper to sign and the link to hand it in; a link sent before opens nothing any more."""
    acte = signature.lock(acte_uuid, by)
    rights.check(role_of(by), "record_signature")
    return links.invite(acte, by=by, now=now)


@transaction.atomic
def hand_in(*, copie_uuid: UUID, scan: BinaryIO, now: datetime) -> CopieSignee:
    """CON-15.a: keep the copy and tell the Caf, once; it is no signature. Refused what is no plain PDF."""
    found = CopieSignee.objects.select_related("acte").get(uuid=copie_uuid)
    convention = Convention.objects.select_for_update(of=("self",)).select_related("lieu").get(actes=found.acte)
    copie = CopieSignee.objects.select_related("acte__convention").get(pk=found.pk)
    if copie.handed_at or not queries.leads_to_paper(copie, paris_date(now)):
        raise Moved("Ce lien a déjà servi, ou ne sert plus.")
    content = store.checked_pdf(scan, field="scan")
    copie.scan = store.keep(content, media_type="application/pdf", nature="scan", now=now)
    copie.handed_at = now
    copie.save(update_fields=["scan", "handed_at"])
    journal.record(
        "convention.copie-remise", convention, by="lieu", at=now, acte=found.acte.rang, sha256=copie.scan.sha256
    )
    to = alerted(convention.lieu.caf_id)
    outbox.post("conventions.copie-remise", key=str(copie.uuid), to=to, now=now, copie=copie.pk)
    return copie


@transaction.atomic
def verify(
    *,
    acte_uuid: UUID,
    pieces: Collection[str],
    signed_on: date,
    signataire: str,
    qualite: str,
    by: User,
    now: datetime,
    delegation: str = "",
    delegation_on: date | None = None,
    reason: str = "",
) -> Acte:
    """CON-15.b: what an agent has read on the copy handed in is the gestionnaire's signature, with that very file."""
    acte = signature.lock(acte_uuid, by)
    rights.check(role_of(by), "record_signature")
    copie = _require_copy(acte)
    partie = str(Partie.GESTIONNAIRE)
    read = Reading(partie, tuple(pieces), signed_on, signataire, qualite, delegation, delegation_on, reason)
    signed = signature.require_possible(acte, read, now)
    assert copie.scan is not None
    _close(copie, CopieSignee.Issue.VERIFIEE, by, now)
    sha256 = copie.scan.sha256
    journal.record("convention.copie-verifiee", acte.convention, by=by, at=now, acte=acte.rang, sha256=sha256)
    signature.write(acte, signed, read, copie.scan, by, now)
    return acte


@transaction.atomic
def refuse(*, acte_uuid: UUID, motif: str, by: User, now: datetime) -> CopieSignee:
    """CON-15.b: what was handed in does not count, for a reason that is mailed with another link. The file is kept."""
    acte = signature.lock(acte_uuid, by)
    rights.check(role_of(by), "record_signature")
    copie = _require_copy(acte)
    if not motif.strip():
        raise Refused({"motif": "Indiquez ce qui ne va pas et ce qu’il faut envoyer."})
    _close(copie, CopieSignee.Issue.REFUSEE, by, now, motif.strip())
    journal.record("convention.copie-refusee", acte.convention, by=by, at=now, acte=acte.rang)
    again = CopieSignee.objects.create(acte=acte, asked_at=now, asked_by=by)
    links.write("conventions.copie-refusee", again, now)
    return copie


def _require_copy(acte: Acte) -> CopieSignee:
    if acte.state == EtatActe.ABANDONNE:
        ACTE.require(acte, "apply")
    if (copie := queries.copy_to_verify(acte)) is None:
        raise WrongState(NOTHING)
    return copie


def _close(copie: CopieSignee, issue: str, by: User, now: datetime, motif: str = "") -> None:
    CopieSignee.objects.filter(pk=copie.pk).update(closed_at=now, closed_by=by, issue=issue, motif=motif)
