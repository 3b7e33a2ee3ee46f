"""What people send must be a plain PDF that opens anywhere and does nothing."""

from io import BytesIO
from typing import TYPE_CHECKING, Any, BinaryIO

from extranet.core.errors import Refused

if TYPE_CHECKING:
    import pikepdf

MAX_BYTES = 10 * 1024 * 1024
MAX_PAGES = 200
# A small file must not unfold into the whole memory: bytes of one compressed stream, entries of one list, values in
# all.
MAX_UNFOLDED = 2 * 1024 * 1024
MAX_ENTRIES = 200_000
MAX_VALUES = 1_000_000
# What a plain document has nowhere, as a key or as a name: programs, files inside, what only some readers run.
ACTIVE = {
    "/JavaScript",
    "/JS",
    "/Launch",
    "/EmbeddedFile",
    "/EmbeddedFiles",
    "/FileAttachment",
    "/RichMedia",
    "/XFA",
    "/ImportData",
    "/SubmitForm",
    "/GoToR",
    "/GoToE",
}
# The same as kinds of action or of annotation only: as other names these words are usual (a blend mode « Screen »).
ACTIVE_KINDS = {"/Movie", "/Sound", "/Rendition", "/Screen", "/3D", "/Projection", "/Thread", "/Hide", "/ResetForm"}
ACTIVE_KINDS |= {"/SetOCGState", "/GoTo3DView", "/GoToDp", "/RichMediaExecute", "/TrapNet"}
# Keys that hold a file inside (also without any /Type), a collection of files, or what happens by itself.
FORBIDDEN_KEYS = {"/EF", "/AF", "/RF", "/Collection", "/AA"}
# A stream whose bytes are elsewhere, a page of another file.
ELSEWHERE = {"/F", "/FFilter", "/Ref"}
# Where a reader looks for what to do, and the only things that it may find there: to go to a place of this document,
# and, at a click, to open an address or turn a page.
AT_OPENING, AT_A_CLICK = "/OpenAction", ("/A", "/PA", "/Next")
MOVES, CLICKS = {"/GoTo"}, {"/GoTo", "/URI", "/Named"}
# Notes and marks of a reviewer, links, and the fields of a form or of a signature.
ANNOTATIONS = {
    "/Text",
    "/Link",
    "/FreeText",
    "/Line",
    "/Square",
    "/Circle",
    "/Polygon",
    "/PolyLine",
    "/Highlight",
    "/Underline",
    "/Squiggly",
    "/StrikeOut",
    "/Stamp",
    "/Caret",
    "/Ink",
    "/Popup",
    "/Widget",
    "/Watermark",
    "/PrinterMark",
}

TOO_BIG = (
    "Ce fichier dépasse 10 Mo. Numérisez-le en noir et blanc ou avec une définition plus faible, puis déposez-le à "
    "nouveau."
)
NOT_PDF = "Ce fichier n’est pas un PDF. Enregistrez ou numérisez le document au format PDF, puis déposez-le à nouveau."
DAMAGED = "Ce PDF est abîmé ou incomplet. Enregistrez-le ou numérisez-le à nouveau, puis déposez-le."
PROTECTED = "Ce PDF est protégé par un mot de passe ou par des restrictions. Déposez-en une version sans protection."
TOO_LONG = f"Ce PDF a plus de {MAX_PAGES} pages. Déposez seulement le document demandé."
NOT_PLAIN = (
    "Ce PDF contient un programme, un formulaire actif ou un fichier joint. Imprimez-le au format PDF, puis déposez le "
    "résultat."
)


def checked_pdf(upload: BinaryIO, *, field: str = "fichier") -> bytes:
    """The bytes of an uploaded file that is a plain PDF; else `Refused` with what to do, for `field`."""
    upload.seek(0)
    data = upload.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise Refused({field: TOO_BIG})
    if not data.startswith(b"%PDF-"):
        raise Refused({field: NOT_PDF})
    if fault := _fault(data):
        raise Refused({field: fault})
    return data


def _fault(data: bytes) -> str:
    import pikepdf
    from pikepdf import settings as limits

    before: dict[str, Any] = dict(limits.get_qpdf_limits())
    limits.set_qpdf_limits(
        flate_max_memory=MAX_UNFOLDED, run_length_max_memory=MAX_UNFOLDED, parser_max_container_size=MAX_ENTRIES
    )
    try:
        with pikepdf.open(BytesIO(data), attempt_recovery=False, suppress_warnings=True) as pdf:
            if pdf.is_encrypted:
                return PROTECTED
            if _is_active(pdf):
                return NOT_PLAIN
            # What could not be read here may still be read, and run, by another program. A page without resources,
            # mended on the way, does no harm.
            if any("repairing" not in str(warning) for warning in pdf.get_warnings()) or not pdf.pages:
                return DAMAGED
            if len(pdf.pages) > MAX_PAGES:
                return TOO_LONG
    except pikepdf.PasswordError:
        return PROTECTED
    except (pikepdf.PdfError, ValueError, TypeError, AttributeError, KeyError, RuntimeError):
        return DAMAGED
    finally:
        limits.set_qpdf_limits(**before)
    return ""


def _is_active(pdf: "pikepdf.Pdf") -> bool:
    """Whether anything in the file may run or holds another file:
    in its trailer and each of its objects, on a page or not.
    """
    import pikepdf

    seen = 0
    for found in [pdf.trailer, *pdf.objects]:
        waiting: list[object] = [found]
        while waiting:
            item = waiting.pop()
            seen += 1
            if isinstance(item, pikepdf.Name) and str(item) in ACTIVE:
                return True
            if isinstance(item, pikepdf.Dictionary | pikepdf.Stream):
                if _does_something(item):
                    return True
                inner = [item.get(key) for key in item.keys()]  # noqa: SIM118 -- a stream iterates over its bytes
            elif isinstance(item, pikepdf.Array):
                if len(item) + seen > MAX_VALUES:
                    raise ValueError("too many values")
                inner = list(item)
            else:
                continue
            # What is written elsewhere in the file comes by itself: following it would turn in circles.
            waiting += [value for value in inner if not getattr(value, "is_indirect", False)]
        if seen > MAX_VALUES:
            raise ValueError("too many values")
    return False


def _does_something(item: "pikepdf.Dictionary | pikepdf.Stream") -> bool:
    import pikepdf

    keys = set(item.keys())
    if keys & (ACTIVE | FORBIDDEN_KEYS) or (isinstance(item, pikepdf.Stream) and keys & ELSEWHERE):
        return True
    if any(str(item.get(key, "")) in ACTIVE_KINDS for key in ("/S", "/Subtype")):
        return True
    if any(_kinds(item.get(key), "/S") - CLICKS for key in AT_A_CLICK if key in keys):
        return True
    if AT_OPENING in keys and _kinds(item[AT_OPENING], "/S") - MOVES:
        return True
    return "/Annots" in keys and bool(_kinds(item["/Annots"], "/Subtype", missing="none") - ANNOTATIONS)


def _kinds(found: object, key: str, missing: str = "") -> set[str]:
    """What `key` says in a dictionary, or in each of a list; `missing` for one that does not have it."""
    import pikepdf

    items = list(found) if isinstance(found, pikepdf.Array) else [found]
    said = {str(one.get(key, missing)) for one in items if isinstance(one, pikepdf.Dictionary)}
    return said - {""}
