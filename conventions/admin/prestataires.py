"""Subcontractors of a lieu as agents see them: engagements demanded, deposited, verified (CON-9)."""

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import Prefetch, QuerySet
from django.http import FileResponse, Http404, HttpRequest
from django.template.loader import render_to_string
from django.urls import URLPattern, path

from conventions import queries, rights
from conventions.forms.prestataires import DemandeForm, EngagementForm, FinForm, PrestataireForm, RefusForm
from conventions.models import Convention, DemandeEngagement, Engagement, Prestataire
from conventions.services import prestataires
from extranet.core import clock
from extranet.core.web.files import attachment
from extranet.core.words import date_courte
from extranet.territory.acts import Act, ActsMixin
from extranet.territory.queries import role_of
from extranet.territory.scoping import CafScopedAdmin

ACTS = (
    Act(
        slug="prestataire",
        label="Ajouter un prestataire",
        right="keep_prestataires",
        form=PrestataireForm,
        available=lambda convention: convention.in_force_from is not None,
        run=lambda convention, data, by, now: prestataires.add(convention_uuid=convention.uuid, by=by, now=now, **data),
        done="Le prestataire est enregistré. Demandez son engagement, ou enregistrez-le, sur sa page.",
        explain="Chaque prestataire d’un lieu signe un engagement de sécurité et de confidentialité, que la Caf peut "
        "demander à tout moment.",
    ),
)


def section(convention: Convention) -> str:
    """CON-9: the prestataires of the lieu of a convention, for its page."""
    rows = queries.prestataires_on(convention.lieu, clock.today())
    return render_to_string("conventions/admin/_prestataires.html", {"rows": [(row, etat_of(row)) for row in rows]})


def etat_of(made: Prestataire) -> str:
    """Where its engagement stands, in words: what has to be looked at first."""
    waiting = next((one for one in made.engagements.all() if one.decided_at is None), None)
    asked = next((one for one in made.demandes_engagement.all() if one.answered_at is None), None)
    if waiting:
        return "document déposé, à vérifier"
    if asked:
        late = "en retard, attendu" if asked.is_late(clock.now()) else "demandé, attendu"
        return f"{late} le {date_courte(asked.due_on)}"
    held = [one.signed_on for one in made.engagements.all() if one.decided_at and not one.motif_refus]
    return f"signé le {date_courte(max(held))}" if held else "absent"


def is_current(made: Prestataire) -> bool:
    """It works for the lieu today."""
    return made.until_on is None or made.until_on >= clock.today()


def _awaits(made: Prestataire) -> bool:
    return is_current(made) and made.engagements.filter(decided_at=None).exists()


class Suivi(admin.SimpleListFilter):
    """Engagements to look at: worked out from dates and documents."""

    title = "engagement"
    parameter_name = "suivi"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("attendu", "demandé, pas encore là"), ("retard", "en retard"), ("a-verifier", "à vérifier")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Prestataire]) -> QuerySet[Prestataire]:
        today = clock.today()
        awaited = queries.engagements_awaited(today)
        chosen = {
            "attendu": awaited.values("prestataire"),
            "retard": queries.engagements_late(clock.now()).values("prestataire"),
            "a-verifier": queries.engagements_to_verify(today).values("prestataire"),
        }.get(str(self.value()))
        return queryset if chosen is None else queryset.filter(pk__in=chosen)


@admin.register(Prestataire)
class PrestataireAdmin(ActsMixin, CafScopedAdmin):
    caf_path = "lieu__caf"
    rights = rights
    list_display = ("nom", "lieu_nom", "etat", "from_on", "until_on")
    list_filter = (Suivi,)
    search_fields = ("nom", "lieu__nom", "lieu__code", "lieu__ville")
    list_select_related = ("lieu",)
    ordering = ("nom", "pk")
    fields = ("nom", "lieu", "from_on", "until_on", "etat", "engagements", "demandes")
    readonly_fields = fields
    journal_words = {
        "prestataire.ajoute": "Prestataire enregistré",
        "prestataire.fini": "Fin enregistrée",
        "prestataire.engagement-demande": "Engagement demandé au lieu",
        "prestataire.engagement-depose": "Document déposé par le lieu",
        "prestataire.engagement-recu": "Engagement accepté",
        "prestataire.engagement-refuse": "Document déposé refusé",
    }
    acts = (
        Act(
            slug="accepter",
            label="Accepter le document déposé",
            right="keep_prestataires",
            available=_awaits,
            run=lambda made, data, by, now: prestataires.accept(prestataire_uuid=made.uuid, by=by, now=now),
            done="L’engagement est accepté.",
            explain="Ouvrez d’abord le document : il est signé par le prestataire et porte sur la sécurité et la "
            "confidentialité des données.",
        ),
        Act(
            slug="refuser",
            label="Refuser le document déposé",
            right="keep_prestataires",
            form=RefusForm,
            danger=True,
            preview=True,
            available=_awaits,
            run=lambda made, data, by, now: prestataires.refuse(prestataire_uuid=made.uuid, by=by, now=now, **data),
            done="Le document est refusé, le lieu reçoit le motif.",
        ),
        Act(
            slug="demander",
            label="Demander l’engagement",
            right="keep_prestataires",
            form=DemandeForm,
            preview=True,
            available=lambda made: is_current(made) and not made.demandes_engagement.filter(answered_at=None).exists(),
            run=lambda made, data, by, now: prestataires.demand(prestataire_uuid=made.uuid, by=by, now=now, **data),
            done="L’engagement est demandé : le lieu et ses personnes habilitées reçoivent un courriel.",
            explain="Le lieu et ses personnes habilitées reçoivent un courriel, puis un rappel ce jour-là et chaque "
            "semaine, jusqu’à ce que le document soit là.",
        ),
        Act(
            slug="engagement",
            label="Enregistrer l’engagement signé",
            right="keep_prestataires",
            form=EngagementForm,
            available=lambda made: is_current(made) and not _awaits(made),
            run=lambda made, data, by, now: prestataires.record(prestataire_uuid=made.uuid, by=by, now=now, **data),
            done="L’engagement est enregistré.",
        ),
        Act(
            slug="fin",
            label="Mettre fin",
            right="keep_prestataires",
            form=FinForm,
            danger=True,
            available=lambda made: made.until_on is None,
            run=lambda made, data, by, now: prestataires.end(prestataire_uuid=made.uuid, by=by, now=now, **data),
            done="La fin est enregistrée.",
            explain="Ce prestataire ne travaille plus pour le lieu. Ce qu’il a signé reste gardé.",
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Prestataire]:
        rows = super().get_queryset(request).select_related("lieu__caf")
        documents = Engagement.objects.select_related("received_by").order_by("-received_at", "-pk")
        asked = DemandeEngagement.objects.order_by("-asked_at", "-pk")
        return rows.prefetch_related(
            Prefetch("engagements", queryset=documents), Prefetch("demandes_engagement", queryset=asked)
        )

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """Knows whether this agent may open its files: a link is there exactly when it would pass."""
        made = super().get_object(request, object_id, from_field)
        if made is not None:
            made.files_open = rights.may(role_of(request.user), "read_files")
        return made

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.file_view)
        name = "conventions_prestataire_engagement"
        return [path("<path:object_id>/engagement/<uuid:identifier>/", view, name=name), *super().get_urls()]

    def file_view(self, request: HttpRequest, object_id: str, identifier: UUID) -> FileResponse:
        """A signed engagement, or what the lieu deposited as one."""
        made = self.visible_or_404(request, object_id)
        rights.check(role_of(request.user), "read_files")
        found = made.engagements.filter(uuid=identifier).first()
        if found is None:
            raise Http404
        return attachment(found.scan, f"engagement-{found.signed_on:%Y-%m-%d}.pdf")

    @admin.display(description="lieu", ordering="lieu__nom")
    def lieu_nom(self, made: Prestataire) -> str:
        return made.lieu.nom

    @admin.display(description="engagement")
    def etat(self, made: Prestataire) -> str:
        return etat_of(made)

    @admin.display(description="documents")
    def engagements(self, made: Prestataire) -> str:
        return render_to_string("conventions/admin/_engagements.html", {"made": made})

    @admin.display(description="demandes de la Caf")
    def demandes(self, made: Prestataire) -> str:
        return render_to_string("conventions/admin/_demandes.html", {"made": made})
