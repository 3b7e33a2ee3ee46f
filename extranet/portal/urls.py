from django.conf import settings
from django.urls import URLPattern, path

from extranet.portal import health, views

app_name = "portal"

urlpatterns: list[URLPattern] = [
    path("", views.accueil, name="accueil"),
    path("entree/", views.entree, name="entree"),
    path("compte/", views.compte, name="compte"),
    path("compte/donnees/", views.donnees, name="donnees"),
    path("confidentialite/", views.page, {"name": "confidentialite"}, name="confidentialite"),
    path("mentions-legales/", views.page, {"name": "mentions_legales"}, name="mentions_legales"),
    path("accessibilite/", views.page, {"name": "accessibilite"}, name="accessibilite"),
    path("sante/vivant", health.vivant, name="vivant"),
    path("sante/pret", health.pret, name="pret"),
]

if settings.DEMO:
    from extranet.portal.demo import views as demo

    urlpatterns += [
        path("demo/courriels/", demo.courriels, name="courriels"),
        path("demo/courriels/<str:name>", demo.courriel, name="courriel"),
    ]
