"""Destroying dossiers at their day, and its key; or at once when the family withdraws (CNS-1, CNS-8, CNS-10, DEM-4)."""

import logging
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import Case, F, Q, QuerySet, Value, When
from django.db.models.functions import Coalesce, Least

from conventions import queries as conventions
from demandes import queries
from demandes.models import Attribution, ClockMark, Demande
from demandes.services import dossiers, files
from demandes.workflow import DEMANDE, Fin
from extranet.core import apart, bulk
from extranet.core.dates import Reading, paris_date
from extranet.core.errors import Refused
from extranet.core.journal import services as journal
from extranet.core.outbox import services as outbox
from extranet.core.vault import days, sealing
from habilitations import queries as habilitations

logger = logging.getLogger(__name__)

BATCH, READ = 5_000, 10_000
WHAT = "destruction of demande"
# The brake (CNS-6.c, docs/decisions/0007): what no usual day destroys, or follows a leap of the clock, waits.
TIMES, FEW = 5, 20
LEAP = timedelta(days=2)
FORGOTTEN = timedelta(days=90)
MOST_FAILURES = 1_000


@dataclass(frozen=True, slots=True)
class Held:
    """Why destructions wait for an operator: how many, a usual day's number, whether a clock leapt."""

    due: int
    usual: int
    leapt: bool


def destroy_due(*, now: datetime, confirmed: bool = False) -> int:
    """Destroy every dossier past its last day; returns how many. Interrupted, it goes on; run twice, no more is done.

    While the brake holds and nobody `confirmed`, nothing is destroyed: access stays closed by date (CNS-6.c).
    The keys of the days that are over follow (`destroy_keys`). Raises Incomplete after all others when some could not
    be destroyed, OSError when a key could not.
    """
    if not confirmed and (brake := held(now=now)):
        logger.warning("%s destructions wait for an operator (a usual day: %s)", brake.due, brake.usual)
        destroy_keys(now=now)
        return 0
    day, done, failed = paris_date(now), 0, list[int]()
    while keys := list(queries.due_for_destruction(day).exclude(pk__in=failed).values_list("pk", flat=True)[:READ]):
        keys.sort()  # as they lie in the tables, which is not the order of days
        before = done + len(failed)
        for start in range(0, len(keys), BATCH):
            try:
                done += _destroy_batch(keys[start : start + BATCH], now)
            except apart.Incomplete as some:
                done, failed = done + some.done, failed + some.failed
        if done + len(failed) == before or len(failed) > MOST_FAILURES:
            break
    if done and connection.vendor == "sqlite" and not connection.in_atomic_block:
        with connection.cursor() as cursor:  # secure_delete zeroes the pages; this empties the log that still has them
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    destroy_keys(now=now, confirmed=confirmed)
    if failed:
        raise apart.Incomplete(WHAT, failed, done)
    return done


def destroy_keys(*, now: datetime, confirmed: bool = False) -> int:
    """CNS-10.b, .c: destroy the keys of the days that are over, everywhere they are kept; returns how many days.

    By date, whatever became of the rows: what they sealed is over in every copy. The brake holds this too, since a
    wrong clock must not destroy what nothing brings back. Any process may call it: the first one after midnight is in
    time.
    """
    today = paris_date(now)
    over = days.overdue(today)
    if not over:
        return 0
    if not confirmed and keys_held(now=now):
        logger.warning("the keys of %s days wait for an operator", len(over))
        return 0
    return sealing.destroy(before=today)


def clock_leapt() -> bool:
    """CNS-6.c: a machine's calendar leapt two days, which no operator has confirmed yet."""
    return ClockMark.objects.filter(leapt_at__isnull=False).exists()


def keys_held(*, now: datetime) -> bool:
    """CNS-6.c: whether the brake holds the keys of days that are over: a clock leapt, or these days alone ended for
    five times a usual day's dossiers. Days whose keys are gone do not count: rows that wait for a worker hold no key
    back.
    """
    today = paris_date(now)
    over = days.overdue(today)
    if not over:
        return False
    if clock_leapt():
        return True
    due = queries.due_for_destruction(today).filter(last_day__gte=over[0]).count()
    return due > FEW and not settings.CLOCK_SHIFT and due >= TIMES * queries.usual_day(today)


def held(*, now: datetime) -> Held | None:
    """CNS-6.c: the brake, while it holds: five times a usual day is due (20 at least), or a clock leapt two days.

    A declared EXTRANET_CLOCK_SHIFT (never in production) makes many fall due at once on purpose: it counts for nothing.
    """
    day = paris_date(now)
    due = queries.due_for_destruction(day).count()
    leapt = clock_leapt()
    if not due or (not leapt and (due <= FEW or settings.CLOCK_SHIFT)):
        return None
    usual = queries.usual_day(day)
    return Held(due, usual, leapt) if leapt or due >= TIMES * usual else None


@transaction.atomic
def note_clock(reading: Reading | None) -> None:
    """Compare a machine's calendar with its uptime, at each run: a leap of two days is noted until undone or confirmed.

    A portal that was stopped for days has leapt nowhere: its machine, or the next start of it, knows the days
    that passed.
    """
    if reading is None:
        return
    marks = ClockMark.objects.select_for_update()
    mark, new = marks.get_or_create(
        boot=reading.boot, defaults={"started_at": reading.started_at, "seen_at": reading.wall}
    )
    if new:
        ClockMark.objects.filter(seen_at__lt=reading.wall - FORGOTTEN, leapt_at=None).delete()
    elif reading.started_at - mark.started_at < LEAP:
        ClockMark.objects.filter(pk=mark.pk).update(seen_at=reading.wall, leapt_at=None)
    elif mark.leapt_at is None:
        logger.error("the clock of this machine leapt by %s: destructions wait", reading.started_at - mark.started_at)
        ClockMark.objects.filter(pk=mark.pk).update(leapt_at=reading.wall)


@transaction.atomic
def confirm(count: int, *, now: datetime, reading: Reading | None) -> None:
    """CNS-6.c: an operator has seen how many are due and takes the clock for right; `destroy_due` may follow.

    Refused when another number is due by now.
    """
    due = queries.due_for_destruction(paris_date(now)).count()
    if count != due:
        raise Refused({"confirm": f"{due} are due, not {count}: look again with --dry-run"})
    leapt = ClockMark.objects.filter(leapt_at__isnull=False).update(leapt_at=None)
    if reading:
        ClockMark.objects.filter(boot=reading.boot).update(started_at=reading.started_at, seen_at=reading.wall)
    journal.record_for_all("purge.confirmee", by="operateur", at=now, dossiers=due, saut=bool(leapt))


def _destroy_batch(pks: list[int], now: datetime) -> int:
    """All of them at once, or where that fails each by itself, so that one does not hold back the others."""
    try:
        return destroy(pks, now=now)
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        logger.exception("a batch of destructions failed: one by one")
        return apart.each(pks, lambda pk: destroy([pk], now=now), what=WHAT)


@transaction.atomic
def destroy(pks: Collection[int], *, now: datetime) -> int:
    """Destroy these dossiers where they are past their day, in one transaction; returns how many were destroyed here.

    Each lieu that has the demande, or had received it, owes an attestation of it from now on (CNS-3).
    """
    return len(_destroy(Demande.objects.filter(bulk.AnyOf(F("pk"), pks), last_day__lt=paris_date(now)), now))


def destroy_of_ended(*, now: datetime) -> int:
    """CON-6.e: what a lieu had picked up when its convention ended, once the family has had its days to answer.

    Waits, as all destructions, while a clock has leapt (CNS-6.c); by date it is out of everybody's reach.
    """
    today = paris_date(now)
    if ClockMark.objects.filter(leapt_at__isnull=False).exists():
        return 0

    def destroy_theirs(end: conventions.Fin) -> int:
        theirs = Demande.objects.filter(lieu=end.lieu, state__in=queries.FAMILY_DECIDES)
        return len(_destroy(theirs, now, last_day=Least(F("last_day"), Value(end.families_until))))

    over = [end for end in queries.ends_with_demandes(today) if end.families_until < today]
    return apart.each(over, destroy_theirs, what="dossiers of an ended convention")


def _destroy(rows: QuerySet[Demande], now: datetime, **changes: Any) -> list[int]:
    today = paris_date(now)
    done = DEMANDE.apply_many(rows, "destroy", by="systeme", now=now, destroyed_at=now, content="", **changes)
    dossiers.destroy(done)
    files.forget_with(done, now=now)
    theirs = Attribution.objects.filter(queries.RECEIVED | Q(ended_at=None), bulk.AnyOf(F("demande_id"), done))
    _end(theirs, Fin.DETRUITE, now, attest_from=today)
    return done


def _end(attributions: QuerySet[Attribution], fin: Fin, now: datetime, **owed: Any) -> None:
    """The one that is open ends here; of the others it is only noted what their lieux owe."""
    attributions.update(
        fin=Case(When(ended_at=None, then=Value(fin)), default=F("fin")), ended_at=Coalesce("ended_at", now), **owed
    )


@transaction.atomic
def withdraw(demande: Demande, *, now: datetime) -> Demande:
    """DEM-4: the family withdraws: destroyed at once; each lieu that had picked it up is told to destroy its copy.

    Whoever received it attests that at the end of the six months (CNS-3).
    """
    # Read again under lock: the lieu may have picked it up since the family's page was read.
    demande = Demande.objects.select_for_update(of=("self",)).get(pk=demande.pk)
    DEMANDE.require(demande, "withdraw")
    withdraw_many(Demande.objects.filter(pk=demande.pk), by="famille", now=now)
    demande.refresh_from_db()
    return demande


def withdraw_many(rows: QuerySet[Demande], *, by: str, now: datetime) -> list[int]:
    """`withdraw` for those of `rows` that are not withdrawn or destroyed yet; returns their keys. In a transaction."""
    done = DEMANDE.apply_many(rows, "withdraw", by=by, now=now, destroyed_at=now, content="")
    theirs = Attribution.objects.filter(bulk.AnyOf(F("demande_id"), done))
    dossiers.destroy(done)
    files.forget_with(done, now=now)
    _end(theirs.filter(ended_at=None), Fin.RETIREE, now)
    gone = Demande.objects.filter(bulk.AnyOf(F("pk"), done))
    for day in gone.order_by().values_list("last_day", flat=True).distinct():
        theirs.filter(queries.RECEIVED, demande__last_day=day).update(attest_from=day + timedelta(days=1))
    copied = theirs.filter(picked_up_at__isnull=False).order_by("pk").values_list("lieu", "demande", "demande__uuid")
    persons = {lieu: habilitations.signers_of(lieu, now) for lieu, *_ in copied}
    to = {lieu: [f"user:{line.user_id}" for line in lines] for lieu, lines in persons.items()}
    outbox.post_many(
        [
            ("demandes.retrait", str(name), person, {"demande": demande})
            for lieu, demande, name in copied
            for person in to[lieu]
        ],
        now=now,
    )
    return done


def withdraw_and_confirm(demande: Demande, *, now: datetime) -> bool:
    """DEM-4.d: `withdraw`, then one mail to the family; True when the mail server took it. Outside any transaction.

    The address is only in the memory of this call: once the dossier is destroyed nothing of it is kept, so there is no
    second try. The page says whether the mail is out.
    """
    address = demande.dossier.open(paris_date(now)).courriel
    withdrawn = withdraw(demande, now=now)
    about: dict[str, object] = {"reference": withdrawn.reference, "langue": withdrawn.langue}
    about["recuperee"] = withdrawn.attributions.filter(picked_up_at__isnull=False).exists()
    return outbox.may_acknowledge(address, now) and outbox.say_at_once(
        "demandes.retrait-famille", address=address, now=now, **about
    )
