"""The contract register: who signed what for which lieu, which communes and persons it covers, between which dates."""

from conventions.models.actes import Acte, Avenant, CopieSignee, NatureActe, Partie, Piece, Signature
from conventions.models.annexe import IN_EFFECT, Couverture, Ligne, Personne, PersonneInscrite
from conventions.models.convention import Convention, Interruption, Suspension
from conventions.models.fermetures import Fermeture
from conventions.models.fins import Courrier, Resiliation, TentativeAmiable
from conventions.models.parties import (
    Civilite,
    Gestionnaire,
    Identite,
    IdentiteGestionnaire,
    IdentiteLieu,
    Lieu,
    NatureGestionnaire,
    NatureLieu,
)
from conventions.models.prestataires import DemandeEngagement, Engagement, Prestataire
from conventions.models.reprises import Reprise

__all__ = [
    "Acte",
    "Avenant",
    "Civilite",
    "Convention",
    "CopieSignee",
    "Courrier",
    "Couverture",
    "DemandeEngagement",
    "Engagement",
    "Fermeture",
    "Gestionnaire",
    "IN_EFFECT",
    "Identite",
    "IdentiteGestionnaire",
    "IdentiteLieu",
    "Interruption",
    "Lieu",
    "Ligne",
    "NatureActe",
    "NatureGestionnaire",
    "NatureLieu",
    "Partie",
    "Personne",
    "PersonneInscrite",
    "Piece",
    "Prestataire",
    "Reprise",
    "Resiliation",
    "Signature",
    "Suspension",
    "TentativeAmiable",
]
