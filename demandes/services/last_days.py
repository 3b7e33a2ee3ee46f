"""CNS-2.a: fifteen days before demandes are destroyed, their lieu is told by when its own copies must go."""

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta

from django.db.models import Max

from demandes.models import Demande
from demandes.workflow import AT_A_LIEU
from extranet.core import apart
from extranet.core.dates import paris_date
from extranet.core.outbox import services as outbox
from extranet.core.outbox.models import Message
from habilitations import queries as habilitations

WARNED = "demandes.destruction-proche"
AHEAD = timedelta(days=15)
LOOK_BACK = timedelta(days=45)
NEVER = date.min, datetime.min.replace(tzinfo=UTC)


def warn_lieux(*, now: datetime) -> int:
    """One mail a lieu for all days of destruction that have come within fifteen: one of them in a usual run, several
    after a stop (NOT-5), or an earlier one where a demande has come to the lieu since. Returns how many lieux.
    """
    today = paris_date(now)
    said, until = _said(now), today + AHEAD
    near = Demande.objects.filter(state__in=AT_A_LIEU, last_day__gte=today, last_day__lte=until).order_by()
    due: dict[tuple[int, str], list[date]] = defaultdict(list)
    days = near.values_list("lieu", "lieu__uuid", "last_day").annotate(Max("transmission__transmitted_at"))
    for lieu, name, day, came_at in days:
        told_until, told_at = said.get(str(name), NEVER)
        if lieu and (day > told_until or came_at > told_at):
            due[lieu, str(name)].append(day)
    persons = habilitations.persons_by_lieu([lieu for lieu, _ in due], now)

    def warn(one: tuple[int, str]) -> bool:
        lieu, name = one
        if lieu not in persons:  # CTL-9: nobody to tell
            return False
        since, to = min(due[one]), [f"user:{user}" for user in persons[lieu]]
        days = {"du": since.isoformat(), "au": until.isoformat()}
        outbox.post_many([(WARNED, f"{name}:{until}", user, {"lieu": lieu, **days}) for user in to], now=now)
        return True

    return apart.each(due, warn, what="warning of a destruction")


def _said(now: datetime) -> dict[str, tuple[date, datetime]]:
    """Lieu → the last day of destruction that it was told of, and when."""
    found: dict[str, tuple[date, datetime]] = {}
    told = Message.objects.filter(kind=WARNED, created_at__gte=now - LOOK_BACK)
    for key, at in told.values_list("key", "created_at").distinct():
        name, _, until = key.partition(":")
        found[name] = max((date.fromisoformat(until), at), found.get(name, NEVER))
    return found
