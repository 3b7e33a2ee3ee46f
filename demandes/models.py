"""Families' requests: what survives (Demande) apart from what is destroyed (Dossier), and the proof around them."""

import json
import uuid
from collections.abc import Callable
from datetime import date

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from demandes.contenu import Contenu, champs, texte
from demandes.rules import Delay
from demandes.workflow import ALIVE, AT_A_LIEU, DEMANDE, LEFT, LIVRAISON, Etat, EtatLivraison, Fin, Motif
from extranet.core import languages
from extranet.core.journal.models import sealed
from extranet.core.vault import sealing


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
            "motif",
            "lues",
            "creees",
            "mises_a_jour",
            "inchangees",
            "ecartees",
            "checkpoint",
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
    motif = models.CharField("motif du refus", max_length=300, blank=True)
    lues = models.PositiveIntegerField("enregistrements lus", default=0)
    creees = models.PositiveIntegerField("demandes créées", default=0)
    mises_a_jour = models.PositiveIntegerField("demandes mises à jour", default=0)
    inchangees = models.PositiveIntegerField("demandes inchangées", default=0)
    ecartees = models.PositiveIntegerField("enregistrements écartés", default=0)
    checkpoint = models.PositiveIntegerField("enregistrements appliqués", default=0)
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


class Transmission(models.Model):
    """One batch made available to one lieu; the 15 days run from its `notified_at` (NOT-3)."""

    class Donnees:
        famille = ()
        professionnel = ()
        neutre = ("id", "uuid", "lieu", "livraison", "transmitted_at", "notified_at")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    lieu = models.ForeignKey("conventions.Lieu", models.PROTECT, related_name="+")
    livraison = models.ForeignKey(Livraison, models.PROTECT, related_name="+", null=True)
    transmitted_at = models.DateTimeField("transmise le")
    notified_at = models.DateTimeField("notifiée le", null=True)

    class Meta:
        verbose_name = "transmission"
        constraints = [
            models.UniqueConstraint(fields=["livraison", "lieu"], name="one_transmission_a_lieu_and_livraison")
        ]
        indexes = [models.Index(fields=["notified_at"], name="transmissions_by_notice")]

    def __str__(self) -> str:
        return f"{self.lieu} {self.transmitted_at:%Y-%m-%d}"


class Demande(models.Model):
    """A family's request, addressed to at most one lieu. Neutral: it survives the destruction of its dossier.

    `lieu` and `transmission` name the open attribution, beside the state, for lists; the others are its history.
    """

    class Source(models.TextChoices):
        FORMULAIRE = "formulaire", "formulaire"
        MONENFANT = "monenfant", "monenfant.fr"

    class Donnees:
        famille = ()
        professionnel = ()
        neutre = (
            "id",
            "uuid",
            "source",
            "reference",
            "content",
            "state",
            "caf",
            "commune",
            "lieu",
            "transmission",
            "livraison",
            "lieu_voulu",
            "nonce",
            "langue",
            "deposee_le",
            "modifiee_le",
            "received_at",
            "pick_up_day",
            "last_day",
            "creche_collective",
            "assistante_maternelle",
            "garde_a_domicile",
            "closed_at",
            "destroyed_at",
        )

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    source = models.CharField("origine", max_length=20, choices=Source)
    reference = models.CharField("référence", max_length=64)
    # HMAC of the content, so that the same record again is recognised; blanked with the dossier.
    content = models.CharField(max_length=64, blank=True)
    state = models.CharField("état", max_length=20, choices=Etat, default=DEMANDE.initial, editable=False)
    caf = models.ForeignKey("territory.Caf", models.PROTECT, related_name="+", db_index=False)
    commune = models.ForeignKey("territory.Commune", models.PROTECT, related_name="+", db_index=False)
    lieu = models.ForeignKey("conventions.Lieu", models.PROTECT, related_name="+", db_index=False, null=True)
    transmission = models.ForeignKey(Transmission, models.PROTECT, related_name="demandes", null=True)
    # The delivery that brought it, or changed it last.
    livraison = models.ForeignKey(Livraison, models.PROTECT, related_name="+", db_index=False, null=True)
    # The family's choice where several lieux answer for the commune (ING-6).
    lieu_voulu = models.ForeignKey("conventions.Lieu", models.PROTECT, related_name="+", db_index=False, null=True)
    # One sending of the form, so that a double click makes one demande (DEM-6).
    nonce = models.CharField(max_length=40, null=True, editable=False)
    # In which it was made, and its mails are (DEM-9.b).
    langue = models.CharField("langue", max_length=10, choices=languages.choices, default=languages.SOURCE)
    deposee_le = models.DateTimeField("déposée le")
    modifiee_le = models.DateTimeField("modifiée le", null=True)
    received_at = models.DateTimeField("reçue le")
    # The fifteenth day of its present lieu, from the moment that it was told (NOT-3): what lists are in the order of.
    pick_up_day = models.DateField("quinzième jour", null=True)
    last_day = models.DateField("dernier jour de conservation")
    creche_collective = models.BooleanField("crèche collective", default=False)
    assistante_maternelle = models.BooleanField("assistante maternelle", default=False)
    garde_a_domicile = models.BooleanField("garde à domicile", default=False)
    closed_at = models.DateTimeField("traitée le", null=True)
    destroyed_at = models.DateTimeField("détruite le", null=True)

    # What the pages of a lieu show of it, worked out by their views; no columns.
    contenu: Contenu | None = None
    delai: Delay | None = None
    echeance = ""

    class Meta:
        verbose_name = "demande"
        constraints = [
            models.UniqueConstraint(fields=["source", "reference"], name="a_reference_is_one_demande"),
            # DEM-6. Deliveries have none, and pay for no index of it.
            models.UniqueConstraint(
                fields=["nonce"], condition=Q(nonce__isnull=False), name="a_sending_is_one_demande"
            ),
            # DEM-5: a demande that waits has no lieu, one that was transmitted has one.
            models.CheckConstraint(
                condition=Q(state=Etat.A_ORIENTER, lieu=None)
                | Q(state__in=AT_A_LIEU, lieu__isnull=False)
                | Q(state__in=[Etat.PURGEE, Etat.RETIREE]),
                name="lieu_follows_state",
            ),
        ]
        indexes = [
            # A lieu's list is counted, filtered and put in order in here, without its rows.
            models.Index(
                fields=["lieu", "state", "pick_up_day", "last_day", "reference", "id"],
                condition=Q(state__in=AT_A_LIEU),
                name="demandes_of_lieu",
            ),
            models.Index(fields=["pick_up_day"], condition=Q(state=Etat.TRANSMISE), name="demandes_to_pick_up"),
            models.Index(fields=["caf", "state"], name="demandes_of_caf"),
            models.Index(fields=["caf", "id"], name="demandes_of_caf_in_order"),
            # Agents' lists: the last received first, of one Caf or of all.
            models.Index(fields=["caf", "received_at", "id"], name="demandes_of_caf_by_arrival"),
            models.Index(fields=["received_at", "id"], name="demandes_by_arrival"),
            models.Index(fields=["last_day", "id"], condition=Q(state__in=sorted(ALIVE)), name="demandes_to_destroy"),
            models.Index(fields=["last_day"], condition=Q(state=Etat.PURGEE), name="demandes_destroyed"),
            models.Index(fields=["livraison"], condition=Q(state=Etat.A_ORIENTER), name="demandes_to_transmit"),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def journal_caf(self) -> str:
        """The Caf under which the journal files what concerns this row."""
        return self.caf_id

    @property
    def pick_up_by(self) -> date | None:
        """NOT-3, NOT-4.g: the last day for its lieu to pick it up; None while the lieu has not been told."""
        return min(self.pick_up_day, self.last_day) if self.pick_up_day else None

    def delay(self, today: date) -> Delay | None:
        """Where its lieu stands in its fifteen days; None when nothing is to be picked up, or nobody was told yet."""
        return Delay(self.pick_up_by, today) if self.state == Etat.TRANSMISE and self.pick_up_by else None

    @property
    def modes(self) -> list[str]:
        """The modes of care wanted, as the schema names them."""
        return [mode.replace("_", "-") for mode in MODES if getattr(self, mode)]


MODES = ("creche_collective", "assistante_maternelle", "garde_a_domicile")


class Attribution(models.Model):
    """A demande at a lieu, from its transmission to its end there: what that lieu received and answers for (CNS-3)."""

    class Donnees:
        famille = ()
        professionnel = ("picked_up_by",)
        neutre = (
            "id",
            "demande",
            "lieu",
            "transmission",
            "transmitted_at",
            "picked_up_at",
            "seen_at",
            "ended_at",
            "fin",
            "motif",
            "attest_from",
        )

    demande = models.ForeignKey(Demande, models.PROTECT, related_name="attributions")
    lieu = models.ForeignKey("conventions.Lieu", models.PROTECT, related_name="+", db_index=False)
    transmission = models.ForeignKey(Transmission, models.PROTECT, related_name="+", db_index=False)
    transmitted_at = models.DateTimeField("transmise le")
    picked_up_at = models.DateTimeField("récupérée le", null=True)
    picked_up_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        related_name="+",
        db_index=False,
        null=True,
        verbose_name="récupérée par",
    )
    # Its last access there, a name in a list included (ACC-2); `Remise` has them all, for a year.
    seen_at = models.DateTimeField("consultée en dernier le", null=True)
    ended_at = models.DateTimeField("partie le", null=True)
    fin = models.CharField("fin", max_length=20, choices=Fin, blank=True)
    # Why an agent took it from a lieu that had it in time.
    motif = models.CharField("motif", max_length=20, choices=Motif, blank=True)
    # The day from which its lieu owes an attestation of it; empty again once that has its line (CNS-3).
    attest_from = models.DateField("à attester à partir du", null=True)

    class Meta:
        verbose_name = "attribution"
        ordering = ["pk"]
        constraints = [
            # DEM-5.a
            models.UniqueConstraint(fields=["demande"], condition=Q(ended_at=None), name="one_lieu_at_a_time"),
            models.CheckConstraint(
                condition=Q(ended_at=None, fin="") | (Q(ended_at__isnull=False) & ~Q(fin="")),
                name="an_end_says_which",
            ),
        ]
        indexes = [
            models.Index(fields=["lieu", "id"], condition=Q(fin__in=LEFT), name="attributions_left"),
            models.Index(fields=["lieu", "id"], condition=Q(attest_from__isnull=False), name="attributions_to_attest"),
        ]

    def __str__(self) -> str:
        return f"{self.demande_id} {self.lieu}"


class Dossier(models.Model):
    """The family's personal data of one demande, sealed under the key of its last day (CNS-10).

    Destroyed by deleting this row (CNS-1); what a copy of the database keeps of it dies with that key.
    """

    class Donnees:
        famille = ("scelle",)
        professionnel = ()
        neutre = ("id", "demande", "jour")

    demande = models.OneToOneField(Demande, models.CASCADE, related_name="dossier")
    # The demande's last day when it was sealed; that day only comes nearer, and the dossier is sealed again with it.
    jour = models.DateField("jour de la clé", db_index=True)
    scelle = models.BinaryField("contenu scellé")

    class Meta:
        verbose_name = "dossier"

    def __str__(self) -> str:
        return f"dossier {self.demande_id}"

    @staticmethod
    def sealed(demande: uuid.UUID, contenu: Contenu, day: date) -> bytes:
        """What `scelle` keeps of `contenu` until the end of `day`. Raises NoKey."""
        return Dossier.sealer(day)(demande, texte(contenu))

    @staticmethod
    def sealer(day: date) -> Callable[[uuid.UUID, str], bytes]:
        """`sealed` for the dossiers of one transaction, of which it takes demande and `contenu.texte`. Raises NoKey."""
        seal = sealing.sealer(day)
        return lambda demande, said: seal(said.encode(), f"dossier:{demande}")

    @staticmethod
    def opened(demande: uuid.UUID, day: date, scelle: bytes | memoryview, today: date) -> Contenu:
        """What `sealed` was given. Gone by date once `day` is over; raises NoKey where its key is lost."""
        said = json.loads(sealing.open(day, scelle, f"dossier:{demande}", today=today).decode())
        return Contenu(**{name: said[name] for name in champs(Contenu).keys() & said.keys()})

    def open(self, today: date) -> Contenu:
        """What it says, as `opened`."""
        return self.opened(self.demande.uuid, self.jour, self.scelle, today)


@sealed(months=12)
class Remise(models.Model):
    """One access to a dossier, written before a byte leaves (ACC-2). Append-only, no family data, no key to it."""

    class Mode(models.TextChoices):
        LISTE = "liste", "nom vu dans la liste"
        ECRAN = "ecran", "affichée"
        PDF = "pdf", "PDF"
        XML = "xml", "XML"
        ZIP = "zip", "ZIP"
        FLUX = "flux", "flux"

    class Donnees:
        famille = ()
        professionnel = ("user_id", "adresse_reseau", "appareil")
        neutre = ("id", "at", "demande_uuid", "reference", "lieu_id", "mode")

    at = models.DateTimeField("date")
    user_id = models.BigIntegerField("personne")
    demande_uuid = models.UUIDField("demande", db_index=True)
    reference = models.CharField("référence", max_length=64)
    lieu_id = models.BigIntegerField("lieu")
    mode = models.CharField("forme", max_length=10, choices=Mode)
    adresse_reseau = models.GenericIPAddressField("adresse réseau", null=True)
    appareil = models.CharField("appareil", max_length=200, blank=True)

    class Meta:
        verbose_name = "accès à un dossier"
        verbose_name_plural = "accès aux dossiers"

    def __str__(self) -> str:
        return f"{self.reference} {self.mode}"


class ClockMark(models.Model):
    """What the purge knows of a machine's clock, a row for each start of it: a leap of its calendar shows (CNS-6.c)."""

    class Donnees:
        famille = ()
        professionnel = ()
        neutre = ("id", "boot", "started_at", "seen_at", "leapt_at")

    boot = models.CharField("démarrage", max_length=40, unique=True)
    # By the machine's calendar, less its uptime: it stays the same while nobody moves the calendar.
    started_at = models.DateTimeField("démarrée le")
    seen_at = models.DateTimeField("vue le")
    leapt_at = models.DateTimeField("saut constaté le", null=True)

    class Meta:
        verbose_name = "repère d’horloge"
        verbose_name_plural = "repères d’horloge"

    def __str__(self) -> str:
        return self.boot
