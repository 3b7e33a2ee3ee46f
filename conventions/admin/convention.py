"""A convention as agents see it."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import URLPattern, path

from conventions import queries, rights, rules
from conventions.admin import avenants, fins, precaution, prestataires, signing, takeover, timeline
from conventions.admin.shown import UNSET, lines_held, situation_of
from conventions.documents import convention as document
from conventions.models import Convention, Couverture, Partie, PersonneInscrite
from conventions.services import register
from extranet.core import clock
from extranet.core.dates import paris_date
from extranet.core.documents import store
from extranet.core.errors import WrongState
from extranet.core.web.files import attachment, handed_over
from extranet.core.words import date_courte
from extranet.territory.acts import ActsMixin, Step
from extranet.territory.queries import role_of
from extranet.territory.scoping import CafScopedAdmin

NOT_PUBLISHABLE = (
    "Il n’y a pas de copie à publier : la convention n’est pas encore signée par les deux parties, ou son texte n’a "
    "pas été rédigé par le portail."
)


@admin.register(Convention)
class ConventionAdmin(takeover.TakeoverMixin, fins.FinsMixin, ActsMixin, CafScopedAdmin):
    caf_path = "lieu__caf"
    rights = rights
    change_form_template = "conventions/admin/convention.html"
    list_display = (
        "numero",
        "lieu_nom",
        "gestionnaire",
        "situation",
        "in_force_from",
        "echeance",
        "communes",
        "personnes",
    )
    list_filter = ("state", fins.FinFilter, signing.CopyFilter, "lieu__nature", "in_force_from")
    search_fields = (
        "numero",
        "lieu__nom",
        "lieu__code",
        "lieu__ville",
        "gestionnaire__nom",
        "gestionnaire__siren",
    )
    list_select_related = ("gestionnaire", "lieu__caf")
    ordering = ("-created_at", "-pk")
    readonly_fields = (
        "numero",
        "lieu",
        "signataire",
        "situation",
        "created_at",
        "accepted_by",
        "in_force_from",
        "echeance",
        "preavis",
        "ended_on",
        "motif_abandon",
        "suspension",
        "provenance",
        "acte_autorisant",
        "signatures",
        "annexe1",
        "prestataires",
        "avenants",
        "papier",
        "fins",
    )
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "numero",
                    "situation",
                    "suspension",
                    "motif_abandon",
                    "lieu",
                    "signataire",
                    "created_at",
                    "accepted_by",
                    "provenance",
                )
            },
        ),
        ("Durée", {"fields": ("in_force_from", "echeance", "preavis", "ended_on")}),
        ("Signatures", {"fields": ("papier", "acte_autorisant", "signatures")}),
        ("Annexe 1", {"fields": ("annexe1", "avenants")}),
        ("Prestataires", {"fields": ("prestataires",)}),
        ("Lettres recommandées et fin", {"fields": ("fins",)}),
    )
    journal_words = signing.WORDS | avenants.WORDS | precaution.WORDS | takeover.WORDS | fins.WORDS
    acts = (*signing.ACTS, *takeover.ACTS, *avenants.ACTS, *prestataires.ACTS, *fins.ACTS, *precaution.ACTS)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Convention]:
        return (
            super()
            .get_queryset(request)
            .annotate(
                lines_communes=lines_held(Couverture, "lieu"), lines_personnes=lines_held(PersonneInscrite, "lieu")
            )
            .prefetch_related("suspensions__suspended_by", "suspensions__lifted_by")
        )

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """The reason of an abandonment, and suspensions, are shown where there are some."""
        shown = super().get_fieldsets(request, obj)
        if obj is not None:
            empty = {"motif_abandon"} if not obj.motif_abandon else set()
            empty |= {"suspension"} if not obj.suspensions.all() else set()
            empty |= {"provenance"} if not hasattr(obj, "reprise") else set()
            shown[0][1]["fields"] = [name for name in shown[0][1]["fields"] if name not in empty]
        return shown

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """Knows whether this agent may open its files: a link is there exactly when it would pass."""
        convention = super().get_object(request, object_id, from_field)
        if convention is not None:
            convention.files_open = rights.may(role_of(request.user), "read_files")
        return convention

    def get_urls(self) -> list[URLPattern]:
        return [
            path("<path:object_id>/pdf/", self.admin_site.admin_view(self.pdf_view), name="conventions_convention_pdf"),
            path(
                "<path:object_id>/publication/",
                self.admin_site.admin_view(self.publication_view),
                name="conventions_convention_publication",
            ),
            path(
                "<path:object_id>/fichier/<uuid:file_id>/",
                self.admin_site.admin_view(self.file_view),
                name="conventions_convention_fichier",
            ),
            *avenants.views(self),
            *super().get_urls(),
        ]

    def pdf_view(self, request: HttpRequest, object_id: str) -> FileResponse:
        """The paper handed over, rendered now if no worker has done it yet."""
        convention = self.visible_or_404(request, object_id)
        rights.check(role_of(request.user), "read_files")
        kept = register.keep_pdf(queries.founding_acte(convention), now=clock.now())
        return attachment(kept, f"{convention.numero}.pdf")

    def publication_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """CON-14: the copy fit for publication, once both have signed."""
        convention = self.visible_or_404(request, object_id)
        rights.check(role_of(request.user), "read_files")
        acte = queries.founding_acte(convention)
        if (text := queries.publishable(acte)) is None:
            raise WrongState(NOT_PUBLISHABLE)
        content = document.publish(acte, store.read(text).decode(), clock.now())
        name = f"{convention.numero}-publication.pdf"
        return handed_over(HttpResponse(content, content_type="application/pdf"), name)

    def file_view(self, request: HttpRequest, object_id: str, file_id: UUID) -> FileResponse:
        """A signed document of this convention, or another that is kept with it."""
        convention = self.visible_or_404(request, object_id)
        rights.check(role_of(request.user), "read_files")
        found = queries.kept_file(convention, file_id)
        if found is None:
            raise Http404
        return attachment(*found)

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        """With the timeline, and what to do about its next date."""
        if convention := kwargs.get("obj"):
            today = clock.today()
            context["etapes"] = timeline.etapes(convention, clock.now())
            context["prochaine"] = timeline.next_date(convention, today)
        return super().render_change_form(request, context, *args, **kwargs)

    def next_steps(self, obj: Convention) -> list[Step]:
        first = fins.next_step(obj) or timeline.next_step(obj)
        return [*([first] if first else []), *self.offered_steps(obj), *timeline.also(obj, clock.now())]

    def history_facts(self, obj: Convention) -> list[tuple[date, str]]:
        """CON-3.c: renewals, which nobody and no job records."""
        return [(day, "Anniversaire : renouvelée pour un an") for day in timeline.anniversaries(obj, clock.today())]

    @admin.display(description="lieu", ordering="lieu__nom")
    def lieu_nom(self, convention: Convention) -> str:
        return convention.lieu.nom

    @admin.display(description="gestionnaire")
    def signataire(self, convention: Convention) -> str:
        context = {"gestionnaire": convention.gestionnaire}
        return render_to_string("conventions/admin/_gestionnaire.html", context)

    @admin.display(description="situation", ordering="state")
    def situation(self, convention: Convention) -> str:
        return situation_of(convention, clock.today())

    @admin.display(description="suspensions")
    def suspension(self, convention: Convention) -> str:
        context = {"suspensions": convention.suspensions.all()}
        return render_to_string("conventions/admin/_suspensions.html", context)

    @admin.display(description="provenance")
    def provenance(self, convention: Convention) -> str:
        """CON-13: where a convention that was not made here comes from."""
        taken = convention.reprise
        return f"Convention en cours, reprise le {date_courte(paris_date(taken.recorded_at))} (numéro {taken.numero})"

    @admin.display(description="prochaine échéance", ordering="in_force_from")
    def echeance(self, convention: Convention) -> str:
        if convention.in_force_from is None or convention.ended_on:
            return UNSET
        return date_courte(rules.next_anniversary(convention.in_force_from, clock.today()))

    @admin.display(description="préavis")
    def preavis(self, convention: Convention) -> str:
        """CON-4: until when a letter still ends the year under way, and what a later one would do."""
        if convention.in_force_from is None or convention.ended_on:
            return UNSET
        term = rules.next_anniversary(convention.in_force_from, clock.today())
        last_day = rules.last_day_of_notice(term)
        if clock.today() <= last_day:
            return f"lettre recommandée remise au plus tard le {date_courte(last_day)}"
        following = rules.next_anniversary(convention.in_force_from, term + timedelta(days=1))
        return (
            f"délai dépassé depuis le {date_courte(last_day)} : une lettre remise maintenant met fin à la "
            f"convention le {date_courte(following)}"
        )

    @admin.display(description="communes", ordering="lines_communes")
    def communes(self, convention: Any) -> int:
        return convention.lines_communes or 0

    @admin.display(description="personnes", ordering="lines_personnes")
    def personnes(self, convention: Any) -> int:
        return convention.lines_personnes or 0

    @admin.display(description="acte autorisant la signature")
    def acte_autorisant(self, convention: Convention) -> str:
        acte = queries.founding_acte(convention)
        return render_to_string("conventions/admin/_acte_autorisant.html", {"acte": acte})

    @admin.display(description="signatures enregistrées")
    def signatures(self, convention: Convention) -> str:
        acte = queries.founding_acte(convention)
        standing = {(line.partie, line.piece): line for line in queries.signatures_of(acte)}
        rows = [
            {"partie": partie, "piece": piece, "signature": standing.get((partie.value, piece))}
            for piece in queries.pieces_of(acte)
            for partie in Partie
        ]
        context = {
            "convention": convention,
            "rows": rows,
            "past": queries.superseded_of(acte),
            "faults": queries.faults_of(acte),
            "copies": queries.copies_of(convention),
            "originaux": acte.originaux,
        }
        return render_to_string("conventions/admin/_signatures.html", context)

    @admin.display(description="communes et personnes")
    def annexe1(self, convention: Convention) -> str:
        communes, personnes = queries.annexe1_of(convention)
        return render_to_string("conventions/admin/_annexe1.html", {"communes": communes, "personnes": personnes})

    @admin.display(description="prestataires du lieu")
    def prestataires(self, convention: Convention) -> str:
        return prestataires.section(convention)

    @admin.display(description="avenants")
    def avenants(self, convention: Convention) -> str:
        return avenants.section(convention)

    @admin.display(description="lettres et fin")
    def fins(self, convention: Convention) -> str:
        return fins.section(convention)

    @admin.display(description="document à signer")
    def papier(self, convention: Convention) -> str:
        acte = queries.founding_acte(convention)
        piece, publishable = queries.pieces_of(acte)[0], queries.publishable(acte) is not None
        reprise = queries.reprise_of(acte)
        context = {"convention": convention, "piece": piece, "publishable": publishable, "reprise": reprise}
        context["replaced"] = [
            (old, old.pieces.all()[0], sum(len(piece.signatures.all()) for piece in old.pieces.all()))
            for old in queries.replaced_papers(convention)
        ]
        return render_to_string("conventions/admin/_papier.html", context)
