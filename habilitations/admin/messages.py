"""What lieux and their Caf write to each other (CTL-5)."""

from uuid import UUID

from django.contrib import admin
from django.http import FileResponse, HttpRequest
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse

from extranet.core.dates import paris_date
from extranet.core.web.files import attachment
from extranet.core.words import date_courte
from extranet.territory.acts import Act, ActsMixin, Step
from extranet.territory.queries import role_of
from habilitations import queries, rights
from habilitations.forms import MessageForm
from habilitations.models import Echange
from habilitations.services import echanges
from habilitations.workflow import ECHANGE, EtatEchange


@admin.register(Echange)
class EchangeAdmin(ActsMixin):
    """CTL-5: what lieux write to their Caf, read and answered."""

    own_caf_only = True
    caf_path = "lieu__caf"
    rights = rights
    list_display = ["objet", "lieu", "state", "commence", "dernier"]
    list_filter = ["state", "sujet", "lieu"]
    search_fields = ["lieu__nom", "lieu__code"]
    search_help_text = "Nom ou code du lieu"
    list_select_related = ["lieu"]
    ordering = ["-written_at", "-pk"]
    fields = ["lieu", "sujet", "state", "fil"]
    readonly_fields = ["fil"]
    journal_words = {
        "echange.ouvert": "le lieu écrit",
        "echange.relance": "le lieu écrit de nouveau",
        "echange.repondu": "la Caf répond",
        "echange.clos": "échange terminé",
    }
    acts = [
        Act(
            slug="repondre",
            label="Répondre",
            right="answer_echange",
            form=MessageForm,
            run=lambda echange, data, by, now: echanges.answer(echange=echange.uuid, by=by, now=now, **data),
            done="Votre réponse est envoyée ; les personnes du lieu en sont prévenues par courriel.",
            explain="Les personnes habilitées du lieu la lisent dans leur espace. Écrire ne change rien à la "
            "convention : un changement se fait par un avenant.",
        ),
        Act(
            slug="terminer",
            label="Marquer comme terminé",
            right="close_echange",
            available=lambda echange: ECHANGE.may(echange, "close"),
            run=lambda echange, data, by, now: echanges.close(echange=echange.uuid, by=by, now=now),
            done="L’échange est terminé.",
            explain="Rien n’est effacé. Si le lieu écrit de nouveau, l’échange est rouvert.",
        ),
    ]

    def next_step(self, echange: Echange) -> Step | None:
        """CTL-5: who has the next word."""
        return Step(what="répondre au lieu.", acts=("repondre",)) if echange.state == EtatEchange.A_REPONDRE else None

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.file_view)
        own = path("<path:object_id>/fichier/<uuid:fichier>/", view, name="habilitations_echange_fichier")
        return [own, *super().get_urls()]

    def file_view(self, request: HttpRequest, object_id: str, fichier: UUID) -> FileResponse:
        """A file of this exchange."""
        echange = self.visible_or_404(request, object_id)
        rights.check(role_of(request.user), "read_echange_files")
        piece = queries.piece_of(echange, fichier)
        return attachment(piece.fichier, piece.nom)

    @admin.display(description="sujet", ordering="sujet")
    def objet(self, echange: Echange) -> str:
        return echange.objet

    @admin.display(description="commencé le", ordering="opened_at")
    def commence(self, echange: Echange) -> str:
        return date_courte(paris_date(echange.opened_at))

    @admin.display(description="dernier message le", ordering="written_at")
    def dernier(self, echange: Echange) -> str:
        return date_courte(paris_date(echange.written_at))

    @admin.display(description="messages")
    def fil(self, echange: Echange) -> str:
        lines = echange.messages.select_related("by").prefetch_related("pieces")
        root = reverse("admin:habilitations_echange_change", args=[echange.pk]).removesuffix("change/")
        return render_to_string("habilitations/admin/_echange.html", {"lignes": lines, "racine": root})
