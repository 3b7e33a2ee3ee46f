"""Avenants: what an agent prepares, what becomes of it, and whom it tells (CON-7)."""

from collections.abc import Collection, Mapping
from datetime import date, datetime
from types import MappingProxyType
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.shortcuts import get_object_or_404

from conventions import queries, rights
from conventions.models import (
    IN_EFFECT,
    Acte,
    Convention,
    Couverture,
    Gestionnaire,
    IdentiteGestionnaire,
    IdentiteLieu,
    Lieu,
    Personne,
    PersonneInscrite,
)
from conventions.rules import PersonneDonnee
from conventions.services import links, register
from conventions.workflow import ACTE, EtatActe, EtatConvention
from extranet.core import bell
from extranet.core.accounts.models import User
from extranet.core.dates import paris_date
from extranet.core.errors import Answer, Refused, WrongState
from extranet.core.journal import services as journal
from extranet.core.outbox import services as outbox
from extranet.territory.models import Commune
from extranet.territory.queries import role_of

NOTHING: Mapping[str, str] = MappingProxyType({})
NOBODY: Mapping[UUID, PersonneDonnee] = MappingProxyType({})

# What an avenant may say of each; the address of the register has its own act, with its source (ACT-1.e).
IDENTITE = {
    "lieu": IdentiteLieu.VALUES,
    "gestionnaire": tuple(name for name in IdentiteGestionnaire.VALUES if name != "courriel_registre"),
}


def obstacle(convention: Convention, today: date) -> Answer | None:
    """Why no avenant can be prepared now; None when one can. One waits at a time: both sign the annexe that results."""
    if convention.state != EtatConvention.SIGNEE or convention.is_over(today):
        return WrongState("Un avenant ne modifie qu’une convention signée, jusqu’à son dernier jour.")
    if waiting := queries.avenants_of(convention).filter(state=EtatActe.PREPARE).first():
        return WrongState(
            f"L’{waiting.titre} attend ses signatures : faites-le signer, ou abandonnez-le pour en préparer un autre."
        )
    return None


@transaction.atomic
def prepare(
    *,
    convention_uuid: UUID,
    communes_added: Collection[str] = (),
    communes_removed: Collection[str] = (),
    personnes_added: Collection[PersonneDonnee] = (),
    personnes_changed: Mapping[UUID, PersonneDonnee] = NOBODY,
    personnes_removed: Collection[UUID] = (),
    lieu: Mapping[str, str] = NOTHING,
    gestionnaire: Mapping[str, str] = NOTHING,
    by: User,
    now: datetime,
) -> Acte:
    """CON-7.b: an avenant to be signed by both. Until then annexe 1 and identities stay as they are: what the avenant
    brings has no dates, what it ends is marked. A person changed keeps its row. Lieu and gestionnaire are sent the
    link to the paper (CON-15). Refused, beside its field, what cannot be.
    """
    visible = queries.conventions_visible_to(by).select_for_update(of=("self",))
    convention = get_object_or_404(visible, uuid=convention_uuid)
    rights.check(role_of(by), "prepare_avenant")
    if fault := obstacle(convention, paris_date(now)):
        raise fault
    own = convention.lieu
    said = _said("lieu", own, lieu) | _said("gestionnaire", convention.gestionnaire, gestionnaire)
    if not any((communes_added, communes_removed, personnes_added, personnes_changed, personnes_removed, said)):
        raise Refused({"": "Indiquez au moins un changement."})
    acte = register.open_acte(convention, Acte.Nature.AVENANT, by, now)
    acte.identite, acte.numero = said, queries.avenants_of(convention).count()
    acte.save(update_fields=["identite", "numero"])
    communes, lines = convention.lieu.couvertures.all(), own.inscriptions.all()
    _mark_closed(acte, communes, "commune_id", communes_removed, "communes_removed")
    _mark_closed(acte, lines, "personne__uuid", personnes_removed, "personnes_removed")
    changed = _mark_closed(acte, lines, "personne__uuid", personnes_changed, "personnes_changed")
    named = [(line.personne, personnes_changed[line.personne.uuid]) for line in changed]
    named += [(Personne.objects.create(lieu=own), line) for line in personnes_added]
    _require_communes(acte, own, communes_added)
    _require_addresses(acte, lines, [line.courriel.lower() for _, line in named])
    register.open_lines(acte, own, communes_added, named)
    _require_somebody_and_somewhere(acte)
    journal.record("convention.avenant-prepare", convention, by=by, at=now, acte=acte.rang)
    links.invite(acte, by=by, now=now)
    bell.ring("conventions.tasks.keep_pdf", acte.pk)
    return acte


def _said(name: str, owner: Lieu | Gestionnaire, values: Mapping[str, str]) -> dict[str, dict[str, list[str]]]:
    """What differs from what holds today: field → before, after."""
    if unknown := values.keys() - set(IDENTITE[name]):
        raise Refused({name: f"Un avenant ne change pas : {', '.join(sorted(unknown))}."})
    said = {field: [getattr(owner, field), after] for field, after in values.items() if getattr(owner, field) != after}
    return {name: said} if said else {}


def _mark_closed(acte: Acte, lines: QuerySet, key: str, wanted: Collection, field: str) -> list:
    """The lines that hold, now to be ended by `acte`."""
    held = lines.filter(IN_EFFECT, closed_by=None, opened_by__convention=acte.convention, **{f"{key}__in": set(wanted)})
    found = list(held)
    if len(found) < len(set(wanted)):
        raise Refused({field: "Une de ces lignes n’est plus en vigueur : rechargez la page."})
    lines.filter(pk__in=[line.pk for line in found]).update(closed_by=acte)
    return found


def _standing(acte: Acte, lines: QuerySet) -> QuerySet:
    """Lines that hold and that `acte` does not end."""
    return lines.filter(IN_EFFECT & ~Q(closed_by=acte))


def _require_communes(acte: Acte, lieu: Lieu, codes: Collection[str]) -> None:
    own = Commune.objects.filter(pk__in=codes, caf=lieu.caf_id, actuelle=True).count()
    if own < len(set(codes)):
        raise Refused({"communes_added": "Choisissez des communes du territoire de cette Caf."})
    if _standing(acte, lieu.couvertures.all()).filter(commune__in=codes).exists():
        raise Refused({"communes_added": "Une de ces communes est déjà à l’annexe 1."})


def _require_addresses(acte: Acte, lines: QuerySet, addresses: list[str]) -> None:
    taken = _standing(acte, lines).filter(courriel__in=addresses).exists()
    if taken or len(set(addresses)) < len(addresses):
        raise Refused({"personnes_added": "Deux personnes ne peuvent pas avoir la même adresse."})


def _require_somebody_and_somewhere(acte: Acte) -> None:
    """HAB-1: as an application has a commune and a person, an annexe 1 keeps them; else the convention is to end."""
    communes, personnes = queries.resulting_annexe(acte)
    if acte.couvertures_fermees.exists() and not communes.exists():
        raise Refused({"communes_removed": "Il doit rester au moins une commune à l’annexe 1."})
    if acte.personneinscrites_fermees.exists() and not personnes.exists():
        raise Refused(
            {
                "personnes_removed": "Il doit rester au moins une personne à l’annexe 1 : nommez qui la remplace. Son "
                "accès peut être suspendu tout de suite."
            }
        )


@transaction.atomic
def abandon(*, acte_uuid: UUID, motif: str, by: User, now: datetime) -> Acte:
    """CON-7: an avenant that not both have signed comes to nothing, with a reason; what it was to end goes on.

    Lieu and gestionnaire, who may hold its paper, are told. Once both have signed it has its effect: 409.
    """
    visible = queries.conventions_visible_to(by).select_for_update(of=("self",))
    convention = get_object_or_404(visible, actes__uuid=acte_uuid, actes__nature=Acte.Nature.AVENANT)
    acte = convention.actes.get(uuid=acte_uuid)
    rights.check(role_of(by), "abandon")
    if not motif.strip():
        raise Refused({"motif": "Indiquez pourquoi cet avenant est abandonné."})
    if not ACTE.apply(acte, "abandon", by=by, now=now, motif_abandon=motif.strip()):
        signed = acte.state == EtatActe.APPLIQUE
        raise WrongState(
            "Les deux parties ont signé cet avenant : il a pris effet." if signed else "Cet avenant est déjà abandonné."
        )
    for lines in (Couverture.objects, PersonneInscrite.objects):
        lines.filter(closed_by=acte).update(closed_by=None)
    journal.record("convention.avenant-abandonne", convention, by=by, at=now, acte=acte.rang)
    _tell("conventions.avenant-abandonne", acte, now)
    return acte


def tell_applied(acte: Acte, by: User, now: datetime) -> None:
    """CON-7.d: in the transaction of the last signature: lieu and gestionnaire learn what has changed, each person
    that is named no more, or by another address, that its access ends.
    """
    journal.record("convention.avenant-applique", acte.convention, by=by, at=now, acte=acte.rang)
    _tell("conventions.avenant-applique", acte, now)
    changes = queries.changes_of(acte)
    gone = changes.personnes_removed + [
        before for before, after in changes.personnes_changed if before.courriel != after.courriel
    ]
    for line in gone:
        outbox.post(
            "conventions.plus-inscrite", key=str(line.uuid), to=[f"inscrite:{line.uuid}"], now=now, ligne=line.pk
        )


def _tell(kind: str, acte: Acte, now: datetime) -> None:
    to = [f"lieu:{acte.convention.lieu.uuid}", f"gestionnaire:{acte.convention.gestionnaire.uuid}"]
    outbox.post(kind, key=str(acte.uuid), to=to, now=now, acte=acte.pk)
