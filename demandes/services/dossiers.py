"""Keeping what families say: sealed under the key of the day by which it must go; keys are made ahead (CNS-10)."""

import logging
from collections.abc import Collection, Iterator
from contextlib import suppress
from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import Count, F
from django.db.models.functions import Substr

from demandes.contenu import Contenu
from demandes.models import Demande, Dossier, Note, Suivi
from extranet.core.bulk import AnyOf
from extranet.core.dates import add_months, paris_date
from extranet.core.errors import NoKey, Refused
from extranet.core.journal import services as journal
from extranet.core.vault import days, sealing

logger = logging.getLogger(__name__)

# A new demande ends in six months at most: a month more, and a sweep weeks late leaves no request without key.
AHEAD = 7


def keep(demande: Demande, contenu: Contenu) -> None:
    """Put `contenu` in the dossier of `demande`, sealed under its last day: when it comes in, is corrected, or that day
    comes nearer (CNS-9). Raises NoKey: then nothing is kept.
    """
    ensure([demande.last_day])
    sealed = {"jour": demande.last_day, "scelle": Dossier.sealed(demande.uuid, contenu, demande.last_day)}
    if demande.source == Demande.Source.FORMULAIRE:
        sealed |= Dossier.marks(demande.commune_id, contenu, demande.last_day)
    if not Dossier.objects.filter(demande=demande).update(**sealed):
        Dossier.objects.create(demande=demande, **sealed)


def keep_new(demande: Demande, contenu: Contenu) -> None:
    """`keep`, for a demande that was made in this transaction."""
    ensure([demande.last_day])
    day = demande.last_day
    marks = Dossier.marks(demande.commune_id, contenu, day)
    Dossier.objects.create(demande=demande, jour=day, scelle=Dossier.sealed(demande.uuid, contenu, day), **marks)


def destroy(demandes: Collection[int]) -> None:
    """The dossiers of these demandes, and what their lieux noted of them, in three statements (CNS-1)."""
    forget_notes(demandes)
    Dossier.objects.filter(AnyOf(F("demande_id"), demandes)).delete()


def forget_notes(demandes: Collection[int]) -> None:
    """The agenda and the notes of the lieux that have these demandes (SUI-1.c)."""
    for model in (Note, Suivi):
        model._default_manager.filter(AnyOf(F("dossier__demande_id"), demandes)).delete()


def ensure(wanted: Collection[date]) -> None:
    """A key for each of these days, made where it was not made ahead and is not lost.

    Raises NoKey where one cannot be durable in every place: before anything is written, so nothing is kept by halves.
    """
    if not (absent := days.absent(wanted)):
        return
    try:
        days.restore()
        days.make(_never_used(absent))
    except OSError as error:
        logger.error("no key can be made for %s: %s", min(absent), type(error).__name__)
        raise NoKey(sealing.NOT_KEPT) from error


def prepare(*, now: datetime) -> int:
    """CNS-10.c: make the keys of the months to come, so that no request makes one, and mend what a place lacks.

    A day without a key under which something is sealed has lost it: it gets no other, and health says so.
    """
    today = paris_date(now)
    days.note_present(today)
    restored = days.restore()
    return restored + days.make(_never_used(days.absent(_to_come(today))))


@transaction.atomic
def replace_key(day: date, *, confirm: int | None, now: datetime) -> None:
    """CNS-10.c: an operator has found no copy of a lost key: the day gets another, so that new demandes can be kept.

    What the lost one sealed is never read again; it goes on being counted until its day. Refused where the key can be
    read, or another number of dossiers is concerned.
    """
    if (found := trouble(now=now).get(day)) is None or found[0] == "not mirrored":
        raise Refused({"confirm": f"the key of {day} is not lost"})
    if confirm != found[1]:
        raise Refused({"confirm": f"{found[1]} dossiers would never be read again: --confirm {found[1]}"})
    days.replace(day)
    journal.record_for_all("cle.remplacee", by="operateur", at=now, jour=day.isoformat(), dossiers=found[1])


def trouble(*, now: datetime) -> dict[date, tuple[str, int]]:
    """CNS-10.c: days from today on whose key is not as it must be: what is wrong, and how many dossiers it concerns."""
    today = paris_date(now)
    used = Dossier.objects.filter(jour__gte=today)
    found = days.faults([*_to_come(today), *used.filter(jour__gt=_to_come(today)[-1]).values_list("jour", flat=True)])
    counts = dict(used.filter(jour__in=found).values_list("jour").annotate(Count("pk"))) if found else {}
    return {day: (why, counts.get(day, 0)) for day, why in found.items()}


def of_another_key(*, now: datetime) -> Iterator[tuple[date, int]]:
    """Days from today on whose key is there and is not the one that sealed some dossiers, and how many."""
    begins = Substr("scelle", 1, sealing.HEAD)
    used = Dossier.objects.filter(jour__gte=paris_date(now)).annotate(head=begins).order_by()
    for day, head, count in used.values_list("jour", "head").annotate(Count("pk")):
        with suppress(days.Lost):
            if sealing.head(day) != bytes(head):
                yield day, count


def _to_come(today: date) -> list[date]:
    return [today + timedelta(days=count) for count in range((add_months(today, AHEAD) - today).days + 1)]


def _never_used(wanted: Collection[date]) -> list[date]:
    used = set(Dossier.objects.filter(jour__in=wanted).values_list("jour", flat=True)) if wanted else set()
    return [day for day in wanted if day not in used]
