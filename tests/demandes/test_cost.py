"""What many cost: statements are counted, not time, and do not grow with what is written (decision 0014)."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bench.deliveries import delivery, record
from demandes import rules
from demandes.documents import xml_reader
from demandes.documents.motifs import Motif
from demandes.models import Attribution, Demande
from demandes.services import applying, destruction, dossiers
from demandes.workflow import Etat
from extranet.core.journal.models import Entry
from extranet.core.outbox.models import Message
from tests.conftest import verified
from tests.demandes.test_deliveries import NOW, file_of, person, take  # noqa: F401
from tests.demandes.test_family import dict_of, form_of, post, shown
from tests.factories import DemandeFactory, HabilitationFactory, LieuFactory


def statements(act):
    """What is asked of the database, savepoints of the tests left out."""
    with CaptureQueriesContext(connection) as asked:
        act()
    return [one["sql"] for one in asked if "SAVEPOINT" not in one["sql"]]


@pytest.mark.rule("ING-4.a")
def test_a_batch_of_a_delivery_is_the_same_statements_whatever_it_has(person, monkeypatch):  # noqa: F811
    take(file_of(record(0, NOW)))  # keys of days are there
    asked = {
        size: statements(lambda size=size: take(file_of(*(record(1_000 * size + rank, NOW) for rank in range(size)))))
        for size in (10, 60)
    }
    assert len(asked[10]) == len(asked[60]) <= 40, asked[60]
    monkeypatch.setattr(applying, "BATCH", 10)
    whole = statements(lambda: take(file_of(*(record(9_000 + rank, NOW) for rank in range(60)))))
    assert len(whole) - len(asked[60]) <= 5 * 15  # of each of the five more batches


@pytest.mark.rule("ING-3.a")
def test_a_record_that_cannot_be_read_leaves_those_beside_it_as_they_are(tmp_path):
    """expat takes a name of 60,000 letters, lxml does not: of a group of records each is then read by itself."""
    path = tmp_path / "livraison.xml"
    records = [record(1, NOW), record(2, NOW, extra=f' {"a" * 60_000}="1"'), record(3, NOW, modes="<mode>x</mode>")]
    path.write_text("".join(delivery(iter([*records, record(4, NOW)]), NOW)))
    read = list(xml_reader.records(path))
    assert [lue.reference for lue in read] == [f"ME-{rank:07}" for rank in (1, 2, 3, 4)]
    assert [lue.motif and lue.motif.code for lue in read] == [None, "illisible", "valeur", None]
    assert [lue.recue and lue.recue.prenom for lue in read] == ["Famille 1", None, None, "Famille 4"]


def test_records_are_the_same_read_one_by_one_or_together(tmp_path, monkeypatch):
    path = tmp_path / "livraison.xml"
    rows = (record(rank, NOW, tail="" if rank % 7 else "<x/>") for rank in range(300))
    path.write_text("".join(delivery(rows, NOW)))
    together = list(xml_reader.records(path))
    monkeypatch.setattr(xml_reader, "GROUP", 0)
    assert list(xml_reader.records(path)) == together
    assert [lue.motif for lue in together if lue.motif] == [Motif("element-inconnu")] * 43


@pytest.mark.rule("DEM-4.b")
def test_the_last_sending_of_a_family_is_twelve_statements(client, db, time_machine):
    time_machine.move_to(NOW, tick=False)
    HabilitationFactory(lieu=LieuFactory())
    dossiers.ensure([rules.last_day_of_dossier(NOW, NOW)])  # made ahead, by the sweep
    summary = post(client)
    fields = dict_of(shown(summary)) | {"valider": "1"} | verified()
    asked = statements(lambda: client.post(form_of(summary).action, fields))
    assert len([sql for sql in asked if sql not in ("BEGIN", "COMMIT")]) <= 12, asked
    demande = Demande.objects.get()
    assert (demande.state, demande.attributions.get().transmission_id) == (Etat.TRANSMISE, demande.transmission_id)
    assert list(Entry.objects.order_by("pk").values_list("event", "actor", "details")) == [
        ("demande.recue", "famille", {"origine": "formulaire"}),
        ("demande.transmise", "systeme", {"de": "a-orienter", "a": "transmise"}),
    ]
    assert sorted(Message.objects.values_list("kind", flat=True)) == ["demandes.accuse", "demandes.transmission"]


@pytest.mark.rule("DEM-4.b")
def test_a_lieu_without_anybody_receives_nothing_and_the_demande_waits(client, db, time_machine):
    time_machine.move_to(NOW, tick=False)
    LieuFactory()
    summary = post(client)
    client.post(form_of(summary).action, dict_of(shown(summary)) | {"valider": "1"} | verified())
    demande = Demande.objects.get()
    assert (demande.state, demande.lieu, demande.transmission) == (Etat.A_ORIENTER, None, None)
    assert not Attribution.objects.exists()


@pytest.mark.rule("CNS-6.a")
def test_a_batch_of_destructions_is_the_same_statements_whatever_it_has(db):
    asked = []
    for count in (3, 12):
        for _ in range(count):
            DemandeFactory(echue=True)
        asked.append(statements(lambda: destruction.destroy_due(now=NOW + timedelta(days=1), confirmed=True)))
    assert len(asked[0]) == len(asked[1]) <= 14, asked[1]
