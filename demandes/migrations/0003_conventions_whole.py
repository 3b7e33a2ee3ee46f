from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("conventions", "0002_conventions_whole"),
        ("demandes", "0002_append_only"),
        ("territory", "0002_conventions_whole"),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="demande",
            name="demandes_of_caf",
        ),
        migrations.RemoveIndex(
            model_name="demande",
            name="demandes_of_caf_by_arrival",
        ),
        migrations.RemoveIndex(
            model_name="demande",
            name="demandes_by_arrival",
        ),
        migrations.RemoveField(
            model_name="livraison",
            name="motif",
        ),
        migrations.AddField(
            model_name="livraison",
            name="motifs",
            field=models.JSONField(default=list, verbose_name="motif du refus"),
        ),
        migrations.AlterField(
            model_name="remise",
            name="mode",
            field=models.CharField(
                choices=[
                    ("liste", "nom vu dans la liste"),
                    ("ecran", "affichée"),
                    ("pdf", "PDF"),
                    ("xml", "XML"),
                    ("zip", "ZIP"),
                    ("csv", "CSV"),
                    ("flux", "flux"),
                ],
                max_length=10,
                verbose_name="forme",
            ),
        ),
        migrations.AddIndex(
            model_name="demande",
            index=models.Index(fields=["caf", "state", "lieu"], name="demandes_of_caf"),
        ),
        migrations.AddIndex(
            model_name="remise",
            index=models.Index(fields=["lieu_id", "at"], name="accesses_of_lieu"),
        ),
    ]
