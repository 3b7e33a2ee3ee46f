"""A demande in words, for people: the same lines on screen, in the PDF and on the family's page."""

from dataclasses import dataclass, field

from demandes.contenu import Contenu, champs, valeurs
from demandes.models import Demande
from extranet.core.words import JOURS, date_longue, telephone

MODES = {
    "creche-collective": "Crèche collective",
    "assistante-maternelle": "Assistante maternelle",
    "garde-a-domicile": "Garde à domicile",
}
REGULARITES = {"regulier": "Accueil régulier", "occasionnel": "Accueil occasionnel", "urgent": "Accueil urgent"}
ATYPIQUES = {"matin-tot": "tôt le matin", "soir": "le soir", "nuit": "la nuit", "week-end": "le week-end"}
RENDEZ_VOUS = {
    "interprete": "Un interprète",
    "langue-des-signes": "La langue des signes",
    "accessibilite": "Un lieu accessible (fauteuil, poussette double…)",
    "telephone-seulement": "Par téléphone seulement",
}
# What is said to the family itself, in the order of its form; anything else is said alike.
FAMILLE = {
    "Les enfants": "Vos enfants",
    "Le besoin": "Votre besoin",
    "Son message": "Votre message",
    "La famille": "Vous",
}
_TO_FAMILY = {
    "Nom": "Votre nom",
    "Téléphone": "Votre téléphone",
    "Courriel": "Votre courriel",
    "Préfère être joint": "Vous préférez être joint",
    "Moment qui convient": "Moment qui vous convient",
    "Habite": "Vous habitez",
    "Allocataire de la Caf": "Vous êtes allocataire de la Caf",
}
CONTACTS = {"courriel": "Par courriel", "telephone": "Par téléphone"}


@dataclass(frozen=True, slots=True)
class Section:
    """A titled list of (label, value) lines; empty values are left out."""

    titre: str
    lignes: list[tuple[str, str]] = field(default_factory=list)


# What is said together or in words of its own; any other field of a dossier follows with its title and its value.
_SAID = {
    "nom", "prenom", "telephone", "courriel", "contact_prefere", "creneau", "code_postal", "ville", "allocataire",
    "rendez_vous", "enfants", "besoin", "message",
}  # fmt: skip


def sections(demande: Demande, contenu: Contenu) -> list[Section]:
    """What the dossier of `demande` says, as a person reads it."""
    d, besoin = contenu, contenu.besoin
    heures = [f"{nom} de {de} à {a}" for nom in JOURS for [quel, de, a] in besoin.get("horaires", []) if quel == nom]
    parent = [
        ("Nom", f"{d.prenom} {d.nom}"),
        ("Téléphone", telephone(d.telephone)),
        ("Courriel", d.courriel),
        ("Préfère être joint", CONTACTS.get(d.contact_prefere, "")),
        ("Moment qui convient", d.creneau),
        ("Habite", f"{d.code_postal} {d.ville}".strip()),
        ("Allocataire de la Caf", {True: "Oui", False: "Non", None: ""}[d.allocataire]),
        ("Pour le rendez-vous", RENDEZ_VOUS.get(d.rendez_vous, "")),
    ]
    parent += [(champs(type(d))[name]["titre"], str(value)) for name, value in valeurs(d).items() if name not in _SAID]
    enfants = [(enfant.get("prenom") or f"Enfant {rang}", _enfant(enfant)) for rang, enfant in enumerate(d.enfants, 1)]
    souhait = [
        ("Commune demandée", str(demande.commune)),
        ("Mode d’accueil", ", ".join(MODES[mode] for mode in demande.modes)),
        ("À partir du", date_longue(besoin.get("a_partir_du"))),
        ("Rythme", REGULARITES.get(besoin.get("regularite", ""), "")),
        ("Jours et heures", " ; ".join(heures)),
        ("Horaires particuliers", ", ".join(ATYPIQUES[nom] for nom in besoin.get("atypiques", []))),
    ]
    found = [Section("La famille", parent), Section("Les enfants", enfants), Section("Le besoin", souhait)]
    if d.message:
        found.append(Section("Son message", [("", d.message)]))
    return [Section(s.titre, [(label, value) for label, value in s.lignes if value]) for s in found]


def sections_to_family(demande: Demande, contenu: Contenu) -> list[Section]:
    """The same, as it is said to the family."""
    own = {section.titre: section.lignes for section in sections(demande, contenu)}
    return [
        Section(said, [(_TO_FAMILY.get(label, label), value) for label, value in own[titre]])
        for titre, said in FAMILLE.items()
        if titre in own
    ]


def _enfant(enfant: dict[str, str]) -> str:
    if born := enfant.get("date_naissance"):
        return f"né(e) le {date_longue(born)}"
    return f"attendu(e) pour le {date_longue(enfant.get('date_prevue'))}"
