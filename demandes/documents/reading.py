"""A demande in words, for people: the same lines on screen, in the PDF and on the family's page."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from django.utils.dates import WEEKDAYS
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from demandes.contenu import Contenu, champs, valeurs
from demandes.models import Demande
from extranet.core.languages import date_longue
from extranet.core.words import JOURS, telephone

MODES = {
    "creche-collective": _("Crèche collective"),
    "assistante-maternelle": _("Assistante maternelle"),
    "garde-a-domicile": _("Garde à domicile"),
}
REGULARITES = {
    "regulier": _("Accueil régulier"),
    "occasionnel": _("Accueil occasionnel"),
    "urgent": _("Accueil urgent"),
}
ATYPIQUES = {
    "matin-tot": _("tôt le matin"),
    "soir": _("le soir"),
    "nuit": _("la nuit"),
    "week-end": _("le week-end"),
}
RENDEZ_VOUS = {
    "interprete": _("Un interprète"),
    "langue-des-signes": _("La langue des signes"),
    "accessibilite": _("Un lieu accessible (fauteuil, poussette double…)"),
    "telephone-seulement": _("Par téléphone seulement"),
}
CONTACTS = {"courriel": _("Par courriel"), "telephone": _("Par téléphone")}
# What is said to the family itself: a card for each step of its form.
FAMILLE = {
    "enfants": _("Vos enfants"),
    "besoin": _("Votre besoin"),
    "horaires": _("Rythme et horaires"),
    "vous": _("Vous"),
    "reponse": _("Pour vous répondre"),
}
# The lines of each section as they are said to the family, and their card where it is not that of the section.
_TO_FAMILY: dict[str, tuple[str, dict[str, tuple[str | Promise, str]]]] = {
    "Les enfants": ("enfants", {}),
    "Le besoin": (
        "besoin",
        {
            "Commune demandée": (_("Commune demandée"), ""),
            "Mode d’accueil": (_("Mode d’accueil"), ""),
            "À partir du": (_("À partir du"), ""),
            "Rythme": (_("Rythme"), "horaires"),
            "Jours et heures": (_("Jours et heures"), "horaires"),
            "Horaires particuliers": (_("Horaires particuliers"), "horaires"),
        },
    ),
    "La famille": (
        "vous",
        {
            "Nom": (_("Vos prénom et nom"), ""),
            "Habite": (_("Vous habitez"), ""),
            "Allocataire de la Caf": (_("Vous êtes allocataire de la Caf"), ""),
            "Courriel": (_("Votre courriel"), "reponse"),
            "Téléphone": (_("Votre téléphone"), "reponse"),
            "Écrit en": (_("Langue de vos courriels"), "reponse"),
            "Préfère être joint": (_("Vous préférez être joint"), "reponse"),
            "Moment qui convient": (_("Moment qui vous convient"), "reponse"),
            "Pour le rendez-vous": (_("Pour le rendez-vous"), "reponse"),
        },
    ),
    "Son message": ("reponse", {"": (_("Votre message"), "")}),
}


@dataclass(frozen=True, slots=True)
class Section:
    """A titled list of (label, value) lines; empty values are left out."""

    titre: str
    lignes: list[tuple[str, str]] = field(default_factory=list)
    carte: str = ""  # of the family's form


# What is said together or in words of its own; any other field of a dossier follows with its title and its value.
_SAID = {
    "nom", "prenom", "telephone", "courriel", "contact_prefere", "creneau", "code_postal", "ville", "allocataire",
    "rendez_vous", "enfants", "besoin", "message",
}  # fmt: skip


def sections(demande: Demande, contenu: Contenu) -> list[Section]:
    """What the dossier of `demande` says, as a person reads it."""
    d, besoin = contenu, contenu.besoin
    heures = [
        gettext("%(jour)s de %(de)s à %(a)s") % {"jour": jour, "de": de, "a": a}
        for nom, jour in zip(JOURS, WEEKDAYS.values(), strict=True)
        for [quel, de, a] in besoin.get("horaires", [])
        if quel == nom
    ]
    parent: list[tuple[str, object]] = [
        ("Nom", f"{d.prenom} {d.nom}"),
        ("Téléphone", telephone(d.telephone)),
        ("Courriel", d.courriel),
        ("Écrit en", demande.get_langue_display()),
        ("Préfère être joint", CONTACTS.get(d.contact_prefere, "")),
        ("Moment qui convient", d.creneau),
        ("Habite", f"{d.code_postal} {d.ville}".strip()),
        ("Allocataire de la Caf", {True: gettext("Oui"), False: gettext("Non"), None: ""}[d.allocataire]),
        ("Pour le rendez-vous", RENDEZ_VOUS.get(d.rendez_vous, "")),
    ]
    parent += [(champs(type(d))[name]["titre"], str(value)) for name, value in valeurs(d).items() if name not in _SAID]
    enfants = [
        (enfant.get("prenom") or gettext("Enfant %(rang)s") % {"rang": rang}, _enfant(enfant))
        for rang, enfant in enumerate(d.enfants, 1)
    ]
    souhait = [
        ("Commune demandée", str(demande.commune)),
        ("Mode d’accueil", modes_of(demande)),
        ("À partir du", date_longue(besoin.get("a_partir_du"))),
        ("Rythme", REGULARITES.get(besoin.get("regularite", ""), "")),
        ("Jours et heures", " ; ".join(heures)),
        ("Horaires particuliers", ", ".join(str(ATYPIQUES[nom]) for nom in besoin.get("atypiques", []))),
    ]
    found: list[tuple[str, Sequence[tuple[str, object]]]]
    found = [("La famille", parent), ("Les enfants", enfants), ("Le besoin", souhait)]
    if d.message:
        found.append(("Son message", [("", d.message)]))
    return [Section(titre, [(label, str(value)) for label, value in lines if value]) for titre, lines in found]


def sections_to_family(demande: Demande, contenu: Contenu) -> list[Section]:
    """The same, as it is said to the family, in its language: a section a step of its form, even without a line."""
    cards = {carte: Section(str(titre), carte=carte) for carte, titre in FAMILLE.items()}
    for section in sections(demande, contenu):
        usual, words = _TO_FAMILY[section.titre]
        for label, value in section.lignes:
            said_so, carte = words.get(label, (label, ""))
            cards[carte or usual].lignes.append((str(said_so), value))
    return list(cards.values())


def modes_of(demande: Demande) -> str:
    """« Crèche collective, Assistante maternelle »."""
    return ", ".join(str(MODES[mode]) for mode in demande.modes)


def _enfant(enfant: dict[str, str]) -> str:
    if born := enfant.get("date_naissance"):
        return gettext("né(e) le %(jour)s") % {"jour": date_longue(born)}
    return gettext("attendu(e) pour le %(jour)s") % {"jour": date_longue(enfant.get("date_prevue"))}
