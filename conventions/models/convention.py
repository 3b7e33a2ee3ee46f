"""The relation between a Caf and a gestionnaire for one lieu, and what interrupts it."""

import uuid
from datetime import date

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from conventions.models.parties import Gestionnaire, Lieu
from conventions.workflow import CONVENTION, EtatConvention


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

    def is_over(self, day: date) -> bool:
        """CON-6: its last day lies before `day`."""
        return self.ended_on is not None and self.ended_on < day

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
