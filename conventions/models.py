"""The contract register: who signed what for which lieu, which communes and persons are covered, between which dates."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from conventions.workflow import CONVENTION, EtatConvention


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


class NatureActe(models.TextChoices):
    DELIBERATION = "deliberation", "délibération"
    DECISION = "decision", "décision"
    AUTRE = "autre", "autre acte"


class Civilite(models.TextChoices):
    MADAME = "Mme", "Madame"
    MONSIEUR = "M.", "Monsieur"


class Gestionnaire(models.Model):
    """The legal person that signs, with its représentant légal."""

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
    """The service that answers families."""

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


class Convention(models.Model):
    """The relation between a Caf and a gestionnaire for one lieu, from `in_force_from` through `ended_on`."""

    class Donnees:
        famille = ()
        professionnel = ("accepted_by", "motif_abandon")
        neutre = ("id", "uuid", "numero", "lieu", "state", "created_at", "in_force_from", "ended_on", "suspended_at")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    numero = models.CharField("numéro", max_length=30, unique=True)
    lieu = models.ForeignKey(Lieu, models.PROTECT, related_name="conventions")
    state = models.CharField("état", max_length=20, choices=EtatConvention, default=CONVENTION.initial, editable=False)
    created_at = models.DateTimeField("préparée le")
    accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True, verbose_name="acceptée par"
    )
    in_force_from = models.DateField("prise d’effet", null=True)
    ended_on = models.DateField("dernier jour", null=True)
    suspended_at = models.DateTimeField("suspendue le", null=True)
    motif_abandon = models.CharField("motif de l’abandon", max_length=300, blank=True, default="")

    class Meta:
        verbose_name = "convention"
        constraints = [
            models.UniqueConstraint(
                fields=["lieu"],
                condition=Q(ended_on=None) & ~Q(state=EtatConvention.ABANDONNEE),
                name="one_open_convention_a_lieu",
                violation_error_message="Ce lieu a déjà une convention ouverte.",
            ),
            models.CheckConstraint(
                condition=Q(state=EtatConvention.SIGNEE, in_force_from__isnull=False)
                | ~Q(state=EtatConvention.SIGNEE) & Q(in_force_from=None),
                name="in_force_once_signed",
            ),
            models.CheckConstraint(
                condition=Q(ended_on=None) | Q(ended_on__gte=F("in_force_from")), name="convention_ends_after_start"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.numero} {self.lieu}"

    @property
    def journal_caf(self) -> str:
        """The Caf under which the journal files what concerns this row."""
        return self.lieu.caf_id


class Acte(models.Model):
    """A paper to be signed by both parties: the convention, later its avenants. What was handed over is kept as it was."""

    class Nature(models.TextChoices):
        CONVENTION = "convention", "convention"
        AVENANT = "avenant", "avenant"

    class Donnees:
        famille = ()
        professionnel = ()
        neutre = (
            "id",
            "uuid",
            "convention",
            "nature",
            "rang",
            "text_version",
            "prepared_at",
            "pdf",
            "pdf_sha256",
            "effective_on",
            "deliberation_nature",
            "deliberation_numero",
            "deliberation_on",
            "deliberation_received_on",
        )

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    convention = models.ForeignKey(Convention, models.PROTECT, related_name="actes")
    nature = models.CharField("nature", max_length=20, choices=Nature)
    rang = models.PositiveSmallIntegerField("rang", default=0)
    text_version = models.CharField("version du texte", max_length=20)
    prepared_at = models.DateTimeField("préparé le")
    pdf = models.ForeignKey("documents.StoredFile", models.PROTECT, related_name="+", null=True)
    pdf_sha256 = models.CharField("empreinte du PDF", max_length=64, blank=True)
    effective_on = models.DateField("prise d’effet", null=True)
    # CON-2: what allowed the gestionnaire to sign.
    deliberation_nature = models.CharField("acte autorisant la signature", max_length=30, blank=True)
    deliberation_numero = models.CharField("numéro", max_length=50, blank=True)
    deliberation_on = models.DateField("date de l’acte", null=True)
    deliberation_received_on = models.DateField("reçu par la préfecture le", null=True)

    class Meta:
        verbose_name = "acte"
        constraints = [models.UniqueConstraint(fields=["convention", "rang"], name="one_acte_a_rank")]

    def __str__(self) -> str:
        return f"{self.get_nature_display()} {self.convention.numero}"

    @property
    def acte_autorisant(self) -> str:
        """CON-2.c: what allowed the gestionnaire to sign, in words."""
        known = self.deliberation_nature in NatureActe.values
        return str(NatureActe(self.deliberation_nature).label) if known else str(NatureActe.AUTRE.label)


class Signature(models.Model):
    """One party's signature on one part of an acte. A correction supersedes it with a reason; nothing is overwritten."""

    class Partie(models.TextChoices):
        GESTIONNAIRE = "gestionnaire", "gestionnaire"
        CAF = "caf", "Caf"

    class Piece(models.TextChoices):
        CONVENTION = "convention", "convention"
        ANNEXE = "annexe1", "annexe 1"

    class Donnees:
        famille = ()
        professionnel = ("signataire", "qualite", "recorded_by")
        neutre = ("id", "acte", "partie", "piece", "signed_on", "scan", "recorded_at", "superseded_at", "reason")

    acte = models.ForeignKey(Acte, models.PROTECT, related_name="signatures")
    partie = models.CharField("partie", max_length=20, choices=Partie)
    piece = models.CharField("pièce", max_length=20, choices=Piece)
    signed_on = models.DateField("signée le")
    signataire = models.CharField("signataire", max_length=200)
    qualite = models.CharField("qualité", max_length=150)
    scan = models.ForeignKey("documents.StoredFile", models.PROTECT, related_name="+", verbose_name="document signé")
    recorded_at = models.DateTimeField("enregistrée le")
    recorded_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    superseded_at = models.DateTimeField("remplacée le", null=True)
    reason = models.CharField("motif de la correction", max_length=300, blank=True)

    class Meta:
        verbose_name = "signature"
        constraints = [
            models.UniqueConstraint(
                fields=["acte", "partie", "piece"], condition=Q(superseded_at=None), name="one_signature_a_party"
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_piece_display()} – {self.get_partie_display()}"


class Fait(models.Model):
    """A line of annexe 1: true from `from_on` through `until_on`, by the acte that brought it in (CON-8)."""

    acte = models.ForeignKey(Acte, models.PROTECT, related_name="%(class)ss")
    from_on = models.DateField("depuis le", null=True)
    until_on = models.DateField("jusqu’au", null=True)

    class Meta:
        abstract = True


class Couverture(Fait):
    """A commune covered by a lieu."""

    class Donnees:
        famille = ()
        professionnel = ()
        neutre = ("id", "acte", "lieu", "commune", "from_on", "until_on")

    lieu = models.ForeignKey(Lieu, models.PROTECT, related_name="couvertures")
    commune = models.ForeignKey("territory.Commune", models.PROTECT, related_name="+")

    class Meta:
        verbose_name = "commune couverte"
        verbose_name_plural = "communes couvertes"
        constraints = [
            models.UniqueConstraint(fields=["lieu", "commune"], condition=Q(until_on=None), name="one_open_couverture"),
            models.CheckConstraint(
                condition=Q(until_on=None) | Q(until_on__gte=F("from_on")), name="couverture_ends_after_start"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.commune}"


class PersonneInscrite(Fait):
    """A person named in annexe 1; becomes a habilitation once activated."""

    class Donnees:
        famille = ()
        professionnel = ("civilite", "nom", "prenom", "courriel", "service", "fonction")
        neutre = ("id", "uuid", "acte", "lieu", "from_on", "until_on")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    lieu = models.ForeignKey(Lieu, models.PROTECT, related_name="personnes")
    civilite = models.CharField("civilité", max_length=3, choices=Civilite)
    nom = models.CharField("nom", max_length=100)
    prenom = models.CharField("prénom", max_length=100)
    courriel = models.EmailField("courriel")
    service = models.CharField("service", max_length=150)
    fonction = models.CharField("fonction", max_length=150)

    class Meta:
        verbose_name = "personne inscrite à l’annexe 1"
        verbose_name_plural = "personnes inscrites à l’annexe 1"
        constraints = [
            models.UniqueConstraint(
                fields=["lieu", "courriel"], condition=Q(until_on=None), name="one_open_personne_a_courriel"
            )
        ]

    def __str__(self) -> str:
        return f"{self.prenom} {self.nom}"
