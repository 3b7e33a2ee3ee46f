"""Sheets that agents fill: CSV and ODS in, the model to fill out (CON-13.b).

ODS is read here, by lxml, and by no library: what a file may unfold to, its formulas and its comments are ours to judge
before a value is believed. Every refusal is a sentence that says what to do, and repeats nothing of the file.
"""

import csv
import io
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from lxml import etree

from extranet.core.documents import ods
from extranet.core.errors import Refused

MAX_BYTES = 4 * 1024 * 1024
MAX_UNFOLDED = 40 * 1024 * 1024
MAX_LINES = 3_000
MAX_COLUMNS = 200
MAX_CELL = 10_000

TOO_BIG = "Ce fichier dépasse 4 Mo. Partagez-le en plusieurs fichiers."
TOO_LONG = "Ce fichier a plus de 3 000 lignes. Partagez-le en plusieurs fichiers."
TOO_WIDE = "La première feuille a plus de 200 colonnes remplies. Gardez celles du modèle."
TOO_FULL = "Une cellule de ce fichier contient plus de 10 000 caractères. Vérifiez le fichier, ligne {ligne}."
EMPTY = "Ce fichier est vide. Remplissez le modèle, puis déposez-le."
EXCEL = "Ce fichier est un classeur Excel. Enregistrez-le au format ODS ou CSV, puis déposez-le à nouveau."
OTHER = (
    "Ce fichier n’est ni un CSV ni un classeur ODS. Enregistrez-le dans l’un de ces formats, puis déposez-le à nouveau."
)
DAMAGED = "Ce classeur est abîmé. Ouvrez-le, enregistrez-le de nouveau au format ODS, puis déposez-le."
PROTECTED = "Ce classeur est protégé par un mot de passe. Enregistrez-le sans protection, puis déposez-le à nouveau."
ENCODING = (
    "Les caractères de ce fichier ne se lisent pas. Enregistrez-le au format « CSV UTF-8 » ou ODS, puis déposez-le à "
    "nouveau."
)
QUOTES = "Ce CSV est mal formé ligne {ligne} : un guillemet n’est pas fermé. Enregistrez-le à nouveau."

_OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"


@dataclass(frozen=True, slots=True)
class Ligne:
    """A line that is not empty: its number in the sheet, its cells, and which of them are formulas."""

    numero: int
    cells: list[str]
    formules: set[int] = field(default_factory=set)


def read(data: bytes) -> list[Ligne]:
    """The filled lines of a CSV or of the first sheet of an ODS. Refused, in a sentence, when it is neither."""
    if len(data) > MAX_BYTES:
        raise Refused({"fichier": TOO_BIG})
    if data.startswith(b"PK\x03\x04"):
        lines = _ods(data)
    elif data.startswith(b"\xd0\xcf\x11\xe0"):
        raise Refused({"fichier": EXCEL})
    else:
        lines = _csv(data)
    found = []
    for line in lines:
        if any(line.cells):
            found.append(line)
        if len(found) > MAX_LINES + 1:  # and its headings
            raise Refused({"fichier": TOO_LONG})
    if not found:
        raise Refused({"fichier": EMPTY})
    return found


# --- CSV ------------------------------------------------------------------------------------------------------------


def _csv(data: bytes) -> Iterator[Ligne]:
    text = _decoded(data)
    head = text.partition("\n")[0]
    mark = max(";,\t", key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=True)
    before = 0
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            _require_narrow(cells, before + 1)
            # A spreadsheet would work these out: who opens the file reads something else than what is kept.
            yield Ligne(before + 1, cells, {rank for rank, cell in enumerate(cells) if cell.startswith("=")})
            before = reader.line_num
    except csv.Error:
        raise Refused({"fichier": QUOTES.format(ligne=before + 1)}) from None


def _decoded(data: bytes) -> str:
    """UTF-8 with or without its mark, else Windows-1252."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Refused({"fichier": ENCODING})
    if b"\x00" in data:
        raise Refused({"fichier": OTHER})
    for encoding in ("utf-8-sig", "cp1252"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise Refused({"fichier": ENCODING})


def _require_narrow(cells: Sequence[str], ligne: int) -> None:
    if len(cells) > MAX_COLUMNS:
        raise Refused({"fichier": TOO_WIDE})
    if any(len(cell) > MAX_CELL for cell in cells):
        raise Refused({"fichier": TOO_FULL.format(ligne=ligne)})


# --- ODS ------------------------------------------------------------------------------------------------------------


def _ods(data: bytes) -> Iterator[Ligne]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = set(archive.namelist())
            if "xl/workbook.xml" in names:
                raise Refused({"fichier": EXCEL})
            if "mimetype" not in names or _bytes(archive, "mimetype", 200).strip() != ods.MEDIA_TYPE.encode():
                raise Refused({"fichier": OTHER})
            if "META-INF/manifest.xml" in names and b"encryption-data" in _bytes(
                archive, "META-INF/manifest.xml", MAX_UNFOLDED
            ):
                raise Refused({"fichier": PROTECTED})
            content = _bytes(archive, "content.xml", MAX_UNFOLDED)
    except (zipfile.BadZipFile, KeyError, NotImplementedError, RuntimeError, EOFError, OSError, ValueError):
        raise Refused({"fichier": DAMAGED}) from None
    yield from _rows(content)


def _bytes(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    """What a part unfolds to, read no further than `most`, whatever its entry says of its size."""
    if archive.getinfo(name).flag_bits & 1:
        raise Refused({"fichier": PROTECTED})
    with archive.open(name) as part:
        found = part.read(most + 1)
    if len(found) > most:
        raise Refused({"fichier": TOO_BIG})
    return found


def _rows(content: bytes) -> Iterator[Ligne]:
    """The rows of the first table, one after the other; each is forgotten once read."""
    events = etree.iterparse(
        io.BytesIO(content),
        events=("end",),
        tag=(f"{_TABLE}table-row", f"{_TABLE}table"),
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
    )
    numero = 1
    try:
        for _, element in events:
            if element.getroottree().docinfo.doctype:
                raise Refused({"fichier": DAMAGED})
            if element.tag == f"{_TABLE}table":
                return
            cells, formules = _cells(element, numero)
            times = _times(element, "number-rows-repeated")
            if any(cells):
                for rank in range(min(times, MAX_LINES + 2)):
                    yield Ligne(numero + rank, cells, formules)
            numero += times
            element.clear()
            while element.getprevious() is not None:
                parent = element.getparent()
                assert parent is not None
                del parent[0]
    except etree.XMLSyntaxError:
        raise Refused({"fichier": DAMAGED}) from None


def _times(element: Any, name: str) -> int:
    """How often a cell or a row stands for itself."""
    said = element.get(f"{_TABLE}{name}", "1")
    return max(1, int(said)) if said.isascii() and said.isdigit() and len(said) < 10 else 1


def _cells(row: Any, numero: int) -> tuple[list[str], set[int]]:
    cells, formules, empty = list[str](), set[int](), 0
    for cell in row.iterchildren(f"{_TABLE}table-cell", f"{_TABLE}covered-table-cell"):
        value, times = _value(cell), _times(cell, "number-columns-repeated")
        if not value:  # sheets end with thousands of these
            empty += times
            continue
        if len(cells) + empty + times > MAX_COLUMNS:
            raise Refused({"fichier": TOO_WIDE})
        cells += [""] * empty
        if cell.get(f"{_TABLE}formula"):
            formules |= set(range(len(cells), len(cells) + times))
        cells += [value] * times
        empty = 0
    _require_narrow(cells, numero)
    return cells, formules


def _value(cell: Any) -> str:
    """A cell as it is meant: days and whole numbers by their value, all else by its text. Comments do not count."""
    kind = cell.get(f"{_OFFICE}value-type")
    if kind == "date":
        return str(cell.get(f"{_OFFICE}date-value", ""))[:10]
    said = str(cell.get(f"{_OFFICE}value", ""))
    if kind == "float" and said.removesuffix(".0").isdigit():
        return said.removesuffix(".0")
    return "\n".join(_text(line) for line in cell.iterchildren(f"{_TEXT}p")).strip()


def _text(element: Any) -> str:
    parts = [element.text or ""]
    for child in element:
        if child.tag in (f"{_TEXT}s", f"{_TEXT}tab"):
            parts.append(" ")
        elif child.tag == f"{_TEXT}line-break":
            parts.append("\n")
        elif child.tag != f"{_OFFICE}annotation" and isinstance(child.tag, str):
            parts.append(_text(child))
        parts.append(child.tail or "")
    return "".join(parts)


# --- the model to fill ----------------------------------------------------------------------------------------------


def write_csv(rows: Iterable[Sequence[str]]) -> bytes:
    """As French spreadsheets open it: `;`, UTF-8 with its mark."""
    target = io.StringIO(newline="")
    csv.writer(target, delimiter=";", lineterminator="\r\n").writerows(rows)
    return target.getvalue().encode("utf-8-sig")
