"""A whole lieu suspended as a precaution, at once; its convention stays in force (CON-5)."""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.shortcuts import get_object_or_404

from conventions import queries, rights
from conventions.models import Convention
from extranet.core.accounts.models import User
from extranet.core.dates import paris_date
from extranet.core.errors import Answer, Forbidden, Refused, WrongState
from extranet.core.journal import services as journal
from extranet.territory.queries import role_of


@transaction.atomic
def suspend(*, convention_uuid: UUID, reason: str, by: User, now: datetime) -> Convention:
    """CON-5.b: from the next request nobody of the lieu sees a demande, and it is given none (`lieux_in_force`)."""
    convention = _held(convention_uuid, by)
    rights.check(role_of(by), "suspend")
    if not reason.strip():
        raise Refused({"reason": "Indiquez pourquoi ce lieu est suspendu."})
    if not Convention.objects.filter(queries.in_force(paris_date(now)), pk=convention.pk).exists():
        raise WrongState("Seul un lieu dont la convention est en vigueur peut être suspendu.")
    if convention.suspensions.filter(until_at=None).exists():
        raise WrongState("Ce lieu est déjà suspendu.")
    convention.suspensions.create(from_at=now, reason=reason.strip(), suspended_by=by)
    journal.record("convention.suspendue", convention, by=by, at=now)
    return convention


def lift_obstacle(convention: Convention, by: User) -> Answer | None:
    """Why `by` cannot lift this suspension, as what `lift` would raise; None when it can."""
    if (suspension := convention.open_suspension) is None:
        return WrongState("Ce lieu n’est pas suspendu.")
    if convention.lieu.caf.quatre_yeux and suspension.suspended_by_id == by.pk:
        return Forbidden("Vous avez suspendu ce lieu : une autre personne de la Caf doit lever la suspension.")
    return None


@transaction.atomic
def lift(*, convention_uuid: UUID, by: User, now: datetime) -> Convention:
    """CON-5.b: the lieu has its access and new demandes again. By another than who suspended it, as for opening."""
    convention = _held(convention_uuid, by)
    rights.check(role_of(by), "lift")
    if fault := lift_obstacle(convention, by):
        raise fault
    convention.suspensions.filter(until_at=None).update(until_at=now, lifted_by=by)
    journal.record("convention.suspension-levee", convention, by=by, at=now)
    return convention


def _held(convention_uuid: UUID, by: User) -> Convention:
    visible = queries.conventions_visible_to(by).select_for_update(of=("self",))
    return get_object_or_404(visible, uuid=convention_uuid)
