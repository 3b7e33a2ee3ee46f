"""What the software of a lieu fetches and acknowledges (TEL-4): two calls, so that a failed transfer loses nothing."""

import hashlib
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Substr

from conventions.models import Lieu
from demandes import queries
from demandes.contenu import Contenu
from demandes.documents import xml_writer
from demandes.models import MODES, Dossier, JetonLieu, Remise, Transmission
from demandes.services import handover
from demandes.workflow import AT_A_LIEU, Etat
from extranet.core import bulk
from extranet.core.dates import paris_date
from extranet.core.errors import Moved, NoKey, NotFound, WrongState
from extranet.core.vault import sealing

USUAL, MOST = 1_000, 10_000
CHUNK = 500  # read, recorded and written at once: what is in memory, whatever the number of demandes


@dataclass(frozen=True, slots=True)
class Page:
    """Some of what waits for a lieu: which, whether more follow, and a mark that changes with what they say."""

    keys: list[int]
    mark: str
    last: str = ""
    """The reference of the last one, where more follow."""


def page_of(lieu: Lieu, *, after: str, most: int, now: datetime) -> Page:
    """TEL-4.a: the first `most` demandes that wait after the one of reference `after`. NotFound for one that this lieu
    never had. Nothing of a family is read.
    """
    waiting = queries.to_fetch(lieu, now)
    if after:
        known = queries.known_at(lieu, [after]).values_list("pk", flat=True).last()
        if known is None:
            raise NotFound("Le paramètre « apres » n’est la référence d’aucune demande de votre lieu.")
        waiting = waiting.filter(pk__gt=known)
    # A dossier is sealed anew when a word of it changes, and what it begins with changes then.
    sealed = Substr("dossier__scelle", 1, sealing.BODY)
    columns = ("pk", "reference", "commune_id", "lieu_voulu_id", "transmission_id", "last_day", "pick_up_day")
    rows = list(waiting.annotate(sealed=sealed).values_list(*columns, "sealed")[: most + 1])
    more, rows = len(rows) > most, rows[:most]
    mark = hashlib.sha256(f"{lieu.uuid} {more}".encode())
    for *said, begins in rows:
        mark.update(f"{said}".encode() + bytes(begins or b""))
    return Page([row[0] for row in rows], mark.hexdigest()[:32], rows[-1][1] if more else "")


def documents(page: Page, opened: JetonLieu, *, now: datetime, origin: handover.Origin) -> Iterator[bytes]:
    """The XML of a page, piece by piece. Each dossier is on record, committed, before a byte of it is handed out
    (ACC-2.b); what was withdrawn, destroyed or given elsewhere meanwhile is left out.
    """
    head, tail = xml_writer.frame(now)
    yield head
    for start in range(0, len(page.keys), CHUNK):
        yield _chunk(page.keys[start : start + CHUNK], opened, now, origin)
    yield tail


class _Row(NamedTuple):
    """A demande as it is sent: values, of which ten thousand cost less than objects."""

    pk: int
    uuid: UUID
    reference: str
    lieu_id: int
    transmission_id: int
    deposee_le: datetime
    modifiee_le: datetime | None
    commune_id: str
    lieu_voulu_id: int | None
    last_day: date
    jour: date
    scelle: bytes
    creche_collective: bool
    assistante_maternelle: bool
    garde_a_domicile: bool


COLUMNS = tuple(f"dossier__{name}" if name in ("jour", "scelle") else name for name in _Row._fields)


@transaction.atomic
def _chunk(keys: Sequence[int], opened: JetonLieu, now: datetime, origin: handover.Origin) -> bytes:
    waiting = queries.to_fetch(opened.lieu, now).filter(bulk.AnyOf(F("pk"), keys))
    list(waiting.select_for_update(of=("self",)).values_list("pk"))  # held, then read: they may have changed
    rows = [_Row(*row) for row in waiting.values_list(*COLUMNS)]
    batches = Transmission.objects.in_bulk({row.transmission_id for row in rows})
    piece, sent, today = xml_writer.Piece(now), [], paris_date(now)
    for row in rows:
        with suppress(NoKey):  # it stays, not acknowledged, and is an alert of its own (CNS-10.c)
            contenu = Dossier.opened(row.uuid, row.jour, row.scelle, today)
            piece.add(_said(row, batches[row.transmission_id], opened.lieu.code, contenu))
            sent.append(row)
    handover.note_access(sent, mode=Remise.Mode.FLUX, by=opened.jeton.user, now=now, origin=origin)
    return piece.text()


def _said(row: _Row, batch: Transmission, code: str, contenu: Contenu) -> xml_writer.Said:
    return xml_writer.Said(
        reference=row.reference,
        deposee_le=row.deposee_le,
        modifiee_le=row.modifiee_le,
        commune=row.commune_id,
        lieu=code,
        chosen=row.lieu_voulu_id == row.lieu_id,
        modes=[mode.replace("_", "-") for mode in MODES if getattr(row, mode)],
        transmitted_at=batch.transmitted_at,
        notified_at=batch.notified_at,
        last_day=row.last_day,
        contenu=contenu,
    )


UNKNOWN = "Ces références ne sont pas celles de demandes de votre lieu : rien n’a été enregistré."
LEFT = (
    "Ces demandes ont été détruites, retirées par la famille ou confiées à un autre lieu : détruisez vos copies. Rien "
    "n’a été enregistré : envoyez de nouveau les autres références."
)
NOT_SENT = "Le flux n’a pas encore envoyé ces demandes : rien n’a été enregistré."


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """How many demandes became récupérées, and how many were already."""

    picked_up: int
    before: int


@transaction.atomic
def acknowledge(references: Collection[str], opened: JetonLieu, *, now: datetime) -> Acknowledged:
    """TEL-4.e: these demandes have arrived: récupérées, by the person of the token. Twice changes nothing.

    All or nothing: NotFound (not this lieu’s), Gone (no longer) and WrongState (never sent) say which are in the way.
    """
    wanted = set(references)
    known = list(queries.known_at(opened.lieu, wanted).select_for_update(of=("self",)))
    if strange := wanted - {one.reference for one in known}:
        raise NotFound(UNKNOWN, references=strange)
    today = paris_date(now)
    here = [one for one in known if one.lieu_id == opened.lieu_id and one.state in AT_A_LIEU and one.last_day >= today]
    if gone := wanted - {one.reference for one in here}:
        raise Moved(LEFT, references=gone)
    waiting = [one for one in here if one.state == Etat.TRANSMISE]
    rows = Remise.objects.filter(demande_uuid__in=[one.uuid for one in waiting], lieu_id=opened.lieu_id)
    sent = set(rows.filter(mode=Remise.Mode.FLUX).values_list("demande_uuid", flat=True))
    if early := {one.reference for one in waiting if one.uuid not in sent}:
        raise WrongState(NOT_SENT, references=early)
    done = handover.pick_up([one.pk for one in waiting], by=opened.jeton.user, now=now)
    return Acknowledged(len(done), len(here) - len(done))
