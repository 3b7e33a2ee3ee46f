"""Ingestion of deliveries against the least that could be done: parse, validate by the schema, COPY the same rows."""

import io
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from django.core.management import call_command
from django.db import transaction
from lxml import etree

from bench import world
from bench.deliveries import write
from conventions.models import Lieu
from demandes.documents.xml_reader import NAMESPACE, schema
from demandes.models import Attribution, Demande, Dossier, Livraison, Transmission
from demandes.services import applying, deliveries, dossiers
from extranet.core import bulk
from extranet.core.journal.models import Entry

NOW = datetime.now(UTC)
NS = f"{{{NAMESPACE}}}"
COUNT, SMALL, ROUNDS = 100_000, 10_000, 3
LARGE = int(os.environ.get("SIZE", "100000"))
CHILD = (
    "import sys, pathlib, django; django.setup(); from bench.rows import ingest; ingest.{0}(pathlib.Path(sys.argv[1]))"
)


def run() -> list[dict[str, object]]:
    """`ingest` in seconds, the shortest of three runs each in turn; `ingest-memory` as peak MiB at `SIZE` records (as
    many as are timed, where it is not given) against 10,000.
    """
    prepare()
    with tempfile.TemporaryDirectory() as folder:
        files = {size: write(Path(folder) / f"{size}.xml", size, NOW) for size in {COUNT, SMALL, LARGE}}
        pairs = [(apart("floor", files[COUNT]), apart("ours", files[COUNT])) for _ in range(ROUNDS)]
        small = apart("ours", files[SMALL])["peak"]
        large = apart("ours", files[LARGE])["peak"] if LARGE != COUNT else max(ours["peak"] for _, ours in pairs)
    world.clear()
    floor, ours = (min(one["seconds"] for one in runs) for runs in zip(*pairs, strict=True))
    return [
        {"name": "ingest", "ours": ours, "floor": floor, "unit": "s", "n": COUNT},
        {"name": "ingest-memory", "ours": large, "floor": small, "unit": "MiB", "n": LARGE},
    ]


def prepare() -> None:
    """Tables, reference data, one lieu with one person that covers the commune."""
    call_command("migrate", interactive=False, verbosity=0)
    call_command("load_reference_data", verbosity=0, stdout=io.StringIO())
    from tests.factories import HabilitationFactory, LieuFactory

    if not Lieu.objects.filter(code="RPE-77-CHATELET").exists():
        HabilitationFactory(lieu=LieuFactory(code="RPE-77-CHATELET"))


def apart(act: str, path: Path) -> dict[str, float]:
    """`floor` or `ours`, in a process of its own and in empty tables; returns seconds and peak MiB."""
    world.clear()
    prepare()
    done = subprocess.run([sys.executable, "-c", CHILD.format(act), path], capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def ours(path: Path) -> None:
    """With all its effects: prove sound, check, seal, insert, journal, transmit, post the mails."""
    livraison = registered(path)
    began = time.perf_counter()
    done = applying.ingest(livraison.pk, now=NOW)
    took = time.perf_counter() - began
    assert done is not None
    assert done.creees == done.lues, done.summary
    tell(took)


def registered(path: Path) -> Livraison:
    """The delivery, before any of it is read."""
    with path.open("rb") as file:
        return deliveries.register(file, nom=path.name, origine=Livraison.Origine.DEPOT, now=NOW, ring=False)


def tell(took: float) -> None:
    """Seconds and peak MiB. Not ru_maxrss: it survives exec, so that a child would report its parent's peak."""
    [line] = [text for text in Path("/proc/self/status").read_text().splitlines() if text.startswith("VmHWM")]
    print(json.dumps({"seconds": took, "peak": int(line.split()[1]) / 1024}))


def floor(path: Path) -> None:
    """One pass, one transaction: parse as a stream, validate each record, read its values, COPY the rows that a
    delivery makes, into the same tables with their keys and indexes. Nothing is checked, sealed or told.
    """
    livraison = registered(path)
    transmission = Transmission.objects.create(lieu=Lieu.objects.get(), livraison=livraison, transmitted_at=NOW)
    last = (NOW + timedelta(days=180)).date()
    dossiers.ensure([last])
    began = time.perf_counter()
    rank = 0
    with transaction.atomic():
        for elements in chunks(path, 1_000):
            keys = bulk.new_keys(Demande, len(elements))
            copy(list(zip(keys, elements, strict=True)), livraison, transmission, last)
            rank += len(elements)
    took = time.perf_counter() - began
    lines = Entry.objects.filter(object_kind="demandes.demande").count()
    assert rank == Dossier.objects.count() == Attribution.objects.count() == lines / 2
    tell(took)


def chunks(path: Path, size: int) -> Iterator[list[tuple[Any, dict[str, str]]]]:
    """The records: attributes, and the texts in them."""
    held = []
    for _, element in etree.iterparse(path, tag=f"{NS}demande", resolve_entities=False, no_network=True):
        if not schema().validate(element):
            raise ValueError(element.sourceline)
        said = {one.tag: one.text for one in element.iter() if one.text}
        held.append(((element.get("reference"), element.get("deposee-le"), element[0].get("code-insee")), said))
        element.clear()
        while element.getprevious() is not None:
            del element.getparent()[0]
        if len(held) == size:
            yield held
            held = []
    if held:
        yield held


def copy(rows: list[Any], livraison: Livraison, transmission: Transmission, last: Any) -> None:
    """The five tables of a demande that goes to its lieu."""
    lieu, uuids = transmission.lieu_id, [str(uuid4()) for _ in rows]
    bulk.insert_values(
        Demande,
        ("id", "uuid", "reference", "deposee_le", "commune_id"),
        [(key, uuid, name, at, code) for (key, ((name, at, code), _)), uuid in zip(rows, uuids, strict=True)],
        source="monenfant", content="0" * 64, state="transmise", langue="fr", caf_id="caf-77", lieu_id=lieu,
        transmission_id=transmission.pk, livraison_id=livraison.pk, received_at=NOW, last_day=last,
        creche_collective=True, assistante_maternelle=False, garde_a_domicile=False,
    )  # fmt: skip
    said = [(key, json.dumps(texts, ensure_ascii=False).encode()) for key, (_, texts) in rows]
    bulk.insert_values(Dossier, ("demande_id", "scelle"), said, jour=last)
    held = [(key,) for key, _ in rows]
    about = {"lieu_id": lieu, "transmission_id": transmission.pk, "transmitted_at": NOW, "fin": "", "motif": ""}
    bulk.insert_values(Attribution, ("demande_id",), held, **about)
    origin = {"origine": "monenfant", "livraison": str(livraison.uuid)}
    for event, details in (("demande.recue", origin), ("demande.transmise", {"de": "a-orienter", "a": "transmise"})):
        same = {"at": NOW, "event": event, "object_kind": "demandes.demande", "actor": "source", "caf": "caf-77"}
        bulk.insert_values(Entry, ("object_id",), [(uuid,) for uuid in uuids], details=details, **same)
