"""Mails to send, written with the facts that they tell (NOT-2)."""

import uuid
from typing import Any

from django.db import models
from django.db.models import Q


class Message(models.Model):
    """One mail to one addressee. No text, no address, no family data: both are worked out at sending."""

    class Donnees:
        famille = ()
        professionnel = ()
        neutre = (
            "id",
            "kind",
            "key",
            "recipient",
            "about",
            "created_at",
            "due_at",
            "next_try_at",
            "lease_until",
            "attempts",
            "sent_at",
            "cancelled_at",
            "failed_at",
            "bounced_at",
            "reply",
            "cause",
        )

    class Cause(models.TextChoices):
        """Whose doing it is that the last try failed, or that what follows a sending is not noted yet."""

        NONE = "", "rien"
        ADDRESSEE = "destinataire", "le destinataire"
        SERVER = "serveur", "le serveur de courriel"
        PORTAL = "portail", "le portail"

    loaded: Any = None
    """What the loader of its kind has read for its writer; not a column."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField("courriel", max_length=60)
    key = models.CharField("objet", max_length=120)
    recipient = models.CharField("destinataire", max_length=80, help_text="user:<id>, lieu:<uuid>… jamais une adresse")
    about = models.JSONField("précisions", default=dict)
    created_at = models.DateTimeField("écrit le")
    due_at = models.DateTimeField("à envoyer le")
    next_try_at = models.DateTimeField("prochain essai")
    lease_until = models.DateTimeField("pris jusqu’à", null=True)
    attempts = models.PositiveSmallIntegerField("essais", default=0)
    sent_at = models.DateTimeField("envoyé le", null=True)
    cancelled_at = models.DateTimeField("annulé le", null=True)
    failed_at = models.DateTimeField("non distribuable le", null=True)
    # NOT-2.c: accepted, and given up by a server further on, which says so in `reply`.
    bounced_at = models.DateTimeField("revenu le", null=True)
    reply = models.CharField("réponse du serveur", max_length=60, blank=True)
    cause = models.CharField("en cause", max_length=12, blank=True, choices=Cause, default=Cause.NONE)

    class Meta:
        verbose_name = "courriel"
        verbose_name_plural = "courriels"
        constraints = [
            models.UniqueConstraint(fields=["kind", "key", "recipient"], name="outbox_said_once"),
            models.CheckConstraint(
                condition=Q(sent_at=None, cancelled_at=None)
                | Q(sent_at=None, failed_at=None)
                | Q(cancelled_at=None, failed_at=None),
                name="outbox_one_fate",
            ),
            models.CheckConstraint(
                condition=Q(bounced_at=None) | Q(sent_at__isnull=False), name="outbox_what_came_back_was_sent"
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_try_at"],
                name="outbox_waiting",
                condition=Q(sent_at=None, cancelled_at=None, failed_at=None),
            ),
            models.Index(fields=["recipient", "created_at"], name="outbox_of_recipient"),
            models.Index(fields=["cause", "failed_at"], name="outbox_in_trouble", condition=~Q(cause="")),
            models.Index(fields=["bounced_at"], name="outbox_came_back", condition=Q(bounced_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"
