"""Addresses of the portal (fixed ones: docs/interfaces)."""

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import include, path

admin.autodiscover()
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
admin.site.site_header = "Espace Caf"
admin.site.site_title = "Espace Caf"
admin.site.index_title = "Ce qui vous attend"
admin.site.enable_nav_sidebar = False
admin.site.index_template = "admin/index.html"

urlpatterns = [
    path("", include("extranet.portal.urls")),
    path("", include("demandes.urls")),
    path("", include("habilitations.urls")),
    path("", include("extranet.territory.urls")),
    path("", include("extranet.core.accounts.urls")),
    path("admin/", admin.site.urls),
]

handler400 = "extranet.core.web.views.bad_request"
handler403 = "extranet.core.web.views.forbidden"
handler404 = "extranet.core.web.views.not_found"
handler500 = "extranet.core.web.views.server_error"
