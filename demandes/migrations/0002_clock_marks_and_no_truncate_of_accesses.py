"""What the purge knows of a machine's clock; TRUNCATE of the accesses refused."""

from django.db import migrations, models

from extranet.core.journal.triggers import no_truncate


class Migration(migrations.Migration):
    dependencies = [("demandes", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="ClockMark",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("boot", models.CharField(max_length=40, unique=True, verbose_name="démarrage")),
                ("started_at", models.DateTimeField(verbose_name="démarrée le")),
                ("seen_at", models.DateTimeField(verbose_name="vue le")),
                ("leapt_at", models.DateTimeField(null=True, verbose_name="saut constaté le")),
            ],
            options={"verbose_name": "repère d’horloge", "verbose_name_plural": "repères d’horloge"},
        ),
        no_truncate("demandes_remise"),
    ]
