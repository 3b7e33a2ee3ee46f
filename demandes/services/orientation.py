"""An agent says which lieu has a demande: one that waits (ING-6), is late (NOT-4), is with a lieu without anybody
(CTL-9), or should be elsewhere, for a reason.
"""

import uuid
from collections import defaultdict
from collections.abc import Collection
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from conventions import queries as conventions
from conventions.models import Lieu
from demandes import queries, rights
from demandes.models import Demande
from demandes.services.transmission import end_attributions, tell_families_of, transmit
from demandes.workflow import DEMANDE, Etat, Fin, Motif
from extranet.core.accounts.models import User
from extranet.core.dates import paris_date
from extranet.core.errors import Answer, NotFound, Refused, WrongState
from extranet.core.outbox import services as outbox
from extranet.territory import queries as territory
from habilitations import queries as habilitations


def lieux_for(demandes: Collection[Demande], now: datetime) -> QuerySet[Lieu]:
    """The lieux of their Caf that cover the communes of all `demandes` now, have somebody, and hold none of them."""
    found = Lieu.objects.exclude(pk__in={one.lieu_id for one in demandes if one.lieu_id})
    for commune, caf in {(one.commune_id, one.caf_id) for one in demandes}:
        found = found.filter(pk__in=conventions.lieux_covering(commune, now).values("pk"), caf=caf)
    nobody = habilitations.without_anybody(list(found.values_list("pk", flat=True)), now)
    return found.exclude(pk__in=nobody).order_by("nom", "pk")


def obstacle(demande: Demande, now: datetime) -> Answer | None:
    """Why an agent cannot give this demande to a lieu now; None when one of `lieux_for` can have it."""
    if demande.state != Etat.A_ORIENTER and not DEMANDE.may(demande, "reassign"):
        return WrongState(f"L’état est « {demande.get_state_display()} » : elle ne change plus de lieu.")
    if demande.last_day < paris_date(now):
        return WrongState("Cette demande est arrivée à la fin de sa conservation.")
    if demande.state == Etat.RECUPEREE and queries.end_of(demande, now):
        return WrongState(
            "La convention de son lieu prend fin : la famille est consultée, et elle seule peut la confier à un autre."
        )
    if not lieux_for([demande], now).exists():
        other = "autre " if demande.lieu_id else ""
        return WrongState(
            f"Aucun {other}lieu de votre Caf qui puisse la recevoir ne couvre {demande.commune.nom} aujourd’hui."
        )
    return None


def is_stranded(demande: Demande, now: datetime) -> bool:
    """CTL-9: its lieu has nobody who can pick it up."""
    return queries.stranded(Demande.objects.filter(pk=demande.pk), now).exists()


def why_asked(demandes: Collection[Demande], now: datetime) -> str:
    """The sentence that asks for a reason, where one of `demandes` is taken from a lieu that has done nothing wrong;
    empty where none is needed (NOT-4.k, CTL-9.b).
    """
    here = [one for one in demandes if one.lieu_id]
    if any(one.state == Etat.RECUPEREE for one in here):
        return "Le lieu l’a récupérée : dites pourquoi elle va à un autre."
    in_time = [one.pk for one in here if not ((delay := one.delay(now)) and delay.days_late)]
    if len(in_time) > queries.stranded(Demande.objects.filter(pk__in=in_time), now).count():
        return "Le lieu a encore le temps de la récupérer : dites pourquoi elle va à un autre."
    return ""


@transaction.atomic
def give(*, demande_ids: Collection[int], lieu_id: int, by: User, now: datetime, motif: str = "") -> int:
    """NOT-4.k, CTL-9.b, ING-6.b: these demandes go to this lieu, all or none; returns how many.

    The lieu is notified as of any transmission and has its own fifteen days; the family is told; a lieu that loses
    them is told, and sees no more of them than a line. The day of destruction stays (CNS-9). 404 when one is not of
    the agent's Caf, 403 without the right, 409 with the reason when one cannot change its lieu, 422 when the lieu
    cannot have them, or without a `motif` where `why_asked`.
    """
    demandes = _held(demande_ids, by)
    if faults := {one: fault for one in demandes if (fault := obstacle(one, now))}:
        raise WrongState(_sentence(faults))
    asked = why_asked(demandes, now)
    if asked and motif not in Motif:
        raise Refused({"motif": asked})
    if not lieux_for(demandes, now).filter(pk=lieu_id).exists():
        raise Refused(
            {"lieu": "Ce lieu ne peut pas les recevoir : il doit couvrir leur commune et avoir une personne active."}
        )
    leave(demandes, Fin.REATTRIBUEE, now, motif=motif if asked else "")
    batch = transmit(_rows(demandes), lieu_id=lieu_id, now=now, by=by, reassign=True)
    if batch is None:  # its last person left since the line above was read
        raise Refused({"lieu": "Ce lieu n’a plus aucune personne active : il ne pourrait pas être prévenu."})
    tell_families_of(batch, now)
    return len(demandes)


@transaction.atomic
def put_back(*, demande_ids: Collection[int], by: User, now: datetime) -> int:
    """CTL-9.b: demandes of a lieu without anybody wait for a lieu again, all or none; returns how many.

    Raises as `give`. Those of a lieu that has somebody would only be transmitted to it again.
    """
    demandes = _held(demande_ids, by)
    if faults := {one: fault for one in demandes if (fault := put_back_obstacle(one, now))}:
        raise WrongState(_sentence(faults))
    leave(demandes, Fin.REPRISE, now)
    nowhere = {"lieu_id": None, "transmission_id": None, "pick_up_day": None}
    DEMANDE.apply_many(_rows(demandes), "take_back", by=by, now=now, **nowhere)
    return len(demandes)


def put_back_obstacle(demande: Demande, now: datetime) -> Answer | None:
    """Why this demande does not go back to « à orienter »; None when it can."""
    if not DEMANDE.may(demande, "take_back"):
        return WrongState(f"L’état est « {demande.get_state_display()} » : elle n’est pas à reprendre.")
    if not is_stranded(demande, now):
        return WrongState("Son lieu a au moins une personne qui peut la récupérer.")
    return None


def _held(demande_ids: Collection[int], by: User) -> list[Demande]:
    """All of them, locked in the order of every other writer, then read: a pick-up may have come first."""
    own = Demande.objects.filter(caf__in=territory.cafs_visible_to(by), pk__in=demande_ids).order_by("pk")
    list(own.select_for_update(of=("self",)).values_list("pk"))
    found = list(own.select_related("commune", "lieu", "transmission"))
    if not found or len(found) < len(set(demande_ids)):
        raise NotFound
    rights.check(territory.role_of(by), "assign")
    return found


def _rows(demandes: Collection[Demande]) -> QuerySet[Demande]:
    return Demande.objects.filter(pk__in=[one.pk for one in demandes])


def _sentence(faults: dict[Demande, Answer]) -> str:
    if len(faults) == 1:
        return str(next(iter(faults.values())))
    return " ".join(f"{demande.reference} : {fault}" for demande, fault in faults.items())


def leave(demandes: Collection[Demande], fin: Fin, now: datetime, *, motif: str = "") -> None:
    """Out of the lieux that had them, each of which is told; where its convention is over, that is why."""
    lost: dict[Lieu, list[int]] = defaultdict(list)
    for demande in demandes:
        if demande.lieu:
            lost[demande.lieu].append(demande.pk)
    for lieu, pks in lost.items():
        end_attributions(pks, fin if conventions.convention_of(lieu, now) else Fin.CONVENTION, now, motif=motif)
        persons = [f"user:{account}" for account in habilitations.accounts_of(lieu.pk, now)]
        outbox.post("demandes.reprise", key=str(uuid.uuid4()), to=persons, now=now, lieu=lieu.pk, demandes=pks)
