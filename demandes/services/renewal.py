"""DEM-8: before its dossier is destroyed a family is asked once whether it still looks; its act makes a new demande.
On the last day it is told that its data go.

That demande is made by the form, filled with what the family has said: every rule of today is applied, and the family
reads it again. The old one changes in nothing and is destroyed on its day.
"""

from dataclasses import replace
from datetime import date, datetime, timedelta

from django.db.models import CharField, Exists, OuterRef, Value
from django.db.models.functions import Cast, Replace
from django.db.models.query import QuerySet

from demandes import rules
from demandes.contenu import Contenu
from demandes.models import Demande
from demandes.workflow import ALIVE
from extranet.core.dates import paris_date
from extranet.core.outbox import services as outbox
from extranet.core.outbox.models import Message

ASKED = "demandes.renouvellement"
LAST = "demandes.dernier-jour"
BATCH = 2_000


def ask_families(*, now: datetime) -> int:
    """DEM-8.a: ask each family whose dossier goes within fifteen days, once, whatever day it is reached on (NOT-5).

    One without an address is asked nothing: its mail is cancelled at sending. Returns how many.
    """
    return _say(ASKED, paris_date(now) + timedelta(days=rules.RENEW_DAYS), now)


def tell_families(*, now: datetime) -> int:
    """CNS-1: tell each family on its last day that its data go tonight; returns how many."""
    return _say(LAST, paris_date(now), now)


def _say(kind: str, until: date, now: datetime) -> int:
    said = 0
    while due := list(_untold(kind, paris_date(now), until).values_list("pk", "uuid")[:BATCH]):
        outbox.post_many([(kind, uuid.hex, f"demande:{uuid}", {"demande": pk}) for pk, uuid in due], now=now)
        said += len(due)
    return said


def _untold(kind: str, today: date, until: date) -> QuerySet[Demande]:
    """The mail's key is the bare uuid: what both engines make of one as text."""
    near = Demande.objects.filter(state__in=ALIVE, last_day__gte=today, last_day__lte=until, dossier__isnull=False)
    bare = Replace(Cast("uuid", CharField()), Value("-"), Value(""))
    told = Message.objects.filter(kind=kind, key=OuterRef("bare"))
    return near.annotate(bare=bare).filter(~Exists(told)).order_by("last_day", "pk")


def proposed(contenu: Contenu, today: date) -> Contenu | None:
    """What the form of the new demande begins with: the children who are not six yet, and a start that is not past.

    None where no child is left. An expected date long past stays: the form asks for another.
    """
    enfants = [
        enfant
        for enfant in contenu.enfants
        if "date_naissance" not in enfant or rules.is_under_six(date.fromisoformat(enfant["date_naissance"]), today)
    ]
    if not enfants:
        return None
    besoin = dict(contenu.besoin)
    start = besoin.get("a_partir_du")
    if start and not rules.is_plausible_start(date.fromisoformat(start), today):
        besoin["a_partir_du"] = ""
    return replace(contenu, enfants=enfants, besoin=besoin)
