"""Mails of the portal as a whole."""

from datetime import date, datetime

from django.utils.formats import date_format

from extranet.core.dates import PARIS, paris_date
from extranet.core.journal import services as journal
from extranet.core.languages import date_longue
from extranet.core.outbox import services as outbox
from extranet.core.outbox.kinds import Mail, mail
from extranet.core.outbox.models import Message
from extranet.core.words import NBSP
from extranet.territory.models import Agent

KIND = "journal.sceau"


def post_seals(*, now: datetime) -> int:
    """ACC-2: once a month, the last seals leave for whoever cannot be reached from the database.
    Returns how many mails.
    """
    if not journal.heads():
        return 0
    key = f"{paris_date(now):%Y-%m}"
    staff = Agent.objects.filter(role=Agent.Role.CNAF, user__is_active=True).order_by("pk")
    told = set(Message.objects.filter(kind=KIND, key=key).values_list("recipient", flat=True))
    waiting = [name for name in (f"user:{pk}" for pk in staff.values_list("user", flat=True)) if name not in told]
    outbox.post(KIND, key=key, to=waiting, now=now)
    return len(waiting)


@mail(KIND, when="chaque mois, une fois le journal scellé", to="Cnaf")
def sceau(message: Message, now: datetime) -> Mail | None:
    """ACC-2: what proves later that nothing was rewritten, and how."""
    links = journal.heads()
    month = date.fromisoformat(f"{message.key}-01")
    return Mail(
        f"Sceaux du journal : {date_format(month, 'F Y')}",
        "journal/courriels/sceau",
        {
            "sceaux": [
                {
                    "registre": journal.label(link),
                    "lignes": journal.sealed_lines(link),
                    "jour": date_longue(paris_date(link.at)),
                    "heure": _hour(link.at),
                    "empreinte": link.digest,
                }
                for link in links
            ]
        },
    )


def _hour(moment: datetime) -> str:
    local = moment.astimezone(PARIS)
    return f"{local.hour}{NBSP}h{NBSP}{local.minute:02}"
