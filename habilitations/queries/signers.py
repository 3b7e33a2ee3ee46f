"""HAB-7: the gestionnaire that the paper of an application names: as standing conventions with its SIREN say it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from conventions import queries as conventions
from conventions.models import Convention, Gestionnaire, IdentiteGestionnaire
from conventions.workflow import EtatConvention
from extranet.core.dates import paris_date
from extranet.territory.queries import search_key
from habilitations.models import DemandeHabilitation, VersionDemande
from habilitations.queries.versions import signer_of

Connu = Gestionnaire | IdentiteGestionnaire


@dataclass(frozen=True, slots=True)
class Ecart:
    """What the register says of a gestionnaire and an application says otherwise."""

    label: str
    connu: str
    demande: str


_SAID: dict[str, tuple[Callable[[Connu], str], Callable[[VersionDemande], str]]] = {
    "Nom": (lambda known: known.nom, lambda asked: asked.gestionnaire_nom),
    "Nature": (
        lambda known: known.get_nature_display(),
        lambda asked: asked.get_gestionnaire_nature_display(),
    ),
    "Adresse": (
        lambda known: f"{known.adresse}, {known.code_postal} {known.ville}",
        lambda asked: f"{asked.gestionnaire_adresse}, {asked.gestionnaire_code_postal} {asked.gestionnaire_ville}",
    ),
    "Représentant légal": (lambda known: signer_of(known), lambda asked: signer_of(asked)),
}


def gaps(version: VersionDemande, known: Connu) -> list[Ecart]:
    """What both say, and not alike: case, accents and punctuation apart. What is not known any more is no gap."""
    both = [Ecart(label, connu(known), asked(version)) for label, (connu, asked) in _SAID.items()]
    return [one for one in both if one.connu and search_key(one.connu) != search_key(one.demande)]


def known_gestionnaire(demande: DemandeHabilitation) -> Gestionnaire | None:
    """The gestionnaire that its Caf knows by the SIREN of the application."""
    return Gestionnaire.objects.filter(caf=demande.caf_id, siren=demande.latest.gestionnaire_siren).first()


def not_taken_over(demande: DemandeHabilitation, today: date) -> list[str]:
    """HAB-7.a: what accepting would not take over of the application, what the paper will say instead, and how that is
    changed, in sentences; none where the paper says what the application says.
    """
    known = known_gestionnaire(demande)
    if known is None:
        return []
    standing = list(conventions.standing(known, today).order_by("numero"))
    found = gaps(demande.latest, known) if standing else []
    if not found:
        return []
    said = [f"{one.label} : la convention portera « {one.connu} », et non « {one.demande} »." for one in found]
    return [*said, _how(standing)]


def _how(standing: list[Convention]) -> str:
    """An avenant to a convention that both have signed changes it (CON-7.a), else another paper (CON-12)."""
    signed = [one.numero for one in standing if one.state == EtatConvention.SIGNEE]
    numeros = " ou ".join(signed or [one.numero for one in standing])
    if signed:
        how = f"faites d’abord signer un avenant à la convention {numeros}."
    elif len(standing) == 1:
        how = f"corrigez d’abord la convention {numeros}, qui attend ses signatures."
    else:
        how = f"il faudra un avenant à la convention {numeros}, une fois signée."
    return f"Ce qui est dit de ce gestionnaire vaut pour toutes ses conventions. Pour le changer, {how}"


def signer_on_paper(convention: Convention) -> IdentiteGestionnaire:
    """The gestionnaire as the paper to be signed names it."""
    day = paris_date(conventions.founding_acte(convention).prepared_at)
    said = conventions.identity_on(convention.gestionnaire, day)
    assert isinstance(said, IdentiteGestionnaire)
    return said


def named_otherwise(demande: DemandeHabilitation) -> list[Ecart]:
    """HAB-7.a: of an accepted application, what its paper says of the gestionnaire and it said otherwise."""
    return gaps(demande.latest, signer_on_paper(demande.convention)) if demande.convention else []
