"""Everything that a clock triggers: one list, run by the beat and by hand (docs/architecture.md)."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.core.cache import cache

from conventions.services import fins as conventions_ends
from conventions.services import prestataires
from demandes.attestations.services import bilans
from demandes.attestations.services import copies as attestations
from demandes.services import deliveries, destruction, dossiers, files, last_days, reminders, renewal, transmission
from demandes.services import fins as ends
from extranet.core.accounts import services as accounts
from extranet.core.accounts import sessions
from extranet.core.documents import store
from extranet.core.journal import services as journal
from extranet.core.outbox import bounces
from extranet.core.outbox import services as outbox
from extranet.portal import mails, proof
from extranet.portal.demo import mailbox
from habilitations.services import disuse, keeping

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Obligation:
    """A duty with its rule, its service (idempotent, bounded) and how often it must be seen to have run."""

    name: str
    rule: str
    service: Callable[..., int]
    period: timedelta


SOON, HOURLY = timedelta(minutes=2), timedelta(hours=1)

OBLIGATIONS = [
    Obligation("clés des jours à venir", "CNS-10", dossiers.prepare, SOON),
    Obligation("demandes des conventions finies", "CON-6", ends.take_back, SOON),
    Obligation("transmissions", "ING-6", transmission.transmit_waiting_all, SOON),
    Obligation("fichiers demandés", "TEL-1", files.ring_waiting, SOON),
    Obligation("fichiers demandés de plus d’une heure", "TEL-1", files.forget_over, SOON),
    Obligation("destructions", "CNS-1", destruction.destroy_due, HOURLY),
    Obligation("dossiers des conventions finies", "CON-6", destruction.destroy_of_ended, HOURLY),
    Obligation("attestations finales", "CON-6", attestations.open_final, HOURLY),
    Obligation("attestations", "CNS-3", attestations.open_due, HOURLY),
    Obligation("rappels d’attestation", "CNS-5", attestations.remind, HOURLY),
    Obligation("bilans annuels", "SUI-3", bilans.open_due, HOURLY),
    Obligation("rappels de bilan annuel", "SUI-3", bilans.remind, HOURLY),
    Obligation("familles des conventions qui finissent", "CON-6", ends.ask_families, HOURLY),
    Obligation("annexes des conventions finies", "CON-6", conventions_ends.close_lines, HOURLY),
    Obligation("préavis", "CON-4", conventions_ends.remind_notice, HOURLY),
    Obligation("rappels", "NOT-4", reminders.remind, HOURLY),
    Obligation("retards", "NOT-4", reminders.tell_late, HOURLY),
    Obligation("courriels revenus", "NOT-2", bounces.take, SOON),
    Obligation("lieux que plus aucun courriel n’atteint", "NOT-3", reminders.tell_returned, SOON),
    Obligation("lieux non prévenus", "NOT-3", reminders.tell_unnotified, HOURLY),
    Obligation("familles avant la destruction", "DEM-8", renewal.ask_families, HOURLY),
    Obligation("familles le dernier jour", "CNS-1", renewal.tell_families, HOURLY),
    Obligation("lieux avant la destruction", "CNS-2", last_days.warn_lieux, HOURLY),
    Obligation("engagements demandés", "CON-9", prestataires.remind, HOURLY),
    Obligation("fichiers de livraison", "ING-5", deliveries.destroy_old_files, HOURLY),
    Obligation("demandes d’habilitation non acceptées", "HAB-8", keeping.erase_due, HOURLY),
    Obligation("sessions", "ACC-5", sessions.forget_ended, HOURLY),
    Obligation("courriels anciens", "NOT-2", outbox.forget_old, HOURLY),
    Obligation("fichiers sans fiche", "CNS-1", store.sweep_orphans, HOURLY),
    Obligation("mots de passe expirés", "ACT-3", accounts.forget_old_secrets, HOURLY),
    Obligation("journal", "ACC-2", journal.seal, HOURLY),
    Obligation("conventions de plus de cinq ans", "ACC-2", proof.let_go, HOURLY),
    Obligation("accès et journal arrivés à leur terme", "ACC-2", journal.let_go, HOURLY),
    Obligation("sceaux du mois", "ACC-2", mails.post_seals, HOURLY),
]
if not settings.DEMO:  # whose people never log in, whatever its clock says
    OBLIGATIONS += [
        Obligation("accès bientôt suspendus", "ACC-6", disuse.warn, HOURLY),
        Obligation("accès inutilisés", "ACC-6", disuse.suspend, HOURLY),
    ]
else:
    OBLIGATIONS.append(Obligation("courriels de la démonstration", "RGP-2", mailbox.forget_old, HOURLY))


def heartbeat_key(name: str) -> str:
    """Where the last run of an obligation is noted."""
    return f"sweep:{name.encode().hex()}"


def run(*, now: datetime, only_due: bool = False) -> dict[str, int]:
    """Run each obligation once; one that fails does not hold back the others.
    Returns name → what it did, -1 if it failed.
    """
    done: dict[str, int] = {}
    for obligation in OBLIGATIONS:
        key = heartbeat_key(obligation.name)
        last = cache.get(key)
        if only_due and last is not None and timedelta(0) <= now - last < obligation.period / 2:
            continue
        try:
            done[obligation.name] = int(obligation.service(now=now))
        except Exception:
            logger.exception("obligation failed: %s", obligation.rule)
            done[obligation.name] = -1
        else:
            cache.set(key, now, timeout=None)
    return done
