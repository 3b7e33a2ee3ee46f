"""The lieu's statement of destruction: opened by the portal, signed by a habilitated person (CNS-3, CNS-4, CNS-5)."""

import hashlib
import json
import uuid
from datetime import datetime
from itertools import groupby
from typing import Any

from django.db import transaction
from django.shortcuts import get_object_or_404

from demandes.attestations import documents, queries, rules
from demandes.attestations.models import Attestation, LigneAttestation
from demandes.attestations.workflow import ATTESTATION, EtatAttestation
from demandes.models import Attribution
from demandes.services.reminders import LOOK_BACK
from demandes.workflow import Etat
from extranet.core import apart
from extranet.core.accounts.models import User
from extranet.core.dates import paris_date
from extranet.core.documents import seal, store
from extranet.core.errors import Refused
from extranet.core.journal import services as journal
from extranet.core.outbox import services as outbox
from extranet.core.outbox.models import Message
from extranet.territory.queries import alerted
from habilitations import queries as habilitations

TEXT_VERSION = "2026-1"
COPIES = ("logiciel", "messagerie", "papier", "prestataires")
BATCH = 5_000
WHAT = "attestation of lieu"


def open_due(*, now: datetime) -> int:
    """Put what lieux answer for on their open attestation, opening one where there is none; returns lines added.

    A lieu for which it fails is left for the next run; the others have theirs.
    """
    added, failed = 0, list[int]()
    while waiting := list(queries.to_attest(paris_date(now), BATCH, but=failed)):
        by_lieu = {lieu: list(rows) for lieu, rows in groupby(waiting, key=lambda one: one.lieu_id)}
        try:
            added += apart.each(by_lieu, lambda lieu: _add_lines(lieu, by_lieu[lieu], now), what=WHAT)  # noqa: B023
        except apart.Incomplete as some:
            added, failed = added + some.done, failed + some.failed
    if failed:
        raise apart.Incomplete(WHAT, failed, added)
    return added


def _add_lines(lieu: int, received: list[Attribution], now: datetime) -> int:
    due_on = min(rules.due_on(one.demande.last_day) for one in received)
    attestation = (
        Attestation.objects.select_for_update(of=("self",)).filter(lieu=lieu, state=EtatAttestation.OUVERTE).first()
    )
    if attestation is None:
        attestation = Attestation.objects.create(lieu_id=lieu, opened_at=now, due_on=due_on)
        journal.record("attestation.ouverte", attestation, by="systeme", at=now)
        _tell(attestation, "attestations.ouverte", 0, now)
    elif due_on < attestation.due_on:
        Attestation.objects.filter(pk=attestation.pk).update(due_on=due_on)
    lines = [
        LigneAttestation(
            attestation=attestation,
            attribution=one,
            reference=one.demande.reference,
            transmitted_on=paris_date(one.transmitted_at),
            picked_up_on=paris_date(one.picked_up_at) if one.picked_up_at else None,
            picked_up_by=one.picked_up_by.get_full_name() if one.picked_up_by else "",
            destroyed_on=paris_date(one.demande.destroyed_at or now),
            retiree=one.demande.state == Etat.RETIREE,
        )
        for one in received
    ]
    LigneAttestation.objects.bulk_create(lines, ignore_conflicts=True)
    Attribution.objects.filter(pk__in=[one.pk for one in received]).update(attest_from=None)
    return len(lines)


def _tell(attestation: Attestation, kind: str, rank: int, now: datetime) -> None:
    persons = [f"user:{line.user_id}" for line in habilitations.signers_of(attestation.lieu_id, now)]
    outbox.post(kind, key=f"{attestation.uuid}:{rank}", to=persons, now=now, attestation=attestation.pk)


def remind(*, now: datetime) -> int:
    """CNS-5: day 15 and day 25 to the lieu; the day after the deadline, the Caf. Returns how many attestations."""
    today = paris_date(now)
    opened = list(Attestation.objects.filter(state=EtatAttestation.OUVERTE).select_related("lieu"))
    keys = Message.objects.filter(kind__in=("attestations.rappel", "attestations.retard"))
    said = set(keys.values_list("key", flat=True))

    def remind_one(attestation: Attestation) -> bool:
        if today > attestation.due_on + LOOK_BACK:
            return False  # told long ago; the Caf's list still shows it
        if today > attestation.due_on:
            outbox.post(
                "attestations.retard",
                key=str(attestation.uuid),
                to=alerted(attestation.lieu.caf_id),
                now=now,
                attestation=attestation.pk,
            )
            return False
        if str(attestation.uuid) in said:
            return False  # said late already: the clock went back since
        sent = {0} | {day for day in rules.REMINDER_DAYS if f"{attestation.uuid}:{day}" in said}
        day = rules.reminder_due(paris_date(attestation.opened_at), today, sent)
        if day:
            _tell(attestation, "attestations.rappel", day, now)
        return bool(day)

    return apart.each(opened, remind_one, what="reminder of attestation")


@transaction.atomic
def sign(attestation_uuid: uuid.UUID, *, copies: frozenset[str], visa: str, by: User, now: datetime) -> Attestation:
    """CNS-4: sign as `by`, whose password was just asked again. Every kind of copy must be ticked; it is locked."""
    signable = Attestation.objects.filter(lieu__in=habilitations.lieux_to_attest(by, now)).select_related("lieu")
    attestation = get_object_or_404(signable.select_for_update(of=("self",)), uuid=attestation_uuid)
    ATTESTATION.require(attestation, "sign")
    if missing := [name for name in COPIES if name not in copies]:
        raise Refused(dict.fromkeys(missing, "Cochez cette ligne une fois ces copies détruites."))
    attestation.signataire = by.get_full_name()
    attestation.qualite = habilitations.qualite_of(by, attestation.lieu, now)
    attestation.visa_archives, attestation.signed_at, attestation.text_version = visa, now, TEXT_VERSION
    attestation.list_sha256 = list_digest(attestation)
    sealed = seal.seal(documents.write(attestation, now), reason="Attestation de destruction", now=now)
    kept = store.keep(sealed, media_type="application/pdf", nature="attestation", now=now)
    ticked: dict[str, Any] = dict.fromkeys(COPIES, True)
    ATTESTATION.apply(
        attestation,
        "sign",
        by=by,
        now=now,
        signed_at=now,
        signed_by=by,
        signataire=attestation.signataire,
        qualite=attestation.qualite,
        visa_archives=visa,
        text_version=TEXT_VERSION,
        list_sha256=attestation.list_sha256,
        pdf=kept,
        pdf_sha256=kept.sha256,
        **ticked,
    )
    return attestation


def list_digest(attestation: Attestation) -> str:
    """SHA-256 of the canonical list: what was attested can be recognised, and no line added or taken away later."""
    lines = [
        [line.reference, *(str(day or "") for day in (line.transmitted_on, line.picked_up_on, line.destroyed_on))]
        for line in attestation.lignes.order_by("transmitted_on", "reference", "pk")
    ]
    return hashlib.sha256(json.dumps(lines, ensure_ascii=False).encode()).hexdigest()
