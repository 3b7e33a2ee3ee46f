"""What agents see of the register, and their acts on it."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.http import FileResponse, Http404, HttpRequest
from django.template.loader import render_to_string
from django.urls import URLPattern, path

from conventions import queries, rights, rules
from conventions.forms import (
    AbandonForm,
    DeliberationForm,
    OfficialAddressForm,
    PrecautionForm,
    SignatureForm,
    deliberation_initial,
)
from conventions.models import Convention, Couverture, Gestionnaire, Lieu, Partie, PersonneInscrite, Signature
from conventions.services import precaution, register, signature
from conventions.workflow import CONVENTION, EtatConvention
from extranet.core import clock
from extranet.core.documents import store
from extranet.core.documents.models import StoredFile
from extranet.core.words import date_courte, telephone
from extranet.territory.acts import Act, ActsMixin
from extranet.territory.queries import role_of
from extranet.territory.scoping import CafScopedAdmin

UNSET = "—"


def situation_of(convention: Convention, today: date) -> str:
    """The state, with what dates and suspension say of it."""
    if convention.state != EtatConvention.SIGNEE:
        return str(convention.get_state_display())
    if convention.ended_on and convention.ended_on < today:
        return f"terminée le {date_courte(convention.ended_on)}"
    if convention.open_suspension:
        return "suspendue"
    return "en vigueur"


def may_be_suspended(convention: Convention) -> bool:
    """In force today, and not suspended."""
    begun = convention.in_force_from is not None and convention.in_force_from <= clock.today()
    over = convention.ended_on is not None and convention.ended_on < clock.today()
    return begun and not over and convention.open_suspension is None


def is_open(convention: Convention) -> bool:
    """Signatures may still be recorded or corrected."""
    return convention.state != EtatConvention.ABANDONNEE and convention.ended_on is None


def lines_held(model: type[Couverture] | type[PersonneInscrite], lieu: str) -> Subquery:
    """How many lines of annexe 1 a lieu has, waiting for signatures or open."""
    held = model._default_manager.filter(lieu=OuterRef(lieu), until_on=None).order_by().values("lieu")
    return Subquery(held.annotate(lines=Count("pk")).values("lines"))


@admin.register(Convention)
class ConventionAdmin(ActsMixin, CafScopedAdmin):
    caf_path = "lieu__caf"
    rights = rights
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
    list_filter = ("state", "lieu__nature", "in_force_from")
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
        "acte_autorisant",
        "signatures",
        "annexe1",
        "papier",
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
                )
            },
        ),
        ("Durée", {"fields": ("in_force_from", "echeance", "preavis", "ended_on")}),
        ("Signatures", {"fields": ("papier", "acte_autorisant", "signatures")}),
        ("Annexe 1", {"fields": ("annexe1",)}),
    )
    journal_words = {
        "convention.preparee": "Convention préparée",
        "convention.pdf": "Document à signer conservé",
        "convention.signature": "Signature enregistrée",
        "convention.signature-corrigee": "Signature corrigée",
        "convention.deliberation": "Acte autorisant la signature enregistré",
        "convention.signee": "Toutes les signatures sont là : la convention prend effet",
        "convention.effet-corrige": "Date d’effet corrigée",
        "convention.abandonnee": "Convention abandonnée",
        "convention.avenant-prepare": "Avenant préparé",
        "convention.suspendue": "Lieu suspendu par précaution",
        "convention.suspension-levee": "Suspension du lieu levée",
    }
    acts = (
        Act(
            slug="signature",
            label="Enregistrer une signature",
            right="record_signature",
            form=SignatureForm,
            available=is_open,
            run=lambda convention, data, by, now: signature.record_signature(
                acte_uuid=queries.founding_acte(convention).uuid, by=by, now=now, **data
            ),
            done="La signature est enregistrée.",
            explain="La convention prend effet à la date de la dernière des quatre signatures : convention et "
            "annexe 1, par le gestionnaire et par la Caf.",
        ),
        Act(
            slug="acte-autorisant",
            label="Acte autorisant la signature",
            right="record_deliberation",
            form=DeliberationForm,
            available=is_open,
            initial=lambda convention: deliberation_initial(queries.founding_acte(convention)),
            run=lambda convention, data, by, now: signature.record_deliberation(
                acte_uuid=queries.founding_acte(convention).uuid, by=by, now=now, **data
            ),
            done="L’acte est enregistré.",
            explain="La décision ou la délibération qui autorise le gestionnaire à signer doit être parvenue à la "
            "préfecture avant sa signature.",
        ),
        Act(
            slug="abandonner",
            label="Abandonner la convention",
            right="abandon",
            form=AbandonForm,
            danger=True,
            available=lambda convention: CONVENTION.may(convention, "abandon"),
            run=lambda convention, data, by, now: register.abandon(
                convention_uuid=convention.uuid, by=by, now=now, **data
            ),
            done="La convention est abandonnée.",
            explain="Plus rien ne pourra y être signé. Les documents et les signatures déjà enregistrés restent dans "
            "l’historique, et le lieu peut déposer une nouvelle demande d’habilitation.",
        ),
        Act(
            slug="suspendre",
            label="Suspendre le lieu",
            right="suspend",
            form=PrecautionForm,
            danger=True,
            available=may_be_suspended,
            run=lambda convention, data, by, now: precaution.suspend(
                convention_uuid=convention.uuid, by=by, now=now, **data
            ),
            done="Le lieu est suspendu.",
            explain="Dès maintenant, personne de ce lieu ne voit plus aucune demande, et il n’en reçoit plus. La "
            "convention reste en vigueur.",
        ),
        Act(
            slug="lever-la-suspension",
            label="Lever la suspension",
            right="lift",
            available=lambda convention: convention.open_suspension is not None,
            obstacle=lambda convention, by, now: precaution.lift_obstacle(convention, by),
            run=lambda convention, data, by, now: precaution.lift(convention_uuid=convention.uuid, by=by, now=now),
            done="La suspension est levée.",
            explain="Les personnes habilitées de ce lieu retrouvent leurs accès, et il reçoit de nouveau des demandes.",
        ),
    )

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
                "<path:object_id>/fichier/<uuid:file_id>/",
                self.admin_site.admin_view(self.file_view),
                name="conventions_convention_fichier",
            ),
            *super().get_urls(),
        ]

    def pdf_view(self, request: HttpRequest, object_id: str) -> FileResponse:
        """The paper handed over, rendered now if no worker has done it yet."""
        convention = self.visible_or_404(request, object_id)
        rights.check(role_of(request.user), "read_files")
        kept = register.keep_pdf(queries.founding_acte(convention), now=clock.now())
        return attachment(kept, f"{convention.numero}.pdf")

    def file_view(self, request: HttpRequest, object_id: str, file_id: UUID) -> FileResponse:
        """A signed document of this convention."""
        convention = self.visible_or_404(request, object_id)
        rights.check(role_of(request.user), "read_files")
        found = (
            Signature.objects.filter(piece__acte__convention=convention, scan=file_id).select_related("scan").first()
        )
        if found is None:
            raise Http404
        return attachment(found.scan, f"{convention.numero}-signe-{found.signed_on:%Y-%m-%d}.pdf")

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
        past = queries.superseded_of(acte)
        context = {"convention": convention, "rows": rows, "past": past, "faults": queries.faults_of(acte)}
        return render_to_string("conventions/admin/_signatures.html", context)

    @admin.display(description="communes et personnes")
    def annexe1(self, convention: Convention) -> str:
        communes, personnes = queries.annexe1_of(convention)
        return render_to_string("conventions/admin/_annexe1.html", {"communes": communes, "personnes": personnes})

    @admin.display(description="document à signer")
    def papier(self, convention: Convention) -> str:
        context = {"convention": convention, "piece": queries.pieces_of(queries.founding_acte(convention))[0]}
        return render_to_string("conventions/admin/_papier.html", context)


def attachment(stored: StoredFile, name: str) -> FileResponse:
    """A kept file, never shown inside the portal's own pages."""
    response = FileResponse(store.open_file(stored), as_attachment=True, filename=name, content_type=stored.media_type)
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response["Cache-Control"] = "private, no-store"
    return response


@admin.register(Lieu)
class LieuAdmin(CafScopedAdmin):
    caf_path = "caf"
    rights = rights
    list_display = ("nom", "code", "nature", "ville", "gestionnaire", "situation", "communes", "numero", "courriel")
    list_filter = ("nature",)
    search_fields = ("nom", "code", "ville", "courriel", "gestionnaire__nom", "gestionnaire__siren")
    list_select_related = ("gestionnaire",)
    ordering = ("nom", "pk")
    fields = (
        "nom",
        "code",
        "nature",
        "gestionnaire",
        "adresse",
        "code_postal",
        "ville",
        "numero",
        "courriel",
        "site",
        "created_at",
        "situation",
    )
    readonly_fields = ("situation", "numero")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Lieu]:
        rows = super().get_queryset(request).annotate(lines_communes=lines_held(Couverture, "pk"))
        return rows.prefetch_related("conventions__suspensions")

    @admin.display(description="convention")
    def situation(self, lieu: Lieu) -> str:
        latest = max(lieu.conventions.all(), key=lambda convention: convention.created_at, default=None)
        return situation_of(latest, clock.today()) if latest else "aucune"

    @admin.display(description="communes", ordering="lines_communes")
    def communes(self, lieu: Any) -> int:
        return lieu.lines_communes or 0

    @admin.display(description="téléphone")
    def numero(self, lieu: Lieu) -> str:
        return telephone(lieu.telephone) or "—"


@admin.register(Gestionnaire)
class GestionnaireAdmin(ActsMixin, CafScopedAdmin):
    caf_path = "caf"
    rights = rights
    list_display = ("nom", "nature", "siren", "ville", "representant_nom", "representant_qualite", "courriel_registre")
    list_filter = ("nature",)
    search_fields = ("nom", "siren", "ville", "representant_nom")
    ordering = ("nom", "pk")
    fields = (
        "nom",
        "nature",
        "siren",
        "adresse",
        "code_postal",
        "ville",
        "courriel",
        "numero",
        "courriel_registre",
        "representant_civilite",
        "representant_prenom",
        "representant_nom",
        "representant_qualite",
    )
    readonly_fields = ("numero",)
    journal_words = {"gestionnaire.courriel-officiel": "Courriel officiel indiqué"}
    acts = (
        Act(
            slug="courriel-officiel",
            label="Indiquer le courriel officiel",
            right="correct_official_address",
            form=OfficialAddressForm,
            run=lambda gestionnaire, data, by, now: register.correct_official_address(
                gestionnaire_uuid=gestionnaire.uuid, by=by, now=now, **data
            ),
            done="Le courriel officiel est enregistré.",
            explain="À l’activation, la liste des personnes qui reçoivent un accès est envoyée à cette adresse.",
        ),
    )

    @admin.display(description="téléphone")
    def numero(self, gestionnaire: Gestionnaire) -> str:
        return telephone(gestionnaire.telephone) or "—"
