"""Who may act for which lieu, and who is told of what."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, F, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce, Greatest, Lower

from conventions import queries as conventions
from conventions.models import Lieu, PersonneInscrite, Suspension
from extranet.core.accounts.models import User
from extranet.core.dates import paris_date, start_of_day
from extranet.core.frozen import Frozen
from extranet.territory.queries import search_key
from habilitations.models import Habilitation, SuspensionHabilitation


def _open(now: datetime) -> QuerySet[Habilitation]:
    suspended = SuspensionHabilitation.objects.filter(conventions.withheld(now), habilitation=OuterRef("pk"))
    return Habilitation.objects.filter(~Exists(suspended), user__is_active=True)


def active(now: datetime) -> QuerySet[Habilitation]:
    """ACC-6, ACT-6.b, CON-7: not suspended, account open, and named today, by the address of the account, in the
    annexe 1 of a convention in force.

    Whatever gives access starts from here; whether the whole lieu is suspended is asked beside it (`lieux_of`).
    """
    return _open(now).filter(Exists(_same(conventions.named_on(paris_date(now)))))


def _same(lines: QuerySet[PersonneInscrite]) -> QuerySet[PersonneInscrite]:
    """Of `lines` those that name the person of an habilitation by the address of its account: another address is
    another login, and the one before opens nothing (ACT-6.b).
    """
    own = lines.filter(personne=OuterRef("personne")).annotate(adresse=Lower("courriel"))
    return own.filter(adresse=OuterRef("user__email"))


def entering(now: datetime) -> QuerySet[Habilitation]:
    """CON-5.c: `active`, of lieux that are not suspended."""
    return active(now).filter(personne__lieu__in=conventions.lieux_in_force(now))


def bound(now: datetime) -> QuerySet[Habilitation]:
    """CON-6: `active`, and those named to the end of a convention that nothing followed: they answer for its copies."""
    day = paris_date(now)
    named, to_the_end = _same(conventions.named_on(day)), _same(conventions.named_to_the_end(day))
    return _open(now).filter(Exists(named) | Exists(to_the_end))


def lieux_of(user: User, now: datetime) -> QuerySet[Lieu]:
    """ACC-1, ACC-6: lieux that `user` may act for: named in annexe 1 today, not suspended, convention in force."""
    return Lieu.objects.filter(pk__in=_lieux_of(user=user.pk, now=now))


@Frozen
def _lieux_of(user: int, now: datetime) -> QuerySet[Any]:
    theirs = active(now).filter(user=user).values("personne__lieu")
    return conventions.lieux_in_force(now).filter(pk__in=theirs).order_by().values_list("pk", flat=True)


def lieux_named(user: User, now: datetime) -> QuerySet[Lieu]:
    """CON-5.c, CTL-5: `lieux_of`, and those that are suspended: their convention stays in force, to be read, and their
    persons can write to the Caf. Nothing of a family hangs on it.
    """
    return Lieu.objects.filter(pk__in=active(now).filter(user=user).values("personne__lieu"))


def suspensions_for(user: User, now: datetime) -> list[Suspension]:
    """CON-5.c: the lieux of this person that the Caf has suspended, and since when."""
    if not (keys := _suspensions(user=user.pk, now=now)):
        return []
    found = Suspension.objects.filter(pk__in=keys).select_related("convention__lieu__caf")
    return list(found.order_by("convention__lieu__nom", "pk"))


@Frozen
def _suspensions(user: int, now: datetime) -> QuerySet[Any]:
    own = Suspension.objects.filter(conventions.withheld(now), conventions.in_force(paris_date(now), "convention__"))
    theirs = active(now).filter(user=user).values("personne__lieu")
    return own.filter(convention__lieu__in=theirs).order_by().values_list("pk", flat=True)


def needs_factor(user: User, now: datetime) -> bool:
    """ACC-4.c: a Caf of one of this person's lieux asks for a second factor."""
    return bound(now).filter(user=user, personne__lieu__caf__second_facteur=True).exists()


def with_use(rows: QuerySet[Habilitation]) -> QuerySet[Habilitation]:
    """ACC-6.c: each with `used_at`: its person's last login, or its opening, or the end of its last suspension."""
    lifted = SuspensionHabilitation.objects.filter(habilitation=OuterRef("pk"), until_at__isnull=False).order_by(
        "-until_at"
    )
    opened = F("activated_at")
    logins, lifts = Coalesce("user__last_login", opened), Coalesce(Subquery(lifted.values("until_at")[:1]), opened)
    return rows.annotate(used_at=Greatest(opened, logins, lifts))


def unused(now: datetime, since: timedelta) -> QuerySet[Habilitation]:
    """ACC-6.c: open accesses that nobody has used for so many days, the current one not counted; the oldest first."""
    first_kept = start_of_day(paris_date(now) - since + timedelta(days=1))
    rows: QuerySet[Any] = with_use(active(now))
    return rows.filter(used_at__lt=first_kept).order_by("used_at", "pk")


def lieux_to_attest(user: User, now: datetime) -> QuerySet[Lieu]:
    """CON-6: lieux for which `user` may sign an attestation, even after the convention's end."""
    return Lieu.objects.filter(pk__in=_bound_of(user=user.pk, now=now))


@Frozen
def _bound_of(user: int, now: datetime) -> QuerySet[Any]:
    return bound(now).filter(user=user).values_list("personne__lieu", flat=True)


def persons_of(lieu_id: int, now: datetime) -> QuerySet[Habilitation]:
    """Active persons of a lieu."""
    return active(now).filter(personne__lieu=lieu_id).order_by("pk")


def accounts_of(lieu_id: int, now: datetime) -> list[int]:
    """NOT-1: the accounts of `persons_of`, to be told of its demandes."""
    return _accounts(lieu=lieu_id, now=now)


@Frozen
def _accounts(lieu: int, now: datetime) -> QuerySet[Any]:
    return persons_of(lieu, now).values_list("user", flat=True)


def persons_by_lieu(lieux: Collection[int], now: datetime) -> dict[int, list[int]]:
    """`persons_of` for many: lieu → accounts; a lieu without any is not in it."""
    found: dict[int, list[int]] = {}
    rows = active(now).filter(personne__lieu__in=lieux).order_by("pk")
    for lieu, user in rows.values_list("personne__lieu", "user"):
        found.setdefault(lieu, []).append(user)
    return found


def signers_of(lieu_id: int, now: datetime) -> QuerySet[Habilitation]:
    """CON-6, CNS-3: persons of a lieu, to be told of the copies that it has to destroy, even after its convention."""
    return bound(now).filter(personne__lieu=lieu_id).order_by("pk")


def without_anybody(lieux: Collection[int], now: datetime) -> set[int]:
    """CTL-9: those of `lieux` in which nobody can pick up a demande: no active person, suspended, or no convention in
    force.
    """
    served = conventions.lieux_in_force(now).filter(pk__in=lieux).values_list("pk", flat=True)
    return set(lieux) - set(served).intersection(persons_by_lieu(lieux, now))


def qualite_of(user: User, lieu: Lieu, now: datetime) -> str:
    """The function under which `user` is named in annexe 1 of `lieu`, or was to the end of its convention."""
    own, day = bound(now).filter(user=user, personne__lieu=lieu).values("personne"), paris_date(now)
    for lines in (conventions.named_on(day), conventions.named_to_the_end(day)):
        if line := lines.filter(personne__in=own).order_by("-from_on", "-pk").first():
            return line.fonction
    return ""


def with_fonction(rows: QuerySet[Habilitation], now: datetime) -> QuerySet[Habilitation]:
    """Each with its `fonction` in annexe 1 today."""
    lines = conventions.named_on(paris_date(now)).filter(personne=OuterRef("personne")).order_by("-from_on", "-pk")
    return rows.annotate(fonction=Subquery(lines.values("fonction")[:1]))


def with_inscription(rows: QuerySet[Habilitation], now: datetime) -> QuerySet[Habilitation]:
    """Each with the key of the line of annexe 1 that names it today, `inscription`."""
    own = _same(conventions.named_on(paris_date(now))).order_by("-from_on", "-pk")
    return rows.annotate(inscription=Subquery(own.values("pk")[:1]))


def same_name(one: str, other: str) -> bool:
    """Whether both name one person: case, accents and the order of its names apart."""
    return sorted(search_key(one).split()) == sorted(search_key(other).split())


def other_holder(courriel: str, name: str) -> User | None:
    """HAB-4.b: whose account the address is, when that is not called `name`."""
    user = User.objects.filter(email=courriel.lower()).first()
    return user if user and not same_name(user.get_full_name(), name) else None


def to_activate(now: datetime) -> QuerySet[PersonneInscrite]:
    """ACT-1, ACT-6.b: persons of an annexe 1 in force that have no habilitation yet by the address that it names."""
    opened = Habilitation.objects.filter(personne=OuterRef("personne"), user__email=Lower(OuterRef("courriel")))
    return conventions.personnes_in_force(now).filter(~Exists(opened))
