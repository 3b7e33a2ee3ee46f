"""Subcontractors of a lieu, the engagements that they signed, and the Caf's demands for them (CON-9)."""

import uuid
from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from conventions.models.parties import Lieu
from extranet.territory.limits import until
from extranet.territory.zones import day_at


class Prestataire(models.Model):
    """A subcontractor of a lieu between two dates. What it signed is its `Engagement`s (CON-9)."""

    class Donnees:
        famille = ()
        professionnel = ()
        neutre = ("id", "uuid", "lieu", "nom", "from_on", "until_on")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    lieu = models.ForeignKey(Lieu, models.PROTECT, related_name="prestataires")
    nom = models.CharField("raison sociale", max_length=200)
    from_on = models.DateField("depuis le")
    until_on = models.DateField("jusqu’au", null=True)

    class Meta:
        verbose_name = "prestataire"
        constraints = [
            models.UniqueConstraint(
                fields=["lieu", "nom"], condition=Q(until_on=None), name="one_open_prestataire_of_a_name"
            ),
            models.CheckConstraint(
                condition=Q(until_on=None) | Q(until_on__gte=F("from_on")), name="prestataire_ends_after_start"
            ),
        ]

    def __str__(self) -> str:
        return self.nom

    @property
    def journal_caf(self) -> str:
        """The Caf under which the journal files what concerns this row."""
        return self.lieu.caf_id


class Engagement(models.Model):
    """A signed engagement of security and confidentiality, as an agent recorded it or the lieu deposited it (CON-9).

    A deposit counts once an agent has accepted it; refused, it keeps the reason that the lieu was given.
    """

    class Donnees:
        famille = ()
        professionnel = ("received_by", "decided_by", "motif_refus")
        neutre = ("id", "uuid", "prestataire", "scan", "signed_on", "received_at", "decided_at")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    prestataire = models.ForeignKey(Prestataire, models.PROTECT, related_name="engagements")
    scan = models.ForeignKey("documents.StoredFile", models.PROTECT, related_name="+", verbose_name="document signé")
    signed_on = models.DateField("signé le")
    received_at = models.DateTimeField("reçu le")
    received_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    decided_at = models.DateTimeField("vérifié le", null=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True)
    motif_refus = models.CharField("motif du refus", max_length=500, blank=True)

    class Meta:
        verbose_name = "engagement d’un prestataire"
        verbose_name_plural = "engagements de prestataires"
        constraints = [
            models.UniqueConstraint(
                fields=["prestataire"], condition=Q(decided_at=None), name="one_engagement_to_verify_a_prestataire"
            ),
            models.CheckConstraint(
                condition=Q(decided_at=None, decided_by=None, motif_refus="")
                | Q(decided_at__isnull=False, decided_by__isnull=False),
                name="a_verified_engagement_says_by_whom",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.prestataire}"


class DemandeEngagement(models.Model):
    """The Caf demands the engagement of a prestataire, until the document is there (CON-9.b)."""

    class Donnees:
        famille = ()
        professionnel = ("asked_by",)
        neutre = ("id", "prestataire", "asked_at", "due_on", "answered_at")

    prestataire = models.ForeignKey(Prestataire, models.PROTECT, related_name="demandes_engagement")
    asked_at = models.DateTimeField("demandé le")
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    due_on = models.DateField("attendu le")
    answered_at = models.DateTimeField("reçu le", null=True)

    class Meta:
        verbose_name = "demande d’engagement"
        verbose_name_plural = "demandes d’engagement"
        constraints = [
            models.UniqueConstraint(
                fields=["prestataire"], condition=Q(answered_at=None), name="one_open_demand_a_prestataire"
            ),
            models.CheckConstraint(
                condition=Q(answered_at=None) | Q(answered_at__gte=F("asked_at")), name="answered_after_it_was_asked"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.prestataire}"

    def is_late(self, now: datetime) -> bool:
        """Its day is over, in Paris and at its lieu (NOT-4.i)."""
        return self.due_on < day_at(now, self.prestataire.lieu.caf_id)

    @property
    def jusque(self) -> str:
        """Its day in words, overseas with both times (NOT-4.i)."""
        return until(self.due_on, self.prestataire.lieu.caf_id)

    @property
    def key(self) -> str:
        """Which demand a mail is about: a prestataire has one at a time."""
        return f"{self.prestataire.uuid}:{int(self.asked_at.timestamp())}"
