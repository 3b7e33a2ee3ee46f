"""The record of who saw what: append-only, and nothing of the families in it (ACC-2)."""

import pytest
from django.db import DatabaseError, connection, transaction
from django.urls import reverse

from demandes.models import Remise
from tests.factories import NOW, DemandeFactory, HabilitationFactory, LieuFactory

pytestmark = pytest.mark.django_db


@pytest.mark.rule("ACC-2.c")
@pytest.mark.parametrize("change", ["update", "delete", "sql"])
def test_no_access_on_record_can_be_changed_or_removed(client, time_machine, change):
    time_machine.move_to(NOW, tick=False)
    lieu = LieuFactory()
    demande = DemandeFactory(transmise=True, lieu=lieu, dossier__nom="Secrète", dossier__message="Très privé")
    client.force_login(HabilitationFactory(lieu=lieu).user)
    client.get(reverse("demandes:detail", args=[demande.uuid]))
    rows = Remise.objects.all()
    assert "Secrète" not in repr(rows.values().get())
    with pytest.raises(DatabaseError), transaction.atomic():
        if change == "update":
            rows.update(mode="pdf")
        elif change == "delete":
            rows.get().delete()
        else:
            with connection.cursor() as cursor:
                cursor.execute("DELETE FROM demandes_remise")
    assert rows.get().mode == "ecran"
