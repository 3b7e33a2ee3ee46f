"""Public addresses of the register: what a private link opens."""

from django.urls import path

from conventions.views import copies

app_name = "conventions"
urlpatterns = [
    path("conventions/copie-signee/<str:token>/", copies.a_signer, name="a-signer"),
    path("conventions/copie-signee/<str:token>/document/", copies.document, name="document"),
]
