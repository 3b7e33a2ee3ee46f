"""The territory as agents see it: reference lists for all, one's own Caf, and the agents for the Cnaf."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest

from extranet.core.dates import paris_date
from extranet.core.words import date_courte
from extranet.territory import services
from extranet.territory.acts import Act, ActsMixin
from extranet.territory.forms import ContactForm, DirectorForm, FourEyesForm
from extranet.territory.models import Agent, Caf, Commune, Departement, Epci
from extranet.territory.queries import search_key
from extranet.territory.scoping import NATIONAL, CafScopedAdmin


class ReferenceAdmin(CafScopedAdmin):
    """National lists, read only: they come from the files."""

    caf_path = NATIONAL
    journal_shown = False


@admin.register(Commune)
class CommuneAdmin(ReferenceAdmin):
    list_display = ["nom", "code_insee", "departement", "postal_codes", "population", "epci", "caf"]
    list_filter = ["type", "actuelle", "departement"]
    list_select_related = ["departement", "epci", "caf"]
    search_fields = ["nom_recherche", "code_insee"]
    search_help_text = "Nom, code Insee ou code postal"
    exclude = ["nom_recherche"]
    ordering = ["nom_recherche", "code_insee"]

    @admin.display(description="codes postaux")
    def postal_codes(self, commune: Commune) -> str:
        return " ".join(row.code for row in commune.codes_postaux.all())

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).select_related("departement").prefetch_related("codes_postaux")

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> Any:
        """As on the public forms: accents, hyphens and case do not count."""
        term = search_key(search_term[:100])
        if not term:
            return queryset, False
        wanted = (
            Q(nom_recherche__prefix=term)
            | Q(nom_recherche__contains=f" {term}")
            | Q(code_insee=term.upper())
            | Q(pk__in=Commune.objects.filter(codes_postaux__code=term).values("pk"))
        )
        return queryset.filter(wanted), False


@admin.register(Epci)
class EpciAdmin(ReferenceAdmin):
    list_display = ["nom", "siren", "type", "communes_count", "actuel"]
    list_filter = ["type", "actuel"]
    search_fields = ["nom_recherche", "siren"]
    search_help_text = "Nom ou SIREN"
    exclude = ["nom_recherche"]

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        own = Count("communes", distinct=True, filter=Q(communes__actuelle=True, communes__type=Commune.Type.COMMUNE))
        ept = Count("communes_ept", distinct=True, filter=Q(communes_ept__actuelle=True))
        return super().get_queryset(request).annotate(communes_count=own + ept)

    @admin.display(description="communes", ordering="communes_count")
    def communes_count(self, epci: Any) -> int:
        return epci.communes_count

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> Any:
        return super().get_search_results(request, queryset, search_key(search_term[:100]))


@admin.register(Departement)
class DepartementAdmin(ReferenceAdmin):
    list_display = ["nom", "code", "region", "caf"]
    list_filter = ["region"]
    search_fields = ["nom", "code"]
    list_select_related = ["caf"]


@admin.register(Caf)
class CafAdmin(ActsMixin, CafScopedAdmin):
    caf_path = "pk"
    list_display = ["nom", "code", "siege", "courriel_generique", "telephone"]
    list_filter = ["type"]
    search_fields = ["nom", "code", "siege"]
    journal_words = {
        "caf.coordonnees": "Coordonnées modifiées",
        "caf.direction": "Direction modifiée",
        "caf.quatre-yeux": "Deux agents demandés pour ouvrir les accès",
        "caf.quatre-yeux-leves": "Un seul agent suffit pour ouvrir les accès",
    }
    acts = [
        Act(
            slug="coordonnees",
            label="Modifier les coordonnées",
            right="set_contact",
            form=ContactForm,
            initial=lambda caf: {
                "courriel_generique": caf.courriel_generique,
                "adresse": caf.adresse,
                "telephone": caf.telephone,
            },
            explain="Ces coordonnées figurent sur les pages que lisent les familles, dans l’accusé de réception des "
            "demandes d’habilitation et, pour l’adresse, sur les conventions.",
            run=lambda caf, data, by, now: services.set_contact(caf_code=caf.pk, by=by, now=now, **data),
            done="Les coordonnées sont enregistrées.",
        ),
        Act(
            slug="direction",
            label="Nommer la direction",
            right="set_director",
            form=DirectorForm,
            initial=lambda caf: {name: getattr(caf, name) for name in services.DIRECTION},
            explain="La personne nommée ici figure comme signataire de la Caf sur les conventions préparées désormais. "
            "Celles qui sont déjà établies ne changent pas.",
            run=lambda caf, data, by, now: services.set_director(caf_code=caf.pk, by=by, now=now, **data),
            done="La direction est enregistrée.",
        ),
        Act(
            slug="quatre-yeux",
            label="Régler l’ouverture des accès",
            right="set_four_eyes",
            form=FourEyesForm,
            initial=lambda caf: {"quatre_yeux": caf.quatre_yeux},
            explain="Ce réglage vaut pour tous les lieux de la Caf ; l’historique garde qui l’a changé.",
            run=lambda caf, data, by, now: services.set_four_eyes(caf_code=caf.pk, by=by, now=now, **data),
            done="Le réglage est enregistré.",
        ),
    ]


@admin.register(Agent)
class AgentAdmin(CafScopedAdmin):
    caf_path = "caf"
    cnaf_only = True
    list_display = ["user", "caf", "role", "is_active", "last_login"]
    list_filter = ["role", "caf"]
    list_select_related = ["user", "caf"]
    search_fields = ["user__email"]
    journal_words = {"agent.nomme": "Rôle attribué"}

    @admin.display(description="compte ouvert", boolean=True)
    def is_active(self, agent: Agent) -> bool:
        return agent.user.is_active

    @admin.display(description="dernière connexion", ordering="user__last_login")
    def last_login(self, agent: Agent) -> str:
        return date_courte(paris_date(agent.user.last_login)) if agent.user.last_login else "jamais"
