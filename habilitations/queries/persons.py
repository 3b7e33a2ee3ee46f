"""HAB-8.b: the persons whom an application names, and what is held about them."""

from dataclasses import dataclass

from django.db.models import Q

from conventions.models import PersonneInscrite
from extranet.core.accounts.models import User
from extranet.core.dates import paris_date
from extranet.core.words import date_courte
from habilitations.models import DemandeHabilitation, PersonneDemandee, VersionDemande
from habilitations.queries.versions import described, signer_of

REPRESENTANT = "representant"


def named_in(demande: DemandeHabilitation) -> list[tuple[str, str]]:
    """HAB-8.b: whom its versions name, the last word first: by address, and the représentant légal."""
    found: dict[str, str] = {}
    for one in PersonneDemandee.objects.filter(version__demande=demande).order_by("-version__numero", "pk"):
        found.setdefault(one.courriel, f"{one.get_civilite_display()} {one.prenom} {one.nom}, {one.courriel}")
    for version in demande.versions.order_by("-numero"):
        if said := signer_of(version):
            found.setdefault(REPRESENTANT, f"{said} (représentant légal)")
    return list(found.items())


@dataclass(frozen=True, slots=True)
class Donnees:
    """HAB-8.b: what a Caf holds about a person named in an application: (title, lines) of each place."""

    demande: DemandeHabilitation
    personne: str
    lieux: list[tuple[str, list[str]]]


def held_about(demande: DemandeHabilitation, personne: str) -> Donnees:
    """HAB-8.b: what the Caf of `demande` holds about the person: in applications, in annexes 1, in accounts."""
    if personne == REPRESENTANT:
        versions = demande.versions.order_by("numero")
        return Donnees(demande, "", [_in_version(one, [signer_of(one)]) for one in versions if signer_of(one)])
    found = []
    rows = VersionDemande.objects.filter(demande__caf=demande.caf_id)
    rows = rows.filter(Q(personnes__courriel=personne) | Q(lieu_courriel__iexact=personne)).distinct()
    for version in rows.select_related("demande").order_by("demande", "numero"):
        lines = [f"{described(one)}, {one.courriel}" for one in version.personnes.filter(courriel=personne)]
        if version.lieu_courriel.lower() == personne:
            lines.append(f"Courriel du lieu : {version.lieu_courriel}")
        found.append(_in_version(version, lines))
    for line in PersonneInscrite.objects.filter(lieu__caf=demande.caf_id, courriel=personne).select_related("lieu"):
        said = f"{line.get_civilite_display()} {line.prenom} {line.nom}, {line.fonction}, {line.service}"
        found.append((f"Annexe 1 de la convention de {line.lieu.nom}", [f"{said}, {line.courriel}"]))
    for user in User.objects.filter(email=personne, is_staff=False):
        last = f", dernière connexion le {date_courte(paris_date(user.last_login))}" if user.last_login else ""
        found.append(("Compte", [f"{user.get_full_name()}, {user.email}{last}"]))
    return Donnees(demande, personne, found)


def _in_version(version: VersionDemande, lines: list[str]) -> tuple[str, list[str]]:
    where = f"Demande d’habilitation {version.demande.reference} de {version.lieu_nom}, version {version.numero}"
    return f"{where} du {date_courte(paris_date(version.sent_at))}", lines
