"""Giving a lieu its demandes: on record, and récupérée, before the first byte leaves (ACC-2, TEL-1, TEL-6)."""

import hashlib
import uuid
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from django.db import transaction
from django.db.models import F

from demandes import queries
from demandes.documents import archive, pdf, table, xml_writer
from demandes.models import Attribution, Demande, Remise
from demandes.workflow import AT_A_LIEU, DEMANDE
from extranet.core import bulk
from extranet.core.accounts.models import User
from extranet.core.dates import paris_date, start_of_day
from extranet.core.errors import Refused, WrongState
from extranet.core.journal import services as journal
from extranet.core.outbox import services as outbox

MOST = 200
PICKED_UP = "demandes.recuperee-famille"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request comes from, for the access record."""

    network: str | None = None
    device: str = ""


@dataclass(frozen=True, slots=True)
class Handed:
    """A file for the lieu."""

    content: bytes
    name: str
    media_type: str
    references: list[str]


WRITERS: dict[str, tuple[Callable[..., bytes], str, str]] = {
    "xml": (xml_writer.write, "application/xml", "xml"),
    "pdf": (pdf.write, "application/pdf", "pdf"),
    "zip": (archive.write, "application/zip", "zip"),
    "csv": (table.write, "text/csv", "csv"),
}
WHY_AGAIN = "Votre lieu a déjà téléchargé au moins une de ces demandes : dites pourquoi vous la téléchargez de nouveau."
FEW = 3  # more documents than this are made apart from the web threads
TRIES = 3


def fetch(
    wanted: Collection[uuid.UUID], *, form: str, by: User, now: datetime, origin: Origin, encore: str | None = None
) -> Handed:
    """One file of all `wanted` demandes. 404 when one is foreign, 410 when one is destroyed: then none is handed over.

    It is made first, holding nothing: two hundred take seconds. Then, under the rows' lock, they must still be what the
    file says, or it is made again; the records come before the first byte. A rendering that fails changes nothing, and
    no byte leaves after a destruction or a withdrawal that was committed.

    `encore`: why what the lieu has already is fetched again (TEL-6), of `Remise.Encore`; None where nobody was asked.
    """
    require_some(wanted)
    for _ in range(TRIES):
        demandes = queries.require_visible(by, wanted, now)
        require_reason(demandes, encore)
        content = made(demandes, form=form, now=now)
        if hand_over(demandes, form=form, by=by, now=now, origin=origin, encore=encore):
            return named(content, demandes, form=form, now=now)
    raise WrongState("Une de ces demandes vient d’être modifiée. Recommencez dans un instant.")


def require_some(wanted: Collection[uuid.UUID]) -> None:
    """Refused when there are none, or more than one file has."""
    if not wanted:
        raise Refused({"demande": "Cochez au moins une demande."})
    if len(wanted) > MOST:
        raise Refused({"demande": f"Choisissez {MOST} demandes au plus."})


def require_reason(demandes: Collection[Demande], encore: str | None) -> None:
    """TEL-6: refused where it was asked why, was not said, and the lieu has had a file of one of these."""
    if encore == "" and queries.handed_before(demandes):
        raise Refused({"encore": WHY_AGAIN})


def made(demandes: Sequence[Demande], *, form: str, now: datetime, **options: Any) -> bytes:
    """The file of `demandes`, many PDF in a process apart."""
    write, _, _ = WRITERS[form]
    apart = {"apart": True} if form in ("pdf", "zip") and len(demandes) > FEW else {}
    return write(demandes, now, **apart, **options)


def named(content: bytes, demandes: Sequence[Demande], *, form: str, now: datetime) -> Handed:
    """The file with its name."""
    _, media_type, suffix = WRITERS[form]
    name = f"demande-{demandes[0].reference}" if len(demandes) == 1 else f"demandes-{now:%Y%m%d-%H%M}"
    return Handed(content, f"{name}.{suffix}", media_type, [one.reference for one in demandes])


@transaction.atomic
def hand_over(
    demandes: list[Demande], *, form: str, by: User, now: datetime, origin: Origin, encore: str | None = None
) -> bool:
    """Record the access and the pick-up of demandes as they were read; False, with no record, when one has changed."""
    held = queries.require_visible(by, [one.uuid for one in demandes], now, lock=True)
    if said(held) != said(demandes):
        return False
    had = queries.handed_before(held) if encore else set[int]()
    again = [one for one in held if one.pk in had]
    note_access([one for one in held if one.pk not in had], mode=form, by=by, now=now, origin=origin)
    note_access(again, mode=form, by=by, now=now, origin=origin, encore=encore)
    journal.record_many(journal.entry(f"demande.encore-{encore}", one, by=by, at=now, forme=form) for one in again)
    pick_up([one.pk for one in held], by=by, now=now)
    return True


def pick_up_by_act(held: Collection[Demande], *, by: User, now: datetime, origin: Origin) -> None:
    """TEL-1.e: a first act of follow-up is picking up; the demandes are locked, those picked up already stay so."""
    waiting = [one for one in held if DEMANDE.may(one, "pick_up")]
    note_access(waiting, mode=Remise.Mode.SUIVI, by=by, now=now, origin=origin)
    pick_up([one.pk for one in waiting], by=by, now=now)


def pick_up(pks: Collection[int], *, by: User, now: datetime) -> list[int]:
    """TEL-1.c: récupérée, those of these that wait, whose keys it returns; their families are told. Call in a
    transaction that holds them.
    """
    taken = DEMANDE.apply_many(Demande.objects.filter(bulk.AnyOf(F("pk"), pks)), "pick_up", by=by, now=now)
    theirs = Attribution.objects.filter(bulk.AnyOf(F("demande_id"), taken), ended_at=None)
    theirs.update(picked_up_at=now, picked_up_by=by)
    rows = Demande.objects.filter(bulk.AnyOf(F("pk"), taken)).values_list("pk", "uuid", "transmission__uuid")
    outbox.post_many([(PICKED_UP, str(batch), f"demande:{name}", {"demande": pk}) for pk, name, batch in rows], now=now)
    return taken


def said(demandes: Collection[Demande]) -> str:
    """What a file says of these demandes, as a digest: another one when a word of it changes."""
    return hashlib.sha256(repr(sorted((one.pk, _said(one)) for one in demandes)).encode()).hexdigest()


def _said(demande: Demande) -> tuple[object, ...]:
    """What a file says of a demande: its dossier, its modes, its lieu, its days."""
    batch = demande.transmission
    family = bytes(demande.dossier.scelle)  # sealed anew when a word of it changes
    when = (demande.deposee_le, demande.last_day, batch and (batch.pk, batch.notified_at))
    return demande.commune_id, demande.lieu_id, demande.modes, family, when


@transaction.atomic
def show(wanted: uuid.UUID, *, by: User, now: datetime, origin: Origin) -> Demande:
    """One demande to read on screen: recorded as seen, which is not picking up (TEL-1)."""
    [demande] = queries.require_visible(by, [wanted], now, lock=True)
    note_access([demande], mode=Remise.Mode.ECRAN, by=by, now=now, origin=origin)
    return demande


def note_listed(demandes: Collection[Demande], *, by: User, now: datetime, origin: Origin) -> list[Demande]:
    """ACC-2: a list shows the families' names; one line a demande, lieu and person for each day in Paris.

    Returns those that it may show: what was withdrawn, destroyed or given elsewhere since it was read is left out.
    """
    today = Remise.objects.filter(user_id=by.pk, at__gte=start_of_day(paris_date(now)))
    seen = today.filter(demande_uuid__in=[one.uuid for one in demandes]).values_list("demande_uuid", "lieu_id")
    known = set(seen)
    fresh = [one for one in demandes if (one.uuid, one.lieu_id) not in known]
    if not fresh:
        return list(demandes)
    with transaction.atomic():  # held in the order of every other writer, and read again
        rows = Demande.objects.filter(pk__in=[one.pk for one in fresh], state__in=AT_A_LIEU).order_by("pk")
        here = set(rows.select_for_update(of=("self",)).values_list("pk", "transmission_id"))
        gone = {one.pk for one in fresh if (one.pk, one.transmission_id) not in here}
        note_access([one for one in fresh if one.pk not in gone], mode=Remise.Mode.LISTE, by=by, now=now, origin=origin)
    return [one for one in demandes if one.pk not in gone]


class Accessed(Protocol):
    """What a record of access says of a demande, however it was read."""

    @property
    def pk(self) -> int: ...
    @property
    def uuid(self) -> uuid.UUID: ...
    @property
    def reference(self) -> str: ...
    @property
    def lieu_id(self) -> int | None: ...
    @property
    def transmission_id(self) -> int | None: ...


def note_access(
    demandes: Collection[Accessed], *, mode: str, by: User, now: datetime, origin: Origin, encore: str | None = None
) -> None:
    """ACC-2: one line a demande; and its lieu has received it."""
    if not demandes:
        return
    there = {one.transmission_id for one in demandes}
    theirs = Attribution.objects.filter(bulk.AnyOf(F("demande_id"), [one.pk for one in demandes]))
    theirs.filter(transmission__in=there).update(seen_at=now)
    bulk.insert_values(
        Remise,
        ("demande_uuid", "reference", "lieu_id"),
        [(one.uuid, one.reference, one.lieu_id) for one in demandes],
        at=now,
        user_id=by.pk,
        mode=str(mode),
        adresse_reseau=origin.network,
        appareil=origin.device[:200],
        encore=encore,
    )
