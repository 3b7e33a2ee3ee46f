"""A ZIP of demandes: one PDF and one XML each."""

import io
import zipfile
from collections.abc import Sequence
from datetime import datetime

from demandes.documents import pdf, xml_writer
from demandes.models import Demande


def write(demandes: Sequence[Demande], now: datetime, *, apart: bool = False) -> bytes:
    """The ZIP, its entries named by reference."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as bundle:
        for demande in demandes:
            bundle.writestr(f"demande-{demande.reference}.pdf", pdf.write([demande], now, apart=apart))
            bundle.writestr(f"demande-{demande.reference}.xml", xml_writer.write([demande], now))
    return buffer.getvalue()
