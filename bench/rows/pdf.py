"""PDF of a demande, with its XML inside and its marks, against bare WeasyPrint of the same HTML."""

import statistics
import time
from datetime import UTC, datetime

import weasyprint
from django.template.loader import render_to_string

from bench.rows.ingest import prepare
from demandes.documents import pdf
from extranet.core.documents import pdf as core

NOW = datetime.now(UTC)
ROUNDS = 30


def run() -> list[dict[str, object]]:
    """Medians, one after the other in turn so that both meet the same machine."""
    prepare()
    from tests.factories import DemandeFactory

    demande = DemandeFactory(transmise=True)
    html = render_to_string("demandes/pdf/demandes.html", pdf.context([demande], NOW))
    ours, floor = [], []
    for _ in range(ROUNDS + 3):
        began = time.perf_counter()
        pdf.write([demande], NOW)
        middle = time.perf_counter()
        weasyprint.HTML(string=html, base_url=core.BASE, url_fetcher=core._fetcher()).write_pdf()
        ours.append(middle - began)
        floor.append(time.perf_counter() - middle)
    return [
        {
            "name": "pdf",
            "ours": statistics.median(ours[3:]) * 1000,
            "floor": statistics.median(floor[3:]) * 1000,
            "unit": "ms",
            "n": ROUNDS,
        }
    ]
