"""Recording what both parties signed (CON-2)."""

from collections.abc import Collection
from datetime import date, datetime
from typing import Any, BinaryIO
from uuid import UUID

from django.db import transaction
from django.shortcuts import get_object_or_404

from conventions import queries, rights, rules
from conventions.models import Acte, Convention, Signature
from conventions.services import register
from conventions.workflow import CONVENTION, EtatConvention
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
    by: Any,
    now: datetime,
    reason: str = "",
) -> Acte:
    """CON-2: one party's signature on the convention, its annexe 1 or both, as the scan shows it.

    A signature already there is superseded, with a reason. With the fourth, the convention takes effect on the last date.
    """
    acte = _lock(acte_uuid, by)
    rights.check(role_of(by), "record_signature")
    _require_open(acte.convention)
    if fault := rules.signature_fault(signed_on, paris_date(acte.prepared_at), paris_date(now)):
        raise Refused({"signed_on": fault})
    standing = acte.signatures.filter(partie=partie, piece__in=pieces, superseded_at=None)
    corrected = standing.exists()
    if corrected and not reason.strip():
        raise Refused({"reason": "Cette signature est déjà enregistrée : indiquez le motif de la correction."})
    kept = store.keep(store.checked_pdf(scan, field="scan"), media_type="application/pdf", nature="scan", now=now)
    standing.update(superseded_at=now)
    Signature.objects.bulk_create(
        Signature(
            acte=acte,
            partie=partie,
            piece=piece,
            signed_on=signed_on,
            signataire=signataire,
            qualite=qualite,
            scan=kept,
            recorded_at=now,
            recorded_by=by,
            reason=reason.strip(),
        )
        for piece in sorted(pieces)
    )
    journal.record(
        "convention.signature-corrigee" if corrected else "convention.signature",
        acte.convention,
        by=by,
        at=now,
        partie=partie,
        pieces=sorted(pieces),
        signee_le=signed_on.isoformat(),
        sha256=kept.sha256,
    )
    if effective_on := rules.effective_date(queries.signed_dates(acte)):
        _take_effect(acte, effective_on, by, now)
    return acte


def _lock(acte_uuid: UUID, by: Any) -> Acte:
    """The acte, with its convention's row held: both parties' signatures are counted one after the other."""
    visible = queries.conventions_visible_to(by).select_for_update(of=("self",))
    convention = get_object_or_404(visible, actes__uuid=acte_uuid)
    acte = Acte.objects.get(uuid=acte_uuid)
    acte.convention = convention
    return acte


def _require_open(convention: Convention) -> None:
    if convention.state == EtatConvention.ABANDONNEE:
        CONVENTION.require(convention, "sign")
    if convention.ended_on:
        raise WrongState("La fin de cette convention est enregistrée : ses signatures ne changent plus.")


def _take_effect(acte: Acte, effective_on: date, by: Any, now: datetime) -> None:
    """All four are there. A correction of one may move the effect of a convention that already holds."""
    convention = acte.convention
    if CONVENTION.apply(convention, "sign", by=by, now=now, in_force_from=effective_on):
        register.apply_acte(acte, effective_on)
    elif convention.in_force_from != effective_on:
        before = convention.in_force_from
        Convention.objects.filter(pk=convention.pk).update(in_force_from=effective_on)
        register.apply_acte(acte, effective_on)
        convention.in_force_from = effective_on
        journal.record(
            "convention.effet-corrige",
            convention,
            by=by,
            at=now,
            avant=before.isoformat() if before else "",
            apres=effective_on.isoformat(),
        )


@transaction.atomic
def record_deliberation(
    *,
    acte_uuid: UUID,
    nature: str,
    numero: str,
    deliberation_on: date,
    deliberation_received_on: date | None,
    by: Any,
    now: datetime,
) -> Acte:
    """CON-2: the décision or délibération that allowed the gestionnaire to sign; the journal keeps what stood before."""
    acte = _lock(acte_uuid, by)
    rights.check(role_of(by), "record_deliberation")
    _require_open(acte.convention)
    if faults := rules.deliberation_faults(deliberation_on, deliberation_received_on, paris_date(now)):
        raise Refused(faults)
    before = [acte.deliberation_numero, str(acte.deliberation_on or ""), str(acte.deliberation_received_on or "")]
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
    after = [numero, deliberation_on.isoformat(), str(deliberation_received_on or "")]
    journal.record("convention.deliberation", acte.convention, by=by, at=now, avant=before, apres=after)
    return acte
