"""The append-only record of acts (proof). It outlives what it speaks of, hence no foreign key, and no family data.

Seals cover it, and each other append-only record that says so (`sealed`).
"""

from django.db import models

SEALED: list[type[models.Model]] = []


def sealed(model: type[models.Model]) -> type[models.Model]:
    """Put the lines of `model`, an append-only table with growing keys, under seals of their own (ACC-2)."""
    SEALED.append(model)
    return model


@sealed
class Entry(models.Model):
    """One act: what, on which object, by whom, when. Database triggers refuse UPDATE and DELETE on both engines."""

    class Donnees:
        famille = ()
        professionnel = ("actor",)
        neutre = ("id", "at", "event", "object_kind", "object_id", "caf", "details")

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField("date")
    event = models.CharField("fait", max_length=60)
    object_kind = models.CharField("objet", max_length=60, blank=True)
    object_id = models.CharField(
        "identifiant", max_length=64, blank=True, help_text="its public uuid or code, never a key"
    )
    actor = models.CharField("auteur", max_length=60, help_text="user:<uuid>, famille, operateur or systeme")
    caf = models.CharField("Caf", max_length=10, blank=True)
    details = models.JSONField("détails", default=dict)

    class Meta:
        verbose_name = "ligne du journal"
        verbose_name_plural = "journal"
        indexes = [models.Index(fields=["object_kind", "object_id", "at"], name="journal_of_object")]

    def __str__(self) -> str:
        return f"{self.event} {self.object_kind}:{self.object_id}"


class Seal(models.Model):
    """A link of the chain over one append-only record: its lines' number and keyed digest, with that of the link before."""

    class Donnees:
        famille = ()
        professionnel = ()
        neutre = ("id", "record", "at", "first_id", "last_id", "count", "columns", "key", "previous", "digest")

    record = models.CharField("registre", max_length=60, help_text="the table of its lines")
    at = models.DateTimeField()
    first_id = models.BigIntegerField()
    last_id = models.BigIntegerField()
    count = models.PositiveIntegerField()
    # What of each line is under the seal: a column added later changes nothing of an old one.
    columns = models.CharField(max_length=400)
    key = models.CharField("clé", max_length=16, help_text="which key of the file made it")
    previous = models.CharField(max_length=64)
    digest = models.CharField(max_length=64)

    class Meta:
        verbose_name = "sceau du journal"
        verbose_name_plural = "sceaux du journal"
        constraints = [
            models.UniqueConstraint(fields=["record", "last_id"], name="one_seal_ends_at_a_line"),
            models.UniqueConstraint(fields=["record", "previous"], name="one_seal_follows_another"),
        ]

    def __str__(self) -> str:
        return f"{self.record} {self.first_id}-{self.last_id}"
