"""Giving a lieu its demandes: on record, and récupérée, before the first byte leaves (ACC-2, TEL-1)."""

import uuid
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from demandes import queries
from demandes.documents import archive, pdf, xml_writer
from demandes.models import Attribution, Demande, Remise
from demandes.workflow import AT_A_LIEU, DEMANDE
from extranet.core.accounts.models import User
from extranet.core.dates import paris_date, start_of_day
from extranet.core.errors import Refused, WrongState

MOST = 200


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


WRITERS: dict[str, tuple[Callable[..., bytes], str, str]] = {
    "xml": (xml_writer.write, "application/xml", "xml"),
    "pdf": (pdf.write, "application/pdf", "pdf"),
    "zip": (archive.write, "application/zip", "zip"),
}
FEW = 3  # more documents than this are made apart from the web threads
TRIES = 3


def fetch(wanted: Collection[uuid.UUID], *, form: str, by: User, now: datetime, origin: Origin) -> Handed:
    """One file of all `wanted` demandes. 404 when one is foreign, 410 when one is destroyed: then none is handed over.

    It is made first, holding nothing: two hundred take seconds. Then, under the rows' lock, they must still be what the
    file says, or it is made again; the records come before the first byte. A rendering that fails changes nothing, and
    no byte leaves after a destruction or a withdrawal that was committed.
    """
    if not wanted:
        raise Refused({"demande": "Choisissez au moins une demande."})
    if len(wanted) > MOST:
        raise Refused({"demande": f"Choisissez {MOST} demandes au plus."})
    write, media_type, suffix = WRITERS[form]
    options = {"apart": True} if form != "xml" and len(wanted) > FEW else {}
    for _ in range(TRIES):
        demandes = queries.require_visible(by, wanted, now)
        content = write(demandes, now, **options)
        if _hand_over(demandes, form=form, by=by, now=now, origin=origin):
            break
    else:
        raise WrongState("Une de ces demandes vient d’être modifiée. Recommencez dans un instant.")
    name = f"demande-{demandes[0].reference}" if len(demandes) == 1 else f"demandes-{now:%Y%m%d-%H%M}"
    return Handed(content, f"{name}.{suffix}", media_type)


@transaction.atomic
def _hand_over(demandes: list[Demande], *, form: str, by: User, now: datetime, origin: Origin) -> bool:
    """Record the access and the pick-up of demandes as they were read; False, with no record, when one has changed."""
    held = queries.require_visible(by, [one.uuid for one in demandes], now, lock=True)
    if {one.pk: _said(one) for one in held} != {one.pk: _said(one) for one in demandes}:
        return False
    note_access(held, mode=form, by=by, now=now, origin=origin)
    taken = DEMANDE.apply_many(Demande.objects.filter(pk__in=[one.pk for one in held]), "pick_up", by=by, now=now)
    Attribution.objects.filter(demande__in=taken, ended_at=None).update(picked_up_at=now, picked_up_by=by)
    return True


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


@transaction.atomic
def close(wanted: uuid.UUID, *, by: User, now: datetime) -> Demande:
    """The lieu has answered this family: traitée. WrongState before récupérée."""
    [demande] = queries.require_visible(by, [wanted], now, lock=True)
    DEMANDE.require(demande, "close")
    DEMANDE.apply(demande, "close", by=by, now=now, closed_at=now)
    return demande


@transaction.atomic
def note_listed(demandes: Collection[Demande], *, by: User, now: datetime, origin: Origin) -> list[Demande]:
    """ACC-2: a list shows the families' names; one line a demande, lieu and person for each day in Paris.

    Returns those that it may show: what was withdrawn, destroyed or given elsewhere since it was read is left out.
    """
    today = Remise.objects.filter(user_id=by.pk, at__gte=start_of_day(paris_date(now)))
    seen = today.filter(demande_uuid__in=[one.uuid for one in demandes]).values_list("demande_uuid", "lieu_id")
    known = set(seen)
    fresh = [one for one in demandes if (one.uuid, one.lieu_id) not in known]
    here = set[tuple[int, int | None]]()
    if fresh:  # held in the order of every other writer, and read again
        rows = Demande.objects.filter(pk__in=[one.pk for one in fresh], state__in=AT_A_LIEU).order_by("pk")
        here = set(rows.select_for_update(of=("self",)).values_list("pk", "transmission_id"))
    gone = {one.pk for one in fresh if (one.pk, one.transmission_id) not in here}
    note_access([one for one in fresh if one.pk not in gone], mode=Remise.Mode.LISTE, by=by, now=now, origin=origin)
    return [one for one in demandes if one.pk not in gone]


def note_access(demandes: Collection[Demande], *, mode: str, by: User, now: datetime, origin: Origin) -> None:
    """ACC-2: one line a demande; and its lieu has received it."""
    if not demandes:
        return
    there = {one.transmission_id for one in demandes}
    Attribution.objects.filter(demande__in=[one.pk for one in demandes], transmission__in=there).update(seen_at=now)
    Remise.objects.bulk_create(
        Remise(
            at=now,
            user_id=by.pk,
            demande_uuid=demande.uuid,
            reference=demande.reference,
            lieu_id=demande.lieu_id,  # type: ignore[misc]  # it is at a lieu
            mode=mode,
            adresse_reseau=origin.network,
            appareil=origin.device[:200],
        )
        for demande in demandes
    )
