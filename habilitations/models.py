"""Who may enter: applications of lieux, and the right of named persons to act for a lieu."""

import uuid

from django.conf import settings
from django.db import models

from conventions.models import Civilite, Interruption, Lieu, NatureGestionnaire, NatureLieu, Partie, PersonneInscrite
from conventions.rules import GestionnaireDonne, LieuDonne, PersonneDonnee
from habilitations.workflow import DEMANDE_HABILITATION, ECHANGE, EtatDemandeHabilitation, EtatEchange


class DemandeHabilitation(models.Model):
    """A lieu's public application (HAB-1): what it is about lies in its versions, of which `version` is the last.

    Deleting it deletes all that hangs on it: versions, their communes and persons, complements, transfers.
    """

    class Donnees:
        famille = ()
        professionnel = ("decided_by",)
        neutre = (
            "id",
            "uuid",
            "reference",
            "caf",
            "state",
            "submitted_at",
            "version",
            "decided_at",
            "motif",
            "recours",
            "convention",
        )

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    reference = models.CharField("référence", max_length=20, unique=True)
    caf = models.ForeignKey("territory.Caf", models.PROTECT, related_name="+", verbose_name="Caf")
    state = models.CharField(
        "état", max_length=20, choices=EtatDemandeHabilitation, default=DEMANDE_HABILITATION.initial, editable=False
    )
    submitted_at = models.DateTimeField("reçue le")
    version = models.OneToOneField(
        "VersionDemande", models.RESTRICT, related_name="+", null=True, verbose_name="dernière version"
    )
    decided_at = models.DateTimeField("décidée le", null=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True, verbose_name="décidée par"
    )
    motif = models.TextField("motif", blank=True)
    # HAB-6.f: as it was said with the refusal; the Caf may say it otherwise later.
    recours = models.TextField("voies de recours", blank=True)
    convention = models.OneToOneField("conventions.Convention", models.PROTECT, related_name="+", null=True)

    class Meta:
        verbose_name = "demande d’habilitation"
        verbose_name_plural = "demandes d’habilitation"
        indexes = [models.Index(fields=["caf", "state", "submitted_at"], name="applications_of_caf")]

    def __str__(self) -> str:
        return self.reference

    @property
    def latest(self) -> "VersionDemande":
        """The last version: it is written in the transaction that makes the application (HAB-6.d)."""
        assert self.version is not None
        return self.version

    @property
    def journal_caf(self) -> str:
        """The Caf under which the journal files what concerns this row."""
        return self.caf_id


class VersionDemande(models.Model):
    """What the lieu sent, once: the first time (1), then in answer to each complement. Never changed (HAB-6.d).

    At the wish of a person whom it names, an agent writes the next one with a reason, or takes the person out of all of
    them (HAB-8.b).
    """

    class Donnees:
        famille = ()
        professionnel = (
            "corrected_by",
            "motif_correction",
            "lieu_courriel",
            "representant_civilite",
            "representant_nom",
            "representant_prenom",
            "representant_qualite",
        )
        neutre = (
            "id",
            "demande",
            "numero",
            "nonce",
            "sent_at",
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
        )

    demande = models.ForeignKey(DemandeHabilitation, models.CASCADE, related_name="versions")
    numero = models.PositiveSmallIntegerField("numéro")
    nonce = models.CharField("envoi", max_length=40, unique=True, help_text="un envoi répété ne fait qu’une version")
    sent_at = models.DateTimeField("envoyée le")
    corrected_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True, verbose_name="corrigée par"
    )
    motif_correction = models.TextField("motif de la correction", blank=True)
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

    class Meta:
        verbose_name = "version d’une demande d’habilitation"
        verbose_name_plural = "versions d’une demande d’habilitation"
        constraints = [
            models.UniqueConstraint(fields=["demande", "numero"], name="a_version_numbered_once"),
            models.CheckConstraint(condition=models.Q(numero__gte=1), name="versions_numbered_from_one"),
            models.CheckConstraint(
                condition=models.Q(corrected_by=None, motif_correction="")
                | (models.Q(corrected_by__isnull=False) & ~models.Q(motif_correction="")),
                name="a_correction_has_its_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.lieu_nom} (version {self.numero})"

    @property
    def lieu(self) -> LieuDonne:
        """The lieu, as it is given to the register."""
        return LieuDonne(
            nom=self.lieu_nom,
            nature=self.lieu_nature,
            adresse=self.lieu_adresse,
            code_postal=self.lieu_code_postal,
            ville=self.lieu_ville,
            telephone=self.lieu_telephone,
            courriel=self.lieu_courriel,
            site=self.lieu_site,
        )

    @property
    def gestionnaire(self) -> GestionnaireDonne:
        """The gestionnaire and its représentant légal, as they are given to the register."""
        return GestionnaireDonne(
            nom=self.gestionnaire_nom,
            nature=self.gestionnaire_nature,
            siren=self.gestionnaire_siren,
            adresse=self.gestionnaire_adresse,
            code_postal=self.gestionnaire_code_postal,
            ville=self.gestionnaire_ville,
            representant_civilite=self.representant_civilite,
            representant_nom=self.representant_nom,
            representant_prenom=self.representant_prenom,
            representant_qualite=self.representant_qualite,
        )


class CommuneDemandee(models.Model):
    """A commune that a version asks to cover."""

    class Donnees:
        famille = ()
        professionnel = ()
        neutre = ("id", "version", "commune")

    version = models.ForeignKey(VersionDemande, models.CASCADE, related_name="communes")
    commune = models.ForeignKey("territory.Commune", models.PROTECT, related_name="+")

    class Meta:
        verbose_name = "commune demandée"
        verbose_name_plural = "communes demandées"
        constraints = [models.UniqueConstraint(fields=["version", "commune"], name="a_commune_asked_once")]

    def __str__(self) -> str:
        return f"{self.commune}"


class PersonneDemandee(models.Model):
    """A person whom a version asks to habilitate."""

    class Donnees:
        famille = ()
        professionnel = ("civilite", "nom", "prenom", "courriel", "service", "fonction")
        neutre = ("id", "version")

    version = models.ForeignKey(VersionDemande, models.CASCADE, related_name="personnes")
    civilite = models.CharField("civilité", max_length=3, choices=Civilite)
    nom = models.CharField("nom", max_length=100)
    prenom = models.CharField("prénom", max_length=100)
    courriel = models.EmailField("courriel")
    service = models.CharField("service", max_length=150)
    fonction = models.CharField("fonction", max_length=150)

    class Meta:
        verbose_name = "personne à habiliter"
        verbose_name_plural = "personnes à habiliter"
        constraints = [models.UniqueConstraint(fields=["version", "courriel"], name="an_address_named_once")]

    def __str__(self) -> str:
        return f"{self.prenom} {self.nom}"

    @property
    def donnee(self) -> PersonneDonnee:
        """The person, as it is given to the register."""
        return PersonneDonnee(
            civilite=self.civilite,
            nom=self.nom,
            prenom=self.prenom,
            courriel=self.courriel,
            service=self.service,
            fonction=self.fonction,
        )


class Complement(models.Model):
    """What the Caf asked the lieu to add or correct (HAB-6.c). While it is open, its link opens the form again, once.

    Closed by the answer (`version`), by another complement in its place, by a transfer or by the decision.
    """

    class Donnees:
        famille = ()
        professionnel = ("asked_by", "texte")
        neutre = ("id", "uuid", "demande", "asked_at", "awaited_on", "closed_at", "version")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    demande = models.ForeignKey(DemandeHabilitation, models.CASCADE, related_name="complements")
    texte = models.TextField("ce que la Caf demande")
    asked_at = models.DateTimeField("demandé le")
    awaited_on = models.DateField("attendu au plus tard le", null=True)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name="demandé par")
    closed_at = models.DateTimeField("clos le", null=True)
    version = models.OneToOneField(
        VersionDemande, models.RESTRICT, related_name="complement", null=True, verbose_name="version reçue en réponse"
    )

    class Meta:
        verbose_name = "complément demandé"
        verbose_name_plural = "compléments demandés"
        constraints = [
            models.UniqueConstraint(fields=["demande"], condition=models.Q(closed_at=None), name="one_open_complement"),
            models.CheckConstraint(
                condition=models.Q(version=None) | models.Q(closed_at__isnull=False),
                name="an_answered_complement_is_closed",
            ),
        ]

    def __str__(self) -> str:
        return f"complément du {self.asked_at:%d/%m/%Y}"


class TransfertDemande(models.Model):
    """An application sent to the wrong Caf, passed on to another (HAB-3.g)."""

    class Donnees:
        famille = ()
        professionnel = ("transferred_by", "motif")
        neutre = ("id", "demande", "from_caf", "to_caf", "transferred_at")

    demande = models.ForeignKey(DemandeHabilitation, models.CASCADE, related_name="transferts")
    from_caf = models.ForeignKey("territory.Caf", models.PROTECT, related_name="+", verbose_name="Caf d’origine")
    to_caf = models.ForeignKey("territory.Caf", models.PROTECT, related_name="+", verbose_name="nouvelle Caf")
    motif = models.TextField("motif")
    transferred_at = models.DateTimeField("transférée le")
    transferred_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name="transférée par"
    )

    class Meta:
        verbose_name = "transfert d’une demande d’habilitation"
        verbose_name_plural = "transferts de demandes d’habilitation"

    def __str__(self) -> str:
        return f"transfert à la {self.to_caf}"


class Habilitation(models.Model):
    """One account that stands for one person of a lieu, once opened by an agent (ACC-1).

    Whether it gives access at a moment is asked of annexe 1, of the convention and of suspensions (`queries.active`).
    """

    class Donnees:
        famille = ()
        professionnel = ("user", "activated_by")
        neutre = ("id", "uuid", "personne", "activated_at")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
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


class Echange(models.Model):
    """What a lieu and its Caf write to each other about one thing (CTL-5). It changes nothing by itself."""

    class Sujet(models.TextChoices):
        CHANGEMENT = "changement", "Un changement : communes, personnes, adresse, signataire…"
        DEPART = "depart", "Le départ d’une personne"
        APPAREIL = "appareil", "Un appareil ou un mot de passe perdu ou volé"
        QUESTION = "question", "Une question"

    class Donnees:
        famille = ()
        professionnel = ()
        neutre = ("id", "uuid", "lieu", "sujet", "state", "opened_at", "written_at")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    lieu = models.ForeignKey(Lieu, models.PROTECT, related_name="+", verbose_name="lieu")
    sujet = models.CharField("sujet", max_length=20, choices=Sujet)
    state = models.CharField("état", max_length=20, choices=EtatEchange, default=ECHANGE.initial, editable=False)
    opened_at = models.DateTimeField("commencé le")
    written_at = models.DateTimeField("dernier message le")

    class Meta:
        verbose_name = "échange avec un lieu"
        verbose_name_plural = "échanges avec les lieux"
        ordering = ["-written_at", "-pk"]
        indexes = [models.Index(fields=["lieu", "written_at"], name="echanges_of_lieu")]

    def __str__(self) -> str:
        return self.objet

    @property
    def objet(self) -> str:
        """The subject without its examples."""
        return str(self.get_sujet_display()).partition(" :")[0]

    @property
    def journal_caf(self) -> str:
        """The Caf under which the journal files what concerns this row."""
        return self.lieu.caf_id


class MessageEchange(models.Model):
    """One text of one party. Never changed nor taken back."""

    class Donnees:
        famille = ()
        professionnel = ("by", "texte")
        neutre = ("id", "echange", "partie", "at", "nonce")

    echange = models.ForeignKey(Echange, models.PROTECT, related_name="messages")
    partie = models.CharField("écrit par", max_length=20, choices=Partie)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    at = models.DateTimeField("écrit le")
    texte = models.TextField("texte")
    nonce = models.UUIDField("envoi", unique=True, help_text="un envoi répété ne fait qu’un message")

    class Meta:
        verbose_name = "message d’un échange"
        verbose_name_plural = "messages d’un échange"
        ordering = ["at", "pk"]

    def __str__(self) -> str:
        return f"{self.echange} ({self.get_partie_display()})"


class PieceJointe(models.Model):
    """A PDF that goes with a message."""

    class Donnees:
        famille = ()
        professionnel = ("nom",)
        neutre = ("id", "message", "fichier")

    message = models.ForeignKey(MessageEchange, models.PROTECT, related_name="pieces")
    nom = models.CharField("nom du fichier", max_length=100)
    fichier = models.OneToOneField("documents.StoredFile", models.PROTECT, related_name="+")

    class Meta:
        verbose_name = "pièce jointe"
        verbose_name_plural = "pièces jointes"

    def __str__(self) -> str:
        return self.nom
