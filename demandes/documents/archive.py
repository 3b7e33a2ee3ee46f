"""A ZIP of demandes: one PDF and one XML each."""

import io
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import count

from demandes.documents import pdf, xml_writer
from demandes.models import Demande


def write(
    demandes: Sequence[Demande], now: datetime, *, apart: bool = False, after: Callable[[int], object] | None = None
) -> bytes:
    """The ZIP, its entries named by reference; `after` each demande it is said how many are in."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as bundle:
        names = distinct(one.reference for one in demandes)
        for rank, (demande, name) in enumerate(zip(demandes, names, strict=True), 1):
            bundle.writestr(f"demande-{name}.pdf", pdf.write([demande], now, apart=apart))
            bundle.writestr(f"demande-{name}.xml", xml_writer.write([demande], now))
            if after:
                after(rank)
    return buffer.getvalue()


def distinct(references: Iterable[str]) -> Iterator[str]:
    """A name for each reference, the reference itself where it may: elsewhere `A.pdf` and `a.pdf` may be one file."""
    wanted, taken = list(references), set[str]()
    own = {reference.casefold() for reference in wanted}
    for reference in wanted:
        name, ranks = reference, count(2)
        while name.casefold() in taken or (name != reference and name.casefold() in own):
            name = f"{reference}-{next(ranks)}"
        taken.add(name.casefold())
        yield name
