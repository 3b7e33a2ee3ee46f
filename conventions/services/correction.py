"""A convention in preparation is corrected by another paper, to be signed by both; the first is kept (CON-12)."""

from collections.abc import Collection
from dataclasses import asdict
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.shortcuts import get_object_or_404

from conventions import queries, rights
from conventions.models import Acte, Convention, Gestionnaire, Lieu, Personne
from conventions.rules import GestionnaireDonne, LieuDonne, PersonneDonnee
from conventions.services import links, register
from conventions.workflow import ACTE, CONVENTION, EtatConvention
from extranet.core import bell
from extranet.core.accounts.models import User
from extranet.core.dates import paris_date
from extranet.core.errors import Refused, WrongState
from extranet.core.journal import services as journal
from extranet.territory.models import Commune
from extranet.territory.queries import role_of

SIGNED = "Les deux parties ont signé cette convention : seul un avenant la change."
ELSEWHERE = (
    "Ce gestionnaire a une autre convention ouverte : ce qui est dit de lui ne change que par un avenant à celle-ci."
)


@transaction.atomic
def correct(
    *,
    convention_uuid: UUID,
    gestionnaire: GestionnaireDonne,
    lieu: LieuDonne,
    communes: Collection[str],
    personnes: Collection[PersonneDonnee],
    motif: str,
    by: User,
    now: datetime,
) -> Acte:
    """CON-12.a, CON-12.c: another paper in place of the first, which stays with its file, its hash and the reason.

    What one party had signed was the first paper: both sign the new one. The lieu is sent it at once, its former link
    opens nothing any more. Refused, beside its field, what cannot be.
    """
    visible = queries.conventions_visible_to(by).select_for_update(of=("self",))
    convention = get_object_or_404(visible, uuid=convention_uuid)
    rights.check(role_of(by), "correct")
    if convention.state == EtatConvention.SIGNEE:
        raise WrongState(SIGNED)
    CONVENTION.require(convention, "abandon")
    _require(convention, communes, personnes, motif)
    old = queries.founding_acte(convention)
    register.keep_pdf(old, now=now)
    Acte.objects.filter(pk=old.pk).update(motif_correction=motif.strip())
    ACTE.apply(old, "abandon", by=by, now=now)
    links.close(old, by=by, now=now)
    new = _again(convention, old, by, now)
    _say(convention.lieu, asdict(lieu), new, by, now)
    _say_signer(convention, gestionnaire, new, by, now)
    known = {line.courriel: line.personne for line in old.personneinscrites_ouvertes.select_related("personne")}
    named = [(known.get(line.courriel.lower()) or _somebody(convention.lieu), line) for line in personnes]
    register.open_lines(new, convention.lieu, communes, named)
    journal.record("convention.corrigee", convention, by=by, at=now, remplace=old.rang, acte=new.rang)
    bell.ring("conventions.tasks.keep_pdf", new.pk)
    links.invite(new, by=by, now=now)
    return new


def _require(
    convention: Convention, communes: Collection[str], personnes: Collection[PersonneDonnee], motif: str
) -> None:
    faults = {}
    if not motif.strip():
        faults["motif"] = "Indiquez pourquoi cette convention est corrigée."
    own = Commune.objects.filter(pk__in=communes, caf=convention.lieu.caf_id, actuelle=True).count()
    if not communes or own < len(set(communes)):
        faults["communes"] = "Choisissez au moins une commune, toutes du territoire de cette Caf."
    addresses = [line.courriel.lower() for line in personnes]
    if not addresses:
        faults["personnes"] = "Une convention nomme au moins une personne."
    elif len(set(addresses)) < len(addresses):
        faults["personnes"] = "Deux personnes ont la même adresse : chacune a besoin de la sienne."
    if faults:
        raise Refused(faults)


def _again(convention: Convention, old: Acte, by: User, now: datetime) -> Acte:
    """The next founding acte; what allowed the gestionnaire to sign was no part of the paper and still does."""
    new = register.open_acte(convention, Acte.Nature.CONVENTION, by, now)
    kept = [field.name for field in Acte._meta.concrete_fields if field.name.startswith("deliberation_")]
    for name in kept:
        setattr(new, name, getattr(old, name))
    new.save(update_fields=kept)
    return new


def _say(owner: Lieu | Gestionnaire, values: dict[str, str], acte: Acte, by: User, now: datetime) -> None:
    if any(getattr(owner, name) != value for name, value in values.items()):
        register.identify(owner, values, acte=acte, by=by, now=now)


def _say_signer(convention: Convention, given: GestionnaireDonne, acte: Acte, by: User, now: datetime) -> None:
    """The gestionnaire of this SIREN. Another's identity that a standing convention holds stays as it is (HAB-7)."""
    values = asdict(given)
    lieu, signer = convention.lieu, convention.gestionnaire
    if given.siren != signer.siren:
        signer, _ = Gestionnaire.objects.get_or_create(caf_id=lieu.caf_id, siren=given.siren)
        Convention.objects.filter(pk=convention.pk).update(gestionnaire=signer)
        Lieu.objects.filter(pk=lieu.pk).update(gestionnaire=signer)
        convention.gestionnaire = lieu.gestionnaire = signer
    stands = register.standing(signer, paris_date(now)).exclude(pk=convention.pk).exists()
    if not stands:
        del values["siren"]
        _say(signer, values, acte, by, now)
    elif any(getattr(signer, name) != value for name, value in values.items()):
        raise Refused({"gestionnaire_nom": ELSEWHERE})


def _somebody(lieu: Lieu) -> Personne:
    return Personne.objects.create(lieu=lieu)
