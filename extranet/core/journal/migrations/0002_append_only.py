"""The journal and its seals are written once, on both engines."""

from django.db import migrations

from extranet.core.journal.triggers import append_only, no_truncate


class Migration(migrations.Migration):
    dependencies = [("journal", "0001_journal_and_seals")]

    operations = [
        append_only("journal_entry"),
        append_only("journal_seal"),
        append_only("journal_departure"),
        no_truncate("journal_entry", "journal_seal", "journal_departure"),
    ]
