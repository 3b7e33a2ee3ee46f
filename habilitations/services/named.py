"""What a person named in an application may ask of the Caf (HAB-8.b). The journal says that it was done, no data.

`personne` is the address that names it, or `queries.REPRESENTANT` for the représentant légal, who has none there.
"""

import secrets
from dataclasses import replace
from datetime import datetime

from django.db import transaction
from django.shortcuts import get_object_or_404

from extranet.core.accounts.models import User
from extranet.core.errors import Refused, WrongState
from extranet.core.journal import services as journal
from extranet.territory.queries import role_of
from habilitations import queries, rights
from habilitations.models import CommuneDemandee, DemandeHabilitation, PersonneDemandee, VersionDemande
from habilitations.workflow import EtatDemandeHabilitation

ACCEPTED = "Cette demande est acceptée : ce qui concerne cette personne change par un avenant à la convention."
EXAMINED = (
    "Tant que la demande est à l’examen, il faut un représentant légal : corrigez ses données, ou refusez d’abord."
)
LINE = ("civilite", "nom", "prenom", "courriel", "service", "fonction")


@transaction.atomic
def hand_over(*, demande_id: int, personne: str, by: User, now: datetime) -> queries.Donnees:
    """Access: all that the Caf holds about it, to be handed over. 404 outside the agent's Caf."""
    demande = _held(demande_id, by, "access_data")
    _require_named(demande, personne)
    journal.record("demande-habilitation.donnees-remises", demande, by=by, at=now)
    return queries.held_about(demande, personne)


@transaction.atomic
def correct(*, demande_id: int, personne: str, motif: str, by: User, now: datetime, **changes: str) -> VersionDemande:
    """Correction: the next version, with the reason; a change that is empty leaves what is there. 409 once accepted."""
    demande = _held(demande_id, by, "correct_data")
    _require_named(demande, personne)
    _require_open(demande)
    if not motif.strip():
        raise Refused({"motif": "Indiquez pourquoi."})
    given = {name: value for name, value in changes.items() if value}
    made = _copy(demande.latest, now)
    made.corrected_by, made.motif_correction = by, motif.strip()
    lines = [one.donnee for one in demande.latest.personnes.order_by("pk")]
    if personne == queries.REPRESENTANT:
        _correct_representant(made, given)
    else:
        lines = _corrected(lines, personne, given)
    made.save(force_insert=True)
    codes = demande.latest.communes.order_by("pk").values_list("commune_id", flat=True)
    CommuneDemandee.objects.bulk_create(CommuneDemandee(version=made, commune_id=code) for code in codes)
    PersonneDemandee.objects.bulk_create(
        PersonneDemandee(version=made, **{name: getattr(one, name) for name in LINE}) for one in lines
    )
    DemandeHabilitation.objects.filter(pk=demande.pk).update(version=made)
    journal.record("demande-habilitation.personne-corrigee", demande, by=by, at=now)
    return made


def _copy(version: VersionDemande, now: datetime) -> VersionDemande:
    same = {
        field.attname: getattr(version, field.attname)
        for field in version._meta.concrete_fields
        if field.name not in ("id", "nonce", "numero", "sent_at")
    }
    return VersionDemande(nonce=secrets.token_hex(20), numero=version.numero + 1, sent_at=now, **same)


def _correct_representant(made: VersionDemande, given: dict[str, str]) -> None:
    columns = {"civilite": "civilite", "nom": "nom", "prenom": "prenom", "fonction": "qualite"}
    if elsewhere := given.keys() - columns.keys():
        raise Refused(
            dict.fromkeys(elsewhere, "La demande ne dit rien de cela d’un représentant légal : laissez vide.")
        )
    if not given:
        raise Refused({"": "Indiquez ce qui change."})
    for name, value in given.items():
        setattr(made, f"representant_{columns[name]}", value)


def _corrected(lines: list, personne: str, given: dict[str, str]) -> list:
    if "courriel" in given:
        given["courriel"] = given["courriel"].strip().lower()
    if not any(one.courriel == personne for one in lines):
        raise Refused({"personne": "La dernière version ne nomme plus cette personne."})
    if not given:
        raise Refused({"": "Indiquez ce qui change."})
    found = [replace(one, **given) if one.courriel == personne else one for one in lines]
    if len({one.courriel for one in found}) < len(found):
        raise Refused({"courriel": "Une autre personne de cette demande a déjà cette adresse."})
    return found


@transaction.atomic
def erase(*, demande_id: int, personne: str, by: User, now: datetime) -> DemandeHabilitation:
    """Erasure: out of every version of an application that is not accepted (409 else). The représentant légal only of
    one that is refused; then the lieu's mailbox too, where it is this person's.
    """
    demande = _held(demande_id, by, "erase_data")
    _require_named(demande, personne)
    _require_open(demande)
    refused = demande.state == EtatDemandeHabilitation.REFUSEE
    if personne == queries.REPRESENTANT:
        if not refused:
            raise WrongState(EXAMINED)
        names = ("civilite", "nom", "prenom", "qualite")
        demande.versions.update(**{f"representant_{name}": "" for name in names})
    else:
        PersonneDemandee.objects.filter(version__demande=demande, courriel=personne).delete()
        if refused:
            demande.versions.filter(lieu_courriel__iexact=personne).update(lieu_courriel="")
    journal.record("demande-habilitation.personne-effacee", demande, by=by, at=now)
    return demande


def _held(demande_id: int, by: User, right: str) -> DemandeHabilitation:
    visible = queries.applications_visible_to(by).select_for_update(of=("self",)).select_related("caf")
    demande = get_object_or_404(visible, pk=demande_id)
    rights.check(role_of(by), right)
    return demande


def _require_named(demande: DemandeHabilitation, personne: str) -> None:
    if personne not in dict(queries.named_in(demande)):
        raise Refused({"personne": "Cette demande ne nomme pas cette personne."})


def _require_open(demande: DemandeHabilitation) -> None:
    if demande.state == EtatDemandeHabilitation.ACCEPTEE:
        raise WrongState(ACCEPTED)
