"""Where the Cafs' service mailboxes are."""

from collections.abc import Collection
from datetime import datetime

from extranet.core.outbox.kinds import addressee
from extranet.territory.models import Caf

ALERTED = "agents de la Caf et sa boîte de service"
"""Whom `queries.alerted` finds, in the words of the list of mails."""


@addressee("caf")
def cafs(identifiers: Collection[str], now: datetime) -> dict[str, str]:
    """NOT-4.f: the mailbox that the Caf has named."""
    return dict(Caf.objects.filter(pk__in=identifiers).values_list("pk", "courriel_generique"))
