import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Entry",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("at", models.DateTimeField(verbose_name="date")),
                ("event", models.CharField(max_length=60, verbose_name="fait")),
                ("object_kind", models.CharField(blank=True, max_length=60, verbose_name="objet")),
                (
                    "object_id",
                    models.CharField(
                        blank=True,
                        help_text="its public uuid or code, never a key",
                        max_length=64,
                        verbose_name="identifiant",
                    ),
                ),
                (
                    "actor",
                    models.CharField(
                        help_text="user:<uuid>, famille, operateur or systeme", max_length=60, verbose_name="auteur"
                    ),
                ),
                ("caf", models.CharField(blank=True, max_length=10, verbose_name="Caf")),
                ("details", models.JSONField(default=dict, verbose_name="détails")),
            ],
            options={
                "verbose_name": "ligne du journal",
                "verbose_name_plural": "journal",
                "indexes": [models.Index(fields=["object_kind", "object_id", "at"], name="journal_of_object")],
            },
        ),
        migrations.CreateModel(
            name="Seal",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "record",
                    models.CharField(help_text="the table of its lines", max_length=60, verbose_name="registre"),
                ),
                (
                    "month",
                    models.CharField(
                        help_text="of all its lines, in Paris: 2026-11", max_length=7, verbose_name="mois"
                    ),
                ),
                ("at", models.DateTimeField()),
                ("first_id", models.BigIntegerField()),
                ("last_id", models.BigIntegerField()),
                ("count", models.PositiveIntegerField()),
                ("columns", models.CharField(max_length=400)),
                ("key", models.CharField(help_text="which key of the file made it", max_length=16, verbose_name="clé")),
                ("previous", models.CharField(max_length=64)),
                ("digest", models.CharField(max_length=64)),
            ],
            options={
                "verbose_name": "sceau du journal",
                "verbose_name_plural": "sceaux du journal",
                "constraints": [
                    models.UniqueConstraint(fields=("record", "last_id"), name="one_seal_ends_at_a_line"),
                    models.UniqueConstraint(fields=("record", "previous"), name="one_seal_follows_another"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Departure",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField()),
                ("key", models.CharField(help_text="which key of the file made it", max_length=16, verbose_name="clé")),
                ("digest", models.CharField(max_length=64)),
                (
                    "seal",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="departure",
                        to="journal.seal",
                    ),
                ),
            ],
            options={
                "verbose_name": "fin de conservation",
                "verbose_name_plural": "fins de conservation",
            },
        ),
    ]
