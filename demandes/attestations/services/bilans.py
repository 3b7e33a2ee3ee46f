"""The lieu's yearly statement: prepared by the portal, confirmed by a habilitated person, kept for the Caf (SUI-3)."""

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db import transaction
from django.shortcuts import get_object_or_404

from conventions.models import Lieu
from demandes.attestations import documents, queries, rules
from demandes.attestations.models import Bilan
from demandes.attestations.workflow import BILAN
from extranet.core import apart
from extranet.core.accounts.models import User
from extranet.core.dates import paris_date
from extranet.core.documents import seal, store
from extranet.core.errors import Refused
from extranet.core.journal import services as journal
from extranet.core.outbox import services as outbox
from habilitations import queries as habilitations

TEXT_VERSION = "2026-1"
BATCH = 1_000  # lieux a run
WEEKS = timedelta(days=14)  # between the two mails, at least


def open_due(*, now: datetime) -> int:
    """From 1 January, the statement of the year before for each lieu under a convention then and now; until its day is
    over. Its persons are told once. Returns how many were opened.
    """
    today = paris_date(now)
    year = today.year - 1
    if today > rules.statement_due_on(year):
        return 0
    waiting = queries.without_bilan(year, today, BATCH)
    return apart.each(waiting, lambda lieu: open_one(lieu, year, now=now), what="yearly statement of lieu")


def open_one(lieu: int, year: int, *, now: datetime) -> int:
    """Once a lieu and year; 0 when it is there."""
    held = Lieu.objects.select_for_update(of=("self",)).get(pk=lieu)
    if Bilan.objects.filter(lieu=held, annee=year).exists():
        return 0
    made = Bilan.objects.create(lieu=held, annee=year, opened_at=now, due_on=rules.statement_due_on(year))
    journal.record("bilan.prepare", made, by="systeme", at=now)
    _tell(made, "attestations.bilan", now)
    return 1


def remind(*, now: datetime) -> int:
    """The one reminder to a lieu whose statement is not confirmed, thirty days before; none on the heels of the mail
    that announced it, where workers were stopped. Returns how many lieux.
    """
    today = paris_date(now)
    year = today.year - 1
    if not rules.statement_reminder_on(year) <= today <= rules.statement_due_on(year):
        return 0
    waiting = queries.to_remind(year, now - WEEKS)
    return apart.each(waiting, lambda one: _tell(one, "attestations.bilan-rappel", now), what="reminder of statement")


def _tell(bilan: Bilan, kind: str, now: datetime) -> int:
    persons = [f"user:{line.user_id}" for line in habilitations.signers_of(bilan.lieu_id, now)]
    outbox.post(kind, key=str(bilan.uuid), to=persons, now=now, bilan=bilan.pk)
    return 1


@transaction.atomic
def confirm(bilan_uuid: uuid.UUID, *, tenues: Mapping[str, bool], precisions: str, by: User, now: datetime) -> Bilan:
    """SUI-3: confirm as `by`, whose password was just asked again. What is not kept is said, with why; what the portal
    knows is read now and goes into the PDF, sealed.
    """
    bilan = get_object_or_404(queries.bilans_of(by, now).select_for_update(of=("self",)), uuid=bilan_uuid)
    BILAN.require(bilan, "confirm")
    if missing := [name for name in rules.DECLARATIONS if name not in tenues]:
        raise Refused(dict.fromkeys(missing, "Répondez à cette ligne."))
    if not all(tenues.values()) and not precisions:
        raise Refused({"precisions": "Dites à la Caf ce qui n’a pas pu être tenu, et ce que vous faites."})
    bilan.tenues, bilan.precisions = {name: tenues[name] for name in rules.DECLARATIONS}, precisions
    bilan.signataire, bilan.text_version = by.get_full_name(), TEXT_VERSION
    bilan.qualite = habilitations.qualite_of(by, bilan.lieu, now)
    paper = documents.write_bilan(bilan, queries.facts_of(bilan.lieu, bilan.annee, now), now)
    sealed = seal.seal(paper, reason="Bilan annuel des obligations", now=now)
    kept = store.keep(sealed, media_type="application/pdf", nature="bilan", now=now)
    BILAN.apply(
        bilan,
        "confirm",
        by=by,
        now=now,
        confirmed_at=now,
        confirmed_by=by,
        signataire=bilan.signataire,
        qualite=bilan.qualite,
        tenues=bilan.tenues,
        precisions=precisions,
        text_version=TEXT_VERSION,
        pdf=kept,
        pdf_sha256=kept.sha256,
    )
    return bilan
