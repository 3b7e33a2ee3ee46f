"""What agents see of attestations: who has signed, who owes, references and dates. Never a family's data (ACC-3)."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import FileResponse, Http404, HttpRequest
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html

from demandes import rights
from demandes.attestations.models import Attestation, LigneAttestation
from demandes.attestations.workflow import EtatAttestation
from extranet.core import clock
from extranet.core.dates import paris_date
from extranet.core.documents import store
from extranet.core.words import date_courte
from extranet.territory.scoping import CafScopedAdmin, CafScopedInline


class LigneInline(CafScopedInline):
    """References and dates of what is attested."""

    model = LigneAttestation
    caf_path = "attestation__lieu__caf"
    fields = ("reference", "transmitted_on", "picked_up_on", "picked_up_by", "destroyed_on", "comment")
    readonly_fields = fields

    @admin.display(description="pourquoi")
    def comment(self, ligne: LigneAttestation) -> str:
        return "retirée par la famille" if ligne.retiree else "fin des six mois"


class EcheanceFilter(admin.SimpleListFilter):
    """Past its month or not."""

    title = "échéance"
    parameter_name = "echeance"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("retard", "dépassée")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Attestation]) -> QuerySet[Attestation]:
        if self.value() != "retard":
            return queryset
        return queryset.filter(state=EtatAttestation.OUVERTE, due_on__lt=clock.today())


@admin.register(Attestation)
class AttestationAdmin(CafScopedAdmin):
    """Who has attested, who owes it."""

    caf_path = "lieu__caf"
    rights = rights
    journal_words = {"attestation.ouverte": "Attestation demandée au lieu", "attestation.signee": "Signée"}
    inlines = [LigneInline]
    list_display = ["lieu", "state", "nombre", "ouverte", "due_on", "signee", "signataire"]
    list_filter = ["state", EcheanceFilter, "lieu"]
    search_fields = ["lieu__nom", "lignes__reference"]
    search_help_text = "Lieu ou référence d’une demande"
    ordering = ["due_on"]
    fields = ["lieu", "state", "opened_at", "due_on", "signed_at", "signataire", "qualite", "visa_archives", "document"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Attestation]:
        return super().get_queryset(request).annotate(lines=Count("lignes"))

    @admin.display(description="ouverte le", ordering="opened_at")
    def ouverte(self, attestation: Attestation) -> str:
        return date_courte(paris_date(attestation.opened_at))

    @admin.display(description="signée le", ordering="signed_at")
    def signee(self, attestation: Attestation) -> str:
        return date_courte(paris_date(attestation.signed_at)) if attestation.signed_at else "—"

    @admin.display(description="demandes", ordering="lines")
    def nombre(self, attestation: Any) -> int:
        return int(attestation.lines)

    @admin.display(description="document")
    def document(self, attestation: Attestation) -> str:
        if not attestation.pdf_id:
            return "—"
        url = reverse("admin:attestations_attestation_pdf", args=[attestation.pk])
        return format_html('<a href="{}">Attestation signée (PDF)</a>', url)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.pdf_view)
        return [path("<path:object_id>/pdf/", view, name="attestations_attestation_pdf"), *super().get_urls()]

    def pdf_view(self, request: HttpRequest, object_id: str) -> FileResponse:
        """The sealed PDF, to agents of the lieu's Caf."""
        attestation = self.visible_or_404(request, object_id)
        if not attestation.pdf_id:
            raise Http404
        response = FileResponse(
            store.open_file(attestation.pdf),
            as_attachment=True,
            filename="attestation.pdf",
            content_type="application/pdf",
        )
        response["Content-Security-Policy"] = "sandbox"
        return response
