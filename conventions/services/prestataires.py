"""Subcontractors of a lieu and the engagements that the Caf may demand at any time (CON-9)."""

from datetime import date, datetime
from typing import BinaryIO
from uuid import UUID

from django.db import transaction
from django.shortcuts import get_object_or_404

from conventions import queries, rights, rules
from conventions.models import DemandeEngagement, Engagement, Lieu, Prestataire
from extranet.core import apart
from extranet.core.accounts.models import User
from extranet.core.dates import paris_date
from extranet.core.documents import store
from extranet.core.errors import Refused, WrongState
from extranet.core.journal import services as journal
from extranet.core.outbox import services as outbox
from extranet.territory.queries import alerted, role_of

OVER = "Ce prestataire ne travaille plus pour le lieu."


@transaction.atomic
def add(*, convention_uuid: UUID, nom: str, from_on: date, by: User, now: datetime) -> Prestataire:
    """CON-9.a: a subcontractor of the lieu of a convention, since a day. 404 outside the agent's Caf."""
    visible = queries.conventions_visible_to(by).select_for_update(of=("self",))
    lieu = get_object_or_404(visible, uuid=convention_uuid).lieu
    rights.check(role_of(by), "keep_prestataires")
    if from_on > paris_date(now):
        raise Refused({"from_on": "Cette date est dans le futur."})
    if lieu.prestataires.filter(nom__iexact=nom, until_on=None).exists():
        raise Refused({"nom": "Ce prestataire est déjà enregistré pour ce lieu."})
    made = Prestataire.objects.create(lieu=lieu, nom=nom, from_on=from_on)
    journal.record("prestataire.ajoute", made, by=by, at=now)
    return made


@transaction.atomic
def end(*, prestataire_uuid: UUID, until_on: date, by: User, now: datetime) -> Prestataire:
    """CON-9.a: it works for the lieu no more after this day; what it signed stays."""
    made = _held(prestataire_uuid, by, now)
    if until_on < made.from_on or until_on > paris_date(now):
        raise Refused({"until_on": "Indiquez un jour passé, après le début."})
    Prestataire.objects.filter(pk=made.pk).update(until_on=until_on)
    journal.record("prestataire.fini", made, by=by, at=now, jusqu_au=until_on.isoformat())
    return made


@transaction.atomic
def demand(*, prestataire_uuid: UUID, due_on: date, by: User, now: datetime) -> DemandeEngagement:
    """CON-9.b: the Caf demands the engagement, at any time; the lieu and its persons are told which day it is awaited.

    One demand at a time: open until the document is there.
    """
    made = _held(prestataire_uuid, by, now)
    if fault := rules.engagement_due_fault(due_on, paris_date(now)):
        raise Refused({"due_on": fault})
    if made.demandes_engagement.filter(answered_at=None).exists():
        raise WrongState("L’engagement de ce prestataire est déjà demandé.")
    asked = DemandeEngagement.objects.create(prestataire=made, asked_at=now, asked_by=by, due_on=due_on)
    journal.record("prestataire.engagement-demande", made, by=by, at=now, attendu_le=due_on.isoformat())
    to = _lieu_and_persons(made.lieu, now)
    outbox.post("conventions.engagement-demande", key=asked.key, to=to, now=now, demande=asked.pk)
    return asked


@transaction.atomic
def record(*, prestataire_uuid: UUID, signed_on: date, scan: BinaryIO, by: User, now: datetime) -> Engagement:
    """CON-9.a: a signed engagement that reached the Caf; it answers what was demanded."""
    made = _held(prestataire_uuid, by, now)
    _require_verified(made)
    kept = _keep(made, signed_on, scan, by, now)
    _accept(kept, by, now)
    return kept


@transaction.atomic
def deposit(
    *, prestataire_uuid: UUID, lieux: list[int], signed_on: date, scan: BinaryIO, by: User, now: datetime
) -> Engagement:
    """CON-9.b: a person of one of `lieux` deposits the signed engagement; the Caf is told, which verifies it. 404 else.

    `lieux`: those that this person may act for now, as whoever knows habilitations says.
    """
    rows = Prestataire.objects.filter(lieu__in=lieux).select_for_update(of=("self",)).select_related("lieu")
    made = get_object_or_404(rows, uuid=prestataire_uuid)
    _require_current(made, now)
    _require_verified(made)
    kept = _keep(made, signed_on, scan, by, now)
    journal.record("prestataire.engagement-depose", made, by=by, at=now, sha256=kept.scan.sha256)
    to = alerted(made.lieu.caf_id)
    outbox.post("conventions.engagement-depose", key=str(kept.uuid), to=to, now=now, engagement=kept.pk)
    return kept


@transaction.atomic
def accept(*, prestataire_uuid: UUID, by: User, now: datetime) -> Engagement:
    """CON-9.b: the deposited document is the signed engagement: the demand is answered."""
    waiting = _to_verify(_held(prestataire_uuid, by, now))
    _accept(waiting, by, now)
    return waiting


@transaction.atomic
def refuse(*, prestataire_uuid: UUID, motif: str, by: User, now: datetime) -> Engagement:
    """CON-9.b: the deposited document is not what was asked, with the reason that the lieu is mailed."""
    made = _held(prestataire_uuid, by, now)
    waiting = _to_verify(made)
    if not motif.strip():
        raise Refused({"motif": "Indiquez pourquoi ce document n’est pas accepté."})
    Engagement.objects.filter(pk=waiting.pk).update(decided_at=now, decided_by=by, motif_refus=motif.strip())
    journal.record("prestataire.engagement-refuse", made, by=by, at=now)
    to = _lieu_and_persons(made.lieu, now)
    outbox.post("conventions.engagement-refuse", key=str(waiting.uuid), to=to, now=now, engagement=waiting.pk)
    return waiting


def remind(*, now: datetime) -> int:
    """CON-9.b: the reminder due for each demand without document, on its day and each week after; returns how many."""
    today = paris_date(now)
    late = queries.engagements_awaited(today).filter(due_on__lte=today).select_related("prestataire__lieu")
    keys = {one.pk: f"{one.key}:{rules.engagement_reminder(one.due_on, today)}" for one in late}
    said = queries.reminded(list(keys.values()))

    def remind_one(asked: DemandeEngagement) -> bool:
        to = _lieu_and_persons(asked.prestataire.lieu, now)
        outbox.post("conventions.engagement-rappel", key=keys[asked.pk], to=to, now=now, demande=asked.pk)
        return True

    return apart.each([one for one in late if keys[one.pk] not in said], remind_one, what="demand of an engagement")


def _held(prestataire_uuid: UUID, by: User, now: datetime) -> Prestataire:
    visible = queries.prestataires_visible_to(by).select_for_update(of=("self",))
    made = get_object_or_404(visible, uuid=prestataire_uuid)
    rights.check(role_of(by), "keep_prestataires")
    _require_current(made, now)
    return made


def _require_current(made: Prestataire, now: datetime) -> None:
    if made.until_on and made.until_on < paris_date(now):
        raise WrongState(OVER)


def _require_verified(made: Prestataire) -> None:
    if made.engagements.filter(decided_at=None).exists():
        raise WrongState("Un document déposé par le lieu attend d’être vérifié.")


def _to_verify(made: Prestataire) -> Engagement:
    waiting = made.engagements.filter(decided_at=None).first()
    if waiting is None:
        raise WrongState("Aucun document de ce prestataire n’attend d’être vérifié.")
    return waiting


def _keep(made: Prestataire, signed_on: date, scan: BinaryIO, by: User, now: datetime) -> Engagement:
    if fault := rules.engagement_signed_fault(signed_on, paris_date(now)):
        raise Refused({"signed_on": fault})
    data = store.checked_pdf(scan, field="scan")
    kept = store.keep(data, media_type="application/pdf", nature="engagement", now=now)
    return Engagement.objects.create(prestataire=made, scan=kept, signed_on=signed_on, received_at=now, received_by=by)


def _accept(kept: Engagement, by: User, now: datetime) -> None:
    kept.decided_at, kept.decided_by = now, by
    kept.save(update_fields=["decided_at", "decided_by"])
    kept.prestataire.demandes_engagement.filter(answered_at=None).update(answered_at=now)
    journal.record(
        "prestataire.engagement-recu",
        kept.prestataire,
        by=by,
        at=now,
        signe_le=kept.signed_on.isoformat(),
        sha256=kept.scan.sha256,
    )


def _lieu_and_persons(lieu: Lieu, now: datetime) -> list[str]:
    """The lieu's mailbox and each person that annexe 1 names today; who of them is open is asked at sending."""
    named = queries.annexe1(lieu, paris_date(now))[1].values_list("personne__uuid", flat=True)
    return [f"lieu:{lieu.uuid}", *(f"personne:{name}" for name in named)]
