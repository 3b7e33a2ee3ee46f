"""What a lieu says of itself to families, and when it is closed (DEM-2.e, NOT-4.j).

No part of the contract: it holds at once, and the journal says who has said it.
"""

from datetime import date, datetime
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404

from conventions import rights, rules
from conventions.models import Fermeture, Lieu
from extranet.core.accounts.models import User
from extranet.core.dates import paris_date
from extranet.core.errors import Refused, WrongState
from extranet.core.journal import services as journal
from extranet.territory.queries import cafs_visible_to, role_of

OVER = "Cette fermeture est passée : elle ne change plus."


@transaction.atomic
def present(
    *, lieu: UUID, own: QuerySet[Lieu], horaires: str, site: str, courriel: str, by: User, now: datetime
) -> Lieu:
    """DEM-2.e: a person of the lieu says when it is open, its site and its address; empty, families see none. 404 else.

    `own`: the lieux that this person may act for now, as whoever knows habilitations says.
    """
    return _present(_held(lieu, own), horaires, site, courriel, by, now)


@transaction.atomic
def present_for(*, lieu: UUID, horaires: str, site: str, courriel: str, by: User, now: datetime) -> Lieu:
    """DEM-2.e: the same by an agent, for a lieu of its own Caf."""
    held = _held(lieu, Lieu.objects.filter(caf__in=cafs_visible_to(by)))
    rights.check(role_of(by), "present_lieu")
    return _present(held, horaires, site, courriel, by, now)


def _present(lieu: Lieu, horaires: str, site: str, courriel: str, by: User, now: datetime) -> Lieu:
    before = {"horaires": lieu.horaires, "site": lieu.site_public, "courriel": lieu.courriel_public}
    said = {"horaires": horaires, "site": site, "courriel": courriel}
    changed = [name for name, value in said.items() if value != before[name]]
    if changed:
        lieu.horaires, lieu.site_annonce, lieu.courriel_annonce, lieu.annonce_le = horaires, site, courriel, now
        lieu.save(update_fields=["horaires", "site_annonce", "courriel_annonce", "annonce_le"])
        journal.record("lieu.presentation", lieu, by=by, at=now, champs=changed)
    return lieu


@transaction.atomic
def declare_closure(
    *, lieu: UUID, own: QuerySet[Lieu], du: date, au: date, motif: str, by: User, now: datetime
) -> Fermeture:
    """NOT-4.j: the lieu is closed from `du` through `au`. Refused where that overlaps, is past or over a year ahead."""
    held = _held(lieu, own)
    _require_sound(held, du, au, now)
    made = Fermeture.objects.create(lieu=held, du=du, au=au, motif=motif, declared_at=now, declared_by=by)
    journal.record("lieu.fermeture-declaree", held, by=by, at=now, **_days(made))
    return made


@transaction.atomic
def change_closure(
    *, fermeture: UUID, own: QuerySet[Lieu], du: date, au: date, motif: str, by: User, now: datetime
) -> Fermeture:
    """NOT-4.j: other days or another reason, until it is over; the first day of one that has begun may stay."""
    found = _closure(fermeture, own, now)
    _require_sound(found.lieu, du, au, now, but=found)
    if (found.du, found.au, found.motif) != (du, au, motif):
        found.du, found.au, found.motif = du, au, motif
        found.declared_at, found.declared_by = now, by
        found.save(update_fields=["du", "au", "motif", "declared_at", "declared_by"])
        journal.record("lieu.fermeture-changee", found.lieu, by=by, at=now, **_days(found))
    return found


@transaction.atomic
def remove_closure(*, fermeture: UUID, own: QuerySet[Lieu], by: User, now: datetime) -> None:
    """NOT-4.j: the lieu is open after all, or again. The journal keeps what was declared."""
    found = _closure(fermeture, own, now)
    journal.record("lieu.fermeture-retiree", found.lieu, by=by, at=now, **_days(found))
    found.delete()


def _held(lieu: UUID, among: QuerySet[Lieu]) -> Lieu:
    return get_object_or_404(among.select_for_update(of=("self",)), uuid=lieu)


def _closure(fermeture: UUID, own: QuerySet[Lieu], now: datetime) -> Fermeture:
    """It, read again once its lieu is held: two windows may change it at once. 404 else, WrongState once it is over."""
    mine = Fermeture.objects.filter(uuid=fermeture, lieu__in=own.values("pk"))
    _held(get_object_or_404(mine).lieu.uuid, own)
    found = get_object_or_404(mine.select_related("lieu"))
    if found.au < paris_date(now):
        raise WrongState(OVER)
    return found


def _require_sound(lieu: Lieu, du: date, au: date, now: datetime, *, but: Fermeture | None = None) -> None:
    others, begun = lieu.fermetures.all(), None
    if but:
        others, begun = others.exclude(pk=but.pk), but.du
    if faults := rules.closure_faults(du, au, paris_date(now), list(others.values_list("du", "au")), begun=begun):
        raise Refused(faults)


def _days(made: Fermeture) -> dict[str, str]:
    return {"du": made.du.isoformat(), "au": made.au.isoformat()}
