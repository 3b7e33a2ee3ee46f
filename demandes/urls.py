"""Addresses of demandes, at the root of the site."""

from django.urls import path

from demandes.views import api, family, flux, jetons, suivi
from demandes.views.lieu import demande, gestes, liste, statistiques, telechargement

app_name = "demandes"

families = [
    path("demandes/nouvelle/", family.nouvelle, name="nouvelle"),
    path("demandes/nouvelle/<slug:nom>/", family.etape, name="etape"),
    path("demandes/envoyee/<str:token>/", suivi.envoyee, name="envoyee"),
    path("demandes/suivi/<str:token>/", suivi.suivi, name="suivi"),
    path("demandes/suivi/<str:token>/autre-lieu/", suivi.autre_lieu, name="autre-lieu"),
    path("demandes/retiree/", suivi.retiree, name="retiree"),
]

lieux = [
    path("espace/lieu/", liste.choix, name="lieu"),
    path("espace/demandes/", liste.liste, name="liste"),
    path("espace/demandes/parties/", liste.parties, name="parties"),
    path("espace/demandes/telechargement/", telechargement.telechargement, name="telechargement"),
    path("espace/demandes/telechargement/<uuid:uuid>/", telechargement.fichier, name="fichier"),
    path("espace/statistiques/", statistiques.statistiques, name="statistiques"),
    path("espace/statistiques/<uuid:uuid>/<int:annee>.pdf", statistiques.fiche_pdf, name="fiche-pdf"),
    path("espace/statistiques/<uuid:uuid>/<int:annee>.ods", statistiques.fiche_ods, name="fiche-ods"),
    path("espace/demandes/<uuid:uuid>/", demande.detail, name="detail"),
    path("espace/demandes/suite/", gestes.geste, name="geste"),
    path("espace/demandes/reouverture/", gestes.reouverture, name="reouverture"),
    path("espace/demandes/<uuid:uuid>/cloture/", demande.cloture, name="cloture"),
    path("espace/demandes/<uuid:uuid>/suivi/<slug:nom>/", demande.acte, name="acte"),
    path("espace/demandes/<uuid:uuid>/rendez-vous/annulation/", demande.annulation, name="annulation"),
    path("espace/demandes/<uuid:uuid>/rendez-vous.ics", demande.calendrier, name="calendrier"),
    path("espace/demandes/<uuid:uuid>/notes/<uuid:note>/retrait/", demande.retrait_note, name="retrait-note"),
]

programs = [
    path("api/v1/livraisons", api.livraisons, name="api-livraisons"),
    path("api/v1/livraisons/<uuid:identifier>", api.livraison, name="api-livraison"),
    path("api/v1/livraisons/<uuid:identifier>/rapport", api.rapport, name="api-rapport"),
    path("api/v1/demandes.xml", flux.demandes_xml, name="api-demandes"),
    path("api/v1/accuses", flux.accuses, name="api-accuses"),
    path("api/v1/openapi.json", flux.openapi_json, name="api-openapi"),
    path("compte/jetons/", jetons.jetons, name="jetons"),
    path("compte/jetons/<int:token_id>/revocation/", jetons.revocation, name="jeton-revocation"),
    path("schemas/", api.schemas, name="schemas"),
    path("schemas/flux/", flux.page, name="flux"),
    path("schemas/demandes-1.xsd", api.schema_1, name="schema-1"),
]

urlpatterns = [*families, *lieux, *programs]
