"""Addresses of applications and of a lieu's convention, at the root of the site."""

from django.urls import path

from habilitations.views import application, convention, lieu, messages, prestataires

app_name = "habilitations"
urlpatterns = [
    path("habilitations/", application.avant, name="avant"),
    path("habilitations/nouvelle/", application.nouvelle, name="nouvelle"),
    path("habilitations/nouvelle/<slug:nom>/", application.etape, name="etape"),
    path("habilitations/complement/<str:token>/", application.complement, name="complement"),
    path("habilitations/envoyee/<str:token>/", application.envoyee, name="envoyee"),
    path("habilitations/suivi/<str:token>/", application.suivi, name="suivi"),
    path("espace/convention/", convention.convention, name="convention"),
    path("espace/votre-lieu/", lieu.lieux, name="lieux"),
    path("espace/votre-lieu/<uuid:identifier>/", lieu.presentation, name="lieu"),
    path("espace/votre-lieu/<uuid:identifier>/fermetures/", lieu.nouvelle, name="fermetures"),
    path("espace/votre-lieu/fermetures/<uuid:identifier>/", lieu.fermeture, name="fermeture"),
    path("espace/votre-lieu/<uuid:identifier>/affiche.pdf", lieu.affiche, name="affiche"),
    path("espace/messages/", messages.liste, name="messages"),
    path("espace/messages/nouveau/", messages.nouveau, name="message"),
    path("espace/messages/<uuid:uuid>/", messages.echange, name="echange"),
    path("espace/messages/<uuid:uuid>/fichier/<uuid:fichier>/", messages.fichier, name="echange_fichier"),
    path("espace/convention/prestataires/<uuid:identifier>/", prestataires.engagement, name="engagement"),
    path("espace/convention/avenants/<uuid:identifier>.pdf", convention.avenant, name="avenant"),
]
