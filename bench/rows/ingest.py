"""Ingestion of deliveries against the least that could be done: parse, validate by the schema, COPY the columns."""

import io
import json
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.core.management import call_command
from django.db import connection
from lxml import etree

from bench.deliveries import write
from conventions.models import Lieu
from demandes.documents.xml_reader import NAMESPACE, schema
from demandes.models import Demande, Dossier, Livraison
from demandes.services import applying, deliveries

NOW = datetime.now(UTC)
NS = f"{{{NAMESPACE}}}"
COUNT, SMALL = 100_000, 10_000
CHILD = (
    "import sys, pathlib, django; django.setup(); from bench.rows import ingest; ingest.one(pathlib.Path(sys.argv[1]))"
)


def run() -> list[dict[str, object]]:
    """`ingest` in seconds; `ingest-memory` as peak MiB at 100,000 records against 10,000."""
    prepare()
    with tempfile.TemporaryDirectory() as folder:
        large = write(Path(folder) / "large.xml", COUNT, NOW)
        small = write(Path(folder) / "small.xml", SMALL, NOW)
        floor_time = floor(large)
        memory_small = apart(small)["peak"]
        clear()
        large_run = apart(large)
    return [
        {"name": "ingest", "ours": large_run["seconds"], "floor": floor_time, "unit": "s", "n": COUNT},
        {"name": "ingest-memory", "ours": large_run["peak"], "floor": memory_small, "unit": "MiB", "n": COUNT},
    ]


def prepare() -> None:
    """Tables, reference data, one lieu with one person that covers the commune."""
    call_command("migrate", interactive=False, verbosity=0)
    call_command("load_reference_data", verbosity=0, stdout=io.StringIO())
    from tests.factories import HabilitationFactory, LieuFactory

    if not Lieu.objects.filter(code="RPE-77-CHATELET").exists():
        HabilitationFactory(lieu=LieuFactory(code="RPE-77-CHATELET"))


def clear() -> None:
    """Forget the demandes of a run."""
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE demandes_demande, demandes_livraison, demandes_transmission CASCADE")
        cursor.execute("TRUNCATE outbox_message")


def floor(path: Path) -> float:
    """One pass: parse as a stream, validate each record, read every value, COPY both tables' columns."""
    columns = [field.column for field in Demande._meta.concrete_fields]
    personal = [field.column for field in Dossier._meta.concrete_fields]
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE floor_demande (LIKE demandes_demande INCLUDING DEFAULTS)")
        cursor.execute("CREATE TEMP TABLE floor_dossier (LIKE demandes_dossier INCLUDING DEFAULTS)")
        began = time.perf_counter()
        neutral, family = [], []
        last = (NOW + timedelta(days=180)).date()
        parser = etree.iterparse(
            str(path), events=("end",), tag=f"{NS}demande", resolve_entities=False, no_network=True
        )
        for rank, (_, element) in enumerate(parser, start=1):
            if not schema().validate(element):
                raise ValueError(element.sourceline)
            texts = {one.tag: one.text for one in element.iter()}
            values = dict.fromkeys(columns)
            values |= {
                "id": rank,
                "uuid": f"00000000-0000-4000-8000-{rank:012}",
                "source": "monenfant",
                "reference": element.get("reference"),
                "content": "0" * 64,
                "state": "transmise",
                "langue": "fr",
                "caf_id": "caf-77",
                "commune_id": element[0].get("code-insee"),
                "deposee_le": element.get("deposee-le"),
                "received_at": NOW,
                "last_day": last,
                "nonce": None,
            } | dict.fromkeys(("creche_collective", "assistante_maternelle", "garde_a_domicile"), True)
            neutral.append([values[name] for name in columns])
            said = {name: texts.get(f"{NS}{name}", "") for name in ("nom", "prenom", "telephone", "date-naissance")}
            said["a-partir-du"] = texts[f"{NS}a-partir-du"]
            data = {"id": rank, "demande_id": rank, "jour": last, "scelle": json.dumps(said).encode()}
            family.append([data[name] for name in personal])
            element.clear()
            while element.getprevious() is not None:
                del element.getparent()[0]
            if len(neutral) == 5_000:
                copy(cursor, "floor_demande", columns, neutral)
                copy(cursor, "floor_dossier", personal, family)
                neutral, family = [], []
        copy(cursor, "floor_demande", columns, neutral)
        copy(cursor, "floor_dossier", personal, family)
        took = time.perf_counter() - began
        cursor.execute("SELECT count(*) FROM floor_dossier")
        assert cursor.fetchone()[0] == COUNT
        cursor.execute("DROP TABLE floor_demande, floor_dossier")
    return took


def copy(cursor, table, columns, rows) -> None:  # type: ignore[no-untyped-def]
    """COPY rows into a table."""
    with cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as target:
        for row in rows:
            target.write_row(row)


def apart(path: Path) -> dict[str, float]:
    """Ingest in a process of its own; returns seconds and peak MiB."""
    done = subprocess.run([sys.executable, "-c", CHILD, str(path)], capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def one(path: Path) -> None:
    """Ours, with all its effects: register, prove sound, check, insert, journal, transmit, post the mails."""
    with path.open("rb") as file:
        livraison = deliveries.register(file, nom=path.name, origine=Livraison.Origine.DEPOT, now=NOW, ring=False)
    began = time.perf_counter()
    done = applying.ingest(livraison.pk, now=NOW)
    took = time.perf_counter() - began
    assert done is not None
    assert done.creees == done.lues, done.summary
    # Not ru_maxrss: it survives exec, so that a child would report its parent's peak.
    [line] = [text for text in Path("/proc/self/status").read_text().splitlines() if text.startswith("VmHWM")]
    peak = int(line.split()[1]) / 1024
    print(json.dumps({"seconds": took, "peak": peak}))
