"""States of a convention."""

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
            "the portal, when {record_signature} records the last of four signatures",
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
