"""States of a demande (DEM-5) and of a delivery, and how an attribution ends. Lateness is worked out from dates."""

from django.db.models import TextChoices

from extranet.core.workflow import Move, Table


class Etat(TextChoices):
    A_ORIENTER = "a-orienter", "à orienter"
    TRANSMISE = "transmise", "à récupérer"
    RECUPEREE = "recuperee", "récupérée"
    TRAITEE = "traitee", "traitée"
    PURGEE = "purgee", "détruite"
    RETIREE = "retiree", "retirée par la famille"


ALIVE = frozenset({Etat.A_ORIENTER, Etat.TRANSMISE, Etat.RECUPEREE, Etat.TRAITEE})
AT_A_LIEU = [Etat.TRANSMISE, Etat.RECUPEREE, Etat.TRAITEE]
NOT_PICKED_UP = frozenset({Etat.A_ORIENTER, Etat.TRANSMISE})  # what it says can still change (DEM-4.c, ING-4.b)

DEMANDE = Table(
    Etat,
    initial=Etat.A_ORIENTER,
    final={Etat.PURGEE, Etat.RETIREE},
    moves=[
        Move(
            "transmit",
            frozenset({Etat.A_ORIENTER}),
            Etat.TRANSMISE,
            "demande.transmise",
            "the portal, where one lieu covers the commune or one is named; {assign}",
        ),
        Move(
            "take_back",
            frozenset({Etat.TRANSMISE}),
            Etat.A_ORIENTER,
            "demande.reprise",
            "monenfant.fr, with another commune; {assign}, where its lieu has nobody; the portal, at the end of the "
            "convention of its lieu",
        ),
        Move(
            "reassign",
            frozenset({Etat.TRANSMISE, Etat.RECUPEREE}),
            Etat.TRANSMISE,
            "demande.reattribuee",
            "{assign}, to another lieu; with a reason unless it is late or its lieu has nobody",
        ),
        Move(
            "pick_up",
            frozenset({Etat.TRANSMISE}),
            Etat.RECUPEREE,
            "demande.recuperee",
            "a person of the lieu, by the first download or the first act of follow-up",
        ),
        Move(
            "follow",
            frozenset({Etat.RECUPEREE, Etat.TRAITEE}),
            Etat.TRANSMISE,
            "demande.confiee-par-la-famille",
            "the family, by its private link, when the convention of its lieu ends",
        ),
        Move(
            "close",
            frozenset({Etat.RECUPEREE}),
            Etat.TRAITEE,
            "demande.traitee",
            "a person of the lieu, with what became of it",
        ),
        Move(
            "reopen",
            frozenset({Etat.TRAITEE}),
            Etat.RECUPEREE,
            "demande.rouverte",
            "a person of the lieu, whose answer is undone",
        ),
        Move(
            "withdraw",
            ALIVE,
            Etat.RETIREE,
            "demande.retiree",
            "the family, by its private link or, by a delivery, on monenfant.fr",
        ),
        Move("destroy", ALIVE, Etat.PURGEE, "demande.purgee", "the portal, at its last day or at the end of its lieu"),
    ],
)


class Fin(TextChoices):
    """How a demande ceased to be at a lieu."""

    REATTRIBUEE = "reattribuee", "confiée à un autre lieu"
    REPRISE = "reprise", "remise à orienter"
    CONVENTION = "convention", "fin de la convention du lieu"
    DETRUITE = "detruite", "détruite"
    RETIREE = "retiree", "retirée par la famille"


LEFT = [Fin.REATTRIBUEE, Fin.REPRISE, Fin.CONVENTION]  # it went on without this lieu


class Motif(TextChoices):
    """Why an agent takes a demande from a lieu that has picked it up, or has the time to. No text about a family."""

    FAMILLE = "famille", "à la demande de la famille"
    EMPECHE = "empeche", "le lieu ne peut pas répondre"
    ERREUR = "erreur", "elle lui avait été confiée par erreur"
    REPARTITION = "repartition", "répartition entre les lieux de la Caf"


class Issue(TextChoices):
    """SUI-1.d: what became of a demande at a lieu, in the words of the list that closes it."""

    ACCUEIL_COLLECTIF = "accueil-collectif", "orientée vers un accueil collectif"
    ASSISTANTE_MATERNELLE = "assistante-maternelle", "orientée vers une assistante maternelle"
    GARDE_A_DOMICILE = "garde-a-domicile", "orientée vers une garde à domicile"
    AUTRE_LIEU = "autre-lieu", "orientée vers un autre lieu"
    SANS_SOLUTION = "sans-solution", "sans solution à ce jour"
    PLACE_TROUVEE = "place-trouvee", "place trouvée par la famille"
    INJOIGNABLE = "injoignable", "famille injoignable"
    HORS_CHAMP = "hors-champ", "hors champ"


SANS_SUITE = [Issue.INJOIGNABLE, Issue.HORS_CHAMP]  # the family was given no answer, and why (SUI-1.a)


class EtatLivraison(TextChoices):
    RECUE = "recue", "reçue"
    TRAITEE = "traitee", "traitée"
    REFUSEE = "refusee", "refusée"


LIVRAISON = Table(
    EtatLivraison,
    initial=EtatLivraison.RECUE,
    final={EtatLivraison.TRAITEE, EtatLivraison.REFUSEE},
    moves=[
        Move("finish", frozenset({EtatLivraison.RECUE}), EtatLivraison.TRAITEE, "livraison.traitee", "the portal"),
        Move("refuse", frozenset({EtatLivraison.RECUE}), EtatLivraison.REFUSEE, "livraison.refusee", "the portal"),
    ],
)
