from django.db import migrations, models


class Migration(migrations.Migration):
    """CON-12.b: why a convention in preparation was abandoned."""

    dependencies = [
        ("conventions", "0001_register"),
    ]

    operations = [
        migrations.AddField(
            model_name="convention",
            name="motif_abandon",
            field=models.CharField(blank=True, default="", max_length=300, verbose_name="motif de l’abandon"),
        ),
    ]
