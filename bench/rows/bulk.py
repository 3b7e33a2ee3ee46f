"""Two hundred demandes as one PDF, with its XML and its records, against bare WeasyPrint of the same HTML."""

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
from demandes.models import Demande
from demandes.services import handover
from extranet.core.documents.workshop import workshop
from habilitations.models import Habilitation

COUNT = 200
FLOOR = """
import sys, time, weasyprint, django
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
    """`bulk-pdf`, in seconds, both after a first document."""
    prepare()
    world.clear()
    now = datetime.now(UTC)
    world.fill(1_000, now)
    person = Habilitation.objects.get(personne__lieu__code=world.LARGE_LIEU).user
    wanted = list(Demande.objects.filter(lieu__code=world.LARGE_LIEU).values_list("uuid", flat=True)[:COUNT])
    demandes = handover.queries.require_visible(person, wanted, now)
    html = render_to_string("demandes/pdf/demandes.html", pdf.context(demandes, now))
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page.html"
        page.write_text(html, encoding="utf-8")
        done = subprocess.run([sys.executable, "-c", FLOOR, str(page)], capture_output=True, text=True, check=True)
    workshop.convert("<p>warm</p>", {"title": "warm"})
    began = time.perf_counter()
    handover.fetch(wanted, form="pdf", by=person, now=now, origin=handover.Origin())
    took = time.perf_counter() - began
    workshop.close()
    world.clear()
    return [{"name": "bulk-pdf", "ours": took, "floor": float(done.stdout), "unit": "s", "n": COUNT}]
