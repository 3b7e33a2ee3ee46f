"""The one list of what a dossier says of a family: sealed value, digest, XML in and out, PDF and screens read it."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Any


def champ(titre: str, chemin: str, **options: Any) -> Any:
    """A field of a dossier: its title for people, its element of the schema below `demande`."""
    return field(metadata={"titre": titre, "chemin": chemin}, **options)


@dataclass(slots=True, kw_only=True)
class Contenu:
    """What a dossier says. A value of before, without a field that came later, has its default."""

    nom: str = champ("Nom", "demandeur/nom", default="")
    prenom: str = champ("Prénom", "demandeur/prenom", default="")
    courriel: str = champ("Courriel", "demandeur/courriel", default="")
    telephone: str = champ("Téléphone", "demandeur/telephone", default="")
    code_postal: str = champ("Code postal", "demandeur/adresse/code-postal", default="")
    ville: str = champ("Commune de résidence", "demandeur/adresse/commune", default="")
    allocataire: bool | None = champ("Allocataire de la Caf", "demandeur/allocataire", default=None)
    contact_prefere: str = champ("Préfère être joint", "demandeur/contact-prefere", default="")
    creneau: str = champ("Moment qui convient", "demandeur/creneau", default="")
    # [{"prenom": str, "date_naissance": "AAAA-MM-JJ"} | {"prenom": str, "date_prevue": …}]
    enfants: list[dict[str, str]] = champ("Les enfants", "enfants", default_factory=list)
    # {"a_partir_du": date, "regularite": str, "horaires": [[jour, de, a]], "atypiques": [str]}
    besoin: dict[str, Any] = champ("Le besoin", "besoin", default_factory=dict)
    rendez_vous: str = champ("Pour le rendez-vous", "besoin-rendez-vous", default="")
    message: str = champ("Son message", "message", default="")

    def children_days(self) -> set[str]:
        """The date of each child, of birth or expected: what two demandes are about the same child by (DEM-7)."""
        return {enfant.get("date_naissance") or enfant["date_prevue"] for enfant in self.enfants}


_CHAMPS: dict[type[Contenu], dict[str, dict[str, str]]] = {}
_VALUES: dict[type[Contenu], Callable[[Contenu], tuple[Any, ...]]] = {}  # thirteen at once: a delivery has many records


def champs(kind: type[Contenu]) -> dict[str, dict[str, str]]:
    """Name → title and element (`titre`, `chemin`) of each field of a dossier, in the order of the schema."""
    if kind not in _CHAMPS:
        _CHAMPS[kind] = {one.name: dict(one.metadata) for one in fields(kind) if one.metadata}
    return _CHAMPS[kind]


def valeurs(contenu: Contenu) -> dict[str, Any]:
    """What a dossier says, by field; of a record of a delivery, without its dates and its place."""
    kind = type(contenu)
    if kind not in _VALUES:
        _VALUES[kind] = attrgetter(*champs(kind))
    return dict(zip(champs(kind), _VALUES[kind](contenu), strict=True))


def texte(contenu: Contenu) -> str:
    """The same as one text: what is sealed, and what a digest is of."""
    return _encode(valeurs(contenu))


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
