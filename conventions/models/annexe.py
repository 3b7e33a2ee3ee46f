"""Annexe 1: communes and persons, line by line."""

import uuid

from django.db import models
from django.db.models import F, Q

from conventions.models.actes import Acte
from conventions.models.parties import Civilite, Lieu

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

    @property
    def en_toutes_lettres(self) -> str:
        """As pages name it: « Madame Alix Petit, animatrice, alix@lieu.test »."""
        return f"{self.get_civilite_display()} {self.prenom} {self.nom}, {self.fonction}, {self.courriel}"
