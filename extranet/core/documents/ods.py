"""Spreadsheets (ODS) to hand out: text and whole numbers, so that nothing in them is worked out (SUI-2, CON-13)."""

import io
import zipfile
from collections.abc import Iterable, Sequence
from xml.sax.saxutils import escape, quoteattr

MEDIA_TYPE = "application/vnd.oasis.opendocument.spreadsheet"
MANIFEST = (
    '<?xml version="1.0" encoding="UTF-8"?><manifest:manifest '
    'xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0" manifest:version="1.3">'
    '<manifest:file-entry manifest:full-path="/" manifest:version="1.3" '
    'manifest:media-type="application/vnd.oasis.opendocument.spreadsheet"/>'
    '<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/></manifest:manifest>'
)
HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?><office:document-content office:version="1.3" '
    'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:style="urn:oasis:names:tc:opendocument:xmlns:style:1.0" '
    'xmlns:fo="urn:oasis:names:tc:opendocument:xmlns:xsl-fo-compatible:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:automatic-styles>'
    '<style:style style:name="large" style:family="table-column"><style:table-column-properties '
    'style:column-width="4.8cm"/></style:style>'
    '<style:style style:name="aide" style:family="table-column"><style:table-column-properties '
    'style:column-width="16cm"/></style:style>'
    '<style:style style:name="titre" style:family="table-cell"><style:table-cell-properties '
    'fo:background-color="#d8e8e6" fo:wrap-option="wrap"/><style:text-properties fo:font-weight="bold"/></style:style>'
    '<style:style style:name="texte" style:family="table-cell"><style:table-cell-properties fo:wrap-option="wrap"/>'
    "</style:style></office:automatic-styles><office:body><office:spreadsheet>"
)
FOOT = "</office:spreadsheet></office:body></office:document-content>"

Feuille = tuple[str, Sequence[Sequence[str | int]], Sequence[str]]


def write(feuilles: Iterable[Feuille]) -> bytes:
    """Sheets as (name, rows, style of each column, `large` or `aide`): the first row of each is its headings."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("mimetype"), MEDIA_TYPE)  # first and as it is, as the format asks
        archive.writestr("content.xml", HEAD + "".join(map(_sheet, feuilles)) + FOOT)
        archive.writestr("META-INF/manifest.xml", MANIFEST)
    return target.getvalue()


def _sheet(feuille: Feuille) -> str:
    name, rows, columns = feuille
    widths = "".join(f'<table:table-column table:style-name="{style}"/>' for style in columns)
    lines = "".join(
        "<table:table-row>" + "".join(_cell(said, "texte" if rank else "titre") for said in row) + "</table:table-row>"
        for rank, row in enumerate(rows)
    )
    return f"<table:table table:name={quoteattr(name)}>{widths}{lines}</table:table>"


def _cell(said: str | int, style: str) -> str:
    value = f'"float" office:value="{said}"' if isinstance(said, int) else '"string"'
    lines = "".join(f"<text:p>{escape(line)}</text:p>" for line in str(said).split("\n"))
    return f'<table:table-cell table:style-name="{style}" office:value-type={value}>{lines}</table:table-cell>'
