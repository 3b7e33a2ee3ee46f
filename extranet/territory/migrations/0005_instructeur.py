from django.db import migrations, models


def rename(apps, schema_editor):
    apps.get_model("territory", "Agent").objects.filter(role="gestionnaire").update(role="instructeur")


def rename_back(apps, schema_editor):
    apps.get_model("territory", "Agent").objects.filter(role="instructeur").update(role="gestionnaire")


class Migration(migrations.Migration):
    """The role of agents is instructeur; gestionnaire is the legal person only (CTL-6)."""

    dependencies = [("territory", "0004_caf_quatre_yeux")]

    operations = [
        migrations.AlterField(
            model_name="agent",
            name="role",
            field=models.CharField(
                choices=[
                    ("instructeur", "instructeur"),
                    ("lecteur", "lecteur"),
                    ("superviseur", "superviseur"),
                    ("cnaf", "Cnaf"),
                ],
                max_length=12,
                verbose_name="rôle",
            ),
        ),
        migrations.RunPython(rename, rename_back),
    ]
