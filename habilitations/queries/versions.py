"""Versions of an application, and what one changes of another."""

from collections.abc import Callable
from dataclasses import dataclass

from conventions.models import Gestionnaire, IdentiteGestionnaire
from extranet.core.words import telephone
from extranet.territory.queries import search_key
from habilitations.models import DemandeHabilitation, PersonneDemandee, VersionDemande


def versions_of(demande: DemandeHabilitation) -> list[VersionDemande]:
    """HAB-6.d: everything the lieu sent, the last version first, in a constant number of queries."""
    rows = demande.versions.order_by("-numero").select_related("complement__asked_by")
    return list(rows.prefetch_related("communes__commune", "personnes"))


@dataclass(frozen=True, slots=True)
class Ligne:
    """A line of a version; `before` what stood there in the version before it, None where nothing has changed."""

    label: str
    value: str
    before: str | None


def compared(version: VersionDemande, earlier: VersionDemande | None) -> list[tuple[str, list[Ligne]]]:
    """HAB-6.d: the parts of a version, each line with what it took the place of in the one before."""
    return [
        ("Le lieu", _lines_of(_LIEU, version, earlier)),
        ("Le gestionnaire", _lines_of(_GESTIONNAIRE, version, earlier)),
        ("Les communes", _communes(version, earlier)),
        ("Les personnes à habiliter", _personnes(version, earlier)),
    ]


_LIEU: dict[str, Callable[[VersionDemande], str]] = {
    "Nom": lambda one: one.lieu_nom,
    "Nature": lambda one: one.get_lieu_nature_display(),
    "Adresse": lambda one: f"{one.lieu_adresse}, {one.lieu_code_postal} {one.lieu_ville}",
    "Téléphone": lambda one: telephone(one.lieu_telephone),
    "Courriel": lambda one: one.lieu_courriel,
    "Site internet": lambda one: one.lieu_site,
}
_GESTIONNAIRE: dict[str, Callable[[VersionDemande], str]] = {
    "Raison sociale": lambda one: one.gestionnaire_nom,
    "Nature": lambda one: one.get_gestionnaire_nature_display(),
    "SIREN": lambda one: one.gestionnaire_siren,
    "Siège": lambda one: f"{one.gestionnaire_adresse}, {one.gestionnaire_code_postal} {one.gestionnaire_ville}",
    "Représentant légal": lambda one: signer_of(one),
}


def signer_of(one: VersionDemande | Gestionnaire | IdentiteGestionnaire) -> str:
    """Its représentant légal, on one line; empty where it names none."""
    if not one.representant_nom:
        return ""
    return (
        f"{one.get_representant_civilite_display()} {one.representant_prenom} {one.representant_nom}, "
        f"{one.representant_qualite}"
    )


def _lines_of(
    said: dict[str, Callable[[VersionDemande], str]], version: VersionDemande, earlier: VersionDemande | None
) -> list[Ligne]:
    lines = []
    for label, of in said.items():
        now, before = of(version), of(earlier) if earlier else None
        lines.append(Ligne(label, now, before if before != now else None))
    return lines


def _communes(version: VersionDemande, earlier: VersionDemande | None) -> list[Ligne]:
    now = {line.commune_id: str(line.commune) for line in version.communes.all()}
    whole = ", ".join(sorted(now.values(), key=search_key))
    lines = [Ligne(f"{len(now)} communes" if len(now) > 1 else "Commune", whole, None)]
    before = {line.commune_id: str(line.commune) for line in earlier.communes.all()} if earlier else now
    if added := sorted(now[code] for code in now.keys() - before.keys()):
        lines.append(Ligne("Ajoutées", ", ".join(added), ""))
    if gone := sorted(before[code] for code in before.keys() - now.keys()):
        lines.append(Ligne("Retirées", "", ", ".join(gone)))
    return lines


def _personnes(version: VersionDemande, earlier: VersionDemande | None) -> list[Ligne]:
    now = {one.courriel: one for one in version.personnes.all()}
    before = {one.courriel: one for one in earlier.personnes.all()} if earlier else now
    lines = []
    for courriel, one in now.items():
        was = before.get(courriel)
        changed = was is None or was.donnee != one.donnee
        lines.append(Ligne(courriel, described(one), (described(was) if was else "") if changed else None))
    return lines + [Ligne(courriel, "", described(before[courriel])) for courriel in before.keys() - now.keys()]


def described(one: PersonneDemandee) -> str:
    """A person as a version names it, on one line."""
    return f"{one.get_civilite_display()} {one.prenom} {one.nom}, {one.fonction}, {one.service}"
