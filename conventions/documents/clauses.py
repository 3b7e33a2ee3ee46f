"""Where the convention's text carries each clause of the reference, and what it says that the portal does (CON-11).

A test renders the text and fails on a clause without its article, on a promise whose rule is not built, and on a
sentence about the portal that no promise names. What goes beyond the reference is in
docs/guides/convention-note-juristes.md.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Passage:
    """An article by its anchor in the template, and words of it that say what the clause says."""

    article: str
    words: tuple[str, ...]


def _in(article: str, *words: str) -> Passage:
    return Passage(article, words)


# Clause of docs/rules.md → the passages that carry it.
CARRIED: dict[str, tuple[Passage, ...]] = {
    "CON-11.d": (
        _in(
            "objet",
            "Autorisée par la Caisse nationale des allocations familiales",
            "la Caf habilite le lieu d’information à récupérer",
            "au format PDF et au format XML (flux de données)",
            "les familles, allocataires ou non, pour les communes énumérées à l’annexe 1",
            "seul responsable du traitement et du suivi",
            "à titre gratuit, dans un but institutionnel et non commercial",
        ),
    ),
    "CON-11.e": (
        _in(
            "engagements-communs",
            "chaque partie doit à l’autre conseil, information et recommandation",
            "toute la durée",
        ),
    ),
    "CON-11.f": (_in("engagements-communs", "Chaque partie respecte", "(RGPD)", "la loi n° 78-17 du 6 janvier 1978"),),
    "CON-11.g": (
        _in(
            "engagements-communs",
            "Les deux parties n’emploient les données que pour les besoins de la présente convention",
            "à l’exclusion de tout usage commercial ou publicitaire",
            "que pour traiter les demandes et prendre contact avec les familles",
        ),
    ),
    "CON-11.h": (
        _in(
            "secret",
            "secret professionnel, que protège l’article 226-13 du code pénal",
            "confidentialité et à la discrétion",
            "à un tiers sans l’accord de la Caf",
            "à quiconque n’a pas qualité pour en connaître",
        ),
    ),
    "CON-11.i": (
        _in(
            "securite", "Il ne prend aucune copie des données", "reconstitue à ses frais les données perdues ou rendues"
        ),
    ),
    "CON-11.j": (_in("securite", "prend toutes les mesures de sécurité matérielle"),),
    "CON-11.k": (
        _in(
            "conservation",
            "plus de six mois à compter de la transmission",
            "Dans le mois qui suit, une personne habilitée atteste",
            "À la fin de la convention, le gestionnaire ne conserve aucune copie et en atteste",
            "demeurent après cette fin",
        ),
    ),
    "CON-11.l": (
        _in(
            "personnel-et-prestataires",
            "par son personnel et par ses prestataires",
            "engagement écrit et signé de sécurité et de confidentialité",
        ),
    ),
    "CON-11.m": (
        _in(
            "controle",
            "La Caf peut vérifier à tout moment",
            "au lieu d’information et chez ses prestataires",
            "demander à tout moment l’engagement signé",
        ),
    ),
    "CON-11.n": (_in("controle", "aux torts exclusifs du gestionnaire", "des articles 226-17 et 226-5 du code pénal"),),
    "CON-11.o": (_in("controle", "rend compte à la Caf de la façon dont il respecte ces obligations"),),
    "CON-11.p": (
        _in(
            "responsabilites",
            "La Caf et la Cnaf répondent de la saisie, de l’enregistrement et de la remise",
            "La Caf ne répond pas de la réponse",
        ),
    ),
    "CON-11.q": (
        _in(
            "habilitation",
            "quatre sortes d’informations",
            "la valide et l’envoie à la Caf",
            "accusé de réception lui est adressé par courriel",
            "La Caf vérifie la demande",
            "une fois la convention et son annexe 1 revenues signées",
            "par lettre adressée à la directrice ou au directeur de la Caf",
        ),
    ),
    "CON-11.r": (
        _in(
            "identification",
            "Chaque personne nommée à l’annexe 1",
            "elle reçoit par courriel un mot de passe provisoire de huit caractères, tirés au hasard, alphanumérique",
            "majuscules se distinguent des minuscules",
            "Elle se connecte par cet identifiant et ce mot de passe",
            "de huit caractères au moins, qu’elle peut changer à tout moment",
            "La Caf ne connaît ni l’un ni l’autre",
        ),
    ),
    "CON-11.s": (
        _in(
            "perte-et-changements",
            "elle saisit son identifiant",
            "le texte affiché à l’écran",
            "Un nouveau mot de passe de huit caractères lui est envoyé par courriel",
            "elle le personnalise à son tour",
            "Aucune modification de l’habilitation ne se fait en ligne",
            "une demande écrite et expresse",
        ),
    ),
    "CON-11.t": (
        _in(
            "usage-des-acces",
            "personnels",
            "qu’aux personnes nommées à l’annexe 1, ne s’échangent pas",
            "informe la Caf",
        ),
        _in("recuperation", "dans les quinze jours calendaires qui suivent l’envoi de ce courriel"),
    ),
    "CON-11.u": (
        _in("controle", "La Caf peut contrôler les connexions"),
        _in("recuperation", "tous ses moyens et tous ses soins", "Cette obligation n’est pas de résultat"),
    ),
    "CON-11.v": (_in("duree", "prend effet à la date de la dernière de ces signatures", "pour un an", "tacitement"),),
    "CON-11.w": (
        _in("fin-a-l-echeance", "valant mise en demeure", "au moins trois mois avant cette date"),
        _in("fin-pour-manquement", "à tout moment", "La réception de cette lettre vaut notification", "réparation"),
        _in("suites-de-la-fin", "Les engagements pris avant la fin de la convention sont tenus jusqu’à leur terme"),
    ),
    "CON-11.x": (
        _in("modification", "un avenant signé par les deux parties"),
        _in("interpretation", "les autres demeurent", "Les parties la remplacent", "le contenu l’emporte"),
        _in(
            "responsabilites",
            "Chaque partie est responsable de ses propres activités",
            "Ni la Caf ni la Cnaf ne sont responsables de l’usage",
        ),
    ),
    "CON-11.y": (
        _in("differends", "d’abord un règlement amiable", "devant la juridiction compétente"),
        _in("signatures", "deux exemplaires originaux", "Fait à :", "Le :", "Nom et prénom :", "directrice"),
    ),
}

# What the text says that the portal does, in words of the text → the clauses of docs/rules.md that make it true.
# The rights that it gives to a party (to verify, to end, to suspend) are not here: they bind without any page.
PROMISES: dict[str, tuple[str, ...]] = {
    "la Caf habilite le lieu d’information à récupérer sur le portail": ("TEL-1.a", "TEL-3.a"),
    "Une demande n’est confiée qu’à un seul lieu d’information à la fois": ("DEM-5.a",),
    "le portail détruit les données, quel que soit l’état de la demande": ("CNS-1.a", "CNS-1.b"),
    "une personne habilitée atteste cette destruction sur le portail": ("CNS-3.a", "CNS-4.b"),
    "les références et les dates des demandes, sans aucune donnée des familles": ("CNS-3.c",),
    "le visa nécessaire": ("CNS-4.a",),
    "est enregistré sur le portail, avec son auteur, sa date et son origine": ("ACC-2.a",),
    "suspendre immédiatement l’accès d’une personne": ("ACC-6.a", "ACC-6.b", "CON-5.b", "CON-5.c"),
    "L’habilitation se demande sur le portail": ("HAB-1.a", "HAB-1.b", "HAB-1.c", "HAB-3.a", "HAB-3.b"),
    "un accusé de réception lui est adressé par courriel": ("HAB-3.c",),
    "une fois la convention et son annexe 1 revenues signées": ("ACT-1.a", "CON-2.j"),
    "un mot de passe provisoire de huit caractères, tirés au hasard": ("ACT-1.f", "ACT-1.g", "ACT-2.a"),
    "Dès sa première connexion, elle remplace le mot de passe reçu": ("ACT-3.b",),
    "qu’elle peut changer à tout moment": ("ACT-4.a",),
    "La Caf ne connaît ni l’un ni l’autre": ("ACT-2.b",),
    "Un nouveau mot de passe de huit caractères lui est envoyé par courriel": ("ACT-5.b",),
    "Aucune modification de l’habilitation ne se fait en ligne": ("HAB-5.a",),
    "Un courriel annonce au lieu d’information les demandes": ("NOT-1.a",),
    "La Caf met à disposition sur le portail les demandes des communes de l’annexe 1": ("ING-6.a",),
    "Elle accompagne le lieu d’information dans l’usage du portail": (),  # a duty of people
    "Elle ne prend pas connaissance du contenu des demandes": ("ACC-3.a",),
    "à la date de la dernière de ces signatures": ("CON-2.l",),
    "Elle se renouvelle ensuite tacitement": ("CON-3.b",),
    "le lieu d’information ne reçoit plus de demandes": ("CON-6.a",),
    "elles peuvent encore signer sur le portail l’attestation": ("CON-6.b",),
}
