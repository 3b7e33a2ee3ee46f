"""A delivery's file and row: read as a stream, left alone while it is written, on record with its report (ING)."""

import csv
import hashlib
import io
import os
import subprocess
import sys

import pytest
from django.conf import settings
from django.db import IntegrityError, transaction
from django.urls import reverse
from lxml import etree, html

from bench.deliveries import delivery, record
from demandes.documents.motifs import said
from demandes.models import Demande, Livraison
from demandes.services import applying, deliveries, handover, inbox
from tests.factories import NOW, AgentFactory, HabilitationFactory, LieuFactory, contenu_of


@pytest.fixture
def person(db, tmp_path, monkeypatch):
    """A person of the only lieu of Le Châtelet-en-Brie; an empty data folder."""
    monkeypatch.setattr(settings, "DATA_DIR", tmp_path)
    return HabilitationFactory(lieu=LieuFactory(code="RPE-77-CHATELET")).user


def file_of(*records):
    return "".join(delivery(iter(records), NOW)).encode()


def take(content, origine="depot", by=None):
    livraison = deliveries.register(io.BytesIO(content), nom="l.xml", origine=origine, by=by, now=NOW, ring=False)
    return applying.ingest(livraison.pk, now=NOW)


READ = """
import sys
from pathlib import Path
from demandes.documents import xml_reader
found = sum(one.recue is not None for one in xml_reader.records(Path(sys.argv[1])))
print(found, *[line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")])
"""


@pytest.mark.rule("ING-2.a")
def test_reading_a_large_file_takes_no_more_memory_than_a_small_one(tmp_path):
    """Each in a process of its own: records read, and the most memory it ever had."""
    tail = f"<message>{'mot ' * 490}</message>"
    peaks = []
    for count in (100, 10_000):
        path = tmp_path / f"{count}.xml"
        with path.open("w", encoding="utf-8") as file:
            file.writelines(delivery((record(rank, NOW, tail=tail) for rank in range(count)), NOW))
        done = subprocess.run([sys.executable, "-c", READ, path], capture_output=True, text=True, check=True)
        found, peak = map(int, done.stdout.split())
        assert found == count
        peaks.append(peak)
    assert path.stat().st_size > 25_000_000
    assert peaks[1] - peaks[0] < 8 * 1024  # KiB


@pytest.mark.rule("ING-4.b")
def test_another_commune_in_a_demande_not_picked_up_routes_it_again(person):
    melun = HabilitationFactory(lieu=LieuFactory(code="RPE-77-MELUN", convention__communes=["77288"])).lieu
    take(file_of(record(1, NOW)))
    assert Demande.objects.get().lieu.code == "RPE-77-CHATELET"
    take(file_of(record(1, NOW, commune="77288")))
    moved = Demande.objects.get()
    assert (moved.lieu, moved.commune_id) == (melun, "77288")
    handover.fetch([moved.uuid], form="xml", by=HabilitationFactory(lieu=melun).user, now=NOW, origin=handover.Origin())
    take(file_of(record(1, NOW)))
    moved.refresh_from_db()
    assert (moved.lieu, moved.commune_id) == (melun, "77288")


@pytest.mark.rule("ING-3.c")
@pytest.mark.rule("ING-3.d")
def test_what_was_set_aside_is_named_by_line_and_reference_and_comes_in_once_mended_at_the_source(person):
    livraison = take(file_of(record(1, NOW), record(2, NOW, nom="Nomrare", commune="77999"), record(3, NOW)))
    rejet = livraison.rejets.get()
    assert rejet.reference == "ME-0000002"
    assert 'reference="ME-0000002"' in file_of(record(1, NOW), record(2, NOW)).decode().splitlines()[rejet.ligne - 1]
    assert said(rejet.motifs) == "Commune inconnue."
    assert not any("Nomrare" in str(value) for value in vars(rejet).values())
    assert Demande.objects.count() == 2
    take(file_of(record(2, NOW, nom="Nomrare")))
    assert contenu_of(demande__reference="ME-0000002").nom == "Nomrare"


@pytest.mark.rule("ING-4.d")
def test_counts_that_do_not_balance_are_refused_by_the_database(person):
    livraison = take(file_of(record(1, NOW)))
    with pytest.raises(IntegrityError), transaction.atomic():
        Livraison.objects.filter(pk=livraison.pk).update(lues=2)


@pytest.mark.rule("ING-5.b")
def test_a_file_still_being_written_is_left_alone_until_ten_seconds_after_the_last_touch(person):
    entree = inbox.folder(inbox.INBOX)
    path = entree / "en-ecriture.xml"
    path.write_bytes(file_of(record(1, NOW)))
    future = path.stat().st_mtime + 100
    os.utime(path, (future, future))  # its content is younger than its name: somebody is at it
    assert inbox.take_inbox(now=NOW, ring=False) == []
    assert path.exists()
    waited = inbox.clock_of

    def later(place):
        return waited(place) + 100 + inbox.SETTLED_SECONDS

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inbox, "clock_of", later)
        assert len(inbox.take_inbox(now=NOW, ring=False)) == 1
    arriving = entree.parent / "arrive.part"
    arriving.write_bytes(file_of(record(2, NOW)))
    os.utime(arriving, (1, 1))
    arriving.rename(entree / "arrive.xml")  # by rename it is whole at once
    assert len(inbox.take_inbox(now=NOW, ring=False)) == 1


@pytest.mark.rule("ING-1.e")
def test_a_delivery_is_on_record_with_its_counts_and_a_report_to_download(client, person, time_machine):
    time_machine.move_to(NOW, tick=False)
    content = file_of(record(1, NOW), record(2, NOW, nom="Nomrare", commune="77999"))
    livraison = take(content, origine="depot")
    assert (livraison.nom, livraison.origine, livraison.received_at, livraison.state) == (
        "l.xml",
        "depot",
        NOW,
        "traitee",
    )
    assert livraison.sha256 == hashlib.sha256(content).hexdigest()
    assert livraison.summary == {"read": 2, "created": 1, "updated": 0, "unchanged": 0, "set-aside": 1}
    client.force_login(AgentFactory(cnaf=True).user)
    answer = client.get(reverse("demandes:api-rapport", args=[livraison.uuid]))
    assert answer["Content-Disposition"].startswith("attachment;")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
    assert [(row["reference"], row["outcome"], row["reason"]) for row in rows] == [
        ("ME-0000002", "set-aside", "Commune inconnue.")
    ]
    assert "Nomrare" not in answer.content.decode()


@pytest.mark.rule("TEL-3.b")
def test_the_schema_is_served_with_its_documentation_and_an_example_that_it_accepts(client, db):
    served = client.get("/schemas/demandes-1.xsd")
    schema = etree.XMLSchema(etree.fromstring(served.content))
    page = html.document_fromstring(client.get("/schemas/").content.decode())
    assert page.xpath("//a[contains(@href, 'demandes-1.xsd')]")
    [example] = [block for block in page.xpath("//pre//text()") if "<demandes" in block]
    schema.assertValid(etree.fromstring(example.strip().encode()))
    for name in ("code-insee", "modes", "retrait" if "retrait" in page.text_content() else "demandeur"):
        assert name in page.text_content()
