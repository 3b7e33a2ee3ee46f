import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("conventions", "0002_conventions_whole"),
        ("documents", "0001_stored_files"),
        ("habilitations", "0001_applications_and_habilitations"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Echange",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                (
                    "sujet",
                    models.CharField(
                        choices=[
                            ("changement", "Un changement : communes, personnes, adresse, signataire…"),
                            ("depart", "Le départ d’une personne"),
                            ("appareil", "Un appareil ou un mot de passe perdu ou volé"),
                            ("question", "Une question"),
                        ],
                        max_length=20,
                        verbose_name="sujet",
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("a-repondre", "la Caf doit répondre"),
                            ("repondu", "la Caf a répondu"),
                            ("clos", "terminé"),
                        ],
                        default="a-repondre",
                        editable=False,
                        max_length=20,
                        verbose_name="état",
                    ),
                ),
                ("opened_at", models.DateTimeField(verbose_name="commencé le")),
                ("written_at", models.DateTimeField(verbose_name="dernier message le")),
            ],
            options={
                "verbose_name": "échange avec un lieu",
                "verbose_name_plural": "échanges avec les lieux",
                "ordering": ["-written_at", "-pk"],
            },
        ),
        migrations.CreateModel(
            name="MessageEchange",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "partie",
                    models.CharField(
                        choices=[("gestionnaire", "gestionnaire"), ("caf", "Caf")],
                        max_length=20,
                        verbose_name="écrit par",
                    ),
                ),
                ("at", models.DateTimeField(verbose_name="écrit le")),
                ("texte", models.TextField(verbose_name="texte")),
                (
                    "nonce",
                    models.UUIDField(
                        help_text="un envoi répété ne fait qu’un message", unique=True, verbose_name="envoi"
                    ),
                ),
            ],
            options={
                "verbose_name": "message d’un échange",
                "verbose_name_plural": "messages d’un échange",
                "ordering": ["at", "pk"],
            },
        ),
        migrations.CreateModel(
            name="PieceJointe",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("nom", models.CharField(max_length=100, verbose_name="nom du fichier")),
            ],
            options={
                "verbose_name": "pièce jointe",
                "verbose_name_plural": "pièces jointes",
            },
        ),
        migrations.AddField(
            model_name="complement",
            name="awaited_on",
            field=models.DateField(null=True, verbose_name="attendu au plus tard le"),
        ),
        migrations.AddField(
            model_name="demandehabilitation",
            name="recours",
            field=models.TextField(blank=True, verbose_name="voies de recours"),
        ),
        migrations.AddField(
            model_name="versiondemande",
            name="corrected_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="corrigée par",
            ),
        ),
        migrations.AddField(
            model_name="versiondemande",
            name="motif_correction",
            field=models.TextField(blank=True, verbose_name="motif de la correction"),
        ),
        migrations.AddConstraint(
            model_name="versiondemande",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("corrected_by", None), ("motif_correction", "")),
                    models.Q(("corrected_by__isnull", False), models.Q(("motif_correction", ""), _negated=True)),
                    _connector="OR",
                ),
                name="a_correction_has_its_reason",
            ),
        ),
        migrations.AddField(
            model_name="echange",
            name="lieu",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="conventions.lieu",
                verbose_name="lieu",
            ),
        ),
        migrations.AddField(
            model_name="messageechange",
            name="by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="messageechange",
            name="echange",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="messages", to="habilitations.echange"
            ),
        ),
        migrations.AddField(
            model_name="piecejointe",
            name="fichier",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="documents.storedfile"
            ),
        ),
        migrations.AddField(
            model_name="piecejointe",
            name="message",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="pieces", to="habilitations.messageechange"
            ),
        ),
        migrations.AddIndex(
            model_name="echange",
            index=models.Index(fields=["lieu", "written_at"], name="echanges_of_lieu"),
        ),
    ]
