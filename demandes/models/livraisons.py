"""Deliveries of monenfant.fr and what was set aside of them (ING)."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from demandes.workflow import LIVRAISON, EtatLivraison


class Livraison(models.Model):
    """One delivery file of monenfant.fr (ING-1). Its bytes go 24 hours after success, 15 days after refusal (ING-5)."""

    class Donnees:
        famille = ("fichier",)
        professionnel = ("received_by",)
        neutre = (
            "id",
            "uuid",
            "nom",
            "sha256",
            "origine",
            "state",
            "received_at",
            "finished_at",
            "motifs",
            "lues",
            "creees",
            "mises_a_jour",
            "inchangees",
            "ecartees",
            "checkpoint",
            "enregistrements",
            "rung_at",
            "lease_until",
        )

    class Origine(models.TextChoices):
        DOSSIER = "dossier", "dossier d’arrivée"
        DEPOT = "depot", "déposée par la Cnaf"
        API = "api", "envoyée par l’API"
        COMMANDE = "commande", "donnée en ligne de commande"

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    nom = models.CharField("nom du fichier", max_length=255)
    # None for what came into the inbox and could not be read.
    sha256 = models.CharField("empreinte SHA-256", max_length=64, unique=True, null=True)
    origine = models.CharField("origine", max_length=20, choices=Origine)
    state = models.CharField("état", max_length=20, choices=EtatLivraison, default=LIVRAISON.initial, editable=False)
    received_at = models.DateTimeField("reçue le")
    received_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True, verbose_name="déposée par"
    )
    finished_at = models.DateTimeField("terminée le", null=True)
    # Why it was refused whole, as a Rejet keeps it; empty otherwise.
    motifs = models.JSONField("motif du refus", default=list)
    lues = models.PositiveIntegerField("enregistrements lus", default=0)
    creees = models.PositiveIntegerField("demandes créées", default=0)
    mises_a_jour = models.PositiveIntegerField("demandes mises à jour", default=0)
    inchangees = models.PositiveIntegerField("demandes inchangées", default=0)
    ecartees = models.PositiveIntegerField("enregistrements écartés", default=0)
    checkpoint = models.PositiveIntegerField("enregistrements appliqués", default=0)
    # How many it has, once the whole file is proven sound; None before.
    enregistrements = models.PositiveIntegerField("enregistrements du fichier", null=True)
    # The last bell rung for it, and until when a worker is at it: both lapse, so that another is found after a kill.
    rung_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True)
    # Where its bytes are, below DATA_DIR/livraisons; empty once they are destroyed.
    fichier = models.CharField(max_length=300, blank=True)
    # False on the row that `register` answers for bytes received before.
    is_new = True

    class Meta:
        verbose_name = "livraison"
        constraints = [
            # ING-4
            models.CheckConstraint(
                condition=Q(lues=F("creees") + F("mises_a_jour") + F("inchangees") + F("ecartees")),
                name="counts_balance",
            ),
            models.UniqueConstraint(fields=["fichier"], condition=~Q(fichier=""), name="one_livraison_a_file"),
        ]

    def __str__(self) -> str:
        return self.nom

    @property
    def percent(self) -> int | None:
        """How much of it is applied; None while that cannot be said."""
        return 100 * self.checkpoint // self.enregistrements if self.enregistrements else None

    @property
    def summary(self) -> dict[str, int]:
        """The counts, by the names that scripts rely on."""
        return {
            "read": self.lues,
            "created": self.creees,
            "updated": self.mises_a_jour,
            "unchanged": self.inchangees,
            "set-aside": self.ecartees,
        }


class Rejet(models.Model):
    """A record set aside, or accepted with a remark: line, reference, reason. Nothing personal (ING-3)."""

    class Issue(models.TextChoices):
        ECARTEE = "ecartee", "écartée"
        REMARQUE = "remarque", "acceptée avec remarque"

    class Donnees:
        famille = ()
        professionnel = ()
        neutre = ("id", "livraison", "ligne", "reference", "issue", "motifs")

    livraison = models.ForeignKey(Livraison, models.CASCADE, related_name="rejets")
    ligne = models.PositiveIntegerField("ligne")
    reference = models.CharField("référence", max_length=64, blank=True)
    issue = models.CharField("issue", max_length=20, choices=Issue)
    # [[code, {name: value}]]: their sentences are in documents.motifs.
    motifs = models.JSONField("motifs")

    class Meta:
        verbose_name = "enregistrement à signaler"
        verbose_name_plural = "enregistrements à signaler"

    def __str__(self) -> str:
        return f"{self.ligne} {self.motifs[0][0]}"
