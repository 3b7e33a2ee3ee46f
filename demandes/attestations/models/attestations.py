"""The lieux' statements that their copies are gone: proof, kept as it was signed (CNS-3, CNS-4)."""

import uuid
from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Q

from demandes.attestations.workflow import ATTESTATION, EtatAttestation
from demandes.models import Attribution
from extranet.core.words import date_courte
from extranet.territory.limits import until
from extranet.territory.zones import day_at


class Attestation(models.Model):
    """The lieu's statement that it destroyed the copies of what the portal has destroyed (CNS-3, CNS-4)."""

    class Donnees:
        famille = ()
        professionnel = ("signed_by", "signataire", "qualite")
        neutre = (
            "id",
            "uuid",
            "lieu",
            "convention",
            "state",
            "opened_at",
            "due_on",
            "signed_at",
            "logiciel",
            "messagerie",
            "papier",
            "prestataires",
            "visa_archives",
            "text_version",
            "list_sha256",
            "pdf",
            "pdf_sha256",
        )

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    lieu = models.ForeignKey("conventions.Lieu", models.PROTECT, related_name="+")
    # CON-6.g: the convention whose end it is the final one of.
    convention = models.OneToOneField(
        "conventions.Convention", models.PROTECT, related_name="+", null=True, verbose_name="finale, de la convention"
    )
    state = models.CharField(
        "état", max_length=20, choices=EtatAttestation, default=ATTESTATION.initial, editable=False
    )
    opened_at = models.DateTimeField("ouverte le")
    due_on = models.DateField("à signer au plus tard le")
    signed_at = models.DateTimeField("signée le", null=True)
    signed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True)
    signataire = models.CharField("signataire", max_length=200, blank=True)
    qualite = models.CharField("qualité", max_length=150, blank=True)
    logiciel = models.BooleanField("logiciel", default=False)
    messagerie = models.BooleanField("messageries", default=False)
    papier = models.BooleanField("papier", default=False)
    prestataires = models.BooleanField("prestataires", default=False)
    visa_archives = models.CharField("visa des archives publiques", max_length=200, blank=True)
    text_version = models.CharField("version du texte", max_length=20, blank=True)
    list_sha256 = models.CharField("empreinte de la liste", max_length=64, blank=True)
    pdf = models.ForeignKey("documents.StoredFile", models.PROTECT, related_name="+", null=True)
    pdf_sha256 = models.CharField("empreinte du PDF", max_length=64, blank=True)

    class Meta:
        verbose_name = "attestation de destruction"
        verbose_name_plural = "attestations de destruction"
        constraints = [
            models.UniqueConstraint(
                fields=["lieu"], condition=Q(state=EtatAttestation.OUVERTE), name="one_open_attestation_a_lieu"
            )
        ]

    def __str__(self) -> str:
        return f"{self.lieu}, à signer au plus tard le {date_courte(self.due_on)}"

    @property
    def journal_caf(self) -> str:
        """The Caf under which the journal files what concerns this row."""
        return self.lieu.caf_id

    @property
    def jusque(self) -> str:
        """The last day to sign it in words, overseas with both times (NOT-4.i)."""
        return until(self.due_on, self.lieu.caf_id)

    def is_late(self, now: datetime) -> bool:
        """Not signed, and its month is over, in Paris and at its lieu (NOT-4.i)."""
        return self.state == EtatAttestation.OUVERTE and self.due_on < day_at(now, self.lieu.caf_id)


class LigneAttestation(models.Model):
    """One demande of an attestation, as its lieu had it: references and dates, nothing of the family (CNS-3)."""

    class Donnees:
        famille = ()
        professionnel = ("picked_up_by",)
        neutre = (
            "id",
            "attestation",
            "attribution",
            "reference",
            "transmitted_on",
            "picked_up_on",
            "destroyed_on",
            "retiree",
            "fin_convention",
        )

    attestation = models.ForeignKey(Attestation, models.PROTECT, related_name="lignes")
    # Once only (CNS-3.b).
    attribution = models.OneToOneField(Attribution, models.PROTECT, related_name="+")
    reference = models.CharField("référence", max_length=64)
    transmitted_on = models.DateField("transmise le")
    picked_up_on = models.DateField("récupérée le", null=True)
    picked_up_by = models.CharField("récupérée par", max_length=200, blank=True)
    destroyed_on = models.DateField("détruite le")
    retiree = models.BooleanField("retirée par la famille", default=False)
    # CON-6.g: not destroyed by the portal, but at the lieu no more since the end of its convention.
    fin_convention = models.BooleanField("fin de la convention", default=False)

    class Meta:
        verbose_name = "ligne d’attestation"
        verbose_name_plural = "lignes d’attestation"
        ordering = ["transmitted_on", "reference"]

    def __str__(self) -> str:
        return self.reference
