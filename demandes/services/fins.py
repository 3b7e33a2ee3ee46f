"""What the end of a lieu's convention does to its demandes: taken back, or its families' to send on (CON-6)."""

from collections import defaultdict
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from conventions import rules
from conventions.models import Lieu
from conventions.queries import Fin as FinDeConvention
from demandes import queries
from demandes.models import Demande
from demandes.services import orientation
from demandes.services.transmission import end_attributions, tell_families_of, transmit
from demandes.workflow import DEMANDE, Etat, Fin
from extranet.core import apart
from extranet.core.dates import paris_date
from extranet.core.errors import Refused, WrongState
from extranet.core.outbox import services as outbox
from extranet.core.outbox.models import Message

ASKED = "demandes.fin-famille"
LOOK_BACK = timedelta(days=45)


def take_back(*, now: datetime) -> int:
    """CON-6.c: what a lieu had not picked up when its convention ended waits for a lieu again; returns how many.

    Its fifteen days end with it: it was never late there for what came after. Another covering lieu gets it at once
    (`transmit_waiting_all`).
    """
    today = paris_date(now)
    over = [end for end in queries.ends_with_demandes(today) if end.ends_on < today]

    def take(end: FinDeConvention) -> int:
        waiting = queries.waiting_on(today).filter(lieu=end.lieu)
        nowhere = {"lieu_id": None, "transmission_id": None, "pick_up_day": None}
        taken = DEMANDE.apply_many(waiting, "take_back", by="systeme", now=now, **nowhere)
        end_attributions(taken, Fin.CONVENTION, now)
        return len(taken)

    return apart.each(over, take, what="end of a convention")


def ask_families(*, now: datetime) -> int:
    """CON-6.d: fifteen days before the last day of their lieu, and on it, families whose demande it has picked up are
    asked whether another should have it. Each once; after a stop only the latest. Returns how many.
    """
    today, told = paris_date(now), _told(now)
    asked = 0
    for end in queries.ends_with_demandes(today):
        rows = list[tuple[str, str, str, dict[str, object]]]()
        theirs = Demande.objects.filter(lieu=end.lieu, state__in=queries.FAMILY_DECIDES, last_day__gte=today)
        for pk, uuid, last_day in theirs.values_list("pk", "uuid", "last_day"):
            until = min(end.families_until, last_day)
            rank = rules.consultation_due(until, today, told.get((str(uuid), end.convention), ()))
            if rank is not None:
                about: dict[str, object] = {"demande": pk, "convention": end.convention, "rang": rank}
                rows.append((ASKED, f"{uuid}:{end.convention}:{rank}", f"demande:{uuid}", about))
        outbox.post_many(rows, now=now)
        asked += len(rows)
    return asked


def _told(now: datetime) -> dict[tuple[str, int], set[int]]:
    """(demande, convention) → ranks of the questions posted."""
    told: dict[tuple[str, int], set[int]] = defaultdict(set)
    for key in Message.objects.filter(kind=ASKED, created_at__gte=now - LOOK_BACK).values_list("key", flat=True):
        uuid, convention, rank = key.split(":")
        told[uuid, int(convention)].add(int(rank))
    return told


def lieux_offered(demande: Demande, now: datetime) -> QuerySet[Lieu]:
    """CON-6.d: where the family can have its demande sent."""
    return orientation.lieux_for([demande], now)


@transaction.atomic
def send_on(demande: Demande, *, lieu: UUID, now: datetime) -> Demande:
    """CON-6.d: the family's act, and nobody else's: another lieu has its demande from now on, with its own fifteen
    days; the one that ends sees no more of it than a line. The day of destruction stays (CNS-9).
    """
    held = Demande.objects.select_for_update(of=("self",)).get(pk=demande.pk)
    if queries.may_follow(held, now) is None:
        raise WrongState
    chosen = lieux_offered(held, now).filter(uuid=lieu).first()
    if chosen is None:
        raise Refused({"lieu": _("Choisissez un lieu d’information.")})
    orientation.leave([held], Fin.CONVENTION, now)
    batch = transmit(Demande.objects.filter(pk=held.pk), lieu_id=chosen.pk, now=now, by="famille", act="follow")
    if batch is None:  # its last person left since the list was read
        raise Refused({"lieu": _("Ce lieu ne peut plus recevoir votre demande. Choisissez-en un autre.")})
    tell_families_of(batch, now)
    held.refresh_from_db()
    assert held.state == Etat.TRANSMISE
    return held
