"""The contract register: who signed what for which lieu, which communes and persons it covers, between which dates."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from conventions.workflow import ACTE, CONVENTION, EtatActe, EtatConvention


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


class Convention(models.Model):
    """The relation between a Caf and a gestionnaire for one lieu, from `in_force_from` through `ended_on`."""

    class Donnees:
        famille = ()
        professionnel = ("accepted_by", "motif_abandon")
        neutre = (
            "id",
            "uuid",
            "numero",
            "lieu",
            "gestionnaire",
            "state",
            "created_at",
            "in_force_from",
            "ended_on",
        )

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    numero = models.CharField("numéro", max_length=30, unique=True)
    lieu = models.ForeignKey(Lieu, models.PROTECT, related_name="conventions")
    # Who signs it: a lieu may change hands under another convention.
    gestionnaire = models.ForeignKey(Gestionnaire, models.PROTECT, related_name="conventions")
    state = models.CharField("état", max_length=20, choices=EtatConvention, default=CONVENTION.initial, editable=False)
    created_at = models.DateTimeField("préparée le")
    accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True, verbose_name="acceptée par"
    )
    in_force_from = models.DateField("prise d’effet", null=True)
    ended_on = models.DateField("dernier jour", null=True)
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
    def open_suspension(self) -> "Suspension | None":
        """CON-5: the suspension under way, if one is."""
        return next((one for one in self.suspensions.all() if one.until_at is None), None)

    @property
    def journal_caf(self) -> str:
        """The Caf under which the journal files what concerns this row."""
        return self.lieu.caf_id


class Interruption(models.Model):
    """Access withheld from one moment on, by whom and why, until somebody lifts it; the portal itself is nobody."""

    from_at = models.DateTimeField("depuis le")
    reason = models.CharField("motif", max_length=300)
    suspended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True, verbose_name="suspendue par"
    )
    until_at = models.DateTimeField("jusqu’au", null=True)
    lifted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True, verbose_name="levée par"
    )

    class Meta:
        abstract = True
        constraints = [
            models.CheckConstraint(
                condition=Q(until_at=None, lifted_by=None) | Q(until_at__gte=F("from_at")),
                name="%(class)s_lifted_after_its_start",
            ),
        ]


class Suspension(Interruption):
    """CON-5: a whole lieu suspended as a precaution; its convention stays in force."""

    class Donnees:
        famille = ()
        professionnel = ("suspended_by", "lifted_by")
        neutre = ("id", "convention", "from_at", "until_at", "reason")

    convention = models.ForeignKey(Convention, models.PROTECT, related_name="suspensions")

    class Meta:
        verbose_name = "suspension d’un lieu"
        verbose_name_plural = "suspensions de lieux"
        constraints = [
            *Interruption.Meta.constraints,
            models.UniqueConstraint(
                fields=["convention"], condition=Q(until_at=None), name="one_open_suspension_a_convention"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.convention}"


class Partie(models.TextChoices):
    GESTIONNAIRE = "gestionnaire", "gestionnaire"
    CAF = "caf", "Caf"


class Acte(models.Model):
    """What both parties agree at once: the convention itself, later an avenant. Its lines hold from `effective_on`."""

    class Nature(models.TextChoices):
        CONVENTION = "convention", "convention"
        AVENANT = "avenant", "avenant"

    class Donnees:
        famille = ()
        professionnel = ("prepared_by",)
        neutre = (
            "id",
            "uuid",
            "convention",
            "nature",
            "rang",
            "state",
            "prepared_at",
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
    state = models.CharField("état", max_length=20, choices=EtatActe, default=ACTE.initial, editable=False)
    prepared_at = models.DateTimeField("préparé le")
    prepared_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True, verbose_name="préparé par"
    )
    effective_on = models.DateField("prise d’effet", null=True)
    # CON-2: what allowed the gestionnaire to sign.
    deliberation_nature = models.CharField("acte autorisant la signature", max_length=30, blank=True)
    deliberation_numero = models.CharField("numéro", max_length=50, blank=True)
    deliberation_on = models.DateField("date de l’acte", null=True)
    deliberation_received_on = models.DateField("reçu par la préfecture le", null=True)

    class Meta:
        verbose_name = "acte"
        constraints = [
            models.UniqueConstraint(fields=["convention", "rang"], name="one_acte_a_rank"),
            models.UniqueConstraint(
                fields=["convention"],
                condition=Q(nature="convention") & ~Q(state=EtatActe.ABANDONNE),
                name="one_founding_acte",
            ),
            models.CheckConstraint(
                condition=Q(state=EtatActe.APPLIQUE, effective_on__isnull=False)
                | ~Q(state=EtatActe.APPLIQUE) & Q(effective_on=None),
                name="acte_effective_once_applied",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_nature_display()} {self.convention.numero}"

    @property
    def journal_caf(self) -> str:
        """The Caf under which the journal files what concerns this row."""
        return self.convention.journal_caf

    @property
    def acte_autorisant(self) -> str:
        """CON-2.c: what allowed the gestionnaire to sign, in words."""
        known = self.deliberation_nature in NatureActe.values
        return str(NatureActe(self.deliberation_nature).label) if known else str(NatureActe.AUTRE.label)


class Piece(models.Model):
    """A paper of an acte, signed by both parties apart from its others; `rules.PIECES` says which an acte has.

    What was handed over is kept as it was. Pieces that were printed together name the same file.
    """

    class Nature(models.TextChoices):
        CONVENTION = "convention", "convention"
        AVENANT = "avenant", "avenant"
        ANNEXE = "annexe1", "annexe 1"

    class Donnees:
        famille = ()
        professionnel = ()
        neutre = ("id", "acte", "nature", "text_version", "pdf", "pdf_sha256")

    acte = models.ForeignKey(Acte, models.PROTECT, related_name="pieces")
    nature = models.CharField("pièce", max_length=20, choices=Nature)
    text_version = models.CharField("version du texte", max_length=20)
    pdf = models.ForeignKey("documents.StoredFile", models.PROTECT, related_name="+", null=True)
    pdf_sha256 = models.CharField("empreinte du PDF", max_length=64, blank=True)

    class Meta:
        verbose_name = "pièce"
        constraints = [
            models.UniqueConstraint(fields=["acte", "nature"], name="one_piece_of_a_kind"),
            models.CheckConstraint(
                condition=Q(pdf=None, pdf_sha256="") | Q(pdf__isnull=False) & ~Q(pdf_sha256=""),
                name="a_pdf_kept_has_its_hash",
            ),
        ]

    def __str__(self) -> str:
        return self.get_nature_display()


class Signature(models.Model):
    """One party's signature on one piece. A correction supersedes it with a reason; nothing is overwritten."""

    class Donnees:
        famille = ()
        professionnel = ("signataire", "qualite", "recorded_by")
        neutre = ("id", "piece", "partie", "signed_on", "scan", "recorded_at", "superseded_at", "reason")

    piece = models.ForeignKey(Piece, models.PROTECT, related_name="signatures")
    partie = models.CharField("partie", max_length=20, choices=Partie)
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
                fields=["piece", "partie"], condition=Q(superseded_at=None), name="one_signature_a_party"
            )
        ]

    def __str__(self) -> str:
        return f"{self.piece} – {self.get_partie_display()}"


# A line that holds, as far as is known today; one that waits for its acte's signatures has no first day yet.
IN_EFFECT = Q(from_on__isnull=False, until_on=None)


class Ligne(models.Model):
    """A line of annexe 1: true from `from_on` through `until_on`, by the acte that opened it (CON-8).

    It has no first day while that acte waits for its signatures; nor a last one while `closed_by` does.
    """

    opened_by = models.ForeignKey(Acte, models.PROTECT, related_name="%(class)ss_ouvertes")
    closed_by = models.ForeignKey(Acte, models.PROTECT, related_name="%(class)ss_fermees", null=True)
    from_on = models.DateField("depuis le", null=True)
    until_on = models.DateField("jusqu’au", null=True)

    class Meta:
        abstract = True
        constraints = [
            models.CheckConstraint(
                condition=Q(until_on=None) | Q(from_on__isnull=False, until_on__gte=F("from_on")),
                name="%(class)s_ends_after_start",
            ),
        ]


class Couverture(Ligne):
    """A commune covered by a lieu."""

    class Donnees:
        famille = ()
        professionnel = ()
        neutre = ("id", "opened_by", "closed_by", "lieu", "commune", "from_on", "until_on")

    lieu = models.ForeignKey(Lieu, models.PROTECT, related_name="couvertures")
    commune = models.ForeignKey("territory.Commune", models.PROTECT, related_name="+")

    class Meta:
        verbose_name = "commune couverte"
        verbose_name_plural = "communes couvertes"
        constraints = [
            *Ligne.Meta.constraints,
            models.UniqueConstraint(fields=["lieu", "commune"], condition=IN_EFFECT, name="one_open_couverture"),
        ]

    def __str__(self) -> str:
        return f"{self.commune}"


class Personne(models.Model):
    """Somebody named in the annexe 1 of a lieu. Its lines follow each other: another function is no new person."""

    class Donnees:
        famille = ()
        professionnel = ()
        neutre = ("id", "uuid", "lieu")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    lieu = models.ForeignKey(Lieu, models.PROTECT, related_name="personnes")

    class Meta:
        verbose_name = "personne"

    def __str__(self) -> str:
        return f"{self.uuid}"


class PersonneInscrite(Ligne):
    """A person as annexe 1 names it between two dates; it may enter once an agent has activated it."""

    class Donnees:
        famille = ()
        professionnel = ("civilite", "nom", "prenom", "courriel", "service", "fonction")
        neutre = ("id", "uuid", "opened_by", "closed_by", "lieu", "personne", "from_on", "until_on")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    personne = models.ForeignKey(Personne, models.PROTECT, related_name="inscriptions")
    lieu = models.ForeignKey(Lieu, models.PROTECT, related_name="inscriptions")
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
            *Ligne.Meta.constraints,
            models.UniqueConstraint(
                fields=["lieu", "courriel"], condition=IN_EFFECT, name="one_open_personne_a_courriel"
            ),
            models.UniqueConstraint(fields=["personne"], condition=IN_EFFECT, name="one_open_line_a_personne"),
        ]

    def __str__(self) -> str:
        return f"{self.prenom} {self.nom}"


class Courrier(models.Model):
    """A registered letter that one party sent to the other, with what the post did of it (CON-4, CON-5)."""

    class Issue(models.TextChoices):
        REMISE = "remise", "remise contre signature"
        REFUSEE = "refusee", "refusée"
        NON_RECLAMEE = "non-reclamee", "non réclamée"
        RETOURNEE = "retournee", "retournée pour une autre raison"

    class Donnees:
        famille = ()
        professionnel = ("recorded_by",)
        neutre = (
            "id",
            "uuid",
            "convention",
            "partie",
            "numero",
            "posted_on",
            "presented_on",
            "delivered_on",
            "issue",
            "scan",
            "recorded_at",
        )

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    convention = models.ForeignKey(Convention, models.PROTECT, related_name="courriers")
    partie = models.CharField("envoyé par", max_length=20, choices=Partie)
    numero = models.CharField("numéro de la lettre recommandée", max_length=40, unique=True)
    posted_on = models.DateField("postée le")
    presented_on = models.DateField("présentée le", null=True)
    delivered_on = models.DateField("remise le", null=True)
    issue = models.CharField("issue", max_length=20, choices=Issue, blank=True)
    scan = models.ForeignKey("documents.StoredFile", models.PROTECT, related_name="+", null=True)
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
        ]

    def __str__(self) -> str:
        return self.numero


class Resiliation(models.Model):
    """The end that a letter asks for: at an anniversary or at once for breach (CON-4, CON-5). Only both withdraw it."""

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
                fields=["convention"], condition=Q(withdrawn_on=None), name="one_standing_resiliation"
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


class Prestataire(models.Model):
    """A subcontractor of a lieu, with the engagement of security and confidentiality that it signed (CON-9)."""

    class Donnees:
        famille = ()
        professionnel = ()
        neutre = ("id", "uuid", "lieu", "nom", "engagement", "signed_on", "from_on", "until_on")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    lieu = models.ForeignKey(Lieu, models.PROTECT, related_name="prestataires")
    nom = models.CharField("raison sociale", max_length=200)
    engagement = models.ForeignKey("documents.StoredFile", models.PROTECT, related_name="+", null=True)
    signed_on = models.DateField("engagement signé le", null=True)
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
            models.CheckConstraint(
                condition=Q(engagement=None, signed_on=None) | Q(engagement__isnull=False, signed_on__isnull=False),
                name="an_engagement_has_its_date",
            ),
        ]

    def __str__(self) -> str:
        return self.nom


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
