"""Addresses of attestations, in the space of lieux."""

from django.urls import path

from demandes.attestations import views

app_name = "attestations"

urlpatterns = [
    path("espace/attestations/", views.liste, name="liste"),
    path("espace/attestations/<uuid:uuid>/", views.attestation, name="attestation"),
    path("espace/attestations/<uuid:uuid>/pdf/", views.attestation_pdf, name="pdf"),
]
