import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("attestations", "0001_attestations"),
        ("conventions", "0001_register"),
    ]

    operations = [
        migrations.AddField(
            model_name="attestation",
            name="convention",
            field=models.OneToOneField(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="conventions.convention",
                verbose_name="finale, de la convention",
            ),
        ),
        migrations.AddField(
            model_name="ligneattestation",
            name="fin_convention",
            field=models.BooleanField(default=False, verbose_name="fin de la convention"),
        ),
    ]
