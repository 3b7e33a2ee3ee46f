"""The append-only record of acts (proof). It outlives what it speaks of, hence no foreign key, and no family data.

Seals cover it, and each other append-only record that says so (`sealed`).
"""

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from django.db import models

SEALED: dict[type[models.Model], int | None] = {}
"""Each sealed record, and after how many months its lines go (None: never)."""

NEEDED_SINCE: dict[type[models.Model], Callable[[], datetime | None]] = {}
"""Where the term of a record is not all: the moment since which something that is still kept needs its lines."""


Record = TypeVar("Record", bound=type[models.Model])


def sealed(*, months: int | None = None) -> Callable[[Record], Record]:
    """Put the lines of an append-only table, with growing keys and a moment `at`, under seals of their own (ACC-2).

    With `months`, its whole months go once they are over for as long, and nothing needs them any more (`NEEDED_SINCE`);
    its trigger lets them (`triggers.append_only`).
    """

    def register(model: Record) -> Record:
        SEALED[model] = months
        return model

    return register


@sealed(months=12)
class Entry(models.Model):
    """One act: what, on which object, by whom, when. Database triggers refuse UPDATE and DELETE on both engines, save
    of whole months in which no proof that is still kept can lie (ACC-2.e).
    """

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
    """A link of the chain over one append-only record: its lines' number and keyed digest,
    with that of the link before.
    """

    class Donnees:
        famille = ()
        professionnel = ()
        neutre = ("id", "record", "month", "at", "first_id", "last_id", "count", "columns", "key", "previous", "digest")

    record = models.CharField("registre", max_length=60, help_text="the table of its lines")
    month = models.CharField("mois", max_length=7, help_text="of all its lines, in Paris: 2026-11")
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


class Departure(models.Model):
    """The lines of one seal that went at the end of their term (ACC-2.f): when, under a keyed digest. The seal stays.

    The only way out: the trigger of a record with a term deletes lines under a departure, and old enough at its moment.
    """

    class Donnees:
        famille = ()
        professionnel = ()
        neutre = ("id", "seal", "at", "key", "digest")

    # No constraint of the database: neither table loses rows, and the digest says which seal it is of.
    seal = models.OneToOneField(Seal, models.PROTECT, related_name="departure", db_constraint=False)
    at = models.DateTimeField()
    key = models.CharField("clé", max_length=16, help_text="which key of the file made it")
    digest = models.CharField(max_length=64)

    class Meta:
        verbose_name = "fin de conservation"
        verbose_name_plural = "fins de conservation"

    def __str__(self) -> str:
        return f"{self.seal} {self.at:%Y-%m-%d}"
