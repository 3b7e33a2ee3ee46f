"""Addresses of applications and of a lieu's convention, at the root of the site."""

from django.urls import path

from habilitations.views import application, convention

app_name = "habilitations"
urlpatterns = [
    path("habilitations/nouvelle/", application.nouvelle, name="nouvelle"),
    path("habilitations/nouvelle/<slug:nom>/", application.etape, name="etape"),
    path("habilitations/complement/<str:token>/", application.complement, name="complement"),
    path("habilitations/envoyee/<str:reference>/", application.envoyee, name="envoyee"),
    path("espace/convention/", convention.convention, name="convention"),
]
