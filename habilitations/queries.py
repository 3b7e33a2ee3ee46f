"""Reads: who may act for which lieu, and what waits for an agent."""

from datetime import datetime
from itertools import groupby
from typing import Any

from django.db.models import QuerySet

from conventions import queries as conventions
from conventions.models import Lieu, PersonneInscrite
from conventions.rules import siren_is_valid
from extranet.territory.queries import cafs_visible_to
from habilitations.models import DemandeHabilitation, Habilitation
from habilitations.rules import is_public_provider
from habilitations.workflow import EtatDemandeHabilitation


def lieux_of(user: Any, now: datetime) -> QuerySet[Lieu]:
    """ACC-1, ACC-6: lieux that `user` may act for: habilitated, not suspended, convention in force."""
    own = Habilitation.objects.filter(user=user, user__is_active=True, suspended_at=None).values("lieu")
    return conventions.lieux_in_force(now).filter(pk__in=own)


def lieux_to_attest(user: Any) -> QuerySet[Lieu]:
    """CON-6: lieux for which `user` may sign an attestation, even after the convention's end."""
    own = Habilitation.objects.filter(user=user, user__is_active=True, suspended_at=None).values("lieu")
    return Lieu.objects.filter(pk__in=own)


def persons_of(lieu_id: int) -> QuerySet[Habilitation]:
    """NOT-1: active persons of a lieu, to be told of its demandes."""
    return Habilitation.objects.filter(lieu=lieu_id, suspended_at=None, user__is_active=True).order_by("pk")


def qualite_of(user: Any, lieu: Lieu) -> str:
    """The function under which `user` is named in annexe 1 of `lieu`."""
    line = Habilitation.objects.filter(user=user, lieu=lieu, suspended_at=None).select_related("personne").first()
    return line.personne.fonction if line else ""


def to_activate(now: datetime) -> QuerySet[PersonneInscrite]:
    """ACT-1: persons of an annexe 1 in force without habilitation yet."""
    return conventions.personnes_in_force(now).exclude(pk__in=Habilitation.objects.values("personne"))


def applications_waiting() -> QuerySet[DemandeHabilitation]:
    """HAB-6: applications that an agent has to look at."""
    return DemandeHabilitation.objects.filter(state=EtatDemandeHabilitation.DEPOSEE)


def applications_visible_to(user: Any) -> QuerySet[DemandeHabilitation]:
    """HAB-6: applications addressed to the agent's Caf."""
    return DemandeHabilitation.objects.filter(caf__in=cafs_visible_to(user))


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
    known = Habilitation.objects.filter(user__email__in=addresses, suspended_at=None).select_related("user", "lieu")
    found += [f"{line.user.email} est déjà habilitée pour {line.lieu.nom}." for line in known]
    return found
