"""States of a convention and of its actes."""

from django.db.models import TextChoices

from extranet.core.workflow import Move, Table


class EtatConvention(TextChoices):
    PREPARATION = "preparation", "en préparation"
    SIGNEE = "signee", "signée"
    ABANDONNEE = "abandonnee", "abandonnée"


# In force, renewed, ended: facts worked out from dates, never states (CON-3).
CONVENTION = Table(
    EtatConvention,
    initial=EtatConvention.PREPARATION,
    final={EtatConvention.ABANDONNEE},
    moves=[
        Move(
            "sign",
            frozenset({EtatConvention.PREPARATION}),
            EtatConvention.SIGNEE,
            "convention.signee",
            "the portal, when {record_signature} records the last of four signatures, or when {take_over} takes over "
            "a running convention",
        ),
        Move(
            "abandon",
            frozenset({EtatConvention.PREPARATION}),
            EtatConvention.ABANDONNEE,
            "convention.abandonnee",
            "{abandon}, with a reason",
        ),
    ],
)


class EtatActe(TextChoices):
    PREPARE = "prepare", "préparé"
    APPLIQUE = "applique", "appliqué"
    ABANDONNE = "abandonne", "abandonné"


ACTE = Table(
    EtatActe,
    initial=EtatActe.PREPARE,
    final={EtatActe.ABANDONNE},
    moves=[
        Move(
            "apply",
            frozenset({EtatActe.PREPARE}),
            EtatActe.APPLIQUE,
            "acte.applique",
            "the portal, when {record_signature} records the last signature of its pieces, or with a convention "
            "taken over",
        ),
        Move(
            "abandon",
            frozenset({EtatActe.PREPARE}),
            EtatActe.ABANDONNE,
            "acte.abandonne",
            "{abandon}, with a reason: an avenant, or with the convention that it founds; {correct}, when another "
            "paper takes its place",
        ),
    ],
)
