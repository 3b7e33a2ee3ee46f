"""Files of many demandes that a worker makes for a person: rows and bytes of an hour (TEL-1)."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from demandes.models.dossiers import Remise


class Telechargement(models.Model):
    """A file that one person asked for: of which demandes, whether it is made, until when it may be fetched (TEL-1).

    Making it is no access. Its bytes are kept sealed under the key of the nearest last day of its demandes (CNS-10),
    and destroyed an hour after it was made, or as soon as one of its demandes is destroyed or withdrawn.
    """

    class Donnees:
        famille = ("fichier",)
        professionnel = ("user",)
        neutre = (
            "id",
            "uuid",
            "forme",
            "demandes",
            "asked_at",
            "started_at",
            "faits",
            "ready_at",
            "expires_at",
            "jour",
            "said",
            "encore",
        )

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    forme = models.CharField("forme", max_length=10)
    demandes = models.JSONField("clés des demandes")
    asked_at = models.DateTimeField("demandé le")
    # When a worker took it: another may, once that is long ago.
    started_at = models.DateTimeField("commencé le", null=True)
    faits = models.PositiveSmallIntegerField("documents faits", default=0)
    ready_at = models.DateTimeField("prêt le", null=True)
    expires_at = models.DateTimeField("expire le", db_index=True)
    jour = models.DateField("jour de la clé", null=True)
    # What the demandes said when it was made, as a digest: changed since, it is made again.
    said = models.CharField("empreinte", max_length=64, blank=True)
    encore = models.CharField("de nouveau", max_length=12, choices=Remise.Encore, null=True)  # TEL-6: why, if it is
    fichier = models.ForeignKey("documents.StoredFile", models.PROTECT, related_name="+", null=True)

    class Meta:
        verbose_name = "fichier demandé"
        verbose_name_plural = "fichiers demandés"
        constraints = [
            models.CheckConstraint(
                condition=Q(ready_at=None, fichier=None) | Q(ready_at__isnull=False, fichier__isnull=False),
                name="a_ready_file_has_its_bytes",
            )
        ]

    def __str__(self) -> str:
        return f"{self.forme} {self.asked_at:%Y-%m-%d %H:%M}"

    @property
    def nombre(self) -> int:
        """How many demandes."""
        return len(self.demandes)
