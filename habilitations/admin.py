"""What agents see and do about applications and access; every act goes through a service."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join

from extranet.core import clock
from extranet.core.dates import paris_date
from extranet.core.words import date_courte, telephone
from extranet.territory.acts import Act, ActsMixin
from extranet.territory.scoping import CafScopedInline
from habilitations import queries, rights
from habilitations.models import (
    CommuneDemandee,
    DemandeHabilitation,
    Habilitation,
    PersonneAActiver,
    PersonneDemandee,
)
from habilitations.services import activation, applications, persons
from habilitations.workflow import DEMANDE_HABILITATION


class MotifForm(forms.Form):
    """A reason that the lieu, or the record, will show."""

    motif = forms.CharField(
        label="Motif",
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="Le lieu le recevra par courriel.",
    )


class RaisonForm(forms.Form):
    """Why an access is closed."""

    reason = forms.CharField(label="Motif", max_length=200)


class CommuneInline(CafScopedInline):
    own_caf_only = True
    model = CommuneDemandee
    caf_path = "demande__caf"
    fields = ("commune",)
    readonly_fields = fields


class PersonneInline(CafScopedInline):
    own_caf_only = True
    model = PersonneDemandee
    caf_path = "demande__caf"
    fields = ("civilite", "nom", "prenom", "courriel", "service", "fonction")
    readonly_fields = fields


@admin.register(DemandeHabilitation)
class DemandeHabilitationAdmin(ActsMixin):
    """HAB-6: an application with its checks worked out."""

    own_caf_only = True
    caf_path = "caf"
    rights = rights
    inlines = [CommuneInline, PersonneInline]
    list_display = ["reference", "lieu_nom", "lieu_ville", "gestionnaire_nom", "state", "recue", "nombre"]
    list_filter = ["state", "lieu_nature", "submitted_at"]
    search_fields = ["reference", "lieu_nom", "lieu_ville", "gestionnaire_nom", "gestionnaire_siren"]
    search_help_text = "Référence, lieu, ville, gestionnaire ou SIREN"
    ordering = ["-submitted_at"]
    fieldsets = [
        (None, {"fields": ["reference", "state", "submitted_at", "a_verifier", "la_convention", "motif"]}),
        (
            "Le lieu",
            {"fields": ["lieu_nom", "lieu_nature", "lieu_adresse", "lieu_code_postal", "lieu_ville", "numero", "lieu_courriel", "lieu_site"]},
        ),
        (
            "Le gestionnaire",
            {"fields": ["gestionnaire_nom", "gestionnaire_nature", "gestionnaire_siren", "gestionnaire_adresse", "gestionnaire_code_postal", "gestionnaire_ville", "representant_civilite", "representant_nom", "representant_prenom", "representant_qualite"]},
        ),
    ]  # fmt: skip
    journal_words = {
        "demande-habilitation.deposee": "déposée",
        "demande-habilitation.acceptee": "acceptée",
        "demande-habilitation.refusee": "refusée",
    }
    acts = [
        Act(
            slug="accepter",
            label="Accepter",
            right="accept",
            available=lambda demande: DEMANDE_HABILITATION.may(demande, "accept"),
            run=lambda demande, data, by, now: applications.accept(demande_id=demande.pk, by=by, now=now),
            done="La demande est acceptée : la convention est prête à signer.",
            explain="Le lieu, son gestionnaire et la convention à signer sont créés. Sauf réglage contraire de votre Caf, une autre personne ouvrira les accès.",
        ),
        Act(
            slug="refuser",
            label="Refuser",
            right="refuse",
            form=MotifForm,
            danger=True,
            available=lambda demande: DEMANDE_HABILITATION.may(demande, "refuse"),
            run=lambda demande, data, by, now: applications.refuse(demande_id=demande.pk, by=by, now=now, **data),
            done="La demande est refusée ; le lieu est prévenu.",
        ),
    ]

    @admin.display(description="reçue le", ordering="submitted_at")
    def recue(self, demande: DemandeHabilitation) -> str:
        return date_courte(paris_date(demande.submitted_at))

    @admin.display(description="téléphone")
    def numero(self, demande: DemandeHabilitation) -> str:
        return telephone(demande.lieu_telephone)

    @admin.display(description="communes")
    def nombre(self, demande: DemandeHabilitation) -> int:
        return len(demande.communes.all())

    @admin.display(description="à vérifier")
    def a_verifier(self, demande: DemandeHabilitation) -> str:
        if not DEMANDE_HABILITATION.may(demande, "accept"):
            return "La décision est prise."
        warnings = queries.warnings_about(demande, clock.now())
        if not warnings:
            return "Rien à signaler."
        return format_html("<ul>{}</ul>", format_html_join("", "<li>{}</li>", ((text,) for text in warnings)))

    @admin.display(description="convention")
    def la_convention(self, demande: DemandeHabilitation) -> str:
        if not demande.convention_id:
            return "—"
        url = reverse("admin:conventions_convention_change", args=[demande.convention_id])
        return format_html('<a href="{}">{}</a>', url, demande.convention)

    def get_queryset(self, request: HttpRequest) -> QuerySet[DemandeHabilitation]:
        return super().get_queryset(request).prefetch_related("communes")


@admin.register(PersonneAActiver)
class PersonneAActiverAdmin(ActsMixin):
    """ACT-1: whom a signed convention names and who has no access yet."""

    caf_path = "lieu__caf"
    rights = rights
    list_display = ["nom", "prenom", "fonction", "courriel", "lieu", "from_on"]
    list_filter = ["lieu"]
    search_fields = ["nom", "prenom", "courriel", "lieu__nom"]
    search_help_text = "Nom, adresse ou lieu"
    list_select_related = ["lieu"]
    ordering = ["from_on", "nom"]
    fields = ["civilite", "nom", "prenom", "courriel", "service", "fonction", "lieu", "from_on", "courriel_officiel"]
    acts = [
        Act(
            slug="activer",
            label="Ouvrir l’accès",
            right="activate",
            several=True,
            obstacle=lambda personne, by, now: activation.obstacle(personne, by=by, now=now),
            run=lambda personnes, data, by, now: activation.activate_all(
                personne_ids=[personne.pk for personne in personnes], by=by, now=now
            ),
            done="C’est fait : chaque personne reçoit un courriel pour entrer, et le gestionnaire est prévenu.",
            explain="Chaque personne reçoit l’information sur ses données et, si elle n’a pas encore de compte, un mot de passe "
            "provisoire ; le gestionnaire apprend qui a maintenant accès.",
        )
    ]

    @admin.display(description="courriel officiel du gestionnaire")
    def courriel_officiel(self, personne: PersonneAActiver) -> str:
        gestionnaire = personne.opened_by.convention.gestionnaire
        url = reverse("admin:conventions_gestionnaire_change", args=[gestionnaire.pk])
        said = gestionnaire.courriel_registre or "à indiquer avant d’ouvrir l’accès"
        return format_html('{} (<a href="{}">{}</a>)', said, url, gestionnaire.nom)

    def get_queryset(self, request: HttpRequest) -> QuerySet[PersonneAActiver]:
        rows = super().get_queryset(request)
        # The page of somebody just activated stays, so that the act ends somewhere.
        if request.resolver_match and request.resolver_match.url_name.endswith("_changelist"):
            return rows.filter(pk__in=queries.to_activate(clock.now()).values("pk"))
        return rows


class AccesFilter(admin.SimpleListFilter):
    """Who can enter today."""

    title = "accès"
    parameter_name = "acces"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("ouvert", "ouvert"), ("ferme", "fermé")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Habilitation]) -> QuerySet[Habilitation]:
        held = queries.entering(clock.now()).values("pk")
        if self.value() == "ouvert":
            return queryset.filter(pk__in=held)
        return queryset.exclude(pk__in=held) if self.value() == "ferme" else queryset


@admin.register(Habilitation)
class HabilitationAdmin(ActsMixin):
    """Who has access to what."""

    caf_path = "personne__lieu__caf"
    rights = rights
    list_display = ["personne_nom", "adresse", "lieu", "acces", "activee", "derniere"]
    list_filter = [AccesFilter, "personne__lieu"]
    search_fields = ["user__nom", "user__prenom", "user__email", "personne__lieu__nom"]
    search_help_text = "Nom, adresse ou lieu"
    list_select_related = ["user", "personne__lieu"]
    ordering = ["personne__lieu__nom", "user__nom"]
    fields = [
        "personne_nom",
        "adresse",
        "lieu",
        "acces",
        "activated_at",
        "mot_de_passe",
        "derniere",
        "suspension",
    ]
    journal_words = {
        "habilitation.activee": "accès ouvert",
        "habilitation.suspendue": "suspendue",
        "habilitation.mot-de-passe-renvoye": "mot de passe renvoyé",
    }
    acts = [
        Act(
            slug="renvoyer",
            label="Renvoyer un mot de passe",
            right="resend",
            available=lambda line: line.open_suspension is None and line.user.password_chosen_at is None,
            obstacle=lambda line, by, now: persons.resend_obstacle(line, now),
            run=lambda line, data, by, now: persons.resend(habilitation_id=line.pk, by=by, now=now),
            done="Un nouveau mot de passe part par courriel.",
            explain="Personne à la Caf ne voit ce mot de passe.",
        ),
        Act(
            slug="suspendre",
            label="Suspendre l’accès",
            right="suspend",
            form=RaisonForm,
            danger=True,
            available=lambda line: line.open_suspension is None,
            run=lambda line, data, by, now: persons.suspend(habilitation_id=line.pk, by=by, now=now, **data),
            done="L’accès est fermé.",
        ),
    ]

    @admin.display(description="personne", ordering="user__nom")
    def personne_nom(self, line: Habilitation) -> str:
        return line.user.get_full_name()

    @admin.display(description="activée le", ordering="activated_at")
    def activee(self, line: Habilitation) -> str:
        return date_courte(paris_date(line.activated_at))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Habilitation]:
        rows = super().get_queryset(request).prefetch_related("personne__inscriptions", "suspensions__suspended_by")
        entering = queries.entering(clock.now()).filter(pk=OuterRef("pk"))
        return rows.annotate(ouvert=Exists(entering))

    @admin.display(description="lieu", ordering="personne__lieu__nom")
    def lieu(self, line: Habilitation) -> str:
        return line.lieu.nom

    @admin.display(description="accès")
    def acces(self, line: Any) -> str:
        if suspension := line.open_suspension:
            return f"suspendu le {date_courte(paris_date(suspension.from_at))}"
        if line.ouvert:
            return "ouvert"
        ends = [one.until_on for one in line.personne.inscriptions.all() if one.from_on]
        if ends and None not in ends and max(ends) < clock.today():
            return f"inscription terminée le {date_courte(max(ends))}"
        return "lieu suspendu ou sans convention en vigueur" if line.user.is_active else "compte fermé"

    @admin.display(description="suspension")
    def suspension(self, line: Habilitation) -> str:
        if (one := line.open_suspension) is None:
            return "—"
        by = one.suspended_by.get_full_name() if one.suspended_by else "le portail"
        return f"{date_courte(paris_date(one.from_at))}, par {by} : {one.reason}"

    @admin.display(description="adresse", ordering="user__email")
    def adresse(self, line: Habilitation) -> str:
        return line.user.email

    @admin.display(description="mot de passe choisi", boolean=True)
    def mot_de_passe(self, line: Habilitation) -> bool:
        return line.user.password_chosen_at is not None

    @admin.display(description="dernière connexion", ordering="user__last_login")
    def derniere(self, line: Habilitation) -> str:
        return date_courte(paris_date(line.user.last_login)) if line.user.last_login else "jamais"
