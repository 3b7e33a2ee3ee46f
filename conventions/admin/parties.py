"""Lieux and gestionnaires as agents see them."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from conventions import rights
from conventions.admin.shown import lines_held, situation_of
from conventions.forms.parties import (
    OfficialAddressForm,
)
from conventions.models import Couverture, Fermeture, Gestionnaire, Lieu
from conventions.services import register
from extranet.core import clock
from extranet.core.words import date_courte, telephone
from extranet.territory.acts import Act, ActsMixin
from extranet.territory.scoping import CafScopedAdmin


class Ferme(admin.SimpleListFilter):
    """NOT-4.j: lieux that are closed, or will be soon."""

    title = "fermeture"
    parameter_name = "fermeture"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("proche", "en cours ou dans les six semaines")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Lieu]) -> QuerySet[Lieu]:
        if self.value() == "proche":
            return queryset.filter(pk__in=Fermeture.objects.shown_on(clock.today()).values("lieu"))
        return queryset


@admin.register(Lieu)
class LieuAdmin(ActsMixin, CafScopedAdmin):
    caf_path = "caf"
    rights = rights
    list_display = ("nom", "code", "nature", "ville", "gestionnaire", "situation", "communes", "numero", "courriel")
    list_filter = ("nature", Ferme)
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
        "horaires",
        "site_public",
        "courriel_public",
        "fermetures",
    )
    readonly_fields = ("situation", "numero", "site_public", "courriel_public", "fermetures")
    journal_words = {
        "lieu.presentation": "Horaires, site ou courriel pour les familles changés",
        "lieu.fermeture-declaree": "Fermeture déclarée",
        "lieu.fermeture-changee": "Fermeture modifiée",
        "lieu.fermeture-retiree": "Fermeture retirée",
    }

    def get_queryset(self, request: HttpRequest) -> QuerySet[Lieu]:
        rows = super().get_queryset(request).annotate(lines_communes=lines_held(Couverture, "pk"))
        return rows.prefetch_related("conventions__suspensions")

    @admin.display(description="convention")
    def situation(self, lieu: Lieu) -> str:
        latest = max(lieu.conventions.all(), key=lambda convention: convention.created_at, default=None)
        return situation_of(latest, clock.today()) if latest else "aucune"

    @admin.display(description="site montré aux familles")
    def site_public(self, lieu: Lieu) -> str:
        return lieu.site_public or "—"

    @admin.display(description="courriel montré aux familles")
    def courriel_public(self, lieu: Lieu) -> str:
        return lieu.courriel_public or "—"

    @admin.display(description="fermetures déclarées")
    def fermetures(self, lieu: Lieu) -> str:
        rows = lieu.fermetures.filter(au__gte=clock.today())
        said = [f"du {date_courte(one.du)} au {date_courte(one.au)}" for one in rows]
        return " ; ".join(said) or "aucune à venir"

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
