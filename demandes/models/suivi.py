"""What a lieu has on its agenda for a demande, and its notes (SUI-1). Both go with the dossier, or with the lieu:
`services.dossiers` deletes them, by a statement for all, and the database refuses a dossier gone without them.
"""

import uuid
from datetime import date

from django.conf import settings
from django.db import models
from django.db.models import Q

from demandes.models.dossiers import Dossier
from extranet.core.vault import sealing


class Suivi(models.Model):
    """The agenda of the lieu that has a demande: who of it, what is next. Days and ways, no word about the family.

    What is counted when all this is gone (joined, answered, how) is on the `Attribution`.
    """

    class Moyen(models.TextChoices):
        TELEPHONE = "telephone", "par téléphone"
        LIEU = "lieu", "au lieu d’information"
        VISIO = "visio", "en visioconférence"
        DOMICILE = "domicile", "chez la famille"

    class Donnees:
        famille = ()
        professionnel = ("confiee_a",)
        neutre = ("id", "dossier", "lieu", "tentatives", "rappeler_on", "rendez_vous_at", "moyen")

    dossier = models.OneToOneField(Dossier, models.DO_NOTHING, related_name="suivi")
    # Of the demande, so that the agenda of a lieu is read by its own index.
    lieu = models.ForeignKey("conventions.Lieu", models.PROTECT, related_name="+", db_index=False)
    confiee_a = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True, verbose_name="suivie par"
    )
    # Calls without an answer since the family was last joined.
    tentatives = models.PositiveSmallIntegerField("appels sans réponse", default=0)
    rappeler_on = models.DateField("à rappeler le", null=True)
    rendez_vous_at = models.DateTimeField("rendez-vous", null=True)
    moyen = models.CharField("façon", max_length=10, choices=Moyen, blank=True)

    class Meta:
        verbose_name = "suivi"
        verbose_name_plural = "suivis"
        constraints = [
            models.CheckConstraint(
                condition=Q(rendez_vous_at=None, moyen="") | (Q(rendez_vous_at__isnull=False) & ~Q(moyen="")),
                name="an_appointment_says_how",
            ),
        ]
        indexes = [
            models.Index(fields=["lieu", "rappeler_on"], condition=Q(rappeler_on__isnull=False), name="calls_of_lieu"),
            models.Index(
                fields=["lieu", "rendez_vous_at"],
                condition=Q(rendez_vous_at__isnull=False),
                name="appointments_of_lieu",
            ),
        ]

    def __str__(self) -> str:
        return f"suivi {self.dossier_id}"


class Note(models.Model):
    """What a person of the lieu wrote down about a family (SUI-1.c), sealed under the key of its dossier's day.

    That day moves before the pick-up only (ING-4.b, DEM-4.c), and a note follows it: no note is ever sealed again.
    """

    class Donnees:
        famille = ("scelle",)
        professionnel = ("author",)
        neutre = ("id", "uuid", "dossier", "at", "jour")

    LONGEST = 2_000

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    dossier = models.ForeignKey(Dossier, models.DO_NOTHING, related_name="notes")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name="auteur")
    at = models.DateTimeField("écrite le")
    jour = models.DateField("jour de la clé")
    scelle = models.BinaryField("texte scellé")

    # What the page shows, worked out by its view; no column.
    texte: str | None = None

    class Meta:
        verbose_name = "note"
        ordering = ["-at", "-pk"]

    def __str__(self) -> str:
        return f"note {self.uuid}"

    def seal(self, text: str) -> None:
        """Keep `text` until the end of the day of its dossier. Raises NoKey."""
        self.jour = self.dossier.jour
        self.scelle = sealing.seal(self.jour, text.encode(), f"note:{self.uuid}")

    def open(self, today: date) -> str:
        """Its text. Gone by date once its day is over; raises NoKey where its key is lost."""
        return sealing.open(self.jour, self.scelle, f"note:{self.uuid}", today=today).decode()
