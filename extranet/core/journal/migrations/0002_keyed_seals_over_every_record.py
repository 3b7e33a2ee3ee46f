"""Seals by a key that is not in the database, over each append-only record; TRUNCATE refused.

The seals without a key proved nothing against whoever may write the tables: the chain begins again with the first lines.
"""

from django.db import migrations, models

from extranet.core.journal.triggers import append_only, no_truncate


class Migration(migrations.Migration):
    dependencies = [("journal", "0001_initial")]

    operations = [
        migrations.DeleteModel(name="Seal"),
        migrations.CreateModel(
            name="Seal",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "record",
                    models.CharField(help_text="the table of its lines", max_length=60, verbose_name="registre"),
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
        migrations.AlterField(
            model_name="entry",
            name="actor",
            field=models.CharField(
                help_text="user:<id>, famille, operateur or systeme", max_length=60, verbose_name="auteur"
            ),
        ),
        append_only("journal_seal"),
        no_truncate("journal_entry", "journal_seal"),
    ]
