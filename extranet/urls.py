"""Addresses of the portal (fixed ones: docs/interfaces)."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("extranet.portal.urls")),
    path("", include("demandes.attestations.urls")),
    path("", include("demandes.urls")),
    path("", include("habilitations.urls")),
    path("", include("conventions.urls")),
    path("", include("extranet.territory.urls")),
    path("", include("extranet.core.accounts.urls")),
    path("admin/", admin.site.urls),
]

handler400 = "extranet.core.web.outages.bad_request"
handler403 = "extranet.core.web.views.forbidden"
handler404 = "extranet.core.web.views.not_found"
handler429 = "extranet.core.web.views.too_many"  # asked by allauth
handler500 = "extranet.core.web.outages.server_error"
