"""Reads: who may act for which lieu, and what waits for an agent."""

from datetime import date, datetime
from itertools import groupby
from typing import Any

from django.db.models import Exists, F, OuterRef, Q, QuerySet

from conventions import queries as conventions
from conventions.models import Convention, Lieu, PersonneInscrite
from conventions.rules import siren_is_valid
from extranet.core.dates import paris_date
from extranet.territory.queries import agent_of
from habilitations.models import DemandeHabilitation, Habilitation
from habilitations.rules import is_public_provider
from habilitations.workflow import EtatDemandeHabilitation


def _held(day: date) -> Q:
    """The line of annexe 1 holds on `day`: from its first day through its last."""
    return Q(personne__from_on__lte=day) & (Q(personne__until_on=None) | Q(personne__until_on__gte=day))


def active(now: datetime) -> QuerySet[Habilitation]:
    """ACC-6, CON-7: not suspended, account open, and named in annexe 1 today. Whatever gives access starts from here."""
    return Habilitation.objects.filter(_held(paris_date(now)), suspended_at=None, user__is_active=True)


def bound(now: datetime) -> QuerySet[Habilitation]:
    """CON-6: `active`, and those named until the end of a convention that nothing followed: they answer for its copies."""
    day = paris_date(now)
    followed = Convention.objects.filter(conventions.in_force(day), lieu=OuterRef("lieu"))
    to_the_end = Q(personne__from_on__lte=day, personne__until_on__gte=F("personne__acte__convention__ended_on"))
    return Habilitation.objects.filter(
        _held(day) | (to_the_end & ~Exists(followed)), suspended_at=None, user__is_active=True
    )


def lieux_of(user: Any, now: datetime) -> QuerySet[Lieu]:
    """ACC-1, ACC-6: lieux that `user` may act for: named in annexe 1 today, not suspended, convention in force."""
    return conventions.lieux_in_force(now).filter(pk__in=active(now).filter(user=user).values("lieu"))


def lieux_to_attest(user: Any, now: datetime) -> QuerySet[Lieu]:
    """CON-6: lieux for which `user` may sign an attestation, even after the convention's end."""
    return Lieu.objects.filter(pk__in=bound(now).filter(user=user).values("lieu"))


def persons_of(lieu_id: int, now: datetime) -> QuerySet[Habilitation]:
    """NOT-1: active persons of a lieu, to be told of its demandes."""
    return active(now).filter(lieu=lieu_id).order_by("pk")


def signers_of(lieu_id: int, now: datetime) -> QuerySet[Habilitation]:
    """CON-6, CNS-3: persons of a lieu, to be told of the copies that it has to destroy, even after its convention."""
    return bound(now).filter(lieu=lieu_id).order_by("pk")


def lieux_without_anybody(now: datetime) -> QuerySet[Lieu]:
    """CTL-9: lieux in which nobody can pick up a demande: no active person, suspended, or no convention in force."""
    served = conventions.lieux_in_force(now).filter(Exists(active(now).filter(lieu=OuterRef("pk"))))
    return Lieu.objects.exclude(pk__in=served.values("pk"))


def qualite_of(user: Any, lieu: Lieu, now: datetime) -> str:
    """The function under which `user` is named in annexe 1 of `lieu`."""
    line = bound(now).filter(user=user, lieu=lieu).select_related("personne").first()
    return line.personne.fonction if line else ""


def to_activate(now: datetime) -> QuerySet[PersonneInscrite]:
    """ACT-1: persons of an annexe 1 in force without habilitation yet."""
    return conventions.personnes_in_force(now).exclude(pk__in=Habilitation.objects.values("personne"))


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
    known = active(now).filter(user__email__in=addresses).select_related("user", "lieu").order_by("pk")
    found += [f"{line.user.email} est déjà habilitée pour {line.lieu.nom}." for line in known]
    return found
