"""Two hundred demandes as one PDF, with its XML and its records: asked for, made as a worker makes it, sealed, kept and
handed over; against bare WeasyPrint of the same HTML. One process renders on either side.
"""

import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from django.template.loader import render_to_string

from bench import world
from bench.rows.ingest import prepare
from demandes.documents import pdf
from demandes.models import Demande, Telechargement
from demandes.services import files, handover
from extranet.core.documents.workshop import workshop
from habilitations.models import Habilitation

COUNT, ROUNDS = 200, 3
FLOOR = """
import os, sys, time, weasyprint, django
os.nice(10)  # as ours
django.setup()
from extranet.core.documents import pdf
html = open(sys.argv[1], encoding="utf-8").read()
make = lambda text: weasyprint.HTML(string=text, base_url=pdf.BASE, url_fetcher=pdf._fetcher()).write_pdf()
make("<p>warm</p>")
began = time.perf_counter()
make(html)
print(time.perf_counter() - began)
"""


def run() -> list[dict[str, object]]:
    """`bulk-pdf`, in seconds, both after a first document; the shortest of three each in turn."""
    prepare()
    world.clear()
    now = datetime.now(UTC)
    world.fill(1_000, now)
    person = Habilitation.objects.get(personne__lieu__code=world.LARGE_LIEU).user
    wanted = list(Demande.objects.filter(lieu__code=world.LARGE_LIEU).values_list("uuid", flat=True)[:COUNT])
    demandes = handover.queries.require_visible(person, wanted, now)
    html = render_to_string("demandes/pdf/demandes.html", pdf.context(demandes, now))
    workshop.convert("<p>warm</p>", {"title": "warm"})
    ours, floor = [], []
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page.html"
        page.write_text(html, encoding="utf-8")
        for _ in range(ROUNDS):
            bare = subprocess.run([sys.executable, "-c", FLOOR, page], capture_output=True, text=True, check=True)
            floor.append(float(bare.stdout))
            began = time.perf_counter()
            asked = files.ask(wanted, form="pdf", by=person, now=now)
            files.make(asked.uuid, now=now)
            assert files.hand_over(asked.uuid, by=person, now=now, origin=handover.Origin())
            ours.append(time.perf_counter() - began)
            Telechargement.objects.all().delete()  # asked for again, it would be the file that is kept
    workshop.close()
    world.clear()
    return [{"name": "bulk-pdf", "ours": min(ours), "floor": min(floor), "unit": "s", "n": COUNT}]
