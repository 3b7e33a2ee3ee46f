"""When an attestation or a yearly statement is due, and of what the lieu is reminded: pure functions."""

from collections.abc import Collection
from datetime import date, timedelta

from extranet.core.dates import add_months

REMINDER_DAYS = (0, 15, 25)


def due_on(last_day: date) -> date:
    """CNS-3: one month chained from the end of the six months, never seven months."""
    return add_months(last_day, 1)


def reminder_due(opened_on: date, today: date, sent: Collection[int]) -> int | None:
    """CNS-5: of the opening, day 15 and day 25, the latest reached and not yet told."""
    reached = [day for day in REMINDER_DAYS if opened_on + timedelta(days=day) <= today]
    if not reached or any(day >= reached[-1] for day in sent):
        return None
    return reached[-1]


# SUI-3: what a lieu says of itself, the portal knowing nothing of it. From the convention, in its words.
DECLARATIONS: dict[str, str] = {
    "secret": "Le personnel connaît le secret professionnel, et aucune donnée n’a été remise à un tiers sans "
    "l’accord de la Caf.",
    "securite": "Les locaux, les postes et les documents sont protégés, et toute perte, tout vol ou toute divulgation "
    "a été signalé à la Caf.",
    "copies": "Aucune copie n’est faite au-delà de ce qu’il faut pour répondre, ni gardée au-delà de six mois.",
    "registre": "Le gestionnaire tient le registre de ses traitements, et répond aux familles qui exercent leurs "
    "droits.",
    "prestataires": "Tout prestataire qui accède aux demandes est déclaré à la Caf et a signé un engagement de "
    "sécurité et de confidentialité.",
    "acces": "Les accès n’ont servi qu’aux personnes nommées à l’annexe 1, et tout départ a été signalé à la Caf.",
}


def statement_due_on(year: int) -> date:
    """SUI-3: three months after the year, when a lieu closes its own report of it."""
    return date(year + 1, 3, 31)


def statement_reminder_on(year: int) -> date:
    """SUI-3: the one reminder."""
    return date(year + 1, 3, 1)
