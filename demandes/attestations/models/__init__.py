"""What lieux state: that their copies are gone, and each year how they keep their obligations."""

from demandes.attestations.models.attestations import Attestation, LigneAttestation
from demandes.attestations.models.bilans import Bilan

__all__ = ["Attestation", "Bilan", "LigneAttestation"]
