"""The sealed paper of what a lieu has stated, on the pages of agents."""

from typing import Any, ClassVar

from django.contrib import admin
from django.http import FileResponse, Http404, HttpRequest
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html

from extranet.core.web.files import attachment
from extranet.territory.scoping import CafScopedAdmin


class PaperAdmin(CafScopedAdmin):
    """Shows `document`, the link to the sealed PDF, and answers it to agents of the lieu's Caf."""

    paper: ClassVar[str]
    """What the link says."""

    def file_name(self, obj: Any) -> str:
        """That of the file handed over."""
        raise NotImplementedError

    def _view_name(self) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_pdf"

    @admin.display(description="document")
    def document(self, obj: Any) -> str:
        if not obj.pdf_id:
            return "—"
        url = reverse(f"admin:{self._view_name()}", args=[obj.pk])
        return format_html('<a href="{}">{} (PDF)</a>', url, self.paper)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.pdf_view)
        return [path("<path:object_id>/pdf/", view, name=self._view_name()), *super().get_urls()]

    def pdf_view(self, request: HttpRequest, object_id: str) -> FileResponse:
        """The sealed PDF; 404 where there is none yet."""
        obj = self.visible_or_404(request, object_id)
        if not obj.pdf_id:
            raise Http404
        return attachment(obj.pdf, self.file_name(obj))
