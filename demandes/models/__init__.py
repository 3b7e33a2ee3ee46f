"""Families' requests: what survives (Demande) apart from what is destroyed (Dossier), and the proof around them."""

from demandes.models.demandes import MODES, Attribution, Demande, Transmission
from demandes.models.dossiers import ClockMark, Dossier, Remise
from demandes.models.jetons import JetonLieu
from demandes.models.livraisons import Livraison, Rejet
from demandes.models.suivi import Note, Suivi
from demandes.models.telechargements import Telechargement

__all__ = [
    "MODES",
    "Attribution",
    "ClockMark",
    "Demande",
    "Dossier",
    "JetonLieu",
    "Livraison",
    "Note",
    "Rejet",
    "Remise",
    "Suivi",
    "Telechargement",
    "Transmission",
]
