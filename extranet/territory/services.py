"""Writes on the territory: a Caf's contact, and who its agents are."""

from datetime import datetime

from django.db import transaction
from django.shortcuts import get_object_or_404

from extranet.core.accounts import services as accounts
from extranet.core.accounts.models import User
from extranet.core.errors import Refused
from extranet.core.journal import services as journal
from extranet.core.typed import is_address
from extranet.territory import rights
from extranet.territory.models import Agent, Caf
from extranet.territory.queries import cafs_visible_to, role_of


@transaction.atomic
def set_contact(
    *, caf_code: str, courriel_generique: str, adresse: str, telephone: str, by: User, now: datetime
) -> Caf:
    """What pages, mails and papers say of a Caf, and its mailbox. 404 for another Caf, 403 without the right."""
    caf = get_object_or_404(cafs_visible_to(by).select_for_update(), pk=caf_code)
    rights.check(role_of(by), "set_contact")
    caf.courriel_generique, caf.adresse, caf.telephone = courriel_generique.lower(), adresse, telephone
    caf.save(update_fields=["courriel_generique", "adresse", "telephone"])
    journal.record("caf.coordonnees", caf, by=by, at=now)
    return caf


DIRECTION = ("directeur_civilite", "directeur_nom", "directeur_prenom", "directeur_qualite")


@transaction.atomic
def set_director(*, caf_code: str, by: User, now: datetime, **direction: str) -> Caf:
    """CON-2: who signs for the Caf, as the papers made from now on name it:
    the four DIRECTION values, or four empty ones.

    404 for another Caf, 403 without the right, Refused beside what is missing.
    """
    caf = get_object_or_404(cafs_visible_to(by).select_for_update(), pk=caf_code)
    rights.check(role_of(by), "set_director")
    if any(direction.values()):
        missing = [name for name in DIRECTION if not direction[name]]
        if missing:
            raise Refused(dict.fromkeys(missing, "Complétez cette ligne, ou videz les quatre."))
    for name in DIRECTION:
        setattr(caf, name, direction[name])
    caf.save(update_fields=DIRECTION)
    journal.record("caf.direction", caf, by=by, at=now, nommee=bool(caf.directeur_nom))
    return caf


@transaction.atomic
def set_four_eyes(*, caf_code: str, quatre_yeux: bool, by: User, now: datetime) -> Caf:
    """ACT-1.c: whether the agent who accepted a lieu may not open its accesses. 404 and 403 as `set_contact`."""
    caf = get_object_or_404(cafs_visible_to(by).select_for_update(), pk=caf_code)
    rights.check(role_of(by), "set_four_eyes")
    before, caf.quatre_yeux = caf.quatre_yeux, quatre_yeux
    caf.save(update_fields=["quatre_yeux"])
    event = "caf.quatre-yeux" if quatre_yeux else "caf.quatre-yeux-leves"
    journal.record(event, caf, by=by, at=now, avant=before, apres=quatre_yeux)
    return caf


@transaction.atomic
def create_agent(
    *, email: str, role: str, caf_code: str | None, by: journal.Actor, now: datetime
) -> tuple[Agent, bool]:
    """Open the back office to an address, invited by mail (CTL-6). Another role or Caf moves the agent."""
    if caf_code is not None and not Caf.objects.filter(pk=caf_code).exists():
        raise Refused({"caf": f"Caf inconnue : {caf_code}."})
    if role not in Agent.Role.values or (role == Agent.Role.CNAF) != (caf_code is None):
        raise Refused({"role": "Rôle impossible : un agent d’une Caf est instructeur, superviseur ou lecteur."})
    if not is_address(email):
        raise Refused({"email": "Adresse impossible : écrivez-la en entier, sans accent ni espace."})
    user = User.objects.filter(email__iexact=email).first()
    agent = Agent.objects.select_for_update(of=("self",)).filter(user=user).first() if user else None
    if user and agent is None:
        raise Refused({"email": "Cette adresse est déjà celle d’une personne d’un lieu : il en faut une autre."})
    if agent and (agent.role, agent.caf_id) == (role, caf_code):
        return agent, False
    if agent is None:
        user = User.objects.create_user(email=email, is_staff=True)
        agent = Agent.objects.create(user=user, role=role, caf_id=caf_code)
        accounts.invite(user, now=now)
    else:
        agent.role, agent.caf_id = role, caf_code
        agent.save(update_fields=["role", "caf_id"])
    journal.record("agent.nomme", agent, by=by, at=now, role=role)
    return agent, True
