"""What both parties agree, the papers of it, and their signatures."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from conventions.models.convention import Convention
from conventions.workflow import ACTE, EtatActe


class NatureActe(models.TextChoices):
    DELIBERATION = "deliberation", "délibération"
    DECISION = "decision", "décision"
    AUTRE = "autre", "autre acte"


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
        professionnel = ("prepared_by", "identite", "motif_abandon", "motif_correction")
        neutre = (
            "id",
            "uuid",
            "convention",
            "nature",
            "rang",
            "numero",
            "state",
            "prepared_at",
            "effective_on",
            "deliberation_nature",
            "deliberation_numero",
            "deliberation_on",
            "deliberation_received_on",
            "deliberation_published_on",
            "deliberation_scan",
            "originaux",
        )

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    convention = models.ForeignKey(Convention, models.PROTECT, related_name="actes")
    nature = models.CharField("nature", max_length=20, choices=Nature)
    rang = models.PositiveSmallIntegerField("rang", default=0)
    # Of an avenant, among those of its convention, where a paper that replaced a first one is an acte too (CON-12).
    numero = models.PositiveSmallIntegerField("numéro", default=1)
    state = models.CharField("état", max_length=20, choices=EtatActe, default=ACTE.initial, editable=False)
    prepared_at = models.DateTimeField("préparé le")
    prepared_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True, verbose_name="préparé par"
    )
    effective_on = models.DateField("prise d’effet", null=True)
    # CON-7.b: what an avenant changes of the identity of "lieu" and "gestionnaire": field → [before, after].
    identite = models.JSONField("identité", default=dict, blank=True)
    motif_abandon = models.CharField("motif de l’abandon", max_length=300, blank=True, default="")
    # CON-2: what allowed the gestionnaire to sign.
    deliberation_nature = models.CharField("acte autorisant la signature", max_length=30, blank=True)
    deliberation_numero = models.CharField("numéro", max_length=50, blank=True)
    deliberation_on = models.DateField("date de l’acte", null=True)
    deliberation_received_on = models.DateField("reçu par la préfecture le", null=True)
    deliberation_published_on = models.DateField("publié le", null=True)
    deliberation_scan = models.ForeignKey(
        "documents.StoredFile", models.PROTECT, related_name="+", null=True, verbose_name="fichier de l’acte"
    )
    # CON-2.h: what is kept here are copies; the two originals on paper stay the proof.
    originaux = models.CharField("où sont les originaux", max_length=300, blank=True, default="")
    # CON-12.a: why another paper took the place of this one before it was in force.
    motif_correction = models.CharField("motif de la correction", max_length=300, blank=True, default="")

    class Meta:
        verbose_name = "acte"
        constraints = [
            models.UniqueConstraint(fields=["convention", "rang"], name="one_acte_a_rank"),
            models.UniqueConstraint(
                fields=["convention"],
                condition=Q(nature="convention") & ~Q(state=EtatActe.ABANDONNE),
                name="one_founding_acte",
            ),
            # Both sign the annexe 1 that results: of two papers at once one would say what is not so.
            models.UniqueConstraint(
                fields=["convention"],
                condition=Q(nature="avenant", state=EtatActe.PREPARE),
                name="one_waiting_avenant",
            ),
            models.CheckConstraint(
                condition=Q(state=EtatActe.APPLIQUE, effective_on__isnull=False)
                | ~Q(state=EtatActe.APPLIQUE) & Q(effective_on=None),
                name="acte_effective_once_applied",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.titre} {self.convention.numero}"

    @property
    def titre(self) -> str:
        """As pages and papers name it: « convention », « avenant n° 2 »."""
        label = str(self.get_nature_display())
        return f"{label} n° {self.numero}" if self.nature == self.Nature.AVENANT else label

    @property
    def le_titre(self) -> str:
        """The same inside a sentence: « la convention », « l’avenant n° 2 »."""
        return f"l’{self.titre}" if self.nature == self.Nature.AVENANT else f"la {self.titre}"

    @property
    def journal_caf(self) -> str:
        """The Caf under which the journal files what concerns this row."""
        return self.convention.journal_caf

    @property
    def acte_autorisant(self) -> str:
        """CON-2.c: what allowed the gestionnaire to sign, in words."""
        known = self.deliberation_nature in NatureActe.values
        return str(NatureActe(self.deliberation_nature).label) if known else str(NatureActe.AUTRE.label)


class Avenant(Acte):
    """An acte that changes a convention signed before: the agents' page of it (CON-7)."""

    class Meta:
        proxy = True
        verbose_name = "avenant"


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
        neutre = ("id", "acte", "nature", "text_version", "pdf", "pdf_sha256", "publiable")

    acte = models.ForeignKey(Acte, models.PROTECT, related_name="pieces")
    nature = models.CharField("pièce", max_length=20, choices=Nature)
    text_version = models.CharField("version du texte", max_length=20)
    pdf = models.ForeignKey("documents.StoredFile", models.PROTECT, related_name="+", null=True)
    pdf_sha256 = models.CharField("empreinte du PDF", max_length=64, blank=True)
    # CON-14: the same text without the persons of annexe 1, kept with the paper, since texts change.
    publiable = models.ForeignKey("documents.StoredFile", models.PROTECT, related_name="+", null=True)

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
    """One party's signature on one piece. A correction supersedes it with a reason; nothing is overwritten.

    Only that of a convention taken over may lack its file, until it follows (CON-13.a).
    """

    class Donnees:
        famille = ()
        professionnel = ("signataire", "qualite", "recorded_by")
        neutre = (
            "id",
            "piece",
            "partie",
            "signed_on",
            "delegation",
            "delegation_on",
            "scan",
            "recorded_at",
            "superseded_at",
            "reason",
        )

    piece = models.ForeignKey(Piece, models.PROTECT, related_name="signatures")
    partie = models.CharField("partie", max_length=20, choices=Partie)
    signed_on = models.DateField("signée le")
    signataire = models.CharField("signataire", max_length=200)
    qualite = models.CharField("qualité", max_length=150)
    # CON-2.g: what entitles a signatory who is not the représentant légal or the director.
    delegation = models.CharField("délégation de signature", max_length=150, blank=True, default="")
    delegation_on = models.DateField("délégation du", null=True)
    scan = models.ForeignKey(
        "documents.StoredFile", models.PROTECT, related_name="+", null=True, verbose_name="document signé"
    )
    recorded_at = models.DateTimeField("enregistrée le")
    recorded_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True)
    superseded_at = models.DateTimeField("remplacée le", null=True)
    reason = models.CharField("motif de la correction", max_length=300, blank=True)

    class Meta:
        verbose_name = "signature"
        constraints = [
            models.UniqueConstraint(
                fields=["piece", "partie"], condition=Q(superseded_at=None), name="one_signature_a_party"
            ),
            models.CheckConstraint(
                condition=Q(delegation="", delegation_on=None) | ~Q(delegation="") & Q(delegation_on__isnull=False),
                name="a_delegation_has_its_date",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.piece} – {self.get_partie_display()}"


class CopieSignee(models.Model):
    """A one-time link by which the gestionnaire hands in the signed copy of an acte, and what became of it (CON-15).

    What is handed in is no signature: an agent verifies it, or refuses it with a reason and another link.
    """

    class Issue(models.TextChoices):
        VERIFIEE = "verifiee", "vérifiée"
        REFUSEE = "refusee", "refusée"
        REMPLACEE = "remplacee", "remplacée"

    class Donnees:
        famille = ()
        professionnel = ("asked_by", "closed_by", "motif")
        neutre = ("id", "uuid", "acte", "asked_at", "handed_at", "scan", "closed_at", "issue")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    acte = models.ForeignKey(Acte, models.PROTECT, related_name="copies")
    asked_at = models.DateTimeField("lien envoyé le")
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    handed_at = models.DateTimeField("remise le", null=True)
    scan = models.ForeignKey("documents.StoredFile", models.PROTECT, related_name="+", null=True)
    closed_at = models.DateTimeField("close le", null=True)
    closed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True)
    issue = models.CharField("issue", max_length=20, choices=Issue, blank=True, default="")
    motif = models.CharField("motif du refus", max_length=500, blank=True, default="")

    class Meta:
        verbose_name = "copie signée"
        verbose_name_plural = "copies signées"
        constraints = [
            models.UniqueConstraint(fields=["acte"], condition=Q(closed_at=None), name="one_open_link_an_acte"),
            models.CheckConstraint(
                condition=Q(handed_at=None, scan=None) | Q(handed_at__isnull=False, scan__isnull=False),
                name="a_copy_handed_in_has_its_file",
            ),
            models.CheckConstraint(
                condition=Q(closed_at=None, closed_by=None, issue="")
                | Q(closed_at__isnull=False, closed_by__isnull=False) & ~Q(issue=""),
                name="a_link_closed_has_its_issue",
            ),
            models.CheckConstraint(
                condition=Q(issue="refusee", scan__isnull=False) & ~Q(motif="") | ~Q(issue="refusee") & Q(motif=""),
                name="a_copy_refused_has_its_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.acte}"
