"""The trigger of the accesses lets go what a departure covers, after twelve months (ACC-2)."""

from django.db import migrations

from extranet.core.journal.triggers import append_only


class Migration(migrations.Migration):
    dependencies = [
        ("demandes", "0003_livraison_lease_and_what_cannot_be_read"),
        ("journal", "0004_months_and_departures"),
    ]

    operations = [append_only("demandes_remise", months=12)]
