"""Who signs and for which lieu, and what was said of each between two dates."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _


class NatureGestionnaire(models.TextChoices):
    COMMUNE = "commune", "commune"
    EPCI = "epci", "intercommunalité"
    CCAS = "ccas", "centre communal ou intercommunal d’action sociale"
    ASSOCIATION = "association", "association"
    MUTUELLE = "mutuelle", "mutuelle"
    AUTRE = "autre", "autre organisme"


class NatureLieu(models.TextChoices):
    RPE = "rpe", _("relais petite enfance")
    GUICHET = "guichet-unique", _("guichet unique")
    LAEP = "point-info", _("point d’information petite enfance")
    AUTRE = "autre", _("autre service")


class Civilite(models.TextChoices):
    MADAME = "Mme", "Madame"
    MONSIEUR = "M.", "Monsieur"


class Gestionnaire(models.Model):
    """The legal person that signs, with its représentant légal, as `IdentiteGestionnaire` says today."""

    class Donnees:
        famille = ()
        professionnel = (
            "representant_civilite",
            "representant_nom",
            "representant_prenom",
            "representant_qualite",
            "courriel",
            "telephone",
        )
        neutre = ("id", "uuid", "caf", "nom", "nature", "siren", "adresse", "code_postal", "ville", "courriel_registre")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    caf = models.ForeignKey("territory.Caf", models.PROTECT, related_name="+")
    nom = models.CharField("raison sociale", max_length=200)
    nature = models.CharField("nature", max_length=20, choices=NatureGestionnaire)
    siren = models.CharField("SIREN", max_length=9)
    adresse = models.CharField("adresse du siège", max_length=200)
    code_postal = models.CharField("code postal", max_length=5)
    ville = models.CharField("ville", max_length=100)
    courriel = models.EmailField("courriel", blank=True)
    telephone = models.CharField("téléphone", max_length=20, blank=True)
    # ACT-1: where the notice of who has access goes; from the public register or the signed act, never the application.
    courriel_registre = models.EmailField("courriel officiel (registre public ou acte signé)", blank=True)
    representant_civilite = models.CharField("civilité du représentant légal", max_length=3, choices=Civilite)
    representant_nom = models.CharField("nom du représentant légal", max_length=100)
    representant_prenom = models.CharField("prénom du représentant légal", max_length=100)
    representant_qualite = models.CharField("qualité du représentant légal", max_length=150)

    class Meta:
        verbose_name = "gestionnaire"
        constraints = [models.UniqueConstraint(fields=["caf", "siren"], name="one_gestionnaire_a_siren_and_caf")]

    def __str__(self) -> str:
        return self.nom


class Lieu(models.Model):
    """The service that answers families, as `IdentiteLieu` says today."""

    class Donnees:
        famille = ()
        professionnel = ()
        neutre = (
            "id",
            "uuid",
            "code",
            "caf",
            "gestionnaire",
            "nom",
            "nature",
            "adresse",
            "code_postal",
            "ville",
            "telephone",
            "courriel",
            "site",
            "created_at",
            "horaires",
            "site_annonce",
            "courriel_annonce",
            "annonce_le",
        )

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    code = models.CharField("code", max_length=40, unique=True)
    caf = models.ForeignKey("territory.Caf", models.PROTECT, related_name="+")
    gestionnaire = models.ForeignKey(Gestionnaire, models.PROTECT, related_name="lieux")
    nom = models.CharField("nom", max_length=200)
    nature = models.CharField("nature", max_length=20, choices=NatureLieu)
    adresse = models.CharField("adresse", max_length=200)
    code_postal = models.CharField("code postal", max_length=5)
    ville = models.CharField("ville", max_length=100)
    telephone = models.CharField("téléphone", max_length=20)
    courriel = models.EmailField("courriel")
    site = models.URLField("site internet", blank=True)
    created_at = models.DateTimeField("créé le")
    # DEM-2.e: what it says of itself to families, kept by its persons and by its Caf: no identity of the contract.
    horaires = models.TextField("horaires d’ouverture", max_length=500, blank=True)
    site_annonce = models.URLField("site montré aux familles", blank=True)
    courriel_annonce = models.EmailField("courriel montré aux familles", blank=True)
    annonce_le = models.DateTimeField("présentation tenue depuis le", null=True)

    class Meta:
        verbose_name = "lieu d’information"
        verbose_name_plural = "lieux d’information"
        ordering = ["nom", "pk"]

    def __str__(self) -> str:
        return self.nom

    @property
    def journal_caf(self) -> str:
        """The Caf under which the journal files what concerns this row."""
        return self.caf_id

    @property
    def courriel_public(self) -> str:
        """DEM-2.e: the address shown to families: the contract's, until the lieu has said another, or none."""
        return self.courriel_annonce if self.annonce_le else self.courriel

    @property
    def site_public(self) -> str:
        """DEM-2.e: the site shown to families, as `courriel_public`; nothing that is no page of the web."""
        site = self.site_annonce if self.annonce_le else self.site
        return site if site.startswith(("https://", "http://")) else ""


class Identite(models.Model):
    """What is said of a lieu or of a gestionnaire between two dates, and on whose word: nothing is overwritten (CON-8).

    The columns of the same names beside its owner are the row that holds now, for lists and search; one function writes
    both (`register.identify`), and `check_integrity` compares them.
    """

    from_on = models.DateField("depuis le")
    until_on = models.DateField("jusqu’au", null=True)
    opened_by = models.ForeignKey("conventions.Acte", models.PROTECT, related_name="+", null=True)
    source = models.CharField("source", max_length=200, blank=True)
    recorded_at = models.DateTimeField("enregistrée le")
    recorded_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True)

    class Meta:
        abstract = True
        constraints = [
            models.CheckConstraint(
                condition=Q(until_on=None) | Q(until_on__gte=F("from_on")), name="%(class)s_ends_after_start"
            ),
            models.CheckConstraint(
                condition=Q(opened_by__isnull=False) | ~Q(source=""), name="%(class)s_says_its_source"
            ),
        ]


class IdentiteLieu(Identite):
    """Name and address of a lieu between two dates."""

    VALUES = ("nom", "nature", "adresse", "code_postal", "ville", "telephone", "courriel", "site")

    class Donnees:
        famille = ()
        professionnel = ("recorded_by",)
        neutre = (
            "id",
            "lieu",
            "from_on",
            "until_on",
            "opened_by",
            "source",
            "recorded_at",
            "nom",
            "nature",
            "adresse",
            "code_postal",
            "ville",
            "telephone",
            "courriel",
            "site",
        )

    lieu = models.ForeignKey(Lieu, models.PROTECT, related_name="identites")
    nom = models.CharField("nom", max_length=200)
    nature = models.CharField("nature", max_length=20, choices=NatureLieu)
    adresse = models.CharField("adresse", max_length=200)
    code_postal = models.CharField("code postal", max_length=5)
    ville = models.CharField("ville", max_length=100)
    telephone = models.CharField("téléphone", max_length=20)
    courriel = models.EmailField("courriel")
    site = models.URLField("site internet", blank=True)

    class Meta:
        verbose_name = "identité d’un lieu"
        verbose_name_plural = "identités de lieux"
        constraints = [
            *Identite.Meta.constraints,
            models.UniqueConstraint(fields=["lieu"], condition=Q(until_on=None), name="one_open_identity_a_lieu"),
        ]

    def __str__(self) -> str:
        return self.nom


class IdentiteGestionnaire(Identite):
    """Name, addresses and représentant légal of a gestionnaire between two dates."""

    VALUES = (
        "nom",
        "nature",
        "adresse",
        "code_postal",
        "ville",
        "courriel",
        "telephone",
        "courriel_registre",
        "representant_civilite",
        "representant_nom",
        "representant_prenom",
        "representant_qualite",
    )

    class Donnees:
        famille = ()
        professionnel = (
            "recorded_by",
            "representant_civilite",
            "representant_nom",
            "representant_prenom",
            "representant_qualite",
            "courriel",
            "telephone",
        )
        neutre = (
            "id",
            "gestionnaire",
            "from_on",
            "until_on",
            "opened_by",
            "source",
            "recorded_at",
            "nom",
            "nature",
            "adresse",
            "code_postal",
            "ville",
            "courriel_registre",
        )

    gestionnaire = models.ForeignKey(Gestionnaire, models.PROTECT, related_name="identites")
    nom = models.CharField("raison sociale", max_length=200)
    nature = models.CharField("nature", max_length=20, choices=NatureGestionnaire)
    adresse = models.CharField("adresse du siège", max_length=200)
    code_postal = models.CharField("code postal", max_length=5)
    ville = models.CharField("ville", max_length=100)
    courriel = models.EmailField("courriel", blank=True)
    telephone = models.CharField("téléphone", max_length=20, blank=True)
    courriel_registre = models.EmailField("courriel officiel (registre public ou acte signé)", blank=True)
    representant_civilite = models.CharField("civilité du représentant légal", max_length=3, choices=Civilite)
    representant_nom = models.CharField("nom du représentant légal", max_length=100)
    representant_prenom = models.CharField("prénom du représentant légal", max_length=100)
    representant_qualite = models.CharField("qualité du représentant légal", max_length=150)

    class Meta:
        verbose_name = "identité d’un gestionnaire"
        verbose_name_plural = "identités de gestionnaires"
        constraints = [
            *Identite.Meta.constraints,
            models.UniqueConstraint(
                fields=["gestionnaire"], condition=Q(until_on=None), name="one_open_identity_a_gestionnaire"
            ),
        ]

    def __str__(self) -> str:
        return self.nom
