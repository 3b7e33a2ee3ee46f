"""Conventions that ran before the portal and were taken over from paper (CON-13)."""

from django.conf import settings
from django.db import models

from conventions.models.convention import Convention


class Reprise(models.Model):
    """A running convention as an agent entered it, under the number that the Caf gives it (CON-13).

    `empreinte` is a keyed digest of all that was given: the same row again is known by it, a changed one too.
    """

    class Donnees:
        famille = ()
        professionnel = ("recorded_by",)
        neutre = ("id", "convention", "caf", "numero", "empreinte", "effective_on", "recorded_at")

    convention = models.OneToOneField(Convention, models.PROTECT, related_name="reprise")
    caf = models.ForeignKey("territory.Caf", models.PROTECT, related_name="+")
    numero = models.CharField("numéro de la convention à la Caf", max_length=60)
    empreinte = models.CharField("empreinte de ce qui a été repris", max_length=64)
    effective_on = models.DateField("prise d’effet", null=True)  # where it is not the last signature
    recorded_at = models.DateTimeField("reprise le")
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True, verbose_name="reprise par"
    )

    class Meta:
        verbose_name = "reprise d’une convention"
        verbose_name_plural = "reprises de conventions"
        constraints = [models.UniqueConstraint(fields=["caf", "numero"], name="one_reprise_a_numero_and_caf")]

    def __str__(self) -> str:
        return self.numero

    @property
    def journal_caf(self) -> str:
        """The Caf under which the journal files what concerns this row."""
        return self.caf_id
