"""Opening access to the persons of a signed annexe 1 (ACT-1)."""

from collections.abc import Collection
from datetime import datetime

from django.contrib.auth import get_user_model
from django.db import transaction

from conventions import queries as conventions
from conventions.models import PersonneInscrite
from extranet.core.accounts import services as accounts
from extranet.core.accounts.models import User
from extranet.core.errors import Answer, Forbidden, NotFound, Refused, WrongState
from extranet.core.journal import services as journal
from extranet.core.outbox import services as outbox
from extranet.territory.queries import cafs_visible_to, role_of
from habilitations import rights
from habilitations.models import Habilitation


def obstacle(personne: PersonneInscrite, *, by: User, now: datetime) -> Answer | None:
    """Why `by` cannot open this access now, as what `activate` would raise; None when it can."""
    if Habilitation.objects.filter(personne=personne.personne_id, user__email=personne.courriel.lower()).exists():
        return WrongState("L’accès de cette personne a déjà été ouvert.")
    convention = conventions.convention_of(personne.lieu, now)
    if convention is None:
        return WrongState("Aucune convention signée par les deux parties n’est en vigueur pour ce lieu.")
    if conventions.suspension_of(convention, now):
        return WrongState("Ce lieu est suspendu : ses accès restent fermés.")
    if not conventions.personnes_in_force(now).filter(pk=personne.pk).exists():
        return WrongState("Cette personne n’est pas dans l’annexe 1 en vigueur aujourd’hui.")
    if personne.lieu.caf.quatre_yeux and convention.accepted_by_id == by.pk:
        did = "repris cette convention" if hasattr(convention, "reprise") else "accepté cette demande"
        return Forbidden(f"Vous avez {did} : une autre personne de la Caf doit ouvrir les accès.")
    if personne.lieu.caf.quatre_yeux and personne.opened_by.prepared_by_id == by.pk:
        return Forbidden(
            "Vous avez préparé l’avenant qui la nomme : une autre personne de la Caf doit ouvrir les accès."
        )
    if not convention.gestionnaire.courriel_registre:
        # A false lieu would have nobody to be denounced by.
        return Refused(
            {"": "Indiquez d’abord le courriel officiel du gestionnaire : il est prévenu de chaque accès ouvert."}
        )
    user = get_user_model()._default_manager.filter(email=personne.courriel.lower()).first()
    if user and user.is_staff:
        return WrongState("Cette adresse est celle d’un agent : il en faut une autre pour le lieu.")
    if user and not user.is_active and not user.suspended_at:
        return WrongState(
            "Le compte de cette adresse est fermé : la personne ne pourrait ni se connecter ni être prévenue."
        )
    return None


@transaction.atomic
def activate(*, personne_id: int, by: User, now: datetime) -> Habilitation:
    """ACT-1: account and habilitation of one person, as `activate_all` for one."""
    return activate_all(personne_ids=[personne_id], by=by, now=now)[0]


@transaction.atomic
def activate_all(*, personne_ids: Collection[int], by: User, now: datetime) -> list[Habilitation]:
    """ACT-1.d: accounts and habilitations of these persons, all or none; each is mailed. Only under a convention in
    force, not by who accepted it, and not before there is an official address of the gestionnaire to tell.

    Done twice, it gives the habilitations that are there and sends nothing more. 404 when one is another Caf's.
    """
    scope = PersonneInscrite.objects.filter(lieu__caf__in=cafs_visible_to(by), pk__in=personne_ids)
    held = (
        scope.select_for_update(of=("self",))
        .select_related("lieu__caf", "opened_by__convention__gestionnaire", "personne")
        .order_by("pk")
    )
    personnes = list(held)
    if not personnes or len(personnes) < len(set(personne_ids)):
        raise NotFound
    rights.check(role_of(by), "activate")
    same = Habilitation.objects.filter(personne__in=[one.personne_id for one in personnes]).select_related("user")
    known = {(line.personne_id, line.user.email): line for line in same.order_by("pk")}
    opened = {
        one.pk: _open(one, by, now)
        for one in sorted(personnes, key=lambda one: one.courriel)
        if (one.personne_id, one.courriel.lower()) not in known
    }
    _tell_gestionnaires([one for one in personnes if one.pk in opened], opened, now)
    return [known.get((one.personne_id, one.courriel.lower())) or opened[one.pk] for one in personnes]


def _tell_gestionnaires(personnes: list[PersonneInscrite], opened: dict[int, Habilitation], now: datetime) -> None:
    """ACT-1.e: one notice a lieu of who now has access to it."""
    for convention in dict.fromkeys(one.opened_by.convention for one in personnes):
        pks = [opened[one.pk].pk for one in personnes if one.opened_by.convention_id == convention.pk]
        to = [f"gestionnaire:{convention.gestionnaire.uuid}"]
        outbox.post("habilitations.acces-ouverts", key=str(pks[0]), to=to, now=now, habilitations=pks)


def _open(personne: PersonneInscrite, by: User, now: datetime) -> Habilitation:
    if fault := obstacle(personne, by=by, now=now):
        raise fault
    user = accounts.open_account(
        personne.courriel, civilite=personne.civilite, nom=personne.nom, prenom=personne.prenom
    )
    if user.is_staff:  # became an agent's a moment ago
        raise WrongState("Cette adresse est celle d’un agent : il en faut une autre pour le lieu.")
    if user.suspended_at:  # suspended by a Caf when its last right ended: a signed annexe 1 names it again
        accounts.reopen(user, by=by, now=now)
    made = Habilitation.objects.create(user=user, personne=personne.personne, activated_at=now, activated_by=by)
    journal.record("habilitation.activee", made, by=by, at=now)
    outbox.post("habilitations.activation", key=str(made.pk), to=[f"user:{user.pk}"], now=now, habilitation=made.pk)
    return made
