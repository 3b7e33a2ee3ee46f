"""Registered letters, and the end that they ask for."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from conventions.models.actes import Partie
from conventions.models.convention import Convention


class Courrier(models.Model):
    """A registered letter that one party sent to the other, with what the post did of it (CON-4, CON-5)."""

    class Issue(models.TextChoices):
        REMISE = "remise", "remise contre signature"
        REFUSEE = "refusee", "refusée"
        NON_RECLAMEE = "non-reclamee", "non réclamée"
        RETOURNEE = "retournee", "retournée pour une autre raison"

    class Objet(models.TextChoices):
        PREAVIS = "preavis", "résiliation à l’échéance"
        MANQUEMENT = "manquement", "résiliation pour manquement"
        MISE_EN_DEMEURE = "mise-en-demeure", "mise en demeure"

    class Donnees:
        famille = ()
        professionnel = ("recorded_by",)
        neutre = (
            "id",
            "uuid",
            "convention",
            "objet",
            "partie",
            "numero",
            "posted_on",
            "presented_on",
            "delivered_on",
            "issue",
            "scan",
            "avis",
            "recorded_at",
        )

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    convention = models.ForeignKey(Convention, models.PROTECT, related_name="courriers")
    objet = models.CharField("objet", max_length=20, choices=Objet, default=Objet.PREAVIS)
    partie = models.CharField("envoyé par", max_length=20, choices=Partie)
    numero = models.CharField("numéro de la lettre recommandée", max_length=40, unique=True)
    posted_on = models.DateField("postée le")
    presented_on = models.DateField("présentée le", null=True)
    delivered_on = models.DateField("remise le", null=True)
    issue = models.CharField("issue", max_length=20, choices=Issue, blank=True)
    # The letter; and what the post gave back of it (avis de réception).
    scan = models.ForeignKey("documents.StoredFile", models.PROTECT, related_name="+", null=True)
    avis = models.ForeignKey("documents.StoredFile", models.PROTECT, related_name="+", null=True)
    recorded_at = models.DateTimeField("enregistrée le")
    recorded_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")

    class Meta:
        verbose_name = "lettre recommandée"
        verbose_name_plural = "lettres recommandées"
        constraints = [
            models.CheckConstraint(
                condition=(Q(presented_on=None) | Q(presented_on__gte=F("posted_on")))
                & (Q(delivered_on=None) | Q(delivered_on__gte=F("posted_on")))
                & (Q(delivered_on=None) | Q(presented_on=None) | Q(delivered_on__gte=F("presented_on"))),
                name="posted_presented_delivered",
            ),
            models.CheckConstraint(
                condition=Q(issue="remise", delivered_on__isnull=False) | ~Q(issue="remise") & Q(delivered_on=None),
                name="delivered_when_handed_over",
            ),
            models.CheckConstraint(condition=Q(objet="preavis") | Q(partie=Partie.CAF), name="a_breach_is_the_caf_s"),
        ]

    def __str__(self) -> str:
        return f"{self.get_objet_display()}, n° {self.numero}"


class Resiliation(models.Model):
    """The end that a letter asks for: at an anniversary or at once for breach (CON-4, CON-5). Only both withdraw it.

    A breach may end sooner what a notice ends already: one of each nature stands at a time.
    """

    class Nature(models.TextChoices):
        ANNIVERSAIRE = "anniversaire", "à l’échéance"
        MANQUEMENT = "manquement", "pour manquement"

    class Donnees:
        famille = ()
        professionnel = ("recorded_by", "decided_by")
        neutre = (
            "id",
            "uuid",
            "convention",
            "courrier",
            "nature",
            "motif",
            "ends_on",
            "recorded_at",
            "decided_at",
            "decision",
            "withdrawn_on",
            "withdrawal",
        )

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    convention = models.ForeignKey(Convention, models.PROTECT, related_name="resiliations")
    courrier = models.OneToOneField(Courrier, models.PROTECT, related_name="resiliation")
    nature = models.CharField("nature", max_length=20, choices=Nature)
    motif = models.TextField("motif", blank=True)
    ends_on = models.DateField("dernier jour de la convention")
    recorded_at = models.DateTimeField("enregistrée le")
    recorded_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    # CON-4.e: where two ways of counting differ, a superviseur says which day it is, and why.
    decided_at = models.DateTimeField("décidée le", null=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True)
    decision = models.CharField("raison de la décision", max_length=500, blank=True)
    withdrawn_on = models.DateField("retirée par les deux parties le", null=True)
    withdrawal = models.ForeignKey("documents.StoredFile", models.PROTECT, related_name="+", null=True)

    class Meta:
        verbose_name = "résiliation"
        constraints = [
            models.UniqueConstraint(
                fields=["convention", "nature"], condition=Q(withdrawn_on=None), name="one_standing_resiliation"
            ),
            models.CheckConstraint(condition=~Q(nature="manquement", motif=""), name="a_breach_has_its_reason"),
            models.CheckConstraint(
                condition=Q(decided_at=None, decided_by=None, decision="")
                | Q(decided_at__isnull=False, decided_by__isnull=False) & ~Q(decision=""),
                name="a_decision_has_its_author_and_reason",
            ),
            models.CheckConstraint(
                condition=Q(withdrawn_on=None, withdrawal=None)
                | Q(withdrawn_on__isnull=False, withdrawal__isnull=False),
                name="withdrawn_by_a_paper_of_both",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.convention} {self.get_nature_display()}"


class TentativeAmiable(models.Model):
    """What was tried to settle a dispute amicably before any court, and what came of it (CTL-8, convention's last
    article). Written about professionals, never about a family.
    """

    class Donnees:
        famille = ()
        professionnel = ("recorded_by", "description", "suite")
        neutre = ("id", "convention", "tried_on", "recorded_at")

    convention = models.ForeignKey(Convention, models.PROTECT, related_name="tentatives_amiables")
    tried_on = models.DateField("date")
    description = models.TextField("ce qui a été tenté")
    suite = models.TextField("ce qui en est sorti", blank=True)
    recorded_at = models.DateTimeField("enregistrée le")
    recorded_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")

    class Meta:
        verbose_name = "tentative amiable"
        verbose_name_plural = "tentatives amiables"

    def __str__(self) -> str:
        return f"{self.convention} {self.tried_on}"
