"""Who may enter: applications of lieux, and the right of named persons to act for a lieu."""

import uuid

from django.conf import settings
from django.db import models

from conventions.models import Civilite, Interruption, Lieu, NatureGestionnaire, NatureLieu, PersonneInscrite
from habilitations.workflow import DEMANDE_HABILITATION, EtatDemandeHabilitation


class DemandeHabilitation(models.Model):
    """A lieu's public application (HAB-1). The text sent is kept; a complement opens a new version (HAB-6)."""

    class Donnees:
        famille = ()
        professionnel = (
            "lieu_courriel",
            "representant_civilite",
            "representant_nom",
            "representant_prenom",
            "representant_qualite",
            "decided_by",
        )
        neutre = (
            "id",
            "uuid",
            "reference",
            "nonce",
            "caf",
            "state",
            "submitted_at",
            "lieu_nom",
            "lieu_nature",
            "lieu_adresse",
            "lieu_code_postal",
            "lieu_ville",
            "lieu_telephone",
            "lieu_site",
            "gestionnaire_nom",
            "gestionnaire_nature",
            "gestionnaire_siren",
            "gestionnaire_adresse",
            "gestionnaire_code_postal",
            "gestionnaire_ville",
            "decided_at",
            "motif",
            "convention",
        )

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    reference = models.CharField("référence", max_length=20, unique=True)
    nonce = models.CharField("envoi", max_length=40, unique=True, help_text="un envoi répété ne fait qu’une demande")
    caf = models.ForeignKey("territory.Caf", models.PROTECT, related_name="+", verbose_name="Caf")
    state = models.CharField(
        "état", max_length=20, choices=EtatDemandeHabilitation, default=DEMANDE_HABILITATION.initial, editable=False
    )
    submitted_at = models.DateTimeField("reçue le")
    lieu_nom = models.CharField("nom du lieu", max_length=200)
    lieu_nature = models.CharField("nature du lieu", max_length=20, choices=NatureLieu)
    lieu_adresse = models.CharField("adresse", max_length=200)
    lieu_code_postal = models.CharField("code postal", max_length=5)
    lieu_ville = models.CharField("ville", max_length=100)
    lieu_telephone = models.CharField("téléphone", max_length=20)
    lieu_courriel = models.EmailField("courriel du lieu")
    lieu_site = models.URLField("site internet", blank=True)
    gestionnaire_nom = models.CharField("raison sociale du gestionnaire", max_length=200)
    gestionnaire_nature = models.CharField("nature du gestionnaire", max_length=20, choices=NatureGestionnaire)
    gestionnaire_siren = models.CharField("SIREN", max_length=9)
    gestionnaire_adresse = models.CharField("adresse du siège", max_length=200)
    gestionnaire_code_postal = models.CharField("code postal du siège", max_length=5)
    gestionnaire_ville = models.CharField("ville du siège", max_length=100)
    representant_civilite = models.CharField("civilité du représentant légal", max_length=3, choices=Civilite)
    representant_nom = models.CharField("nom du représentant légal", max_length=100)
    representant_prenom = models.CharField("prénom du représentant légal", max_length=100)
    representant_qualite = models.CharField("qualité du représentant légal", max_length=150)
    decided_at = models.DateTimeField("décidée le", null=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True, verbose_name="décidée par"
    )
    motif = models.TextField("motif", blank=True)
    convention = models.OneToOneField("conventions.Convention", models.PROTECT, related_name="+", null=True)

    class Meta:
        verbose_name = "demande d’habilitation"
        verbose_name_plural = "demandes d’habilitation"
        indexes = [models.Index(fields=["caf", "state", "submitted_at"], name="applications_of_caf")]

    def __str__(self) -> str:
        return f"{self.reference} {self.lieu_nom}"

    @property
    def journal_caf(self) -> str:
        """The Caf under which the journal files what concerns this row."""
        return self.caf_id


class CommuneDemandee(models.Model):
    """A commune that the application asks to cover."""

    class Donnees:
        famille = ()
        professionnel = ()
        neutre = ("id", "demande", "commune")

    demande = models.ForeignKey(DemandeHabilitation, models.CASCADE, related_name="communes")
    commune = models.ForeignKey("territory.Commune", models.PROTECT, related_name="+")

    class Meta:
        verbose_name = "commune demandée"
        verbose_name_plural = "communes demandées"
        constraints = [models.UniqueConstraint(fields=["demande", "commune"], name="a_commune_asked_once")]

    def __str__(self) -> str:
        return f"{self.commune}"


class PersonneDemandee(models.Model):
    """A person whom the application asks to habilitate."""

    class Donnees:
        famille = ()
        professionnel = ("civilite", "nom", "prenom", "courriel", "service", "fonction")
        neutre = ("id", "demande")

    demande = models.ForeignKey(DemandeHabilitation, models.CASCADE, related_name="personnes")
    civilite = models.CharField("civilité", max_length=3, choices=Civilite)
    nom = models.CharField("nom", max_length=100)
    prenom = models.CharField("prénom", max_length=100)
    courriel = models.EmailField("courriel")
    service = models.CharField("service", max_length=150)
    fonction = models.CharField("fonction", max_length=150)

    class Meta:
        verbose_name = "personne à habiliter"
        verbose_name_plural = "personnes à habiliter"
        constraints = [models.UniqueConstraint(fields=["demande", "courriel"], name="an_address_named_once")]

    def __str__(self) -> str:
        return f"{self.prenom} {self.nom}"


class Habilitation(models.Model):
    """One account that stands for one person of a lieu, once opened by an agent (ACC-1).

    Whether it gives access at a moment is asked of annexe 1, of the convention and of suspensions (`queries.active`).
    """

    class Donnees:
        famille = ()
        professionnel = ("user", "activated_by")
        neutre = ("id", "personne", "activated_at")

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name="compte")
    personne = models.ForeignKey("conventions.Personne", models.PROTECT, related_name="+")
    activated_at = models.DateTimeField("activée le")
    activated_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True)

    class Meta:
        verbose_name = "habilitation"
        constraints = [models.UniqueConstraint(fields=["user", "personne"], name="one_habilitation_a_person")]

    def __str__(self) -> str:
        return f"{self.user} – {self.lieu}"

    @property
    def open_suspension(self) -> "SuspensionHabilitation | None":
        """ACC-6: the suspension under way, if one is."""
        return next((one for one in self.suspensions.all() if one.until_at is None), None)

    @property
    def lieu(self) -> Lieu:
        """The lieu that its person is named by."""
        return self.personne.lieu

    @property
    def journal_caf(self) -> str:
        """The Caf under which the journal files what concerns this row."""
        return self.lieu.caf_id


class SuspensionHabilitation(Interruption):
    """ACC-6: one person suspended, for the lieu that names it."""

    class Donnees:
        famille = ()
        professionnel = ("suspended_by", "lifted_by")
        neutre = ("id", "habilitation", "from_at", "until_at", "reason")

    habilitation = models.ForeignKey(Habilitation, models.PROTECT, related_name="suspensions")

    class Meta:
        verbose_name = "suspension d’une personne"
        verbose_name_plural = "suspensions de personnes"
        constraints = [
            *Interruption.Meta.constraints,
            models.UniqueConstraint(
                fields=["habilitation"], condition=models.Q(until_at=None), name="one_open_suspension_a_habilitation"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.habilitation}"


class PersonneAActiver(PersonneInscrite):
    """A person of an annexe 1 in force whose access is not open yet: the agents' list of what to do (ACT-1)."""

    class Meta:
        proxy = True
        verbose_name = "personne à activer"
        verbose_name_plural = "personnes à activer"

    @property
    def journal_caf(self) -> str:
        """The Caf under which the journal files what concerns this row."""
        return self.lieu.caf_id
