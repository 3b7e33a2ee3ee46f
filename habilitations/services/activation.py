"""Opening access to the persons of a signed annexe 1 (ACT-1)."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.shortcuts import get_object_or_404

from conventions import queries as conventions
from conventions.models import PersonneInscrite
from extranet.core.accounts import services as accounts
from extranet.core.errors import Forbidden, Refused, WrongState
from extranet.core.journal import services as journal
from extranet.core.outbox import services as outbox
from extranet.territory.queries import cafs_visible_to, role_of
from habilitations import rights
from habilitations.models import Habilitation


@transaction.atomic
def activate(*, personne_id: int, by: Any, now: datetime) -> Habilitation:
    """Account and habilitation of one person. Only under a convention in force, not by who accepted it, and not
    before there is an official address of the gestionnaire to tell.

    Done twice, it gives the habilitation that is there and sends nothing more.
    """
    scope = PersonneInscrite.objects.filter(lieu__caf__in=cafs_visible_to(by))
    personne = get_object_or_404(
        scope.select_for_update(of=("self",)).select_related("lieu__gestionnaire"), pk=personne_id
    )
    rights.check(role_of(by), "activate")
    if known := Habilitation.objects.filter(personne=personne).first():
        return known
    convention = conventions.convention_of(personne.lieu, now)
    if convention is None:
        raise WrongState("Aucune convention signée par les deux parties n’est en vigueur pour ce lieu.")
    if convention.suspended_at:
        raise WrongState("Ce lieu est suspendu : ses accès restent fermés.")
    if not conventions.personnes_in_force(now).filter(pk=personne.pk).exists():
        raise WrongState("Cette personne n’est pas dans l’annexe 1 en vigueur aujourd’hui.")
    if convention.accepted_by_id == by.pk:
        raise Forbidden("Vous avez accepté cette demande : une autre personne de la Caf doit ouvrir les accès.")
    if not personne.lieu.gestionnaire.courriel_registre:
        # A false lieu would have nobody to be denounced by.
        raise Refused(
            {"": "Indiquez d’abord le courriel officiel du gestionnaire : il est prévenu de chaque accès ouvert."}
        )
    user = accounts.open_account(
        personne.courriel, civilite=personne.civilite, nom=personne.nom, prenom=personne.prenom
    )
    if user.is_staff:
        raise WrongState("Cette adresse est celle d’un agent : il en faut une autre pour le lieu.")
    if user.suspended_at:  # suspended by a Caf when its last right ended: a signed annexe 1 names it again
        accounts.reopen(user, by=by, now=now)
    if not user.is_active:
        raise WrongState(
            "Le compte de cette adresse est fermé : la personne ne pourrait ni se connecter ni être prévenue."
        )
    made = Habilitation.objects.create(
        user=user, lieu=personne.lieu, personne=personne, activated_at=now, activated_by=by
    )
    journal.record("habilitation.activee", made, by=by, at=now)
    about = {"habilitation": made.pk}
    outbox.post("habilitations.activation", key=str(made.pk), to=[f"user:{user.pk}"], now=now, **about)
    gestionnaire = personne.lieu.gestionnaire.uuid
    outbox.post("habilitations.acces-ouverts", key=str(made.pk), to=[f"gestionnaire:{gestionnaire}"], now=now, **about)
    return made
