"""HTML templates to PDF/A-3a that is PDF/UA-1 too, with files attached (TEL-2)."""

import threading
from datetime import datetime
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from django.conf import settings
from django.template.loader import render_to_string

from extranet.core.documents.workshop import workshop

if TYPE_CHECKING:
    import pikepdf
    from weasyprint import Document
    from weasyprint.text.fonts import FontConfiguration

FONTS = Path(__file__).parent / "fonts"
SUFFIXES = {
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".woff2": "font/woff2",
    ".ttf": "font/ttf",
    ".otf": "font/otf",
}
# Nothing in a page resolves to a true address: relative names are looked up in `_known`, all else is refused.
BASE = "file:///pdf/"
# PDF/A wants each property that it does not know itself, here PDF/UA's mark, described beside it.
UA_MARK = b"""<rdf:Description xmlns:pdfuaid="http://www.aiim.org/pdfua/ns/id/" rdf:about="" pdfuaid:part="1"/>
<rdf:Description xmlns:pdfaExtension="http://www.aiim.org/pdfa/ns/extension/"
 xmlns:pdfaSchema="http://www.aiim.org/pdfa/ns/schema#" xmlns:pdfaProperty="http://www.aiim.org/pdfa/ns/property#"
 rdf:about=""><pdfaExtension:schemas><rdf:Bag><rdf:li rdf:parseType="Resource">
<pdfaSchema:schema>PDF/UA identification schema</pdfaSchema:schema>
<pdfaSchema:namespaceURI>http://www.aiim.org/pdfua/ns/id/</pdfaSchema:namespaceURI>
<pdfaSchema:prefix>pdfuaid</pdfaSchema:prefix>
<pdfaSchema:property><rdf:Seq><rdf:li rdf:parseType="Resource">
<pdfaProperty:name>part</pdfaProperty:name><pdfaProperty:valueType>Integer</pdfaProperty:valueType>
<pdfaProperty:category>internal</pdfaProperty:category>
<pdfaProperty:description>Part of ISO 14289 to which the document conforms</pdfaProperty:description>
</rdf:li></rdf:Seq></pdfaSchema:property></rdf:li></rdf:Bag></pdfaExtension:schemas></rdf:Description>
"""
RDF_END = b"</rdf:RDF>"

_thread = threading.local()


class Attached(NamedTuple):
    """A file inside the PDF; `relationship` is `Data`, `Source`, `Alternative`, `Supplement` or `Unspecified`."""

    name: str
    data: bytes
    media_type: str
    description: str
    relationship: str = "Data"


def render(
    template: str,
    context: dict[str, Any],
    *,
    title: str,
    attachments: list[Attached | tuple[str, bytes, str, str, str]] | None = None,
    now: datetime | None = None,
    apart: bool = False,
) -> bytes:
    """The tagged, archivable PDF of a template; `now` is written in it as its date. `title` holds no family data.

    A long one is made `apart`, in a process of its own.
    """
    html, options = render_to_string(template, context), {"title": title, "attachments": attachments, "now": now}
    return workshop.convert(html, options) if apart else convert(html, **options)  # type: ignore[arg-type]


def convert(
    html: str,
    *,
    title: str,
    attachments: list[Attached | tuple[str, bytes, str, str, str]] | None = None,
    now: datetime | None = None,
) -> bytes:
    """`render` of a page already written."""
    document = _lay_out(html)
    document.metadata.title = title
    document.metadata.lang = document.metadata.lang or "fr"
    document.metadata.attachments = []
    if now:
        document.metadata.created = document.metadata.modified = now.isoformat(timespec="seconds")
    raw = document.write_pdf(pdf_variant="pdf/a-3a")
    return _finish(raw, [Attached(*attached) for attached in attachments or []], now)


def _lay_out(html: str) -> "Document":
    import weasyprint  # 1.3 s: only processes that render pay for it

    page = weasyprint.HTML(string=html, base_url=BASE, url_fetcher=_fetcher())
    return page.render(font_config=_font_configuration(), pdf_variant="pdf/a-3a")


def _finish(raw: bytes, attachments: list[Attached], now: datetime | None) -> bytes:
    import pikepdf

    with pikepdf.open(BytesIO(raw)) as pdf:
        mark_accessible(pdf)
        for attached in attachments:
            date = pikepdf.models.metadata.encode_pdf_date(now) if now else ""
            spec = pikepdf.AttachedFileSpec(
                pdf,
                attached.data,
                description=attached.description,
                filename=attached.name,
                mime_type=attached.media_type,
                creation_date=date,
                mod_date=date,
                relationship=pikepdf.Name("/" + attached.relationship),
            )
            pdf.attachments[attached.name] = spec
        target = BytesIO()
        pdf.save(target)
    return target.getvalue()


def mark_accessible(pdf: "pikepdf.Pdf") -> None:
    """What WeasyPrint's PDF/A lacks of PDF/UA-1: the mark in the one XMP block, the scope of table headers."""
    import pikepdf

    before, end, after = pdf.Root.Metadata.read_bytes().partition(RDF_END)
    if not end or RDF_END in after:
        raise ValueError("one RDF block was expected in the metadata")
    pdf.Root.Metadata.write(before + UA_MARK + end + after)
    pdf.Root.ViewerPreferences = pikepdf.Dictionary(DisplayDocTitle=True)
    for element in pdf.objects:
        if isinstance(element, pikepdf.Dictionary) and element.get("/S") == pikepdf.Name.TH:
            in_head = element.P.P.get("/S") == pikepdf.Name.THead
            element.A.Scope = pikepdf.Name.Column if in_head else pikepdf.Name.Row


@cache
def _known() -> dict[str, Path]:
    """The only files that a page may load, by address: styles and images of templates/pdf, and `fonts/…`."""
    templates = settings.BASE_DIR / "templates" / "pdf"
    names = {path.relative_to(templates).as_posix(): path for path in templates.rglob("*")}
    names |= {f"fonts/{path.name}": path for path in FONTS.glob("*")}
    return {BASE + name: path for name, path in names.items() if path.suffix in SUFFIXES and path.is_file()}


@cache
def _fetcher() -> Any:
    from weasyprint.urls import URLFetcher, URLFetcherResponse

    class Closed(URLFetcher):
        """Neither the network nor the disk: known names, or nothing."""

        def fetch(self, url: str, headers: Any = None) -> URLFetcherResponse:
            path = _known().get(url)
            if path is None:
                raise ValueError("refused")
            return URLFetcherResponse(url, path.read_bytes(), {"Content-Type": SUFFIXES[path.suffix]})

    return Closed()


def _font_configuration() -> "FontConfiguration":
    """One a thread, kept: reading the machine's fonts takes as long as a page, and Pango's map is no one else's."""
    if not hasattr(_thread, "fonts"):
        from weasyprint.text.fonts import FontConfiguration

        _thread.fonts = FontConfiguration()
    return _thread.fonts
