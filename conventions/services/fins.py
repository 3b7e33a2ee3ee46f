"""Registered letters and the ends that they ask for: at an anniversary, or at once for breach (CON-4, CON-5, CTL-8).

An end is the convention's `ended_on`, its last day: all that depends on it asks by date (CON-6).
"""

import re
from collections import defaultdict
from datetime import date, datetime, timedelta
from typing import BinaryIO
from uuid import UUID

from django.db import transaction
from django.db.models import F, Value
from django.db.models.functions import Greatest
from django.shortcuts import get_object_or_404

from conventions import queries, rights, rules
from conventions.models import Convention, Courrier, Couverture, PersonneInscrite, Resiliation, TentativeAmiable
from conventions.rules import Preavis
from conventions.workflow import EtatConvention
from extranet.core.accounts.models import User
from extranet.core.dates import paris_date
from extranet.core.documents import store
from extranet.core.documents.models import StoredFile
from extranet.core.errors import Answer, Forbidden, Refused, WrongState
from extranet.core.journal import services as journal
from extranet.core.outbox import services as outbox
from extranet.core.outbox.models import Message
from extranet.territory.queries import alerted, role_of

SUPERVISEUR = (
    "Compté en avant depuis la remise, le délai donne une autre date : un superviseur de votre Caf choisit entre les "
    "deux, et dit pourquoi."
)
REMINDER = "conventions.preavis"
# A reminder is not told again while its mail is on record; its term is over before the record goes.
LOOK_BACK = timedelta(days=90)


@transaction.atomic
def record_courrier(
    *,
    convention_uuid: UUID,
    objet: str,
    partie: str,
    numero: str,
    posted_on: date,
    presented_on: date | None,
    issue: str,
    delivered_on: date | None,
    scan: BinaryIO,
    avis: BinaryIO | None = None,
    by: User,
    now: datetime,
) -> Courrier:
    """CON-4.a, CON-5.a: a registered letter, with what is known of its way. Of itself it ends nothing."""
    convention = _held(convention_uuid, by)
    rights.check(role_of(by), "record_courrier")
    start = _require_running(convention, paris_date(now))
    faults = rules.letter_faults(
        posted_on, presented_on, delivered_on, issue, start=start, today=paris_date(now)
    ) | _identity_faults(objet, partie, numero)
    if faults:
        raise Refused(faults)
    letter = Courrier.objects.create(
        convention=convention,
        objet=objet,
        partie=partie,
        numero=_plain(numero),
        posted_on=posted_on,
        presented_on=presented_on,
        delivered_on=delivered_on,
        issue=issue,
        scan=_kept(scan, "scan", now),
        avis=_kept(avis, "avis", now) if avis else None,
        recorded_at=now,
        recorded_by=by,
    )
    _note(letter, "convention.courrier", by, now)
    return letter


def _identity_faults(objet: str, partie: str, numero: str) -> dict[str, str]:
    faults = {}
    if objet != Courrier.Objet.PREAVIS and partie != "caf":
        faults["partie"] = "Seule la Caf met en demeure, ou résilie pour manquement."
    if not re.fullmatch(r"[0-9A-Z]{8,30}", _plain(numero)):
        faults["numero"] = "Recopiez le numéro qui figure sous le code-barres de la lettre, par exemple 1A12345678901."
    elif Courrier.objects.filter(numero=_plain(numero)).exists():
        faults["numero"] = "Une lettre est déjà enregistrée sous ce numéro."
    return faults


def _plain(numero: str) -> str:
    return re.sub(r"[\s.-]", "", numero).upper()


def _kept(upload: BinaryIO, field: str, now: datetime) -> StoredFile:
    checked = store.checked_pdf(upload, field=field)
    return store.keep(checked, media_type="application/pdf", nature="courrier", now=now)


def _note(letter: Courrier, event: str, by: User, now: datetime) -> None:
    journal.record(
        event,
        letter.convention,
        by=by,
        at=now,
        numero=letter.numero,
        objet=letter.objet,
        partie=letter.partie,
        postee_le=letter.posted_on.isoformat(),
        presentee_le=_iso(letter.presented_on),
        remise_le=_iso(letter.delivered_on),
        issue=letter.issue,
    )


def _iso(day: date | None) -> str:
    return day.isoformat() if day else ""


@transaction.atomic
def note_outcome(
    *,
    courrier_uuid: UUID,
    presented_on: date | None,
    issue: str,
    delivered_on: date | None,
    avis: BinaryIO | None = None,
    by: User,
    now: datetime,
) -> Courrier:
    """CON-4.b: what became of a letter on its way. Refused or unclaimed, it has no effect; another may follow."""
    letter = _letter(courrier_uuid, by)
    rights.check(role_of(by), "record_courrier")
    if letter.issue:
        raise WrongState("Le sort de cette lettre est déjà enregistré.")
    start = letter.convention.in_force_from
    assert start is not None
    faults = rules.letter_faults(
        letter.posted_on, presented_on, delivered_on, issue, start=start, today=paris_date(now)
    )
    if not issue:
        faults["issue"] = "Dites ce que La Poste a fait de la lettre."
    if faults:
        raise Refused(faults)
    letter.presented_on, letter.delivered_on, letter.issue = presented_on, delivered_on, issue
    letter.avis = _kept(avis, "avis", now) if avis else None
    letter.save(update_fields=["presented_on", "delivered_on", "issue", "avis"])
    _note(letter, "convention.courrier-suite", by, now)
    return letter


# --- ends -----------------------------------------------------------------------------------------------------------


def preavis_of(letter: Courrier) -> Preavis:
    """CON-4: what a delivered letter asks for."""
    start = letter.convention.in_force_from
    assert start is not None
    assert letter.delivered_on is not None
    return rules.notice(start, letter.delivered_on)


def anniversary_obstacle(letter: Courrier, by: User) -> Answer | None:
    """Why `by` cannot confirm the end that this delivered letter asks for; None when it can."""
    if letter.convention.ended_on:
        return WrongState("La fin de cette convention est déjà enregistrée.")
    if preavis_of(letter).is_disputed and not rights.may(role_of(by), "settle_notice"):
        return Forbidden(SUPERVISEUR)
    return None


@transaction.atomic
def end_at_anniversary(
    *, courrier_uuid: UUID, ends_on: date, decision: str = "", by: User, now: datetime
) -> Resiliation:
    """CON-4.c, CON-4.e: the end at the anniversary that this letter reaches, as it was shown before confirming.

    Where the two ways of counting differ, either date, by a superviseur and with its reason.
    """
    letter = _letter(courrier_uuid, by)
    rights.check(role_of(by), "end_at_anniversary")
    _require_delivered(letter, Courrier.Objet.PREAVIS)
    if fault := anniversary_obstacle(letter, by):
        raise fault
    preavis, decision = preavis_of(letter), decision.strip()
    if preavis.is_disputed:
        if not decision:
            raise Refused({"decision": "Dites pourquoi vous choisissez cette date."})
        if ends_on not in (preavis.term, preavis.following):
            raise Refused({"ends_on": "Choisissez l’une des deux dates."})
    elif ends_on != preavis.ends_on:
        raise Refused({"": "La date de fin a changé depuis que cette page est ouverte : relisez-la, puis confirmez."})
    decided = {"decided_at": now, "decided_by": by, "decision": decision} if preavis.is_disputed else {}
    return _end(letter, Resiliation.Nature.ANNIVERSAIRE, ends_on, by, now, **decided)


@transaction.atomic
def end_for_breach(
    *, courrier_uuid: UUID, motif: str, effective_on: date | None = None, by: User, now: datetime
) -> Resiliation:
    """CON-5.a: the letter counts as notification at its receipt, which is the last day; or a later one that it names.

    Recorded on that very day, nobody of the lieu sees anything from this act on, and not only from midnight.
    """
    letter = _letter(courrier_uuid, by)
    rights.check(role_of(by), "end_for_breach")
    _require_delivered(letter, Courrier.Objet.MANQUEMENT)
    convention, received = letter.convention, letter.delivered_on
    assert received is not None
    if not motif.strip():
        raise Refused({"motif": "Indiquez le manquement, comme dans la lettre."})
    if effective_on and effective_on < received:
        raise Refused({"effective_on": "La résiliation ne peut pas prendre effet avant la remise de la lettre."})
    ends_on = effective_on or received
    if convention.ended_on and convention.ended_on <= ends_on:
        raise WrongState("Cette convention prend déjà fin à cette date, ou avant.")
    ended = _end(letter, Resiliation.Nature.MANQUEMENT, ends_on, by, now, motif=motif.strip())
    if ends_on == paris_date(now) and not convention.suspensions.filter(until_at=None).exists():
        convention.suspensions.create(from_at=now, reason="Résiliation pour manquement", suspended_by=by)
        journal.record("convention.suspendue", convention, by=by, at=now)
    return ended


def _end(
    letter: Courrier, nature: Resiliation.Nature, ends_on: date, by: User, now: datetime, **about: object
) -> Resiliation:
    convention = letter.convention
    ended = Resiliation.objects.create(
        convention=convention,
        courrier=letter,
        nature=nature,
        ends_on=ends_on,
        recorded_at=now,
        recorded_by=by,
        **about,
    )
    Convention.objects.filter(pk=convention.pk).update(ended_on=ends_on)
    convention.ended_on = ends_on
    journal.record(
        "convention.resiliee", convention, by=by, at=now, nature=nature, fin=ends_on.isoformat(), numero=letter.numero
    )
    told = [f"lieu:{convention.lieu.uuid}", f"gestionnaire:{convention.gestionnaire.uuid}"]
    outbox.post("conventions.resiliation", key=str(ended.uuid), to=told, now=now, resiliation=ended.pk)
    return ended


def close_lines(*, now: datetime) -> int:
    """The lines of annexe 1 that still hold take the last day of their convention, once it is over, so that another
    convention of the lieu may open the same. Access and routing have not waited for it. Returns how many lines.
    """
    done = 0
    for lines in (Couverture.objects, PersonneInscrite.objects):
        over = lines.filter(until_on=None, from_on__isnull=False, opened_by__convention__ended_on__lt=paris_date(now))
        ends = dict(over.values_list("pk", "opened_by__convention__ended_on"))
        for ends_on in set(ends.values()):
            same = [pk for pk, day in ends.items() if day == ends_on]
            done += lines.filter(pk__in=same).update(until_on=Greatest(F("from_on"), Value(ends_on)))
    return done


@transaction.atomic
def withdraw_notice(
    *, convention_uuid: UUID, withdrawn_on: date, withdrawal: BinaryIO, by: User, now: datetime
) -> Convention:
    """CON-4.f: both parties give a notice up, by a paper of both, before its end: the convention goes on as it was."""
    convention = _held(convention_uuid, by)
    rights.check(role_of(by), "withdraw_notice")
    ended = queries.standing_notice(convention)
    if ended is None or ended.ends_on != convention.ended_on:
        raise WrongState("Aucune résiliation à l’échéance n’est à retirer.")
    if ended.ends_on < paris_date(now):
        raise WrongState("Cette convention a pris fin : seule une nouvelle convention lie de nouveau les parties.")
    if withdrawn_on > paris_date(now):
        raise Refused({"withdrawn_on": "Cette date est dans le futur."})
    if withdrawn_on < ended.courrier.posted_on:
        raise Refused({"withdrawn_on": "La lettre n’était pas encore postée à cette date."})
    if Convention.objects.filter(lieu=convention.lieu_id, ended_on=None, state__in=_LIVING).exists():
        raise WrongState("Une autre convention de ce lieu est déjà préparée ou signée.")
    paper = _kept(withdrawal, "withdrawal", now)
    Resiliation.objects.filter(pk=ended.pk).update(withdrawn_on=withdrawn_on, withdrawal=paper)
    Convention.objects.filter(pk=convention.pk).update(ended_on=None)
    convention.ended_on = None
    journal.record("convention.resiliation-retiree", convention, by=by, at=now, fin=ended.ends_on.isoformat())
    return convention


_LIVING = (EtatConvention.PREPARATION, EtatConvention.SIGNEE)


@transaction.atomic
def record_amicable(
    *, convention_uuid: UUID, tried_on: date, description: str, suite: str, by: User, now: datetime
) -> TentativeAmiable:
    """CTL-8.b: what was tried to settle the dispute before any court, and what came of it."""
    convention = _held(convention_uuid, by)
    rights.check(role_of(by), "record_amicable")
    if convention.in_force_from is None:
        raise WrongState("Cette convention n’est pas encore en vigueur.")
    if tried_on > paris_date(now):
        raise Refused({"tried_on": "Cette date est dans le futur."})
    tried = convention.tentatives_amiables.create(
        tried_on=tried_on, description=description.strip(), suite=suite.strip(), recorded_at=now, recorded_by=by
    )
    journal.record("convention.tentative-amiable", convention, by=by, at=now, le=tried_on.isoformat())
    return tried


# --- the last day of notice -----------------------------------------------------------------------------------------


def remind_notice(*, now: datetime) -> int:
    """CON-4.g: agents learn of the last day for a notice, 5, 4 and 3½ months before the anniversary; each once, and
    after a stop only the latest. One mail a Caf for all that fall due together. Returns for how many conventions.
    """
    today = paris_date(now)
    told = _told(now)
    due: dict[str, dict[str, tuple[int, str]]] = defaultdict(dict)
    running = Convention.objects.filter(queries.in_force(today), ended_on=None).order_by("pk")
    for pk, start, caf in running.values_list("pk", "in_force_from", "lieu__caf"):
        assert start is not None
        term = rules.next_anniversary(start, today)
        rank = rules.notice_reminder_due(term, today, told.get((pk, term.isoformat()), ()))
        if rank is not None:
            due[caf][str(pk)] = (rank, term.isoformat())
    for caf, rows in due.items():
        first, (rank, term_told) = next(iter(rows.items()))
        key = f"{caf}:{first}:{term_told}:{rank}"
        outbox.post(REMINDER, key=key, to=alerted(caf), now=now, conventions=rows)
    return sum(map(len, due.values()))


def _told(now: datetime) -> dict[tuple[int, str], set[int]]:
    """(convention, term) → ranks of the reminders posted."""
    told: dict[tuple[int, str], set[int]] = defaultdict(set)
    for about in Message.objects.filter(kind=REMINDER, created_at__gte=now - LOOK_BACK).values_list("about", flat=True):
        for pk, (rank, term) in about["conventions"].items():
            told[int(pk), term].add(rank)
    return told


# --- access ---------------------------------------------------------------------------------------------------------


def _held(convention_uuid: UUID, by: User) -> Convention:
    visible = queries.conventions_visible_to(by).select_for_update(of=("self",))
    return get_object_or_404(visible, uuid=convention_uuid)


def _letter(courrier_uuid: UUID, by: User) -> Courrier:
    """The letter, with its convention's row held: two clicks come one after the other."""
    visible = queries.conventions_visible_to(by).select_for_update(of=("self",))
    convention = get_object_or_404(visible, courriers__uuid=courrier_uuid)
    letter = Courrier.objects.get(uuid=courrier_uuid)
    letter.convention = convention
    return letter


def _require_running(convention: Convention, today: date) -> date:
    start = convention.in_force_from
    if start is None:
        raise WrongState("Cette convention n’est pas encore en vigueur.")
    if convention.ended_on and convention.ended_on < today:
        raise WrongState("Cette convention a pris fin.")
    return start


def _require_delivered(letter: Courrier, objet: Courrier.Objet) -> None:
    if letter.objet != objet or letter.issue != Courrier.Issue.REMISE:
        raise WrongState("Cette lettre n’a pas été remise, ou a un autre objet : elle ne met fin à rien.")
    if Resiliation.objects.filter(courrier=letter).exists():
        raise WrongState("Cette lettre a déjà produit son effet.")
