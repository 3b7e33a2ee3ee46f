"""Reads: who may act for which lieu, and what waits for an agent."""

from datetime import datetime
from itertools import groupby
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet, Subquery

from conventions import queries as conventions
from conventions.models import Lieu, PersonneInscrite
from conventions.rules import siren_is_valid
from extranet.core.dates import paris_date
from extranet.territory.queries import agent_of
from habilitations.models import DemandeHabilitation, Habilitation, SuspensionHabilitation
from habilitations.rules import is_public_provider
from habilitations.workflow import EtatDemandeHabilitation


def _open(now: datetime) -> QuerySet[Habilitation]:
    suspended = SuspensionHabilitation.objects.filter(conventions.withheld(now), habilitation=OuterRef("pk"))
    return Habilitation.objects.filter(~Exists(suspended), user__is_active=True)


def active(now: datetime) -> QuerySet[Habilitation]:
    """ACC-6, CON-7: not suspended, account open, and named today in the annexe 1 of a convention in force.

    Whatever gives access starts from here; whether the whole lieu is suspended is asked beside it (`lieux_of`).
    """
    lines = conventions.named_on(paris_date(now)).filter(personne=OuterRef("personne"))
    return _open(now).filter(Exists(lines))


def entering(now: datetime) -> QuerySet[Habilitation]:
    """CON-5.c: `active`, of lieux that are not suspended."""
    return active(now).filter(personne__lieu__in=conventions.lieux_in_force(now))


def bound(now: datetime) -> QuerySet[Habilitation]:
    """CON-6: `active`, and those named until the end of a convention that nothing followed: they answer for its copies."""
    day = paris_date(now)
    named = conventions.named_on(day).filter(personne=OuterRef("personne"))
    to_the_end = conventions.named_to_the_end(day).filter(personne=OuterRef("personne"))
    return _open(now).filter(Exists(named) | Exists(to_the_end))


def lieux_of(user: Any, now: datetime) -> QuerySet[Lieu]:
    """ACC-1, ACC-6: lieux that `user` may act for: named in annexe 1 today, not suspended, convention in force."""
    return conventions.lieux_in_force(now).filter(pk__in=active(now).filter(user=user).values("personne__lieu"))


def lieux_to_attest(user: Any, now: datetime) -> QuerySet[Lieu]:
    """CON-6: lieux for which `user` may sign an attestation, even after the convention's end."""
    return Lieu.objects.filter(pk__in=bound(now).filter(user=user).values("personne__lieu"))


def persons_of(lieu_id: int, now: datetime) -> QuerySet[Habilitation]:
    """NOT-1: active persons of a lieu, to be told of its demandes."""
    return active(now).filter(personne__lieu=lieu_id).order_by("pk")


def signers_of(lieu_id: int, now: datetime) -> QuerySet[Habilitation]:
    """CON-6, CNS-3: persons of a lieu, to be told of the copies that it has to destroy, even after its convention."""
    return bound(now).filter(personne__lieu=lieu_id).order_by("pk")


def lieux_without_anybody(now: datetime) -> QuerySet[Lieu]:
    """CTL-9: lieux in which nobody can pick up a demande: no active person, suspended, or no convention in force."""
    served = conventions.lieux_in_force(now).filter(Exists(active(now).filter(personne__lieu=OuterRef("pk"))))
    return Lieu.objects.exclude(pk__in=served.values("pk"))


def qualite_of(user: Any, lieu: Lieu, now: datetime) -> str:
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


def to_activate(now: datetime) -> QuerySet[PersonneInscrite]:
    """ACT-1: persons of an annexe 1 in force without habilitation yet."""
    return conventions.personnes_in_force(now).exclude(personne__in=Habilitation.objects.values("personne"))


def applications_waiting() -> QuerySet[DemandeHabilitation]:
    """HAB-6: applications that an agent has to look at."""
    return DemandeHabilitation.objects.filter(state=EtatDemandeHabilitation.DEPOSEE)


def applications_visible_to(user: Any) -> QuerySet[DemandeHabilitation]:
    """HAB-6: applications addressed to the agent's Caf, and to no other: not the Cnaf's to see."""
    agent = agent_of(user)
    return DemandeHabilitation.objects.filter(caf=agent.caf_id) if agent else DemandeHabilitation.objects.none()


def warnings_about(demande: DemandeHabilitation, now: datetime) -> list[str]:
    """HAB-6: what an agent should look at before deciding."""
    found = []
    if not siren_is_valid(demande.gestionnaire_siren):
        found.append("La clé du SIREN n’est pas bonne.")
    codes = list(demande.communes.values_list("commune_id", flat=True))
    held = conventions.covering(now).filter(commune__in=codes).order_by("lieu__nom", "lieu", "commune__nom_recherche")
    for _, lines in groupby(held.select_related("commune", "lieu"), key=lambda line: line.lieu_id):
        same = list(lines)
        found.append(f"{same[0].lieu.nom} couvre déjà {', '.join(line.commune.nom for line in same)}.")
    addresses = [demande.lieu_courriel, *demande.personnes.values_list("courriel", flat=True)]
    found += [f"{a} est une messagerie grand public." for a in dict.fromkeys(addresses) if is_public_provider(a)]
    known = active(now).filter(user__email__in=addresses).select_related("user", "personne__lieu").order_by("pk")
    found += [f"{line.user.email} est déjà habilitée pour {line.lieu.nom}." for line in known]
    return found
