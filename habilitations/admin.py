"""What agents see and do about applications and access; every act goes through a service."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, Exists, OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html, format_html_join

from extranet.core import clock
from extranet.core.dates import paris_date
from extranet.core.words import date_courte
from extranet.territory.acts import Act, ActsMixin
from extranet.territory.models import Caf
from habilitations import queries, rights
from habilitations.models import CommuneDemandee, DemandeHabilitation, Habilitation, PersonneAActiver
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


class ComplementForm(forms.Form):
    """What the lieu is asked."""

    texte = forms.CharField(
        label="Ce que vous demandez au lieu",
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 6}),
        help_text="Le lieu recevra ce texte par courriel, avec un lien pour corriger sa demande une fois.",
    )


class TransfertForm(forms.Form):
    """To which Caf, and why."""

    about_object = True
    caf = forms.ModelChoiceField(label="Nouvelle Caf", queryset=Caf.objects.none(), empty_label="Choisissez")
    motif = forms.CharField(
        label="Motif",
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="Le lieu le recevra par courriel.",
    )

    def __init__(self, *args: Any, obj: DemandeHabilitation, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.fields["caf"].queryset = Caf.objects.exclude(pk=obj.caf_id).order_by("nom")  # type: ignore[attr-defined]


class RaisonForm(forms.Form):
    """Why an access is closed."""

    reason = forms.CharField(label="Motif", max_length=200)


@admin.register(DemandeHabilitation)
class DemandeHabilitationAdmin(ActsMixin):
    """HAB-6: an application with its checks worked out."""

    own_caf_only = True
    caf_path = "caf"
    rights = rights
    list_display = [
        "reference",
        "version__lieu_nom",
        "version__lieu_ville",
        "version__gestionnaire_nom",
        "state",
        "recue",
        "nombre",
    ]
    list_filter = ["state", "version__lieu_nature", "submitted_at"]
    list_select_related = ["version", "caf"]
    search_fields = [
        "reference",
        "version__lieu_nom",
        "version__lieu_ville",
        "version__gestionnaire_nom",
        "version__gestionnaire_siren",
    ]
    search_help_text = "Référence, lieu, ville, gestionnaire ou SIREN"
    ordering = ["-submitted_at"]
    fieldsets = [
        (None, {"fields": ["reference", "state", "submitted_at", "a_verifier", "la_convention", "motif"]}),
        ("Échanges avec le lieu", {"fields": ["echanges"]}),
        ("Ce que le lieu a envoyé", {"fields": ["envois"]}),
    ]
    journal_words = {
        "demande-habilitation.deposee": "déposée",
        "demande-habilitation.complement": "complément demandé",
        "demande-habilitation.completee": "complétée",
        "demande-habilitation.transferee": "transférée à une autre Caf",
        "demande-habilitation.acceptee": "acceptée",
        "demande-habilitation.refusee": "refusée",
    }
    acts = [
        Act(
            slug="accepter",
            label="Accepter",
            right="accept",
            available=lambda demande: DEMANDE_HABILITATION.may(demande, "accept"),
            obstacle=lambda demande, by, now: applications.acceptance_obstacle(demande),
            run=lambda demande, data, by, now: applications.accept(demande_id=demande.pk, by=by, now=now),
            done="La demande est acceptée : la convention est prête à signer.",
            explain="Le lieu, son gestionnaire et la convention à signer sont créés. Sauf réglage contraire de "
            "votre Caf, une autre personne ouvrira les accès.",
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
        Act(
            slug="complement",
            label="Demander un complément",
            right="ask_complement",
            form=ComplementForm,
            available=lambda demande: DEMANDE_HABILITATION.may(demande, "ask_complement"),
            run=lambda demande, data, by, now: applications.ask_complement(
                demande_id=demande.pk, by=by, now=now, **data
            ),
            done="Le complément est demandé ; le lieu reçoit un lien pour répondre.",
            explain="Le lien rouvre le formulaire avec ce que le lieu a envoyé, et ne sert qu’une fois. Un lien envoyé "
            "auparavant et resté sans réponse ne sert plus.",
        ),
        Act(
            slug="transferer",
            label="Transférer à une autre Caf",
            right="transfer",
            form=TransfertForm,
            danger=True,
            available=lambda demande: DEMANDE_HABILITATION.may(demande, "transfer"),
            run=lambda demande, data, by, now: applications.transfer(demande_id=demande.pk, by=by, now=now, **data),
            done="La demande est transférée ; le lieu et la nouvelle Caf sont prévenus.",
            explain="Vous ne verrez plus cette demande. La nouvelle Caf fera corriger les communes qui ne sont pas de "
            "son territoire.",
        ),
    ]

    @admin.display(description="reçue le", ordering="submitted_at")
    def recue(self, demande: DemandeHabilitation) -> str:
        return date_courte(paris_date(demande.submitted_at))

    @admin.display(description="communes", ordering="lines_communes")
    def nombre(self, demande: Any) -> int:
        return demande.lines_communes

    @admin.display(description="compléments et transferts")
    def echanges(self, demande: DemandeHabilitation) -> str:
        context = {
            "complements": demande.complements.select_related("asked_by", "version").order_by("-asked_at", "-pk"),
            "transferts": demande.transferts.select_related("from_caf", "to_caf").order_by("-transferred_at", "-pk"),
        }
        return render_to_string("habilitations/admin/_echanges.html", context)

    @admin.display(description="versions")
    def envois(self, demande: DemandeHabilitation) -> str:
        """HAB-6.d: the last version with what changed, then those before it."""
        versions = queries.versions_of(demande)
        pairs = zip(versions, [*versions[1:], None], strict=True)
        context = {"versions": [(version, queries.compared(version, earlier)) for version, earlier in pairs]}
        return render_to_string("habilitations/admin/_versions.html", context)

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
        asked = CommuneDemandee.objects.filter(version=OuterRef("version")).order_by().values("version")
        return (
            super().get_queryset(request).annotate(lines_communes=Subquery(asked.annotate(n=Count("pk")).values("n")))
        )


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
            explain="Chaque personne reçoit l’information sur ses données et, si elle n’a pas encore de compte, un mot "
            "de passe provisoire ; le gestionnaire apprend qui a maintenant accès.",
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
        if request.resolver_match and (request.resolver_match.url_name or "").endswith("_changelist"):
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
