"""What people send must be a plain PDF that opens anywhere and does nothing."""

from io import BytesIO
from typing import BinaryIO

from extranet.core.errors import Refused

MAX_BYTES = 10 * 1024 * 1024
MAX_PAGES = 200
# Of one compressed stream of the file's structure: a small file must not unfold into the whole memory.
MAX_UNFOLDED = 64 * 1024 * 1024
ACTIVE = {
    "/JavaScript",
    "/JS",
    "/Launch",
    "/EmbeddedFile",
    "/EmbeddedFiles",
    "/RichMedia",
    "/XFA",
    "/ImportData",
    "/SubmitForm",
}

TOO_BIG = "Ce fichier dépasse 10 Mo. Numérisez-le en noir et blanc ou avec une définition plus faible, puis déposez-le à nouveau."
NOT_PDF = "Ce fichier n’est pas un PDF. Enregistrez ou numérisez le document au format PDF, puis déposez-le à nouveau."
DAMAGED = "Ce PDF est abîmé ou incomplet. Enregistrez-le ou numérisez-le à nouveau, puis déposez-le."
PROTECTED = "Ce PDF est protégé par un mot de passe ou par des restrictions. Déposez-en une version sans protection."
TOO_LONG = f"Ce PDF a plus de {MAX_PAGES} pages. Déposez seulement le document demandé."
NOT_PLAIN = "Ce PDF contient un programme, un formulaire actif ou un fichier joint. Imprimez-le au format PDF, puis déposez le résultat."


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
    import pikepdf.settings

    pikepdf.settings.set_qpdf_limits(flate_max_memory=MAX_UNFOLDED, run_length_max_memory=MAX_UNFOLDED)
    try:
        with pikepdf.open(BytesIO(data), attempt_recovery=False, suppress_warnings=True) as pdf:
            if pdf.is_encrypted:
                return PROTECTED
            if not pdf.pages:
                return DAMAGED
            if len(pdf.pages) > MAX_PAGES:
                return TOO_LONG
            if any(_is_active(found) for found in pdf.objects):
                return NOT_PLAIN
    except pikepdf.PasswordError:
        return PROTECTED
    except (pikepdf.PdfError, ValueError, TypeError, AttributeError, KeyError, RuntimeError):
        return DAMAGED
    return ""


def _is_active(found: object) -> bool:
    """Whether an object, or one written inside it, is an action or a container that a reader might run."""
    import pikepdf

    waiting = [found]
    while waiting:
        item = waiting.pop()
        if isinstance(item, pikepdf.Name) and str(item) in ACTIVE:
            return True
        if isinstance(item, pikepdf.Dictionary | pikepdf.Stream):
            keys = set(item.keys())
            if keys & ACTIVE:
                return True
            inner = [item.get(key) for key in keys]
        elif isinstance(item, pikepdf.Array):
            inner = list(item)
        else:
            continue
        # What is written elsewhere in the file comes by itself: following it would turn in circles.
        waiting += [value for value in inner if not getattr(value, "is_indirect", False)]
    return False
