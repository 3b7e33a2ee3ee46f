"""Where the register's addressees live."""

from conventions.models import Gestionnaire, Lieu
from extranet.core.outbox.kinds import addressee


@addressee("lieu")
def lieu(identifier: str) -> str | None:
    """The lieu's own mailbox."""
    return Lieu.objects.filter(uuid=identifier).values_list("courriel", flat=True).first()


@addressee("gestionnaire")
def gestionnaire(identifier: str) -> str | None:
    """ACT-1: the official address where it is known, else the one it gave."""
    row = Gestionnaire.objects.filter(uuid=identifier).values_list("courriel_registre", "courriel").first()
    return next(filter(None, row), None) if row else None
