"""Accesses to dossiers are written once; whole sealed months go after a year (ACC-2)."""

from django.db import migrations

from extranet.core.journal.triggers import append_only, no_truncate


class Migration(migrations.Migration):
    dependencies = [("demandes", "0001_demandes"), ("journal", "0002_append_only")]

    operations = [
        append_only("demandes_remise", months=12),
        no_truncate("demandes_remise"),
    ]
