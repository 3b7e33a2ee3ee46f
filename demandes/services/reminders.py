"""The fifteen days: reminders, and who is told when they are over (NOT-3, NOT-4, NOT-5)."""

from collections import defaultdict
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef

from conventions.models import Lieu
from demandes import queries, rules
from demandes.models import Transmission
from extranet.core import apart
from extranet.core.dates import paris_date, start_of_day
from extranet.core.outbox import services as outbox
from extranet.core.outbox.models import Message
from extranet.territory.queries import alerted
from habilitations import queries as habilitations

# A worker stopped longer than this says nothing of what is older: the lists still show it.
LOOK_BACK = timedelta(days=45)


def _reminded(now: datetime) -> dict[str, set[int]]:
    """Transmission uuid → days already told; being late is told of the last one, whatever the clock says since."""
    said: dict[str, set[int]] = defaultdict(set)
    recent = Message.objects.filter(kind__in=("demandes.rappel", "demandes.retard"), created_at__gte=now - LOOK_BACK)
    for key in recent.values_list("key", flat=True).distinct():
        uuid, _, day = key.partition(":")
        said[uuid].add(int(day or rules.PICK_UP_DAYS))
    return said


def remind(*, now: datetime) -> int:
    """Post the reminder that is due for each transmission not wholly picked up; returns how many transmissions."""
    today = paris_date(now)
    waiting = queries.transmissions_of(queries.waiting_on(today))
    recent = waiting.filter(notified_at__gte=start_of_day(today - timedelta(days=16)))
    said, due = _reminded(now), dict[int, int]()
    lieux = queries.relances_of(Lieu.objects.filter(pk__in=recent.values("lieu")))
    # All that waits is read as four values a transmission; the few that are due, whole.
    for pk, uuid, notified_at, lieu in recent.values_list("pk", "uuid", "notified_at", "lieu"):
        told = said.get(str(uuid), ())
        if notified_at and (day := rules.reminder_day_due(notified_at, today, told, lieux[lieu])):
            due[pk] = day

    def remind_one(transmission: Transmission) -> bool:
        outbox.post(
            "demandes.rappel",
            key=f"{transmission.uuid}:{due[transmission.pk]}",
            to=_persons_of(transmission, now),
            now=now,
            transmission=transmission.pk,
        )
        return True

    return apart.each(Transmission.objects.filter(pk__in=due).select_related("lieu"), remind_one, what="reminder")


def _persons_of(transmission: Transmission, now: datetime) -> list[str]:
    return [f"user:{account}" for account in habilitations.accounts_of(transmission.lieu_id, now)]


def tell_late(*, now: datetime) -> int:
    """From the sixteenth day, in Paris and at the lieu: tell the lieu, the Caf and each family once.
    Returns how many transmissions.
    """
    over = queries.transmissions_of(queries.late_at(now)).filter(notified_at__gte=now - LOOK_BACK)
    told = set(
        Message.objects.filter(kind="demandes.retard", created_at__gte=now - LOOK_BACK).values_list("key", flat=True)
    )
    late = [transmission for transmission in over if str(transmission.uuid) not in told]
    return apart.each(late, lambda transmission: _tell_late(transmission, now), what="late transmission")


def _tell_late(transmission: Transmission, now: datetime) -> bool:
    key, pk = str(transmission.uuid), transmission.pk
    outbox.post("demandes.retard", key=key, to=_persons_of(transmission, now), now=now, transmission=pk)
    _alert("demandes.retard-caf", transmission, now)
    waiting = queries.waiting_on(paris_date(now)).filter(transmission=transmission, dossier__isnull=False)
    outbox.post_many(
        [
            ("demandes.retard-famille", str(uuid), f"demande:{uuid}", {"demande": pk})
            for pk, uuid in waiting.values_list("pk", "uuid")
        ],
        now=now,
    )
    return True


def tell_returned(*, now: datetime) -> int:
    """NOT-3.c: every mail that announced a transmission has come back or could not leave: its Caf is told, once, the
    same day. The fifteen days go on from the date that they have.
    """
    recent = Message.objects.filter(kind="demandes.transmission", bounced_at__gte=now - LOOK_BACK)
    told = Message.objects.filter(kind="demandes.retournee", key=OuterRef("key"))
    keys = set(recent.filter(~Exists(told)).values_list("key", flat=True))
    announced = Message.objects.filter(kind="demandes.transmission", key__in=keys)
    reached_or_not_yet = announced.filter(bounced_at=None, failed_at=None, cancelled_at=None)
    keys -= set(reached_or_not_yet.values_list("key", flat=True))
    lost = queries.transmissions_of(queries.waiting_on(paris_date(now))).filter(uuid__in=keys)
    return apart.each(lost, lambda batch: _alert("demandes.retournee", batch, now), what="transmission come back")


def _alert(kind: str, transmission: Transmission, now: datetime) -> bool:
    key, to = str(transmission.uuid), alerted(transmission.lieu.caf_id)
    outbox.post(kind, key=key, to=to, now=now, transmission=transmission.pk)
    return True


def tell_unnotified(*, now: datetime) -> int:
    """NOT-3.b: a transmission of before today that no mail could announce: its Caf is alerted, once."""
    today = paris_date(now)
    silent = queries.transmissions_of(queries.waiting_on(today)).filter(
        notified_at=None, transmitted_at__lt=start_of_day(today), transmitted_at__gte=now - LOOK_BACK
    )
    return apart.each(silent, lambda batch: _alert("demandes.non-notifiee", batch, now), what="unnotified transmission")
