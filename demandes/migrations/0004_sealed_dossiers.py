"""A dossier is one sealed value. Nothing is in production: what was written in clear is not kept."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("demandes", "0003_livraison_lease_and_what_cannot_be_read")]

    operations = [
        migrations.DeleteModel(name="Dossier"),
        migrations.CreateModel(
            name="Dossier",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("jour", models.DateField(db_index=True, verbose_name="jour de la clé")),
                ("scelle", models.BinaryField(verbose_name="contenu scellé")),
                (
                    "demande",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="dossier", to="demandes.demande"
                    ),
                ),
            ],
            options={"verbose_name": "dossier"},
        ),
    ]
