"""Reasons are codes; rows of before keep their sentence in no code, since nothing is in production yet."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("demandes", "0005_demande_langue")]
    operations = [
        migrations.RemoveField("rejet", "code"),
        migrations.RemoveField("rejet", "motif"),
        migrations.AddField(
            "rejet", "motifs", models.JSONField(default=list, verbose_name="motifs"), preserve_default=False
        ),
    ]
