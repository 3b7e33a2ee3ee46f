from django.db import migrations, models


class Migration(migrations.Migration):
    """ACT-1.c: four eyes as a setting of the Caf, on by default."""

    dependencies = [("territory", "0003_caf_director")]

    operations = [
        migrations.AddField(
            model_name="caf",
            name="quatre_yeux",
            field=models.BooleanField(default=True, verbose_name="deux agents pour accepter et pour ouvrir les accès"),
        ),
    ]
