import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("conventions", "0001_register"),
        ("demandes", "0001_demandes"),
        ("documents", "0001_stored_files"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Attestation",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                (
                    "state",
                    models.CharField(
                        choices=[("ouverte", "à signer"), ("signee", "signée")],
                        default="ouverte",
                        editable=False,
                        max_length=20,
                        verbose_name="état",
                    ),
                ),
                ("opened_at", models.DateTimeField(verbose_name="ouverte le")),
                ("due_on", models.DateField(verbose_name="à signer au plus tard le")),
                ("signed_at", models.DateTimeField(null=True, verbose_name="signée le")),
                ("signataire", models.CharField(blank=True, max_length=200, verbose_name="signataire")),
                ("qualite", models.CharField(blank=True, max_length=150, verbose_name="qualité")),
                ("logiciel", models.BooleanField(default=False, verbose_name="logiciel")),
                ("messagerie", models.BooleanField(default=False, verbose_name="messageries")),
                ("papier", models.BooleanField(default=False, verbose_name="papier")),
                ("prestataires", models.BooleanField(default=False, verbose_name="prestataires")),
                (
                    "visa_archives",
                    models.CharField(blank=True, max_length=200, verbose_name="visa des archives publiques"),
                ),
                ("text_version", models.CharField(blank=True, max_length=20, verbose_name="version du texte")),
                ("list_sha256", models.CharField(blank=True, max_length=64, verbose_name="empreinte de la liste")),
                ("pdf_sha256", models.CharField(blank=True, max_length=64, verbose_name="empreinte du PDF")),
                (
                    "lieu",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="conventions.lieu"
                    ),
                ),
                (
                    "pdf",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="documents.storedfile",
                    ),
                ),
                (
                    "signed_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "attestation de destruction",
                "verbose_name_plural": "attestations de destruction",
            },
        ),
        migrations.CreateModel(
            name="LigneAttestation",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("reference", models.CharField(max_length=64, verbose_name="référence")),
                ("transmitted_on", models.DateField(verbose_name="transmise le")),
                ("picked_up_on", models.DateField(null=True, verbose_name="récupérée le")),
                ("picked_up_by", models.CharField(blank=True, max_length=200, verbose_name="récupérée par")),
                ("destroyed_on", models.DateField(verbose_name="détruite le")),
                ("retiree", models.BooleanField(default=False, verbose_name="retirée par la famille")),
                (
                    "attestation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="lignes",
                        to="attestations.attestation",
                    ),
                ),
                (
                    "attribution",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="demandes.attribution"
                    ),
                ),
            ],
            options={
                "verbose_name": "ligne d’attestation",
                "verbose_name_plural": "lignes d’attestation",
                "ordering": ["transmitted_on", "reference"],
            },
        ),
        migrations.AddConstraint(
            model_name="attestation",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "ouverte")), fields=("lieu",), name="one_open_attestation_a_lieu"
            ),
        ),
    ]
