"""Withdrawals that a delivery brings: what the family did on monenfant.fr is done here too (ING-7)."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import NamedTuple

from demandes.documents.motifs import Motif
from demandes.documents.recue import Lue
from demandes.models import Attribution, Demande, Dossier
from demandes.services import destruction
from demandes.services.checking import AHEAD
from demandes.workflow import ALIVE
from extranet.core.dates import paris_date
from extranet.core.errors import Gone, NoKey
from extranet.core.outbox import services as outbox

TRIES = 3


class Farewell(NamedTuple):
    """Whom to tell that its demande is withdrawn: in the memory of a worker only, its dossier is destroyed."""

    address: str
    about: dict[str, object]


class Withdrawn(NamedTuple):
    """What became of the withdrawals of a batch; `refused` are set aside with their reason."""

    done: int
    unchanged: int
    refused: list[tuple[Lue, Motif]]
    farewells: list[Farewell]


def apply(wanted: Sequence[Lue], now: datetime) -> Withdrawn:
    """ING-7: destroy at once what these name, and tell the lieux that had picked it up. In the batch's transaction.

    Set aside where the reference is unknown (ING-7.b); what is withdrawn or destroyed already is unchanged.
    """
    refused = [(lue, Motif("retrait-a-venir")) for lue in wanted if lue.retire_le and lue.retire_le > now + AHEAD]
    asked = [lue for lue in wanted if lue.retire_le and lue.retire_le <= now + AHEAD]
    if not asked:
        return Withdrawn(0, 0, refused, [])
    rows = Demande.objects.filter(source=Demande.Source.MONENFANT, reference__in={lue.reference for lue in asked})
    known = {one.reference: one for one in rows.order_by("pk").select_for_update(of=("self",))}
    refused += [(lue, Motif("retrait-inconnu")) for lue in asked if lue.reference not in known]
    alive = [one for one in known.values() if one.state in ALIVE]
    farewells = _farewells(alive, now)
    done = destruction.withdraw_many(Demande.objects.filter(pk__in=[one.pk for one in alive]), by="source", now=now)
    found = sum(lue.reference in known for lue in asked)
    return Withdrawn(len(done), found - len(done), refused, farewells)


def _farewells(demandes: Sequence[Demande], now: datetime) -> list[Farewell]:
    keys = [one.pk for one in demandes]
    copied = set(
        Attribution.objects.filter(demande__in=keys, picked_up_at__isnull=False).values_list("demande", flat=True)
    )
    found = []
    for dossier in Dossier.objects.filter(demande__in=keys).select_related("demande").order_by("pk"):
        demande = dossier.demande
        with suppress(NoKey, Gone):  # it is destroyed all the same
            if address := dossier.open(paris_date(now)).courriel:
                about = {"reference": demande.reference, "langue": demande.langue, "recuperee": demande.pk in copied}
                found.append(Farewell(address, about))
    return found


def say(farewells: Sequence[Farewell], *, now: datetime, alive: Callable[[], None]) -> None:
    """DEM-4.d: one mail to each of these families, once its withdrawal is committed; there is no second try.

    A mail server that takes nothing is not asked for each of them.
    """
    failed = 0
    for address, about in farewells:
        alive()
        if outbox.may_acknowledge(address, now):
            failed = (
                0 if outbox.say_at_once("demandes.retrait-famille", address=address, now=now, **about) else failed + 1
            )
        if failed == TRIES:
            return
