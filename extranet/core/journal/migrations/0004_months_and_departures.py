"""A segment is of one month, so that whole months go at the end of their term; their seals stay (ACC-2)."""

import django.db.models.deletion
from django.db import migrations, models

from extranet.core.journal.triggers import append_only, no_truncate


class Migration(migrations.Migration):
    dependencies = [("journal", "0003_public_names")]

    operations = [
        migrations.AddField(
            model_name="seal",
            name="month",
            field=models.CharField(
                default="", help_text="of all its lines, in Paris: 2026-11", max_length=7, verbose_name="mois"
            ),
            preserve_default=False,
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
            options={"verbose_name": "fin de conservation", "verbose_name_plural": "fins de conservation"},
        ),
        append_only("journal_seal"),
        append_only("journal_departure"),
        no_truncate("journal_departure"),
    ]
