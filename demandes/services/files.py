"""Files of many demandes, made by a worker while the person's page waits: asked for, made, handed over (TEL-1).

The row is the work: a worker that dies is replaced once its lease is over, and a bell that is lost rings again. What is
made is nobody's until it is handed over: then it is on record, and récupérée, as any other file.
"""

import uuid
from collections.abc import Collection
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Count, Max, Q, QuerySet

from demandes import queries
from demandes.models import Demande, Remise, Telechargement
from demandes.services import handover
from demandes.services.handover import Handed, Origin
from extranet.core import bell
from extranet.core.accounts.models import User
from extranet.core.dates import paris_date
from extranet.core.documents import store
from extranet.core.errors import Answer, Moved, TooMany
from extranet.core.vault import sealing

IN_PLACE = 20  # demandes in a PDF or a ZIP: about a second's work; more are made by a worker
LIFE = timedelta(hours=1)
LEASE = timedelta(minutes=5)  # longer than any of them takes
UNHEARD = timedelta(seconds=20)
MOST_WAITING, MOST_KEPT = 3, 10  # a person
RINGS = 50
OVER = (
    "Ce fichier n’existe plus : son heure est passée, ou une de ses demandes n’est plus là. Choisissez à nouveau les "
    "demandes."
)
ASKED = "demandes.tasks.make_file"


def is_for_a_worker(form: str, count: int) -> bool:
    """Whether a file of `count` demandes is made by a worker; XML and CSV never take a second."""
    return form in ("pdf", "zip") and count > IN_PLACE


@transaction.atomic
def ask(
    wanted: Collection[uuid.UUID], *, form: str, by: User, now: datetime, encore: str | None = None
) -> Telechargement:
    """A file of all `wanted` demandes, refused as `handover.fetch` would. Asked twice, it is made once."""
    handover.require_some(wanted)
    User.objects.select_for_update(of=("self",)).get(pk=by.pk)  # two clicks: one file
    visible = queries.require_visible(by, wanted, now)
    handover.require_reason(visible, encore)
    demandes = [one.pk for one in visible]
    there = list(of(by, now))
    for one in there:
        if (one.forme, one.demandes, one.encore) == (form, demandes, encore or None):
            return one
    if sum(one.ready_at is None for one in there) >= MOST_WAITING:
        raise TooMany("Trois de vos fichiers sont déjà en préparation. Attendez qu’ils soient prêts.", retry_after=30)
    if len(there) >= MOST_KEPT:
        raise TooMany("Dix de vos fichiers sont déjà gardés. Le plus ancien part au bout d’une heure.", retry_after=600)
    made = Telechargement.objects.create(
        user=by, forme=form, demandes=demandes, asked_at=now, expires_at=now + LIFE, encore=encore or None
    )
    bell.ring(ASKED, made.uuid)
    return made


def of(user: User, now: datetime) -> QuerySet[Telechargement]:
    """The files of a person that wait or may be fetched, the last first. Nobody else's to see."""
    return Telechargement.objects.filter(user=user, expires_at__gt=now).order_by("-asked_at", "-pk")


def require(wanted: uuid.UUID, *, by: User, now: datetime) -> Telechargement:
    """One of them: 404 when it is another's, 410 once its hour is over or a demande in it is gone."""
    found = queries.telechargement_of(by, wanted)
    if found.expires_at <= now:
        raise Moved(OVER)
    return found


def fetched_at(asked: Telechargement) -> datetime | None:
    """When its person last fetched it as it is now, by the record of accesses; None when it has not."""
    if asked.ready_at is None:
        return None
    names = Demande.objects.filter(pk__in=asked.demandes).values("uuid")
    fetched = Remise.objects.filter(
        user_id=asked.user_id, mode=asked.forme, at__gte=asked.ready_at, demande_uuid__in=names
    )
    whole = fetched.order_by().values("at").annotate(count=Count("pk")).filter(count=asked.nombre)
    return whole.aggregate(last=Max("at"))["last"]


def wants_reason(asked: Telechargement) -> bool:
    """TEL-6: the lieu has by now a file of one of its demandes, and nobody has said why there is another."""
    inside = Demande.objects.filter(pk__in=asked.demandes).select_related("transmission")
    return asked.ready_at is not None and not asked.encore and bool(queries.handed_before(inside))


def is_unheard(asked: Telechargement, now: datetime) -> bool:
    """It has waited for a while, and no worker is at it."""
    return asked.ready_at is None and asked.started_at is None and now - asked.asked_at > UNHEARD


def make(wanted: uuid.UUID, *, now: datetime) -> bool:
    """In a worker: make the file, holding nothing meanwhile; then, under the rows' lock, keep it if it still says what
    they say, or make it again. False when it is not to be made, or not by this worker.
    """
    free = Q(started_at=None) | Q(started_at__lt=now - LEASE)
    mine = Telechargement.objects.filter(free, uuid=wanted, ready_at=None, expires_at__gt=now)
    if not mine.update(started_at=now):
        return False
    asked = Telechargement.objects.select_related("user").get(uuid=wanted)

    def note(done: int) -> None:
        Telechargement.objects.filter(pk=asked.pk).update(faits=done)

    for _ in range(handover.TRIES):
        try:
            demandes = _visible(asked, now)
            options = {"after": note} if asked.forme == "zip" else {}
            content = handover.made(demandes, form=asked.forme, now=now, **options)
            if _keep(asked, demandes, content, now):
                return True
        except Answer as refusal:
            if refusal.status not in (404, 410):
                raise
            break
    _drop(Telechargement.objects.filter(pk=asked.pk), now)
    return False


def _visible(asked: Telechargement, now: datetime, *, lock: bool = False) -> list[Demande]:
    names = Demande.objects.filter(pk__in=asked.demandes).values_list("uuid", flat=True)
    return queries.require_visible(asked.user, list(names), now, lock=lock)


@transaction.atomic
def _keep(asked: Telechargement, demandes: list[Demande], content: bytes, now: datetime) -> bool:
    held = _visible(asked, now, lock=True)
    row = Telechargement.objects.select_for_update(of=("self",)).get(pk=asked.pk)
    if row.ready_at or row.started_at != asked.started_at:
        return True  # another worker took it over
    said = handover.said(held)
    if said != handover.said(demandes):
        return False
    day = min(one.last_day for one in held)
    sealed = sealing.seal(day, content, f"telechargement:{row.uuid}")
    kept = store.keep(sealed, media_type="application/octet-stream", nature="telechargement", now=now)
    row.fichier, row.ready_at, row.expires_at, row.jour, row.said = kept, now, now + LIFE, day, said
    row.save(update_fields=["fichier", "ready_at", "expires_at", "jour", "said"])
    return True


@transaction.atomic
def hand_over(
    wanted: uuid.UUID, *, by: User, now: datetime, origin: Origin, encore: str | None = None
) -> Handed | None:
    """The file to its person, on record and récupérée before the first byte (ACC-2, TEL-1.c). None while it is not
    made, or when a demande has changed since: it is made again.

    `encore`: why what the lieu has by now is fetched again (TEL-6), unless it was said when the file was asked for.
    """
    found = require(wanted, by=by, now=now)
    if found.fichier is None or found.jour is None:
        return None
    demandes, why = _visible(found, now), found.encore or encore
    handover.require_reason(demandes, why)
    try:
        sealed = store.read(found.fichier)
    except store.Damaged:
        require(wanted, by=by, now=now)  # a family may have withdrawn meanwhile
        raise
    content = sealing.open(found.jour, sealed, f"telechargement:{found.uuid}", today=paris_date(now))
    if handover.said(demandes) == found.said and handover.hand_over(
        demandes, form=found.forme, by=by, now=now, origin=origin, encore=why or None
    ):
        return handover.named(content, demandes, form=found.forme, now=now)
    row = Telechargement.objects.filter(pk=found.pk, fichier=found.fichier)
    if row.update(ready_at=None, fichier=None, started_at=None, faits=0, asked_at=now, expires_at=now + LIFE):
        store.destroy(found.fichier)
        bell.ring(ASKED, found.uuid)
    return None


def ring_waiting(*, now: datetime) -> int:
    """Ring again for what waits and nobody is at: its bell was lost, or its worker died. Returns how many."""
    free = Q(started_at=None, asked_at__lt=now - timedelta(minutes=1)) | Q(started_at__lt=now - LEASE)
    waiting = Telechargement.objects.filter(free, ready_at=None, expires_at__gt=now).order_by("asked_at")
    names = list(waiting.values_list("uuid", flat=True)[:RINGS])
    for name in names:
        bell.ring(ASKED, name)
    return len(names)


@transaction.atomic
def forget_over(*, now: datetime) -> int:
    """Destroy rows and bytes whose hour is over; returns how many."""
    over = Telechargement.objects.filter(expires_at__lte=now)
    done = _drop(over, now)
    over.delete()
    return done


def forget_with(demandes: Collection[int], *, now: datetime) -> None:
    """With the dossiers of these demandes goes each file that holds one; its page says so. In their transaction."""
    rows, gone = Telechargement.objects.filter(expires_at__gt=now).values_list("pk", "demandes"), set(demandes)
    if hit := [pk for pk, inside in rows if not gone.isdisjoint(inside)]:
        _drop(Telechargement.objects.filter(pk__in=hit), now)


@transaction.atomic
def _drop(rows: QuerySet[Telechargement], now: datetime) -> int:
    """No bytes any more, nothing to be fetched; the rows stay to say so until the sweep."""
    held = list(rows.select_for_update(of=("self",)).select_related("fichier").order_by("pk"))
    rows = Telechargement.objects.filter(pk__in=[one.pk for one in held])
    rows.update(fichier=None, ready_at=None, expires_at=now)
    for one in held:
        if one.fichier:
            store.destroy(one.fichier)
    return len(held)
