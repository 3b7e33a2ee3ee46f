"""A delivery that is being applied says how far it is, and what of it fails is tried again by itself (ING-1, ING-5)."""

import io

import pytest
from django.core.management import call_command
from django.db import OperationalError

from bench.deliveries import record
from demandes.models import Livraison
from demandes.services import applying, batch, deliveries
from tests.demandes.test_deliveries import NOW, counts, file_of, person  # noqa: F401 -- fixture
from tests.demandes.test_tokens import cnaf, logged_in, moved  # noqa: F401 -- fixtures


@pytest.fixture(autouse=True)
def small_batches(person, moved, monkeypatch):  # noqa: F811
    monkeypatch.setattr(applying, "BATCH", 10)


def waiting(*records):
    content = io.BytesIO(file_of(*records).encode())
    return deliveries.register(content, nom="l.xml", origine="dossier", now=NOW, ring=False)


@pytest.mark.rule("ING-1.e")
def test_its_page_and_the_list_say_how_far_it_is_and_the_page_is_loaded_again_only_where_that_is_asked(cnaf):  # noqa: F811
    livraison = waiting(*[record(rank, NOW) for rank in range(1, 41)])
    client = logged_in(cnaf)
    path = f"/admin/demandes/livraison/{livraison.pk}/change/"
    assert "vérifié en entier" in client.get(path).content.decode()
    said = []

    def look(livraison):
        answer = client.get(f"{path}?suivi=1")
        said.append((answer["Refresh"], livraison.percent))
        words = f"{livraison.checkpoint} sur 40 enregistrements"
        assert words in answer.content.decode()
        assert words in client.get("/admin/demandes/livraison/").content.decode()
        assert "Refresh" not in client.get(path)

    applying.ingest(livraison.pk, now=NOW, progress=look)
    assert said == [("5", 25), ("5", 50), ("5", 75), ("5", 100)]
    assert "Refresh" not in client.get(f"{path}?suivi=1")
    assert "40 demandes créées" in client.get("/admin/demandes/livraison/").content.decode()


@pytest.mark.rule("ING-1.f")
@pytest.mark.rule("ING-3.c")
def test_what_was_set_aside_is_counted_by_reason_beside_its_lines(cnaf):  # noqa: F811
    livraison = waiting(*[record(rank, NOW, commune="77999") for rank in range(1, 4)], record(4, NOW, nom=" "))
    applying.ingest(livraison.pk, now=NOW)
    page = logged_in(cnaf).get(f"/admin/demandes/livraison/{livraison.pk}/change/").content.decode()
    assert "<td>Commune inconnue.</td><td>écartée</td><td>3</td><td>3</td>" in page
    assert "<td>ME-0000004</td>" in page


@pytest.mark.rule("ING-5.a")
def test_a_batch_that_fails_is_tried_again_alone_and_the_others_are_applied_once(monkeypatch):
    livraison, tried, apply = waiting(*[record(rank, NOW) for rank in range(1, 26)]), [], batch.receive_many

    def failing(records, *args):
        tried.append(records[0].lue.reference[-2:])
        if tried.count("11") in (1, 2) and tried[-1] == "11":
            apply(records, *args)
            raise OperationalError("deadlock detected")
        return apply(records, *args)

    monkeypatch.setattr(applying, "receive_many", failing)
    assert counts(applying.ingest(livraison.pk, now=NOW)) == (25, 25, 0, 0, 0)
    assert tried == ["01", "11", "11", "11", "21"]


@pytest.mark.rule("ING-5.a")
def test_one_that_goes_on_failing_leaves_the_batches_before_it_applied_and_is_taken_up_there(monkeypatch):
    livraison = waiting(*[record(rank, NOW) for rank in range(1, 26)])

    def failing(records, *args):
        if records[0].lue.reference.endswith("11"):
            raise OperationalError("the database is away")
        return batch.receive_many(records, *args)

    with monkeypatch.context() as patch, pytest.raises(OperationalError):
        patch.setattr(applying, "receive_many", failing)
        applying.ingest(livraison.pk, now=NOW)
    livraison.refresh_from_db()
    assert (livraison.checkpoint, livraison.state) == (10, "recue")
    assert counts(applying.ingest(livraison.pk, now=NOW)) == (25, 25, 0, 0, 0)


@pytest.mark.rule("ING-1.a")
def test_on_a_terminal_a_bar_fills_and_elsewhere_only_the_summary_is_printed(tmp_path):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    for name, out, expected in (("a.xml", Terminal(), 4), ("b.xml", io.StringIO(), 0)):
        path = tmp_path / name
        path.write_text(file_of(*[record(rank, NOW) for rank in range(1, 41)]) + "\n" * len(name) * (expected + 1))
        call_command("ingest_deliveries", str(path), stdout=out)
        assert out.getvalue().count("[") == expected
        assert out.getvalue().splitlines()[-1].startswith(f"{name}: read=40 ")
    assert Livraison.objects.count() == 2
