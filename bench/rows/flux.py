"""What a lieu's software fetches, with its records, against COPY of plain rows out and the same document by lxml."""

import json
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from django.db import connection
from django.test import Client
from lxml import etree

from bench import world
from bench.deliveries import write
from bench.rows.ingest import prepare
from conventions.models import Lieu
from demandes.documents.xml_reader import NAMESPACE
from demandes.models import Demande, Livraison
from demandes.services import applying, deliveries, flux, jetons
from habilitations.models import Habilitation

COUNT, SMALL, ROUNDS = 10_000, 1_000, 3
NS = f"{{{NAMESPACE}}}"
CHILD = "import sys, django; django.setup(); from bench.rows import flux; flux.one(sys.argv[1], int(sys.argv[2]))"


def run() -> list[dict[str, object]]:
    """`flux` in seconds of processor and database, in turn; `flux-memory` as peak MiB at 10,000 against 1,000."""
    prepare()
    world.clear()
    now = datetime.now(UTC)
    [lieu] = world.lieux(1, now)
    with tempfile.TemporaryDirectory() as folder, write(Path(folder) / "l.xml", COUNT, now).open("rb") as file:
        livraison = deliveries.register(file, nom="l.xml", origine=Livraison.Origine.DEPOT, now=now, ring=False)
    applying.ingest(livraison.pk, now=now)
    token = _token(lieu, now)
    _plain_rows()
    ours, floor = [], []
    for _ in range(ROUNDS):
        ours.append(_fetch(token, COUNT))
        floor.append(_floor())
    large, small = (_apart(token, count) for count in (COUNT, SMALL))
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE floor_flux")
    world.clear()
    return [
        {"name": "flux", "ours": median(ours), "floor": median(floor), "unit": "s", "n": COUNT},
        {"name": "flux-memory", "ours": large, "floor": small, "unit": "MiB", "n": COUNT},
    ]


def _token(lieu: Lieu, now: datetime) -> str:
    by = Habilitation.objects.get(personne__lieu=lieu).user
    return jetons.create(lieu=lieu.uuid, prestataire=None, nom="bench", days=30, by=by, now=now)


def _fetch(token: str, count: int) -> float:
    """The whole request, its bytes thrown away as they come."""
    began = time.perf_counter()
    answer = Client().get(f"/api/v1/demandes.xml?limite={count}", headers={"Authorization": f"Bearer {token}"})
    length = sum(len(piece) for piece in answer.streaming_content)  # type: ignore[attr-defined]
    took = time.perf_counter() - began
    assert answer.status_code == 200
    assert length > 500 * count
    return took


COLUMNS = ("reference", "deposee", "commune", "nom", "prenom", "telephone", "naissance", "debut", "lieu", "jour")


def _plain_rows() -> None:
    """The same demandes as columns of plain text, as a portal would have them that sealed and recorded nothing."""
    today, rows = datetime.now(UTC).date(), []
    for one in Demande.objects.select_related("dossier", "lieu").order_by("pk"):
        said = one.dossier.open(today)
        assert one.lieu is not None
        born, begins = said.enfants[0]["date_naissance"], said.besoin["a_partir_du"]
        row = [one.reference, one.deposee_le.isoformat(), one.commune_id, said.nom, said.prenom, said.telephone]
        rows.append([*row, born, begins, one.lieu.code, one.last_day.isoformat()])
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMP TABLE floor_flux ({', '.join(f'{name} text' for name in COLUMNS)})")
        with cursor.copy("COPY floor_flux FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)


def _floor() -> float:
    """COPY out, and the document by lxml."""
    began = time.perf_counter()
    root = etree.Element(f"{NS}demandes", nsmap={None: NAMESPACE})  # type: ignore[dict-item]
    add = etree.SubElement
    with connection.cursor() as cursor, cursor.copy("COPY floor_flux TO STDOUT") as copy:
        for row in copy.rows():
            said = dict(zip(COLUMNS, row, strict=True))
            node = add(root, f"{NS}demande", {"reference": said["reference"], "deposee-le": said["deposee"]})
            add(node, f"{NS}commune", {"code-insee": said["commune"]})
            asks = add(node, f"{NS}demandeur")
            for name in ("nom", "prenom", "telephone"):
                add(asks, f"{NS}{name}").text = said[name]
            place = add(asks, f"{NS}adresse")
            add(place, f"{NS}code-postal").text, add(place, f"{NS}commune").text = "77820", "Le Châtelet-en-Brie"
            add(add(add(node, f"{NS}enfants"), f"{NS}enfant"), f"{NS}date-naissance").text = said["naissance"]
            need = add(node, f"{NS}besoin")
            add(add(need, f"{NS}modes"), f"{NS}mode").text = "creche-collective"
            add(need, f"{NS}a-partir-du").text = said["debut"]
            hours = add(need, f"{NS}horaires")
            for jour in ("lundi", "jeudi"):
                add(hours, f"{NS}jour", {"nom": jour, "de": "08:30", "a": "17:30"})
            batch = {"lieu": said["lieu"], "transmise-le": said["deposee"], "a-detruire-avant": said["jour"]}
            add(node, f"{NS}transmission", batch)
    etree.indent(root)
    assert len(etree.tostring(root, xml_declaration=True, encoding="UTF-8")) > 500 * COUNT
    return time.perf_counter() - began


def _apart(token: str, count: int) -> float:
    """Peak MiB of a process that answers one request."""
    done = subprocess.run([sys.executable, "-c", CHILD, token, str(count)], capture_output=True, text=True, check=True)
    return float(json.loads(done.stdout.splitlines()[-1]))


def one(token: str, count: int) -> None:
    """In that process: what a request of `count` demandes needs at its peak."""
    assert count <= flux.MOST
    _fetch(token, 1)
    _fetch(token, count)
    # Not ru_maxrss: it survives exec, so that a child would report its parent's peak.
    [line] = [text for text in Path("/proc/self/status").read_text().splitlines() if text.startswith("VmHWM")]
    print(json.dumps(int(line.split()[1]) / 1024))
