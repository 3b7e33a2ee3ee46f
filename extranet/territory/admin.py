"""The territory as agents see it: reference lists for all, one's own Caf, and the agents for the Cnaf."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest

from extranet.core.accounts import factors
from extranet.core.dates import paris_date
from extranet.core.words import date_courte
from extranet.territory import services
from extranet.territory.acts import Act, ActsMixin
from extranet.territory.forms import ContactForm, DirectorForm, FourEyesForm, RemindersForm, SecondFactorForm, TextsForm
from extranet.territory.models import Agent, Caf, Commune, Departement, Epci
from extranet.territory.queries import cafs_incomplete, role_of, search_key
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


class IncompleteFilter(admin.SimpleListFilter):
    """Which Cafs cannot take applications, refuse any, or name who signs, yet."""

    title = "ce qui manque"
    parameter_name = "manque"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("oui", "adresse, téléphone, tribunal ou direction")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Caf]) -> QuerySet[Caf]:
        return queryset.filter(pk__in=cafs_incomplete().values("pk")) if self.value() == "oui" else queryset


@admin.register(Caf)
class CafAdmin(ActsMixin, CafScopedAdmin):
    caf_path = "pk"
    list_display = ["nom", "manque", "siege", "courriel_generique", "telephone"]
    list_filter = ["type", IncompleteFilter]
    search_fields = ["nom", "code", "siege"]
    journal_words = {
        "caf.coordonnees": "Coordonnées modifiées",
        "caf.textes": "Textes sur l’absence de réponse et les recours modifiés",
        "caf.direction": "Direction modifiée",
        "caf.rappels": "Jours des rappels modifiés",
        "caf.quatre-yeux": "Deux agents demandés pour ouvrir les accès",
        "caf.quatre-yeux-leves": "Un seul agent suffit pour ouvrir les accès",
        "acces.exportes": "Registre des accès aux dossiers exporté",
        "caf.second-facteur": "Second facteur exigé des lieux",
        "caf.second-facteur-leve": "Second facteur laissé au choix des lieux",
    }
    acts = [
        Act(
            slug="coordonnees",
            label="Modifier les coordonnées",
            right="set_contact",
            form=ContactForm,
            initial=lambda caf: {
                "courriel_generique": caf.courriel_generique,
                "service": caf.service,
                "adresse": caf.adresse,
                "telephone": caf.telephone,
            },
            explain="Ces coordonnées figurent sur les pages que lisent les familles, dans l’accusé de réception des "
            "demandes d’habilitation et, pour l’adresse, sur les conventions.",
            run=lambda caf, data, by, now: services.set_contact(caf_code=caf.pk, by=by, now=now, **data),
            done="Les coordonnées sont enregistrées.",
        ),
        Act(
            slug="textes",
            label="Régler les textes des réponses",
            right="set_texts",
            form=TextsForm,
            initial=lambda caf: {"silence": caf.silence, "recours": caf.recours, "tribunal": caf.tribunal},
            explain="Les lieux qui demandent à être habilités lisent ces textes. Faites-les relire par le service "
            "juridique de votre Caf.",
            run=lambda caf, data, by, now: services.set_texts(caf_code=caf.pk, by=by, now=now, **data),
            done="Les textes sont enregistrés.",
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
            slug="rappels",
            label="Régler les rappels",
            right="set_reminders",
            form=RemindersForm,
            initial=lambda caf: {"premier_rappel": caf.premier_rappel, "second_rappel": caf.second_rappel},
            explain="Un lieu qui n’a pas récupéré des demandes reçoit ces rappels avant la fin des quinze jours. Un "
            "rappel qui tomberait un samedi, un dimanche ou un jour férié du département part le jour ouvré d’avant.",
            run=lambda caf, data, by, now: services.set_reminders(caf_code=caf.pk, by=by, now=now, **data),
            done="Les jours des rappels sont enregistrés.",
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
        Act(
            slug="second-facteur",
            label="Régler le second facteur des lieux",
            right="set_second_factor",
            form=SecondFactorForm,
            initial=lambda caf: {"second_facteur": caf.second_facteur},
            explain="Ce réglage vaut pour tous les lieux de la Caf ; l’historique garde qui l’a changé.",
            run=lambda caf, data, by, now: services.set_second_factor(caf_code=caf.pk, by=by, now=now, **data),
            done="Le réglage est enregistré.",
        ),
    ]

    @admin.display(description="à compléter")
    def manque(self, caf: Caf) -> str:
        needed = {
            "adresse": caf.adresse,
            "téléphone": caf.telephone,
            "tribunal": caf.tribunal,
            "direction": caf.directeur,
        }
        return ", ".join(name for name, value in needed.items() if not value) or "—"


@admin.register(Agent)
class AgentAdmin(ActsMixin, CafScopedAdmin):
    """Agents, for the Cnaf and, of its own Caf, for a superviseur."""

    caf_path = "caf"
    list_display = ["user", "caf", "role", "is_dpo", "is_active", "factor", "last_login"]
    list_filter = ["role", "caf"]
    list_select_related = ["user", "caf"]
    search_fields = ["user__email"]
    journal_words = {
        "agent.nomme": "Rôle attribué",
        "agent.second-facteur-retire": "Second facteur retiré",
        "agent.dpo": "Désigné à la protection des données",
        "agent.dpo-retire": "N’est plus désigné à la protection des données",
    }
    acts = [
        Act(
            slug="dpo",
            label="Désigner à la protection des données",
            right="set_dpo",
            available=lambda agent: agent.caf_id is not None and not agent.dpo,
            explain="Cette personne pourra lire le registre des accès aux dossiers de sa Caf, quel que soit son rôle.",
            run=lambda agent, data, by, now: services.set_dpo(agent_id=agent.pk, dpo=True, by=by, now=now),
            done="La désignation est enregistrée.",
        ),
        Act(
            slug="dpo-retirer",
            label="Retirer la désignation à la protection des données",
            right="set_dpo",
            available=lambda agent: agent.dpo,
            run=lambda agent, data, by, now: services.set_dpo(agent_id=agent.pk, dpo=False, by=by, now=now),
            done="La désignation est retirée.",
        ),
        Act(
            slug="second-facteur",
            label="Retirer le second facteur",
            right="reset_agent_factor",
            danger=True,
            explain="Pour un téléphone perdu, une fois la personne reconnue de vive voix. Application, clés et codes "
            "de secours sont retirés, ses sessions se ferment, et un courriel le lui dit. Elle en ajoutera un autre "
            "à sa prochaine connexion.",
            obstacle=lambda agent, by, now: services.factor_obstacle(agent, by=by, now=now),
            run=lambda agent, data, by, now: services.reset_factor(agent_id=agent.pk, by=by, now=now),
            done="Le second facteur est retiré. La personne est prévenue.",
        ),
    ]

    def _sees(self, request: HttpRequest) -> bool:
        return role_of(request.user) in (Agent.Role.SUPERVISEUR, Agent.Role.CNAF)

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        held = factors.factors_of_many(OuterRef("user"))
        return super().get_queryset(request).annotate(with_factor=Exists(held))

    @admin.display(description="DPO", boolean=True, ordering="dpo")
    def is_dpo(self, agent: Agent) -> bool:
        return agent.dpo

    @admin.display(description="second facteur", boolean=True)
    def factor(self, agent: Any) -> bool:
        return agent.with_factor

    @admin.display(description="compte ouvert", boolean=True)
    def is_active(self, agent: Agent) -> bool:
        return agent.user.is_active

    @admin.display(description="dernière connexion", ordering="user__last_login")
    def last_login(self, agent: Agent) -> str:
        return date_courte(paris_date(agent.user.last_login)) if agent.user.last_login else "jamais"
