"""Recording what both parties signed (CON-2)."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import BinaryIO
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404

from conventions import queries, rights, rules
from conventions.models import Acte, Convention, Piece, Signature
from conventions.services import avenants, register
from conventions.workflow import ACTE, CONVENTION, EtatActe
from extranet.core.accounts.models import User
from extranet.core.dates import paris_date
from extranet.core.documents import store
from extranet.core.documents.models import StoredFile
from extranet.core.errors import Refused, WrongState
from extranet.core.journal import services as journal
from extranet.territory.queries import role_of


@transaction.atomic
def record_signature(
    *,
    acte_uuid: UUID,
    partie: str,
    pieces: Collection[str],
    signed_on: date,
    signataire: str,
    qualite: str,
    scan: BinaryIO,
    by: User,
    now: datetime,
    delegation: str = "",
    delegation_on: date | None = None,
    reason: str = "",
) -> Acte:
    """CON-2, CON-7: one party's signature on some pieces of an acte, as the scan shows it.

    A signature already there is superseded, with a reason. With the last, the acte takes effect on the last date.
    """
    acte = lock(acte_uuid, by)
    rights.check(role_of(by), "record_signature")
    read = Reading(partie, tuple(pieces), signed_on, signataire, qualite, delegation, delegation_on, reason)
    signed = require_possible(acte, read, now)
    kept = store.keep(store.checked_pdf(scan, field="scan"), media_type="application/pdf", nature="scan", now=now)
    write(acte, signed, read, kept, by, now)
    return acte


@dataclass(frozen=True, slots=True)
class Reading:
    """What an agent has read on a signed paper: one party's signature on some pieces of an acte."""

    partie: str
    pieces: tuple[str, ...]
    signed_on: date
    signataire: str
    qualite: str
    delegation: str = ""
    delegation_on: date | None = None
    reason: str = ""


def require_possible(acte: Acte, read: Reading, now: datetime) -> list[Piece]:
    """The pieces that it is on, of an acte locked by this transaction; refused, beside its field, what cannot be."""
    _require_open(acte, paris_date(now))
    faults = rules.delegation_faults(read.delegation.strip(), read.delegation_on, read.signed_on)
    # What was taken over was signed before it came here (CON-13.f).
    earliest = read.signed_on if queries.reprise_of(acte) else paris_date(acte.prepared_at)
    if fault := rules.signature_fault(read.signed_on, earliest, paris_date(now)):
        faults["signed_on"] = fault
    signed = list(acte.pieces.filter(nature__in=read.pieces).order_by("nature"))
    if not signed or len(signed) < len(set(read.pieces)):
        faults["pieces"] = "Choisissez des documents de cet acte."
    elif not read.reason.strip() and _standing(read.partie, signed).exists():
        faults["reason"] = "Cette signature est déjà enregistrée : indiquez le motif de la correction."
    if faults:
        raise Refused(faults)
    return signed


def _standing(partie: str, pieces: Collection[Piece]) -> QuerySet[Signature]:
    return Signature.objects.filter(partie=partie, piece__in=pieces, superseded_at=None)


def write(acte: Acte, signed: list[Piece], read: Reading, kept: StoredFile, by: User, now: datetime) -> None:
    """What `require_possible` has let pass: the signatures, and the effect of the acte with the last of them."""
    corrected = _standing(read.partie, signed).update(superseded_at=now)
    Signature.objects.bulk_create(
        Signature(
            piece=piece,
            partie=read.partie,
            signed_on=read.signed_on,
            signataire=read.signataire,
            qualite=read.qualite,
            delegation=read.delegation.strip(),
            delegation_on=read.delegation_on,
            scan=kept,
            recorded_at=now,
            recorded_by=by,
            reason=read.reason.strip(),
        )
        for piece in signed
    )
    journal.record(
        "convention.signature-corrigee" if corrected else "convention.signature",
        acte.convention,
        by=by,
        at=now,
        partie=read.partie,
        acte=acte.rang,
        pieces=[piece.nature for piece in signed],
        signee_le=read.signed_on.isoformat(),
        sha256=kept.sha256,
    )
    if effective_on := rules.effective_date(acte.nature, queries.signed_dates(acte)):
        taken_over = queries.reprise_of(acte)
        later = taken_over and taken_over.effective_on
        _take_effect(acte, max(effective_on, later or effective_on), by, now)


def lock(acte_uuid: UUID, by: User) -> Acte:
    """The acte, with its convention's row held: both parties' signatures are counted one after the other."""
    visible = queries.conventions_visible_to(by).select_for_update(of=("self",))
    convention = get_object_or_404(visible, actes__uuid=acte_uuid)
    acte = Acte.objects.get(uuid=acte_uuid)
    acte.convention = convention
    return acte


def _require_open(acte: Acte, today: date) -> None:
    if acte.state == EtatActe.ABANDONNE:
        ACTE.require(acte, "apply")
    founding = acte.nature == Acte.Nature.CONVENTION
    if acte.convention.is_over(today) or (founding and acte.convention.ended_on):
        raise WrongState("La fin de cette convention est enregistrée : ses signatures ne changent plus.")


def _take_effect(acte: Acte, effective_on: date, by: User, now: datetime) -> None:
    """All signatures are there. A correction of one may move the effect of an acte that already holds."""
    if (before := acte.effective_on) == effective_on:
        return
    if fault := queries.out_of_order(acte, effective_on):
        raise Refused({"signed_on": fault})
    if ACTE.apply(acte, "apply", by=by, now=now, effective_on=effective_on):
        if acte.nature == Acte.Nature.CONVENTION:
            CONVENTION.apply(acte.convention, "sign", by=by, now=now, in_force_from=effective_on)
        else:
            avenants.tell_applied(acte, by, now)
    else:
        _move_effect(acte, effective_on)
        dates = {"avant": before.isoformat() if before else "", "apres": effective_on.isoformat()}
        journal.record("convention.effet-corrige", acte.convention, by=by, at=now, acte=acte.rang, **dates)
    register.apply_acte(acte, by=by, now=now)


def _move_effect(acte: Acte, effective_on: date) -> None:
    """The acte, and with it the convention that it founds, hold from another day."""
    Acte.objects.filter(pk=acte.pk).update(effective_on=effective_on)
    acte.effective_on = effective_on
    if acte.nature == Acte.Nature.CONVENTION:
        Convention.objects.filter(pk=acte.convention_id).update(in_force_from=effective_on)
        acte.convention.in_force_from = effective_on


@transaction.atomic
def record_deliberation(
    *,
    acte_uuid: UUID,
    nature: str,
    numero: str,
    deliberation_on: date,
    deliberation_received_on: date | None = None,
    deliberation_published_on: date | None = None,
    scan: BinaryIO | None = None,
    by: User,
    now: datetime,
) -> Acte:
    """CON-2.c, CON-2.d: the décision or délibération that allowed the gestionnaire to sign; the journal keeps the one
    before. Without `scan` the file recorded before stays.
    """
    acte = lock(acte_uuid, by)
    rights.check(role_of(by), "record_deliberation")
    _require_open(acte, paris_date(now))
    received, published = deliberation_received_on, deliberation_published_on
    if faults := rules.deliberation_faults(deliberation_on, received, published, paris_date(now)):
        raise Refused(faults)
    kept = acte.deliberation_scan
    if scan:
        content = store.checked_pdf(scan, field="scan")
        kept = store.keep(content, media_type="application/pdf", nature="deliberation", now=now)
    before = _deliberation(acte)
    acte.deliberation_nature, acte.deliberation_numero, acte.deliberation_on = nature, numero, deliberation_on
    acte.deliberation_received_on, acte.deliberation_published_on = received, published
    acte.deliberation_scan = kept
    acte.save(update_fields=DELIBERATION)
    journal.record(
        "convention.deliberation",
        acte.convention,
        by=by,
        at=now,
        acte=acte.rang,
        avant=before,
        apres=_deliberation(acte),
    )
    return acte


DELIBERATION = [
    "deliberation_nature",
    "deliberation_numero",
    "deliberation_on",
    "deliberation_received_on",
    "deliberation_published_on",
    "deliberation_scan",
]


def _deliberation(acte: Acte) -> list[str]:
    """What is recorded of it, for the journal: its file by digest."""
    said = [str(getattr(acte, name) or "") for name in DELIBERATION[:-1]]
    return [*said, acte.deliberation_scan.sha256 if acte.deliberation_scan else ""]


@transaction.atomic
def record_originals(*, acte_uuid: UUID, originaux: str, by: User, now: datetime) -> Acte:
    """CON-2.h: where the originals on paper are kept, at any time; the journal keeps what was said before."""
    acte = lock(acte_uuid, by)
    rights.check(role_of(by), "record_signature")
    if acte.state == EtatActe.ABANDONNE:
        raise WrongState()
    if not originaux.strip():
        raise Refused({"originaux": "Indiquez où sont les originaux."})
    before, acte.originaux = acte.originaux, originaux.strip()
    acte.save(update_fields=["originaux"])
    journal.record("convention.originaux", acte.convention, by=by, at=now, avant=before, apres=acte.originaux)
    return acte
