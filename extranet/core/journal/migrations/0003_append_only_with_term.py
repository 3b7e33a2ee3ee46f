"""Whole months of the journal may go at the end of their term (ACC-2.e), and nothing else."""

from django.db import migrations

from extranet.core.journal.triggers import append_only


class Migration(migrations.Migration):
    dependencies = [("journal", "0002_append_only")]

    operations = [append_only("journal_entry", months=12)]
