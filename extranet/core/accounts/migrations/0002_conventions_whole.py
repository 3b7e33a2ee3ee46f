import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_accounts"),
    ]

    operations = [
        migrations.CreateModel(
            name="CodeAppareil",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("created_at", models.DateTimeField(verbose_name="demandé le")),
                ("expires_at", models.DateTimeField(verbose_name="expire le")),
                ("tries_left", models.PositiveSmallIntegerField(default=5, verbose_name="essais restants")),
                ("used_at", models.DateTimeField(null=True, verbose_name="utilisé le")),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="codes",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="compte",
                    ),
                ),
            ],
            options={
                "verbose_name": "code d’un nouvel appareil",
                "verbose_name_plural": "codes d’un nouvel appareil",
            },
        ),
        migrations.CreateModel(
            name="SessionOuverte",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("session_key", models.CharField(max_length=40, unique=True, verbose_name="session")),
                ("adresse_reseau", models.GenericIPAddressField(null=True, verbose_name="adresse réseau")),
                ("appareil", models.CharField(max_length=80, verbose_name="appareil")),
                ("opened_at", models.DateTimeField(verbose_name="ouverte le")),
                ("seen_at", models.DateTimeField(verbose_name="utilisée le")),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="sessions",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="compte",
                    ),
                ),
            ],
            options={
                "verbose_name": "session ouverte",
                "verbose_name_plural": "sessions ouvertes",
            },
        ),
    ]
