"""Recording what both parties signed (CON-2)."""

from collections.abc import Collection
from datetime import date, datetime
from typing import BinaryIO
from uuid import UUID

from django.db import transaction
from django.shortcuts import get_object_or_404

from conventions import queries, rights, rules
from conventions.models import Acte, Convention, Signature
from conventions.services import register
from conventions.workflow import ACTE, CONVENTION, EtatActe
from extranet.core.accounts.models import User
from extranet.core.dates import paris_date
from extranet.core.documents import store
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
    reason: str = "",
) -> Acte:
    """CON-2, CON-7: one party's signature on some pieces of an acte, as the scan shows it.

    A signature already there is superseded, with a reason. With the last, the acte takes effect on the last date.
    """
    acte = _lock(acte_uuid, by)
    rights.check(role_of(by), "record_signature")
    _require_open(acte)
    if fault := rules.signature_fault(signed_on, paris_date(acte.prepared_at), paris_date(now)):
        raise Refused({"signed_on": fault})
    signed = list(acte.pieces.filter(nature__in=pieces).order_by("nature"))
    if not signed or len(signed) < len(set(pieces)):
        raise Refused({"pieces": "Choisissez des documents de cet acte."})
    standing = Signature.objects.filter(partie=partie, piece__in=signed, superseded_at=None)
    corrected = standing.exists()
    if corrected and not reason.strip():
        raise Refused({"reason": "Cette signature est déjà enregistrée : indiquez le motif de la correction."})
    kept = store.keep(store.checked_pdf(scan, field="scan"), media_type="application/pdf", nature="scan", now=now)
    standing.update(superseded_at=now)
    Signature.objects.bulk_create(
        Signature(
            piece=piece,
            partie=partie,
            signed_on=signed_on,
            signataire=signataire,
            qualite=qualite,
            scan=kept,
            recorded_at=now,
            recorded_by=by,
            reason=reason.strip(),
        )
        for piece in signed
    )
    journal.record(
        "convention.signature-corrigee" if corrected else "convention.signature",
        acte.convention,
        by=by,
        at=now,
        partie=partie,
        acte=acte.rang,
        pieces=[piece.nature for piece in signed],
        signee_le=signed_on.isoformat(),
        sha256=kept.sha256,
    )
    if effective_on := rules.effective_date(acte.nature, queries.signed_dates(acte)):
        _take_effect(acte, effective_on, by, now)
    return acte


def _lock(acte_uuid: UUID, by: User) -> Acte:
    """The acte, with its convention's row held: both parties' signatures are counted one after the other."""
    visible = queries.conventions_visible_to(by).select_for_update(of=("self",))
    convention = get_object_or_404(visible, actes__uuid=acte_uuid)
    acte = Acte.objects.get(uuid=acte_uuid)
    acte.convention = convention
    return acte


def _require_open(acte: Acte) -> None:
    if acte.state == EtatActe.ABANDONNE:
        ACTE.require(acte, "apply")
    if acte.convention.ended_on:
        raise WrongState("La fin de cette convention est enregistrée : ses signatures ne changent plus.")


def _take_effect(acte: Acte, effective_on: date, by: User, now: datetime) -> None:
    """All signatures are there. A correction of one may move the effect of an acte that already holds."""
    if (before := acte.effective_on) == effective_on:
        return
    if queries.changed_before(acte, effective_on):
        raise Refused(
            {"signed_on": "Un avenant a pris effet avant cette date : elle ne peut pas être celle de cet acte."}
        )
    if ACTE.apply(acte, "apply", by=by, now=now, effective_on=effective_on):
        if acte.nature == Acte.Nature.CONVENTION:
            CONVENTION.apply(acte.convention, "sign", by=by, now=now, in_force_from=effective_on)
    else:
        _move_effect(acte, effective_on)
        dates = {"avant": before.isoformat() if before else "", "apres": effective_on.isoformat()}
        journal.record("convention.effet-corrige", acte.convention, by=by, at=now, acte=acte.rang, **dates)
    register.apply_acte(acte)


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
    deliberation_received_on: date | None,
    by: User,
    now: datetime,
) -> Acte:
    """CON-2: the décision or délibération that allowed the gestionnaire to sign; the journal keeps the one before."""
    acte = _lock(acte_uuid, by)
    rights.check(role_of(by), "record_deliberation")
    _require_open(acte)
    if faults := rules.deliberation_faults(deliberation_on, deliberation_received_on, paris_date(now)):
        raise Refused(faults)
    before = [
        acte.deliberation_nature,
        acte.deliberation_numero,
        str(acte.deliberation_on or ""),
        str(acte.deliberation_received_on or ""),
    ]
    acte.deliberation_nature, acte.deliberation_numero = nature, numero
    acte.deliberation_on, acte.deliberation_received_on = deliberation_on, deliberation_received_on
    acte.save(
        update_fields=[
            "deliberation_nature",
            "deliberation_numero",
            "deliberation_on",
            "deliberation_received_on",
        ]
    )
    after = [nature, numero, deliberation_on.isoformat(), str(deliberation_received_on or "")]
    journal.record("convention.deliberation", acte.convention, by=by, at=now, avant=before, apres=after)
    return acte
