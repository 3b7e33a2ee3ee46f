"""The append-only record of acts (proof). It outlives what it speaks of, hence no foreign key, and no family data."""

from django.db import models


class Entry(models.Model):
    """One act: what, on which object, by whom, when. Database triggers refuse UPDATE and DELETE on both engines."""

    class Donnees:
        famille = ()
        professionnel = ("actor",)
        neutre = ("id", "at", "event", "object_kind", "object_id", "caf", "details")

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField("date")
    event = models.CharField("fait", max_length=60)
    object_kind = models.CharField("objet", max_length=60)
    object_id = models.CharField("identifiant", max_length=64)
    actor = models.CharField("auteur", max_length=60, help_text="user:<id>, famille or systeme")
    caf = models.CharField("Caf", max_length=10, blank=True)
    details = models.JSONField("détails", default=dict)

    class Meta:
        verbose_name = "ligne du journal"
        verbose_name_plural = "journal"
        indexes = [models.Index(fields=["object_kind", "object_id", "at"], name="journal_of_object")]

    def __str__(self) -> str:
        return f"{self.event} {self.object_kind}:{self.object_id}"


class Seal(models.Model):
    """A link of the chain over committed entries: their number and hash, with the hash of the link before."""

    class Donnees:
        famille = ()
        professionnel = ()
        neutre = ("id", "at", "first_id", "last_id", "count", "previous", "digest")

    at = models.DateTimeField()
    first_id = models.BigIntegerField()
    last_id = models.BigIntegerField(unique=True)
    count = models.PositiveIntegerField()
    previous = models.CharField(max_length=64, unique=True)
    digest = models.CharField(max_length=64)

    class Meta:
        verbose_name = "sceau du journal"
        verbose_name_plural = "sceaux du journal"

    def __str__(self) -> str:
        return f"{self.first_id}-{self.last_id}"
