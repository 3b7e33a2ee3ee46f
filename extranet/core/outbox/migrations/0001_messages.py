import uuid

from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Message",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("kind", models.CharField(max_length=60, verbose_name="courriel")),
                ("key", models.CharField(max_length=120, verbose_name="objet")),
                (
                    "recipient",
                    models.CharField(
                        help_text="user:<id>, lieu:<uuid>… jamais une adresse",
                        max_length=80,
                        verbose_name="destinataire",
                    ),
                ),
                ("about", models.JSONField(default=dict, verbose_name="précisions")),
                ("created_at", models.DateTimeField(verbose_name="écrit le")),
                ("due_at", models.DateTimeField(verbose_name="à envoyer le")),
                ("next_try_at", models.DateTimeField(verbose_name="prochain essai")),
                ("lease_until", models.DateTimeField(null=True, verbose_name="pris jusqu’à")),
                ("attempts", models.PositiveSmallIntegerField(default=0, verbose_name="essais")),
                ("sent_at", models.DateTimeField(null=True, verbose_name="envoyé le")),
                ("cancelled_at", models.DateTimeField(null=True, verbose_name="annulé le")),
                ("failed_at", models.DateTimeField(null=True, verbose_name="non distribuable le")),
                ("reply", models.CharField(blank=True, max_length=60, verbose_name="réponse du serveur")),
                (
                    "cause",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("", "rien"),
                            ("destinataire", "le destinataire"),
                            ("serveur", "le serveur de courriel"),
                            ("portail", "le portail"),
                        ],
                        default="",
                        max_length=12,
                        verbose_name="en cause",
                    ),
                ),
            ],
            options={
                "verbose_name": "courriel",
                "verbose_name_plural": "courriels",
                "indexes": [
                    models.Index(
                        condition=models.Q(("cancelled_at", None), ("failed_at", None), ("sent_at", None)),
                        fields=["next_try_at"],
                        name="outbox_waiting",
                    ),
                    models.Index(fields=["recipient", "created_at"], name="outbox_of_recipient"),
                    models.Index(
                        condition=models.Q(("cause", ""), _negated=True),
                        fields=["cause", "failed_at"],
                        name="outbox_in_trouble",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("kind", "key", "recipient"), name="outbox_said_once"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("cancelled_at", None), ("sent_at", None)),
                            models.Q(("failed_at", None), ("sent_at", None)),
                            models.Q(("cancelled_at", None), ("failed_at", None)),
                            _connector="OR",
                        ),
                        name="outbox_one_fate",
                    ),
                ],
            },
        ),
    ]
