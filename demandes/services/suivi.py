"""What a lieu does of its demandes (SUI-1). Each act is on record, and the first of them picks up (TEL-1.e).

What is counted for years is on the `Attribution`; what is next, in `Suivi`; what was heard, in `Note`.
"""

import uuid
from collections.abc import Collection, Mapping
from contextlib import suppress
from datetime import date, datetime
from typing import Any

from django.db import transaction

from demandes import queries, rules
from demandes.contenu import Contenu
from demandes.models import Attribution, Demande, Note, Suivi
from demandes.services import handover
from demandes.services.handover import Origin
from demandes.workflow import DEMANDE, Issue
from extranet.core.accounts.models import User
from extranet.core.dates import paris_date
from extranet.core.errors import NoKey, NotFound, Refused
from extranet.core.journal import services as journal
from extranet.territory import zones
from habilitations import queries as habilitations

MOST_NOTES = 50
TRAITS = ("atypique", "urgente", "accessibilite")


def _held(
    wanted: Collection[uuid.UUID], by: User, now: datetime, origin: Origin, *, open_only: bool = True
) -> list[Demande]:
    """These demandes of the lieux of `by`, locked and picked up; WrongState when one is closed, unless that may be."""
    handover.require_some(wanted)
    held = queries.require_visible(by, wanted, now, lock=True)
    for demande in held:
        if open_only and not DEMANDE.may(demande, "pick_up"):
            DEMANDE.require(demande, "close")
    handover.pick_up_by_act(held, by=by, now=now, origin=origin)
    return held


def _note(demande: Demande, event: str, *, by: User, now: datetime, **agenda: Any) -> Demande:
    """What is next, and a line that says what was done; no date and no word of it (ACC-3)."""
    assert demande.lieu_id is not None
    new = {"lieu_id": demande.lieu_id, **agenda}
    Suivi.objects.update_or_create(dossier=demande.dossier, defaults=agenda, create_defaults=new)
    journal.record(f"suivi.{event}", demande, by=by, at=now)
    return demande


def _joined(demande: Demande, now: datetime) -> None:
    Attribution.objects.filter(demande=demande, ended_at=None, contacted_at=None).update(contacted_at=now)


@transaction.atomic
def note_call(
    wanted: uuid.UUID, *, joined: bool, rappeler_on: date | None = None, by: User, now: datetime, origin: Origin
) -> Demande:
    """SUI-1.a: the family was joined, or did not answer; then it is called again, on the next worked day if no other
    is given.
    """
    [demande] = _held([wanted], by, now, origin)
    assert demande.lieu is not None
    today = zones.date_at(now, demande.lieu.caf_id)
    if rappeler_on and not today <= rappeler_on <= demande.last_day:
        raise Refused({"rappeler_on": "Choisissez un jour à venir, avant la destruction de la demande."})
    if joined:
        _joined(demande, now)
        return _note(demande, "famille-jointe", by=by, now=now, tentatives=0, rappeler_on=rappeler_on)
    again = rappeler_on or min(rules.next_call(today, queries.departement_of(demande.lieu)), demande.last_day)
    before = Suivi.objects.filter(dossier=demande.dossier).values_list("tentatives", flat=True).first() or 0
    return _note(demande, "sans-reponse", by=by, now=now, tentatives=before + 1, rappeler_on=again)


@transaction.atomic
def set_appointment(
    wanted: uuid.UUID, *, at: datetime | None, moyen: str = "", by: User, now: datetime, origin: Origin
) -> Demande:
    """SUI-1.a: an appointment, which means that the family was joined; None: there is none any more."""
    [demande] = _held([wanted], by, now, origin)
    if at is None:
        return _note(demande, "rendez-vous-annule", by=by, now=now, rendez_vous_at=None, moyen="")
    if moyen not in Suivi.Moyen:
        raise Refused({"moyen": "Dites comment se passera le rendez-vous."})
    if at < now or paris_date(at) > demande.last_day:
        raise Refused({"jour": "Choisissez un moment à venir, avant la destruction de la demande."})
    _joined(demande, now)
    return _note(demande, "rendez-vous", by=by, now=now, rendez_vous_at=at, moyen=moyen, tentatives=0, rappeler_on=None)


@transaction.atomic
def assign(wanted: uuid.UUID, *, to: uuid.UUID | None, by: User, now: datetime, origin: Origin) -> Demande:
    """SUI-1.b: a colleague who is active at this lieu follows it; None: nobody in particular."""
    [demande] = _held([wanted], by, now, origin)
    assert demande.lieu_id is not None
    person = None
    if to is not None:
        line = habilitations.persons_of(demande.lieu_id, now).filter(user__uuid=to).select_related("user").first()
        if line is None:
            raise Refused({"personne": "Choisissez une personne de votre lieu."})
        person = line.user
    return _note(demande, "confiee" if person else "confiee-a-personne", by=by, now=now, confiee_a=person)


@transaction.atomic
def answer(
    wanted: Collection[uuid.UUID],
    *,
    issue: str,
    traits: Mapping[str, bool] | None = None,
    by: User,
    now: datetime,
    origin: Origin,
) -> list[Demande]:
    """SUI-1.d, SUI-1.e: what became of these demandes, all or none: traitées. Returns them as they were before.

    SUI-1.f: a need that is not met keeps its `traits`; those that its family has said, where nobody gave others.
    """
    held = _held(wanted, by, now, origin)
    if issue not in Issue:
        raise Refused({"issue": "Choisissez ce qu’est devenue la demande."})
    rows = Demande.objects.filter(pk__in=[one.pk for one in held])
    DEMANDE.apply_many(rows, "close", by=by, now=now, closed_at=now)
    for demande in held:
        kept = dict[str, bool]()
        if issue == Issue.SANS_SOLUTION:
            kept = dict(traits) if traits is not None else said_traits(demande, now)
        here = Attribution.objects.filter(demande=demande, ended_at=None)
        here.update(answered_at=now, issue=issue, **kept)
    journal.record_many(journal.entry("suivi.issue", one, by=by, at=now, issue=issue) for one in held)
    return held


def said_traits(demande: Demande, now: datetime) -> dict[str, bool]:
    """SUI-1.f: the traits of a need as the family has said them; none while its dossier cannot be read."""
    with suppress(NoKey):
        return traits_of(demande.dossier.open(paris_date(now)))
    return dict.fromkeys(TRAITS, False)


def traits_of(contenu: Contenu) -> dict[str, bool]:
    """Atypical hours, urgent, accessibility. Never anything of health, which no field asks for."""
    said = (
        bool(contenu.besoin.get("atypiques")),
        contenu.besoin.get("regularite") == "urgent",
        contenu.rendez_vous == "accessibilite",
    )
    return dict(zip(TRAITS, said, strict=True))


@transaction.atomic
def reopen(wanted: Collection[uuid.UUID], *, by: User, now: datetime) -> list[Demande]:
    """The last answer is undone, all or none: récupérées again, with what was on their agenda. WrongState when one is
    not closed.
    """
    held = queries.require_visible(by, wanted, now, lock=True)
    for demande in held:
        DEMANDE.require(demande, "reopen")
    rows = Demande.objects.filter(pk__in=[one.pk for one in held])
    DEMANDE.apply_many(rows, "reopen", by=by, now=now, closed_at=None)
    here = Attribution.objects.filter(demande__in=[one.pk for one in held], ended_at=None)
    here.update(answered_at=None, issue="", **dict.fromkeys(TRAITS, False))
    return held


@transaction.atomic
def add_note(wanted: uuid.UUID, *, texte: str, by: User, now: datetime, origin: Origin) -> Demande:
    """SUI-1.c: a note on the family, sealed like its dossier; a closed demande may still have one. Raises NoKey."""
    [demande] = _held([wanted], by, now, origin, open_only=False)
    if Note.objects.filter(dossier=demande.dossier).count() >= MOST_NOTES:
        raise Refused({"texte": f"Cette demande a déjà {MOST_NOTES} notes : retirez-en une."})
    note = Note(dossier=demande.dossier, author=by, at=now)
    note.seal(texte)
    note.save(force_insert=True)
    journal.record("suivi.note", demande, by=by, at=now)
    return demande


@transaction.atomic
def remove_note(wanted: uuid.UUID, *, note: uuid.UUID, by: User, now: datetime, origin: Origin) -> Demande:
    """Any person of the lieu takes a note away, for good."""
    [demande] = _held([wanted], by, now, origin, open_only=False)
    if not Note.objects.filter(dossier=demande.dossier, uuid=note).delete()[0]:
        raise NotFound
    journal.record("suivi.note-retiree", demande, by=by, at=now)
    return demande
