"""The fifteen days: reminders, and who is told when they are over (NOT-3, NOT-4, NOT-5)."""

from collections import defaultdict
from datetime import datetime, timedelta

from django.db import transaction

from demandes import queries, rules
from demandes.models import Transmission
from extranet.core.dates import paris_date, start_of_day
from extranet.core.outbox import services as outbox
from extranet.core.outbox.models import Message
from extranet.territory.models import Agent
from habilitations import queries as habilitations

# A worker stopped longer than this says nothing of what is older: the lists still show it.
LOOK_BACK = timedelta(days=45)


def _reminded(now: datetime) -> dict[str, set[int]]:
    """Transmission uuid → days already told."""
    said: dict[str, set[int]] = defaultdict(set)
    recent = Message.objects.filter(kind="demandes.rappel", created_at__gte=now - LOOK_BACK)
    for key in recent.values_list("key", flat=True).distinct():
        uuid, _, day = key.rpartition(":")
        said[uuid].add(int(day))
    return said


def remind(*, now: datetime) -> int:
    """Post the reminder that is due for each transmission not wholly picked up; returns how many transmissions."""
    today = paris_date(now)
    waiting = queries.waiting_transmissions(today)
    recent = list(waiting.filter(notified_at__gte=start_of_day(today - timedelta(days=16))))
    said, done = _reminded(now), 0
    for transmission in recent:
        day = rules.reminder_day_due(transmission.notified_at, today, said[str(transmission.uuid)])
        if day is not None:
            outbox.post(
                "demandes.rappel",
                key=f"{transmission.uuid}:{day}",
                to=[f"user:{line.user_id}" for line in habilitations.persons_of(transmission.lieu_id, now)],
                now=now,
                transmission=transmission.pk,
            )
            done += 1
    return done


def tell_late(*, now: datetime) -> int:
    """From the sixteenth day: tell the lieu, the Caf and each family once; returns how many transmissions."""
    today = paris_date(now)
    over = queries.waiting_transmissions(today).filter(
        notified_at__lt=start_of_day(today - timedelta(days=rules.PICK_UP_DAYS)),
        notified_at__gte=now - LOOK_BACK,
    )
    told = set(
        Message.objects.filter(kind="demandes.retard", created_at__gte=now - LOOK_BACK).values_list("key", flat=True)
    )
    late = [transmission for transmission in over if str(transmission.uuid) not in told]
    for transmission in late:
        _tell_late(transmission, now)
    return len(late)


@transaction.atomic
def _tell_late(transmission: Transmission, now: datetime) -> None:
    key, about = str(transmission.uuid), {"transmission": transmission.pk}
    persons = [f"user:{line.user_id}" for line in habilitations.persons_of(transmission.lieu_id, now)]
    outbox.post("demandes.retard", key=key, to=persons, now=now, **about)
    outbox.post("demandes.retard-caf", key=key, to=agents_of(transmission.lieu.caf_id), now=now, **about)
    waiting = queries.waiting_on(paris_date(now)).filter(transmission=transmission, dossier__isnull=False)
    outbox.post_many(
        [
            ("demandes.retard-famille", str(uuid), f"demande:{uuid}", {"demande": pk})
            for pk, uuid in waiting.exclude(dossier__courriel="").values_list("pk", "uuid")
        ],
        now=now,
    )


def tell_unnotified(*, now: datetime) -> int:
    """NOT-3: a transmission of before today that no mail could announce: its Caf is alerted, once."""
    today = paris_date(now)
    silent = queries.waiting_transmissions(today).filter(
        notified_at=None, transmitted_at__lt=start_of_day(today), transmitted_at__gte=now - LOOK_BACK
    )
    for transmission in silent:
        outbox.post(
            "demandes.non-notifiee",
            key=str(transmission.uuid),
            to=agents_of(transmission.lieu.caf_id),
            now=now,
            transmission=transmission.pk,
        )
    return len(silent)


def agents_of(caf: str) -> list[str]:
    """The agents of a Caf who follow its lieux, as addressees."""
    agents = Agent.objects.filter(caf=caf, role=Agent.Role.INSTRUCTEUR, user__is_active=True)
    return [f"user:{user}" for user in agents.order_by("pk").values_list("user", flat=True)]
