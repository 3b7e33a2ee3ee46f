"""Addresses of demandes, at the root of the site."""

from django.urls import path

from demandes.views import api, family, jetons
from demandes.views.lieu import demande, liste, telechargement

app_name = "demandes"

families = [
    path("demandes/nouvelle/", family.nouvelle, name="nouvelle"),
    path("demandes/nouvelle/relire/", family.relire, name="relire"),
    path("demandes/envoyee/<str:token>/", family.envoyee, name="envoyee"),
    path("demandes/suivi/<str:token>/", family.suivi, name="suivi"),
    path("demandes/retiree/", family.retiree, name="retiree"),
]

lieux = [
    path("espace/demandes/", liste.liste, name="liste"),
    path("espace/demandes/parties/", liste.parties, name="parties"),
    path("espace/demandes/telechargement/", telechargement.telechargement, name="telechargement"),
    path("espace/demandes/<uuid:uuid>/", demande.detail, name="detail"),
    path("espace/demandes/<uuid:uuid>/cloture/", demande.cloture, name="cloture"),
]

programs = [
    path("api/v1/livraisons", api.livraisons, name="api-livraisons"),
    path("api/v1/livraisons/<uuid:identifier>", api.livraison, name="api-livraison"),
    path("api/v1/livraisons/<uuid:identifier>/rapport", api.rapport, name="api-rapport"),
    path("compte/jetons/", jetons.jetons, name="jetons"),
    path("compte/jetons/<int:token_id>/revocation/", jetons.revocation, name="jeton-revocation"),
    path("schemas/", api.schemas, name="schemas"),
    path("schemas/demandes-1.xsd", api.schema_1, name="schema-1"),
]

urlpatterns = [*families, *lieux, *programs]
