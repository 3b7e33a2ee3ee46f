"""Addresses of the territory, at the root of the site."""

from django.urls import path

from extranet.territory import views

app_name = "territory"
urlpatterns = [
    path("communes/", views.communes, name="communes"),
    path("epcis/", views.epcis, name="epcis"),
]
