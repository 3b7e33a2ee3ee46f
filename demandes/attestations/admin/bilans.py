"""What agents see of yearly statements: who has confirmed, what is not kept, the paper (SUI-3)."""

from django.contrib import admin
from django.utils.html import format_html, format_html_join

from demandes import rights
from demandes.attestations.admin.papers import PaperAdmin
from demandes.attestations.documents import declared
from demandes.attestations.models import Bilan
from extranet.core.dates import paris_date
from extranet.core.words import date_courte


@admin.register(Bilan)
class BilanAdmin(PaperAdmin):
    """A line a lieu and year."""

    caf_path = "lieu__caf"
    rights = rights
    paper = "Bilan confirmé"
    journal_words = {"bilan.prepare": "Bilan préparé", "bilan.confirme": "Confirmé"}
    list_display = ["lieu", "annee", "state", "due_on", "confirme", "non_tenues"]
    list_filter = ["state", "annee", "lieu"]
    list_select_related = ["lieu"]
    search_fields = ["lieu__nom"]
    search_help_text = "Lieu"
    ordering = ["-annee", "lieu__nom"]
    fields = [
        "lieu",
        "annee",
        "state",
        "due_on",
        "confirme",
        "signataire",
        "qualite",
        "declarations",
        "precisions",
        "document",
    ]

    @admin.display(description="confirmé le", ordering="confirmed_at")
    def confirme(self, bilan: Bilan) -> str:
        return date_courte(paris_date(bilan.confirmed_at)) if bilan.confirmed_at else "—"

    @admin.display(description="lignes non tenues")
    def non_tenues(self, bilan: Bilan) -> str:
        return str(sum(not kept for _, kept in declared(bilan))) if bilan.confirmed_at else "—"

    @admin.display(description="déclarations du lieu")
    def declarations(self, bilan: Bilan) -> str:
        lines = [("Oui" if kept else "Pas entièrement", sentence) for sentence, kept in declared(bilan)]
        if not lines:
            return "—"
        return format_html("<ul>{}</ul>", format_html_join("", "<li><strong>{}</strong> : {}</li>", lines))

    def file_name(self, bilan: Bilan) -> str:
        return f"bilan-{bilan.annee}.pdf"
