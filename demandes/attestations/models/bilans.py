"""The lieux' yearly statements of how they keep their obligations: kept as they were confirmed (SUI-3)."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from demandes.attestations.workflow import BILAN, EtatBilan


class Bilan(models.Model):
    """A lieu's statement for a calendar year: prepared by the portal, confirmed by a habilitated person (SUI-3).

    What the portal knows is in the PDF as it stood that day; what the lieu declares is here too.
    """

    class Donnees:
        famille = ()
        professionnel = ("confirmed_by", "signataire", "qualite", "precisions")
        neutre = (
            "id",
            "uuid",
            "lieu",
            "annee",
            "state",
            "opened_at",
            "due_on",
            "confirmed_at",
            "tenues",
            "text_version",
            "pdf",
            "pdf_sha256",
        )

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    lieu = models.ForeignKey("conventions.Lieu", models.PROTECT, related_name="+")
    annee = models.PositiveSmallIntegerField("année")
    state = models.CharField("état", max_length=20, choices=EtatBilan, default=BILAN.initial, editable=False)
    opened_at = models.DateTimeField("préparé le")
    due_on = models.DateField("attendu le")
    confirmed_at = models.DateTimeField("confirmé le", null=True)
    confirmed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True)
    signataire = models.CharField("signataire", max_length=200, blank=True)
    qualite = models.CharField("qualité", max_length=150, blank=True)
    # By name of `rules.DECLARATIONS`: whether the lieu says that it keeps it.
    tenues = models.JSONField("engagements tenus", default=dict)
    precisions = models.TextField("précisions du lieu", max_length=2_000, blank=True)
    text_version = models.CharField("version du texte", max_length=20, blank=True)
    pdf = models.ForeignKey("documents.StoredFile", models.PROTECT, related_name="+", null=True)
    pdf_sha256 = models.CharField("empreinte du PDF", max_length=64, blank=True)

    class Meta:
        verbose_name = "bilan annuel"
        verbose_name_plural = "bilans annuels"
        constraints = [
            models.UniqueConstraint(fields=["lieu", "annee"], name="one_bilan_a_lieu_and_year"),
            models.CheckConstraint(
                condition=Q(state=EtatBilan.OUVERT, confirmed_at=None)
                | Q(state=EtatBilan.CONFIRME, confirmed_at__isnull=False),
                name="a_confirmed_bilan_says_when",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.lieu}, {self.annee}"

    @property
    def journal_caf(self) -> str:
        """The Caf under which the journal files what concerns this row."""
        return self.lieu.caf_id
