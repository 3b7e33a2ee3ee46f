"""Where the register's addressees live."""

from collections.abc import Collection
from datetime import datetime

from conventions.models import Gestionnaire, Lieu
from extranet.core.outbox.kinds import addressee


@addressee("lieu")
def lieux(identifiers: Collection[str], now: datetime) -> dict[str, str]:
    """The lieux' own mailboxes."""
    rows = Lieu.objects.filter(uuid__in=identifiers).values_list("uuid", "courriel")
    return {str(identifier): address for identifier, address in rows}


@addressee("gestionnaire")
def gestionnaires(identifiers: Collection[str], now: datetime) -> dict[str, str]:
    """ACT-1: the official address where it is known, else the one it gave."""
    rows = Gestionnaire.objects.filter(uuid__in=identifiers).values_list("uuid", "courriel_registre", "courriel")
    return {str(identifier): official or given for identifier, official, given in rows}
