import uuid

from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="StoredFile",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("sha256", models.CharField(max_length=64, verbose_name="empreinte SHA-256")),
                ("size", models.PositiveBigIntegerField(verbose_name="taille en octets")),
                ("media_type", models.CharField(max_length=100, verbose_name="type de contenu")),
                (
                    "nature",
                    models.CharField(
                        help_text="acte, scan, deliberation, attestation, livraison…",
                        max_length=20,
                        verbose_name="nature",
                    ),
                ),
                ("created_at", models.DateTimeField(verbose_name="conservé depuis le")),
            ],
            options={
                "verbose_name": "fichier",
                "verbose_name_plural": "fichiers",
            },
        ),
    ]
