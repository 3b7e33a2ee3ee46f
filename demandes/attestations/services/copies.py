"""The lieu's statement of destruction: opened by the portal, signed by a habilitated person (CNS-3, CNS-4, CNS-5)."""

import hashlib
import json
import uuid
from datetime import datetime
from itertools import groupby
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.shortcuts import get_object_or_404

from conventions import queries as conventions
from conventions.models import Convention
from demandes import queries as demandes
from demandes.attestations import documents, queries, rules
from demandes.attestations.models import Attestation, LigneAttestation
from demandes.attestations.workflow import ATTESTATION, EtatAttestation
from demandes.models import Attribution
from demandes.services.reminders import LOOK_BACK
from demandes.workflow import ALIVE, Etat
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

TEXT_VERSION = "2026-2"
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


def open_final(*, now: datetime) -> int:
    """CON-6.g: a lieu whose convention is over owes one last attestation, of all that it has received and not attested
    yet, within one month; and is told what goes on (CON-6.h). Once for a convention; returns how many were opened.
    """
    today = paris_date(now)
    over = [end for end in conventions.ends_at(today).values() if end.ends_on < today]
    done = Attestation.objects.filter(convention__in=[end.convention for end in over])
    known = set(done.values_list("convention", flat=True))
    waiting = [end for end in over if end.convention not in known]
    return apart.each(waiting, lambda end: _open_final(end, now), what="final attestation")


def _open_final(end: conventions.Fin, now: datetime) -> int:
    convention = Convention.objects.select_for_update(of=("self",)).get(pk=end.convention)
    if Attestation.objects.filter(convention=convention).exists():
        return 0
    due_on = rules.due_on(end.ends_on)
    attestation = _open_of(end.lieu)
    if attestation is None:
        attestation = Attestation.objects.create(lieu_id=end.lieu, convention=convention, opened_at=now, due_on=due_on)
        journal.record("attestation.ouverte", attestation, by="systeme", at=now)
    else:
        due_on = min(due_on, attestation.due_on)
        Attestation.objects.filter(pk=attestation.pk).update(convention=convention, due_on=due_on)
    # What is elsewhere, or waits for its family's answer, is no longer this lieu's to keep either.
    living = Q(demande__state__in=ALIVE) | Q(attest_from__gt=paris_date(now))
    Attribution.objects.filter(demandes.RECEIVED, living, lieu=end.lieu).update(attest_from=paris_date(now))
    theirs = Attribution.objects.filter(lieu=end.lieu, attest_from__lte=paris_date(now))
    _add_lines(end.lieu, list(theirs.select_related("demande", "picked_up_by").order_by("pk")), now)
    persons = [f"user:{line.user_id}" for line in habilitations.signers_of(end.lieu, now)]
    places = [f"lieu:{convention.lieu.uuid}", f"gestionnaire:{convention.gestionnaire.uuid}"]
    outbox.post(
        "attestations.finale", key=str(attestation.uuid), to=persons + places, now=now, attestation=attestation.pk
    )
    return 1


def _open_of(lieu: int) -> Attestation | None:
    opened = Attestation.objects.filter(lieu=lieu, state=EtatAttestation.OUVERTE)
    return opened.select_for_update(of=("self",)).first()


def _add_lines(lieu: int, received: list[Attribution], now: datetime) -> int:
    """On the open attestation of the lieu; what has its line already, of the end of a convention, owes no other."""
    Attribution.objects.filter(pk__in=[one.pk for one in received]).update(attest_from=None)
    lines = LigneAttestation.objects.filter(attribution__in=[one.pk for one in received])
    known = set(lines.values_list("attribution", flat=True))
    received = [one for one in received if one.pk not in known]
    if not received:
        return 0
    due_on = min(rules.due_on(one.demande.last_day) for one in received)
    attestation = _open_of(lieu)
    if attestation is None:
        attestation = Attestation.objects.create(lieu_id=lieu, opened_at=now, due_on=due_on)
        journal.record("attestation.ouverte", attestation, by="systeme", at=now)
        _tell(attestation, "attestations.ouverte", 0, now)
    elif due_on < attestation.due_on:
        Attestation.objects.filter(pk=attestation.pk).update(due_on=due_on)
    gone_on = (attestation.convention.ended_on if attestation.convention else None) or paris_date(now)
    made = [
        LigneAttestation(
            attestation=attestation,
            attribution=one,
            reference=one.demande.reference,
            transmitted_on=paris_date(one.transmitted_at),
            picked_up_on=paris_date(one.picked_up_at) if one.picked_up_at else None,
            picked_up_by=one.picked_up_by.get_full_name() if one.picked_up_by else "",
            destroyed_on=paris_date(one.demande.destroyed_at) if one.demande.destroyed_at else gone_on,
            retiree=one.demande.state == Etat.RETIREE,
            fin_convention=one.demande.state in ALIVE,
        )
        for one in received
    ]
    LigneAttestation.objects.bulk_create(made, ignore_conflicts=True)
    return len(made)


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
        if attestation.is_late(now):
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
    signable = Attestation.objects.filter(lieu__in=habilitations.lieux_to_attest(by, now))
    signable = signable.select_related("lieu", "convention")
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
