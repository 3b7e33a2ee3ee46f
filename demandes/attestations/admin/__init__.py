"""What agents see of what lieux attest to: a file a kind of statement."""

from demandes.attestations.admin import attestations, bilans

__all__ = ["attestations", "bilans"]
