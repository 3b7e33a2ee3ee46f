"""States of an attestation."""

from django.db.models import TextChoices

from extranet.core.workflow import Move, Table


class EtatAttestation(TextChoices):
    OUVERTE = "ouverte", "à signer"
    SIGNEE = "signee", "signée"


ATTESTATION = Table(
    EtatAttestation,
    initial=EtatAttestation.OUVERTE,
    final={EtatAttestation.SIGNEE},
    moves=[
        Move(
            "sign",
            frozenset({EtatAttestation.OUVERTE}),
            EtatAttestation.SIGNEE,
            "attestation.signee",
            "a person of the lieu, with its password",
        )
    ],
)


class EtatBilan(TextChoices):
    OUVERT = "ouvert", "à confirmer"
    CONFIRME = "confirme", "confirmé"


BILAN = Table(
    EtatBilan,
    initial=EtatBilan.OUVERT,
    final={EtatBilan.CONFIRME},
    moves=[
        Move(
            "confirm",
            frozenset({EtatBilan.OUVERT}),
            EtatBilan.CONFIRME,
            "bilan.confirme",
            "a person of the lieu, with its password",
        )
    ],
)
