"""Persons of a lieu after their activation: a new password, suspension, what colleagues are told."""

import re
from collections.abc import Iterator
from datetime import datetime

from django.contrib.auth import get_user_model
from django.db import transaction
from django.shortcuts import get_object_or_404

from conventions import queries as conventions
from extranet.core.accounts import factors
from extranet.core.accounts import services as accounts
from extranet.core.accounts.models import User
from extranet.core.dates import paris_date
from extranet.core.errors import Answer, WrongState
from extranet.core.journal import services as journal
from extranet.core.outbox import services as outbox
from extranet.territory.models import Commune
from extranet.territory.queries import cafs_visible_to, role_of
from habilitations import queries, rights
from habilitations.models import Habilitation


def _held(habilitation_id: int, by: User) -> Habilitation:
    scope = Habilitation.objects.filter(personne__lieu__caf__in=cafs_visible_to(by)).select_for_update(of=("self",))
    return get_object_or_404(scope.select_related("personne__lieu", "user"), pk=habilitation_id)


@transaction.atomic
def suspend(*, habilitation_id: int, reason: str, by: User, now: datetime) -> Habilitation:
    """ACC-6: the right to act ends with the next request of that person; with its last right, its account is closed."""
    line = _held(habilitation_id, by)
    user = get_user_model()._default_manager.select_for_update().get(pk=line.user_id)
    rights.check(role_of(by), "suspend")
    if line.open_suspension:
        raise WrongState("Cette habilitation est déjà suspendue.")
    line.suspensions.create(from_at=now, reason=reason, suspended_by=by)
    journal.record("habilitation.suspendue", line, by=by, at=now)
    close_without_right(user, by=by, now=now)
    return line


def close_without_right(user: User, *, by: journal.Actor, now: datetime) -> None:
    """ACC-6.b: with its last right, an account is closed. Inside the transaction that took it."""
    if not queries.bound(now).filter(user=user).exists():
        accounts.suspend(user, by=by, now=now)


def lift_obstacle(line: Habilitation, now: datetime) -> Answer | None:
    """Why this person's suspension cannot be lifted, as what `lift` would raise; None when it can."""
    if line.open_suspension is None:
        return WrongState("Cette habilitation n’est pas suspendue.")
    if not conventions.named_on(paris_date(now)).filter(personne=line.personne_id).exists():
        return WrongState("Cette personne n’est pas dans l’annexe 1 en vigueur aujourd’hui.")
    if not line.user.is_active and not line.user.suspended_at:
        return WrongState("Le compte de cette personne est fermé.")
    return None


@transaction.atomic
def lift(*, habilitation_id: int, by: User, now: datetime) -> Habilitation:
    """ACC-6: a suspended person is back: its right opens again, and days without use count from today. An account that
    had been closed opens as a new one, with a password by mail.
    """
    line = _held(habilitation_id, by)
    user = get_user_model()._default_manager.select_for_update().get(pk=line.user_id)
    rights.check(role_of(by), "lift")
    if fault := lift_obstacle(line, now):
        raise fault
    suspension = line.open_suspension
    assert suspension is not None  # asked a moment ago, under the lock
    line.suspensions.filter(pk=suspension.pk).update(until_at=now, lifted_by=by)
    journal.record("habilitation.retablie", line, by=by, at=now)
    if user.suspended_at:
        accounts.reopen(user, by=by, now=now)
    key = f"{line.pk}:retablie:{suspension.pk}"
    outbox.post("habilitations.activation", key=key, to=[f"user:{user.pk}"], now=now, habilitation=line.pk)
    return line


def resend_obstacle(line: Habilitation, now: datetime) -> Answer | None:
    """Why this person cannot be sent a password now; None when it can."""
    if line.suspensions.filter(conventions.withheld(now)).exists():
        return WrongState("Cette habilitation est suspendue.")
    if not queries.active(now).filter(pk=line.pk).exists():
        return WrongState("Cette personne n’est plus dans l’annexe 1 en vigueur aujourd’hui.")
    return None


@transaction.atomic
def resend(*, habilitation_id: int, by: User, now: datetime) -> None:
    """A new password by mail, for who has not chosen its own yet; those sent before stay good for their time."""
    line = _held(habilitation_id, by)
    rights.check(role_of(by), "resend")
    if fault := resend_obstacle(line, now):
        raise fault
    key = f"{line.pk}:{now:%Y%m%d%H%M}"
    outbox.post("habilitations.activation", key=key, to=[f"user:{line.user_id}"], now=now, habilitation=line.pk)
    journal.record("habilitation.mot-de-passe-renvoye", line, by=by, at=now)


def factor_obstacle(line: Habilitation, now: datetime) -> Answer | None:
    """Why this person's second factor cannot be taken off; None when it can."""
    return None if factors.factors_of(line.user).exists() else WrongState("Cette personne n’a pas de second facteur.")


@transaction.atomic
def reset_factor(*, habilitation_id: int, by: User, now: datetime) -> None:
    """ACC-4: a lost telephone. The person is told; with a mailed password or its own, it comes in again and adds
    another.
    """
    line = _held(habilitation_id, by)
    rights.check(role_of(by), "reset_factor")
    if fault := factor_obstacle(line, now):
        raise fault
    factors.reset(line.user, by=by, now=now)
    journal.record("habilitation.second-facteur-retire", line, by=by, at=now)


def tell_colleagues(user: User, first: bool, now: datetime) -> None:
    """ACT-3: the lieu's other persons learn that the account was opened."""
    if not first:
        return
    for line in queries.active(now).filter(user=user).select_related("personne"):
        others = queries.persons_of(line.personne.lieu_id, now).exclude(user=user)
        to = [f"user:{other.user_id}" for other in others]
        outbox.post("habilitations.compte-ouvert", key=str(line.pk), to=to, now=now, habilitation=line.pk)


def words_about(user: User) -> Iterator[str]:
    """ACT-3: names that a password of this person may not be made of: its lieux, their towns, their Cafs' communes.

    A commune's name counts whole: « le » and « sur » are no secret of anybody's.
    """
    own = Habilitation.objects.filter(user=user) if user.pk else Habilitation.objects.none()
    for nom, ville in own.values_list("personne__lieu__nom", "personne__lieu__ville"):
        yield from (nom, ville)
    for nom in Commune.objects.filter(caf__in=own.values("personne__lieu__caf")).values_list("nom", flat=True):
        yield re.sub(r"\W+", "", nom)
