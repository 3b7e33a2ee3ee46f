"""Files kept outside the web root; the row says what the bytes must be."""

import uuid
from pathlib import Path

from django.conf import settings
from django.db import models


class StoredFile(models.Model):
    """One kept file. Its name on disk is its identifier: nothing of what it says shows outside."""

    class Donnees:
        famille = ()
        professionnel = ()
        neutre = ("id", "sha256", "size", "media_type", "nature", "created_at")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    sha256 = models.CharField("empreinte SHA-256", max_length=64)
    size = models.PositiveBigIntegerField("taille en octets")
    media_type = models.CharField("type de contenu", max_length=100)
    nature = models.CharField("nature", max_length=20, help_text="acte, scan, deliberation, attestation, livraison…")
    created_at = models.DateTimeField("conservé depuis le")

    class Meta:
        verbose_name = "fichier"
        verbose_name_plural = "fichiers"

    def __str__(self) -> str:
        return f"{self.nature} {self.pk}"

    @property
    def path(self) -> Path:
        """Where the bytes are."""
        return settings.DATA_DIR / "fichiers" / str(self.pk)[:2] / str(self.pk)
