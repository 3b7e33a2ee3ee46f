"""Addresses of what lieux attest to, in their space."""

from django.urls import path

from demandes.attestations.views import attestations, bilans

app_name = "attestations"

urlpatterns = [
    path("espace/attestations/", attestations.liste, name="liste"),
    path("espace/attestations/<uuid:uuid>/", attestations.attestation, name="attestation"),
    path("espace/attestations/<uuid:uuid>/pdf/", attestations.attestation_pdf, name="pdf"),
    path("espace/attestations/bilans/<uuid:uuid>/", bilans.bilan, name="bilan"),
    path("espace/attestations/bilans/<uuid:uuid>/pdf/", bilans.bilan_pdf, name="bilan-pdf"),
]
