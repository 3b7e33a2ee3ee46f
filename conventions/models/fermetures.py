"""The days on which a lieu answers nobody, as it has declared them (NOT-4.j)."""

import uuid
from datetime import date

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from conventions.models.parties import Lieu
from conventions.rules import CLOSURES_SHOWN


class Fermetures(models.QuerySet["Fermeture"]):
    """Closures, by date."""

    def shown_on(self, day: date) -> "Fermetures":
        """NOT-4.j: those that families and their Caf are told of on `day`: begun, or near."""
        return self.filter(au__gte=day, du__lte=day + CLOSURES_SHOWN)


class Fermeture(models.Model):
    """A lieu is closed from a day through another (NOT-4.j). Its fifteen days run on: no date of a demande moves."""

    class Motif(models.TextChoices):
        CONGES = "conges", _("congés")
        FORMATION = "formation", _("formation de l’équipe")
        TRAVAUX = "travaux", _("travaux")
        SERVICE = "service", _("organisation du service")

    class Donnees:
        famille = ()
        professionnel = ("declared_by",)
        neutre = ("id", "uuid", "lieu", "du", "au", "motif", "declared_at")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    lieu = models.ForeignKey(Lieu, models.PROTECT, related_name="fermetures")
    du = models.DateField("premier jour")
    au = models.DateField("dernier jour")
    motif = models.CharField("motif", max_length=12, choices=Motif, blank=True)
    declared_at = models.DateTimeField("déclarée le")
    declared_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")

    objects = Fermetures.as_manager()

    class Meta:
        verbose_name = "fermeture"
        ordering = ["du", "pk"]
        constraints = [
            models.CheckConstraint(condition=Q(au__gte=F("du")), name="fermeture_ends_after_start"),
            # None overlaps another: the service asks under the lock of the lieu; two of one day are refused here too.
            models.UniqueConstraint(fields=["lieu", "du"], name="one_fermeture_a_lieu_and_day"),
        ]

    def __str__(self) -> str:
        return f"{self.lieu} {self.du} {self.au}"

    @property
    def journal_caf(self) -> str:
        """The Caf under which the journal files what concerns this row."""
        return self.lieu.caf_id
