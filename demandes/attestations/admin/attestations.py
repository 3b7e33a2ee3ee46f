"""What agents see of attestations: who has signed, who owes, references and dates. Never a family's data (ACC-3)."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest

from demandes import rights
from demandes.attestations import queries
from demandes.attestations.admin.papers import PaperAdmin
from demandes.attestations.models import Attestation, LigneAttestation
from extranet.core import clock
from extranet.core.dates import paris_date
from extranet.core.words import date_courte
from extranet.territory.scoping import CafScopedInline


class LigneInline(CafScopedInline):
    """References and dates of what is attested."""

    model = LigneAttestation
    caf_path = "attestation__lieu__caf"
    fields = ("reference", "transmitted_on", "picked_up_on", "picked_up_by", "destroyed_on", "comment")
    readonly_fields = fields

    @admin.display(description="pourquoi")
    def comment(self, ligne: LigneAttestation) -> str:
        if ligne.fin_convention:
            return "fin de la convention"
        return "retirée par la famille" if ligne.retiree else "fin de la conservation"


class EcheanceFilter(admin.SimpleListFilter):
    """Past its month or not."""

    title = "échéance"
    parameter_name = "echeance"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("retard", "dépassée")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Attestation]) -> QuerySet[Attestation]:
        if self.value() != "retard":
            return queryset
        return queryset.filter(pk__in=queries.overdue(clock.now()).values("pk"))


@admin.register(Attestation)
class AttestationAdmin(PaperAdmin):
    """Who has attested, who owes it."""

    caf_path = "lieu__caf"
    rights = rights
    paper = "Attestation signée"
    journal_words = {"attestation.ouverte": "Attestation demandée au lieu", "attestation.signee": "Signée"}
    inlines = [LigneInline]
    list_display = ["lieu", "state", "nombre", "ouverte", "due_on", "signee", "signataire"]
    list_filter = ["state", EcheanceFilter, "lieu"]
    search_fields = ["lieu__nom", "lignes__reference"]
    search_help_text = "Lieu ou référence d’une demande"
    ordering = ["due_on"]
    fields = [
        "lieu",
        "convention",
        "state",
        "opened_at",
        "due_on",
        "signed_at",
        "signataire",
        "qualite",
        "visa_archives",
        "document",
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Attestation]:
        return super().get_queryset(request).annotate(lines=Count("lignes"))

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """The convention is shown where it has ended."""
        return [name for name in self.fields if name != "convention" or (obj and obj.convention_id)]

    @admin.display(description="ouverte le", ordering="opened_at")
    def ouverte(self, attestation: Attestation) -> str:
        return date_courte(paris_date(attestation.opened_at))

    @admin.display(description="signée le", ordering="signed_at")
    def signee(self, attestation: Attestation) -> str:
        return date_courte(paris_date(attestation.signed_at)) if attestation.signed_at else "—"

    @admin.display(description="demandes", ordering="lines")
    def nombre(self, attestation: Any) -> int:
        return int(attestation.lines)

    def file_name(self, attestation: Attestation) -> str:
        return "attestation.pdf"
