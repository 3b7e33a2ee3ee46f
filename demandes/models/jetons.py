"""Tokens of the software that fetches demandes for one lieu (TEL-4)."""

import uuid
from datetime import datetime

from django.db import models


class JetonLieu(models.Model):
    """What a token opens: the demandes of one lieu, to the software of a prestataire or the lieu's own (TEL-4.d)."""

    class Donnees:
        famille = ()
        professionnel = ()
        neutre = ("id", "uuid", "jeton", "lieu", "prestataire")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    jeton = models.OneToOneField("accounts.Jeton", models.CASCADE, related_name="+", verbose_name="jeton")
    # A token says nothing any more once its lieu, or whose engagement it stood on, is gone (ACC-2.e).
    lieu = models.ForeignKey("conventions.Lieu", models.CASCADE, related_name="+")
    # None: the lieu develops its software itself.
    prestataire = models.ForeignKey("conventions.Prestataire", models.CASCADE, related_name="+", null=True)

    # Worked out by who shows it (`queries.linked`); no column.
    ouvre = False

    class Meta:
        verbose_name = "jeton d’un lieu"
        verbose_name_plural = "jetons des lieux"

    def __str__(self) -> str:
        return str(self.jeton)

    @property
    def journal_caf(self) -> str:
        """The Caf under which the journal files what concerns this row."""
        return self.lieu.caf_id

    @property
    def logiciel(self) -> str:
        """Whose software it is for, in words."""
        return self.prestataire.nom if self.prestataire else "développement propre du lieu"

    def is_alive(self, now: datetime) -> bool:
        """Neither revoked nor expired; whether it opens anything is another question (`queries.opened_by`)."""
        return self.jeton.revoked_at is None and self.jeton.expires_at > now and self.jeton.user.is_active
