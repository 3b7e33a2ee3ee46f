"""Why a record is set aside or mended, a file refused whole, and why the form cannot be sent: a code where it is kept
or passed on, a sentence where somebody reads it, in the language of the page (ING-3, DEM-9).

The details of a code name fields, elements and numbers; never what was sent.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from django.utils.translation import gettext_lazy as _


class Motif(NamedTuple):
    """A code of SENTENCES, and what its sentence names."""

    code: str
    details: dict[str, str | int] = {}


SENTENCES: dict[str, Any] = {
    # a text
    "vide": _("%(champ)s : vide."),
    "trop-long": _("%(champ)s : plus de %(nombre)s caractères."),
    "caracteres": _("%(champ)s : contient des caractères qui ne sont pas permis."),
    "invisibles": "Caractères invisibles retirés.",
    "nfc": "Texte récrit sous la forme Unicode normalisée (NFC).",
    # a demande
    "telephone": _("Téléphone : ce n’est pas un numéro possible."),
    "injoignable": _("Un courriel ou un téléphone est nécessaire."),
    "date-a-venir": _("Date de dépôt ou de modification à venir."),
    "date-avant-depot": _("Date de modification antérieure au dépôt."),
    "trop-ancienne": _("Demande déposée il y a plus de six mois."),
    "commune-inconnue": _("Commune inconnue."),
    "commune-sans-caf": _("Commune d’un territoire sans Caf."),
    "ancienne-commune": "Ancien code de commune, remplacé par %(commune)s.",
    "lieu": "Lieu inconnu, sans convention en cours ou qui ne couvre pas la commune : non retenu.",
    "modes": _("Au moins un mode d’accueil est nécessaire."),
    "naissance-a-venir": _("Date de naissance postérieure à la demande."),
    "date-prevue": _("Date prévue trop ancienne ou trop lointaine."),
    "sans-enfant": _("Aucun enfant de moins de six ans ou attendu."),
    "six-ans": "Enfants de six ans ou plus non repris.",
    "debut": _("Date de début du besoin trop ancienne ou trop lointaine."),
    "plages": _("Plus de deux plages d’horaires pour un même jour."),
    "horaires": _("Horaires qui se chevauchent, ou qui finissent avant de commencer."),
    # a record whose reference is known
    "detruite": "Demande déjà détruite ou retirée par la famille.",
    "echue": "Demande arrivée à la fin de sa conservation.",
    "deja-recuperee": "Demande déjà récupérée par le lieu : nouvelle version non reprise.",
    "retrait-inconnu": "Retrait d’une demande dont la référence n’est pas connue.",
    "retrait-a-venir": "Date de retrait à venir.",
    # a record of a file
    "autre-element": "Élément inconnu : seuls des demandes et des retraits sont attendus ici.",
    "trop-volumineuse": "Demande trop volumineuse : 256 Kio de textes ou 1 000 éléments au plus.",
    "attributs": "Élément de plus de %(nombre)s attributs.",
    "demande-vide": "Demande vide.",
    "apres-un-retrait": "Demande placée après un retrait : les demandes viennent d’abord.",
    "illisible": "Demande illisible.",
    "reference": "Référence : de 1 à 64 lettres sans accent, chiffres, points, tirets ou tirets bas, sans espace.",
    "attribut-inconnu": "Attribut inconnu.",
    "attribut-inconnu-dans": "Attribut inconnu dans l’élément « %(element)s ».",
    "attribut-absent": "Attribut « %(attribut)s » absent de l’élément « %(element)s ».",
    "element-incomplet": "Élément %(nom)s incomplet.",
    "element-inattendu": "Élément %(nom)s inattendu à cet endroit.",
    "element-inconnu": "Élément inconnu.",
    "deux-fois": "Valeur donnée deux fois : « %(element)s ».",
    "valeur-trop-longue": "Valeur trop longue : %(nom)s.",
    "valeur-vide": "Valeur vide : %(nom)s.",
    "valeur": "Valeur non permise : %(nom)s.",
    "transmission": "L’élément « transmission » n’est pas permis dans une livraison.",
    "date-impossible": "Date impossible.",
    # a file refused whole
    "absent": "fichier absent",
    "codage": "codage autre que UTF-8",
    "compresse": "fichier compressé incomplet ou abîmé",
    "decompresse": "fichier trop volumineux une fois décompressé",
    "demesure": "texte, nom ou attribut de plus de 10 Mo",
    "doctype": "déclaration DOCTYPE interdite",
    "espace-de-noms": "espace de noms inattendu",
    "espaces-de-noms": "trop de déclarations d’espaces de noms dans un élément, ou trop longues",
    "fichier-vide": "fichier vide",
    "imbrique": "éléments imbriqués trop profondément",
    "incomplet": "fichier incomplet",
    "mal-forme": "XML mal formé, ligne %(ligne)s",
    "racine": "élément racine inattendu",
    "racine-non-conforme": "élément racine non conforme au schéma",
    "texte-dehors": "texte en dehors des demandes et des retraits",
    "version-format": "version du format autre que 1.0",
    "version-xml": "version de XML autre que 1.0",
    # what lay in the inbox and is no file of a delivery
    "pas-un-dossier": "ce n’est pas un fichier mais un dossier",
    "pas-un-lien": "ce n’est pas un fichier mais un lien symbolique",
    "pas-un-tube": "ce n’est pas un fichier mais un tube (FIFO)",
    "pas-un-connecteur": "ce n’est pas un fichier mais un connecteur (socket)",
    "pas-un-peripherique": "ce n’est pas un fichier mais un périphérique",
    "trop-gros": "fichier de plus de 2 Gio",
    "illisible-ici": "le portail n’a pas le droit de lire ce fichier",
}
FIELDS = {
    "nom": _("Nom"),
    "prenom": _("Prénom"),
    "ville": _("Commune de résidence"),
    "creneau": _("Moment préféré"),
    "message": _("Message"),
    "enfants": _("Prénom d’un enfant"),
}


def sentence(motif: Motif) -> str:
    """`motif` in words."""
    code, details = motif
    words: dict[str, Any] = dict(details)
    if "champ" in words:
        words["champ"] = FIELDS[words["champ"]]
    if "nom" in words:
        words["nom"] = f"« {words['nom']} »" if words["nom"] else "inconnu"
    return str(SENTENCES[code]) % words


def said(kept: Iterable[tuple[str, dict[str, str | int]]]) -> str:
    """The sentences of what a row keeps, one after the other."""
    return " ".join(sentence(Motif(*one)) for one in kept)


def refusal(kept: Iterable[tuple[str, dict[str, str | int]]]) -> str:
    """Why a file is refused whole, in words; the reason of that, where there is one, in brackets."""
    first, *others = [sentence(Motif(*one)) for one in kept] or [""]
    return f"{first} ({' '.join(others)})" if others else first
