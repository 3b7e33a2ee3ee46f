"""Writes on the territory: a Caf's contact, and who its agents are."""

from datetime import datetime

from django.db import transaction
from django.shortcuts import get_object_or_404

from extranet.core.accounts import factors
from extranet.core.accounts import services as accounts
from extranet.core.accounts.models import User
from extranet.core.errors import Answer, Forbidden, Refused, WrongState
from extranet.core.journal import services as journal
from extranet.core.typed import is_address
from extranet.territory import rights
from extranet.territory.models import Agent, Caf
from extranet.territory.queries import cafs_visible_to, role_of


@transaction.atomic
def set_contact(
    *, caf_code: str, courriel_generique: str, adresse: str, telephone: str, by: User, now: datetime, service: str = ""
) -> Caf:
    """What pages, mails and papers say of a Caf, and its mailbox. 404 for another Caf, 403 without the right."""
    caf = get_object_or_404(cafs_visible_to(by).select_for_update(), pk=caf_code)
    rights.check(role_of(by), "set_contact")
    caf.courriel_generique, caf.adresse, caf.telephone = courriel_generique.lower(), adresse, telephone
    caf.service = service
    caf.save(update_fields=["courriel_generique", "service", "adresse", "telephone"])
    journal.record("caf.coordonnees", caf, by=by, at=now)
    return caf


@transaction.atomic
def set_texts(*, caf_code: str, silence: str, recours: str, tribunal: str, by: User, now: datetime) -> Caf:
    """HAB-3.e, HAB-6.f: what lieux are told of silence and of remedies, from now on. 404 and 403 as `set_contact`."""
    caf = get_object_or_404(cafs_visible_to(by).select_for_update(), pk=caf_code)
    rights.check(role_of(by), "set_texts")
    caf.silence, caf.recours, caf.tribunal = silence, recours, tribunal
    caf.save(update_fields=["silence", "recours", "tribunal"])
    journal.record("caf.textes", caf, by=by, at=now)
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
def set_reminders(*, caf_code: str, premier_rappel: int, second_rappel: int | None, by: User, now: datetime) -> Caf:
    """NOT-4.b: on which of the fifteen days lieux that have not picked up are reminded; one day or two. 404 and 403 as
    `set_contact`, Refused beside a day that cannot be.
    """
    caf = get_object_or_404(cafs_visible_to(by).select_for_update(), pk=caf_code)
    rights.check(role_of(by), "set_reminders")
    if not 1 <= premier_rappel <= 14:
        raise Refused({"premier_rappel": "Choisissez un jour de 1 à 14."})
    if second_rappel is not None and not premier_rappel < second_rappel <= 14:
        raise Refused({"second_rappel": "Choisissez un jour après le premier rappel, 14 au plus."})
    before = [caf.premier_rappel, caf.second_rappel]
    caf.premier_rappel, caf.second_rappel = premier_rappel, second_rappel
    caf.save(update_fields=["premier_rappel", "second_rappel"])
    journal.record("caf.rappels", caf, by=by, at=now, avant=before, apres=[premier_rappel, second_rappel])
    return caf


@transaction.atomic
def set_second_factor(*, caf_code: str, second_facteur: bool, by: User, now: datetime) -> Caf:
    """ACC-4.c: whether the Caf asks its lieux for a second factor, from each person's next login on. 404 and 403 as
    `set_contact`.
    """
    caf = get_object_or_404(cafs_visible_to(by).select_for_update(), pk=caf_code)
    rights.check(role_of(by), "set_second_factor")
    before, caf.second_facteur = caf.second_facteur, second_facteur
    caf.save(update_fields=["second_facteur"])
    event = "caf.second-facteur" if second_facteur else "caf.second-facteur-leve"
    journal.record(event, caf, by=by, at=now, avant=before, apres=second_facteur)
    return caf


@transaction.atomic
def set_dpo(*, agent_id: int, dpo: bool, by: User, now: datetime) -> Agent:
    """ACC-2.g: whether this agent of a Caf is its délégué à la protection des données. 404 and 403 as `set_contact`."""
    agent = get_object_or_404(Agent.objects.filter(caf__in=cafs_visible_to(by)).select_for_update(), pk=agent_id)
    rights.check(role_of(by), "set_dpo")
    if agent.dpo == dpo:
        raise WrongState
    agent.dpo = dpo
    agent.save(update_fields=["dpo"])
    journal.record("agent.dpo" if dpo else "agent.dpo-retire", agent, by=by, at=now)
    return agent


def factor_obstacle(agent: Agent, *, by: User, now: datetime) -> Answer | None:
    """Why `by` cannot take this agent's second factor off, as what `reset_factor` would raise; None when it can."""
    if agent.user_id == by.pk:
        return Forbidden("Un autre superviseur, ou la Cnaf, doit le faire pour vous.")
    if not factors.factors_of(agent.user).exists():
        return WrongState("Cet agent n’a pas de second facteur.")
    return None


@transaction.atomic
def reset_factor(*, agent_id: int, by: User, now: datetime) -> Agent:
    """ACC-4: an agent's lost telephone: by another superviseur of its Caf, or by the Cnaf. It is told, and enrols anew
    at its next login.
    """
    scope = Agent.objects.all() if role_of(by) == Agent.Role.CNAF else Agent.objects.filter(caf__in=cafs_visible_to(by))
    agent = get_object_or_404(scope.select_for_update(of=("self",)).select_related("user"), pk=agent_id)
    rights.check(role_of(by), "reset_agent_factor")
    if fault := factor_obstacle(agent, by=by, now=now):
        raise fault
    factors.reset(agent.user, by=by, now=now)
    journal.record("agent.second-facteur-retire", agent, by=by, at=now)
    return agent


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
