"""What agents see of demandes: references, communes, dates, states. Never a family's data (ACC-3)."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import FileResponse, Http404, HttpRequest
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html

from conventions.models import Lieu
from demandes import queries, rights, rules
from demandes.documents.reading import MODES
from demandes.models import Attestation, Demande, LigneAttestation, Livraison, Rejet
from demandes.services import deliveries, orientation
from demandes.workflow import ALIVE, DEMANDE, Etat, EtatAttestation
from extranet.core import clock
from extranet.core.dates import paris_date
from extranet.core.documents import store
from extranet.core.words import date_courte
from extranet.territory.acts import Act, ActsMixin
from extranet.territory.scoping import CafScopedAdmin, CafScopedInline


class LieuForm(forms.Form):
    """The lieux that can have all the demandes chosen."""

    about_object = True
    lieu = forms.ModelChoiceField(
        label="Lieu d’information",
        queryset=Lieu.objects.none(),
        empty_label="Choisissez un lieu",
        help_text="Les lieux de votre Caf qui couvrent la commune aujourd’hui et où une personne peut répondre.",
        error_messages={"required": "Choisissez le lieu qui recevra la demande."},
    )

    def __init__(self, *args: Any, objs: list[Demande], **kwargs: Any):
        super().__init__(*args, **kwargs)
        found = orientation.lieux_for(objs, clock.now())
        self.fields["lieu"].queryset = found  # type: ignore[attr-defined]
        if objs and not found.exists():
            self.fields[
                "lieu"
            ].help_text = (
                "Aucun lieu ne couvre toutes ces communes : revenez à la liste et confiez-les commune par commune."
            )


class EnRetard(admin.SimpleListFilter):
    """Late, or with a lieu where nobody can pick it up: worked out from dates."""

    title = "à surveiller"
    parameter_name = "delai"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("retard", "en retard"), ("sans-personne", "lieu sans personne")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Demande]) -> QuerySet[Demande]:
        if self.value() == "retard":
            return queryset.filter(pk__in=queries.late_on(clock.today()).values("pk"))
        if self.value() == "sans-personne":
            return queryset.filter(pk__in=queries.stranded_at(clock.now()).values("pk"))
        return queryset


@admin.register(Demande)
class DemandeAdmin(ActsMixin):
    """Follow the demandes of one's Caf; assign those that wait for a lieu (ING-6)."""

    caf_path = "caf"
    rights = rights
    list_display = ["reference", "etat", "commune", "lieu", "deposee", "limite", "fin"]
    list_filter = ["state", EnRetard, "lieu", "source"]
    search_fields = ["reference", "commune__nom_recherche", "lieu__nom"]
    search_help_text = "Référence, commune ou lieu"
    list_select_related = ["commune", "lieu", "transmission"]
    ordering = ["-received_at", "-pk"]
    journal_words = {
        "demande.recue": "Reçue",
        "demande.modifiee": "Modifiée à la source",
        "demande.transmise": "Transmise au lieu",
        "demande.reprise": "Reprise au lieu",
        "demande.recuperee": "Récupérée par le lieu",
        "demande.traitee": "Traitée",
        "demande.retiree": "Retirée par la famille",
        "demande.purgee": "Données de la famille détruites",
    }
    fields = [
        "reference",
        "etat",
        "source",
        "commune",
        "lieu",
        "modes_voulus",
        "deposee_le",
        "received_at",
        "transmitted_at",
        "notifiee",
        "a_recuperer",
        "picked_up_at",
        "closed_at",
        "fin",
        "destroyed_at",
    ]
    acts = [
        Act(
            slug="confier",
            label="Confier à un lieu",
            right="assign",
            form=LieuForm,
            several=True,
            available=lambda demande: demande.state in (Etat.A_ORIENTER, Etat.TRANSMISE),
            obstacle=lambda demande, by, now: orientation.obstacle(demande, now),
            run=lambda demandes, data, by, now: orientation.give(
                demande_ids=[demande.pk for demande in demandes], lieu_id=data["lieu"].pk, by=by, now=now
            ),
            done="C’est fait : le lieu choisi est prévenu, et les familles qui ont laissé une adresse aussi.",
            explain="Le lieu choisi reçoit un courriel et a quinze jours pour récupérer ce qui lui est confié ; chaque famille apprend "
            "quel lieu va lui répondre. Le lieu qui n’avait pas récupéré la demande est prévenu et n’y a plus accès. La date "
            "de destruction ne change pas.",
        ),
        Act(
            slug="reprendre",
            label="Remettre à orienter",
            right="assign",
            several=True,
            available=lambda demande: (
                DEMANDE.may(demande, "take_back") and orientation.is_stranded(demande, clock.now())
            ),
            obstacle=lambda demande, by, now: orientation.put_back_obstacle(demande, now),
            run=lambda demandes, data, by, now: orientation.put_back(
                demande_ids=[demande.pk for demande in demandes], by=by, now=now
            ),
            done="C’est fait : plus aucun lieu n’a ces demandes, elles sont à orienter.",
            explain="Personne, dans le lieu actuel, ne peut récupérer ces demandes. Remises à orienter, elles attendent qu’un lieu "
            "les reçoive. La date de destruction ne change pas.",
        ),
    ]

    @admin.display(description="état", ordering="state")
    def etat(self, demande: Demande) -> str:
        notified = demande.transmission.notified_at if demande.transmission else None
        if demande.state == Etat.TRANSMISE and rules.is_late(notified, demande.last_day, clock.today()):
            return format_html('<span class="badge badge--retard">{}</span>', "en retard")
        return format_html('<span class="badge badge--{}">{}</span>', demande.state, demande.get_state_display())

    @admin.display(description="déposée le", ordering="deposee_le")
    def deposee(self, demande: Demande) -> str:
        return date_courte(paris_date(demande.deposee_le))

    @admin.display(description="à récupérer jusqu’au")
    def limite(self, demande: Demande) -> str:
        notified = demande.transmission.notified_at if demande.transmission else None
        if demande.state != Etat.TRANSMISE or notified is None:
            return "—"
        return date_courte(rules.last_day_to_pick_up(notified, demande.last_day))

    @admin.display(description="conservée jusqu’au", ordering="last_day")
    def fin(self, demande: Demande) -> str:
        return date_courte(demande.last_day) if demande.state in ALIVE else "—"

    @admin.display(description="à récupérer jusqu’au")
    def a_recuperer(self, demande: Demande) -> str:
        notified = demande.transmission.notified_at if demande.transmission else None
        return date_courte(rules.last_day_to_pick_up(notified, demande.last_day)) if notified else "—"

    @admin.display(description="lieu prévenu le")
    def notifiee(self, demande: Demande) -> str:
        notified = demande.transmission.notified_at if demande.transmission else None
        return date_courte(paris_date(notified)) if notified else "—"

    @admin.display(description="modes d’accueil")
    def modes_voulus(self, demande: Demande) -> str:
        return ", ".join(MODES[mode] for mode in demande.modes)


class LigneInline(CafScopedInline):
    """References and dates of what is attested."""

    model = LigneAttestation
    caf_path = "lieu__caf"
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
        url = reverse("admin:demandes_attestation_pdf", args=[attestation.pk])
        return format_html('<a href="{}">Attestation signée (PDF)</a>', url)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.pdf_view)
        return [path("<path:object_id>/pdf/", view, name="demandes_attestation_pdf"), *super().get_urls()]

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


class RejetInline(CafScopedInline):
    """Records set aside or accepted with a remark."""

    model = Rejet
    caf_path = None
    fields = ("ligne", "reference", "issue", "motif")
    readonly_fields = fields

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._sees(request)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Rejet]:
        return Rejet.objects.order_by("ligne") if self._sees(request) else Rejet.objects.none()


class DepotForm(forms.ModelForm):
    """A delivery file given by hand."""

    depot = forms.FileField(label="Fichier XML (ou XML compressé par gzip)")

    class Meta:
        model = Livraison
        fields: list[str] = []


@admin.register(Livraison)
class LivraisonAdmin(CafScopedAdmin):
    """Deliveries of monenfant.fr: the Cnaf's (ING-1)."""

    caf_path = None
    cnaf_only = True
    add_right = "deposit"
    add_label = "Déposer une livraison"
    rights = rights
    journal_words = {"livraison.recue": "Reçue", "livraison.traitee": "Traitée", "livraison.refusee": "Refusée"}
    inlines = [RejetInline]
    list_display = ["nom", "state", "received_at", "lues", "creees", "mises_a_jour", "inchangees", "ecartees"]
    list_filter = ["state", "origine", "received_at"]
    search_fields = ["nom", "sha256"]
    search_help_text = "Nom ou empreinte du fichier"
    ordering = ["-received_at"]
    fields = [
        "nom",
        "state",
        "motif",
        "origine",
        "received_at",
        "finished_at",
        "lues",
        "creees",
        "mises_a_jour",
        "inchangees",
        "ecartees",
        "sha256",
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Livraison]:
        return Livraison.objects.all() if self._sees(request) else Livraison.objects.none()

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        return super().get_form(request, obj, change, **kwargs) if obj else DepotForm

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields if obj else ["depot"]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return super().get_fieldsets(request, obj) if obj else [(None, {"fields": ["depot"]})]

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        return self.inlines if obj else []

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return super().get_readonly_fields(request, obj) if obj else []

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Livraison:
        """Registers the file; the same bytes again give the livraison that they made."""
        upload = form.cleaned_data["depot"]
        return deliveries.register(
            upload, nom=upload.name, origine=Livraison.Origine.DEPOT, by=request.user, now=clock.now()
        )

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Done by `save_form`."""

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """The journal has it."""
