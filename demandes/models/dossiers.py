"""What is destroyed (the dossier), who had access to it, and what the purge knows of the clock."""

import json
import uuid
from collections.abc import Callable
from datetime import date

from django.db import models
from django.db.models import Q

from demandes.contenu import Contenu, champs, texte
from demandes.models.demandes import Demande
from extranet.core.journal.models import sealed
from extranet.core.vault import sealing


class Dossier(models.Model):
    """The family's personal data of one demande, sealed under the key of its last day (CNS-10).

    Destroyed by deleting this row (CNS-1); what a copy of the database keeps of it dies with that key.
    """

    class Donnees:
        famille = ("scelle", "par_courriel", "par_telephone")
        professionnel = ()
        neutre = ("id", "demande", "jour")

    demande = models.OneToOneField(Demande, models.CASCADE, related_name="dossier")
    # The demande's last day when it was sealed; that day only comes nearer, and the dossier is sealed again with it.
    jour = models.DateField("jour de la clé", db_index=True)
    scelle = models.BinaryField("contenu scellé")
    # DEM-7: who asks for which commune, so that the same person is recognised; digests under the same day's key.
    # Deliveries have none, and pay for no index of them.
    par_courriel = models.CharField(max_length=64, null=True, editable=False)
    par_telephone = models.CharField(max_length=64, null=True, editable=False)

    class Meta:
        verbose_name = "dossier"
        indexes = [
            models.Index(fields=[name], condition=Q(**{f"{name}__isnull": False}), name=f"dossiers_{name}")
            for name in ("par_courriel", "par_telephone")
        ]

    def __str__(self) -> str:
        return f"dossier {self.demande_id}"

    @staticmethod
    def sealed(demande: uuid.UUID, contenu: Contenu, day: date) -> bytes:
        """What `scelle` keeps of `contenu` until the end of `day`. Raises NoKey."""
        return Dossier.sealer(day)(demande, texte(contenu))

    @staticmethod
    def sealer(day: date) -> Callable[[uuid.UUID | str, str], bytes]:
        """`sealed` for the dossiers of one transaction, of which it takes demande and `contenu.texte`. Raises NoKey."""
        seal = sealing.sealer(day)
        return lambda demande, said: seal(said.encode(), f"dossier:{demande}")

    @staticmethod
    def marks(commune: str, contenu: Contenu, day: date) -> dict[str, str | None]:
        """DEM-7: what recognises who says `contenu` for a commune, among dossiers whose last day is `day`, by column.

        Raises NoKey.
        """
        said = {"par_courriel": contenu.courriel.lower(), "par_telephone": contenu.telephone}
        return {name: sealing.digest(day, f"{name}|{commune}|{one}") if one else None for name, one in said.items()}

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
        LISTE = "liste", "vue dans la liste"
        ECRAN = "ecran", "affichée"
        PDF = "pdf", "PDF"
        XML = "xml", "XML"
        ZIP = "zip", "ZIP"
        CSV = "csv", "CSV"
        FLUX = "flux", "flux"
        SUIVI = "suivi", "acte de suivi"

    class Encore(models.TextChoices):
        """TEL-6: why what a lieu has fetched already is fetched again."""

        PERDUE = "perdue", "copie perdue, à reconstituer"
        AUTRE_POSTE = "autre-poste", "autre poste ou autre logiciel"
        AUTRE_FORME = "autre-forme", "sous une autre forme"

    class Donnees:
        famille = ()
        professionnel = ("user_id", "adresse_reseau", "appareil")
        neutre = ("id", "at", "demande_uuid", "reference", "lieu_id", "mode", "encore")

    at = models.DateTimeField("date")
    user_id = models.BigIntegerField("personne")
    demande_uuid = models.UUIDField("demande", db_index=True)
    reference = models.CharField("référence", max_length=64)
    lieu_id = models.BigIntegerField("lieu")
    mode = models.CharField("forme", max_length=10, choices=Mode)
    adresse_reseau = models.GenericIPAddressField("adresse réseau", null=True)
    appareil = models.CharField("appareil", max_length=200, blank=True)
    # None, not "": what was sealed before this column came is as it was.
    encore = models.CharField("téléchargée de nouveau", max_length=12, choices=Encore, null=True)

    class Meta:
        verbose_name = "accès à un dossier"
        verbose_name_plural = "accès aux dossiers"
        indexes = [models.Index(fields=["lieu_id", "at"], name="accesses_of_lieu")]

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
