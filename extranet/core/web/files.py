"""Kept files, and what is made for the occasion, on their way out."""

from typing import TypeVar

from django.http import FileResponse
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header

from extranet.core.documents import store
from extranet.core.documents.models import StoredFile

Response = TypeVar("Response", bound=HttpResponseBase)


def attachment(stored: StoredFile, name: str) -> FileResponse:
    """A kept file to be saved, never shown inside the portal's own pages."""
    return handed_over(FileResponse(store.open_file(stored), content_type=stored.media_type), name)


def handed_over(response: Response, name: str) -> Response:
    """To be saved as `name`, not opened among the portal's own pages, and kept by no cache."""
    response["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response["Cache-Control"] = "private, no-store"
    return response
