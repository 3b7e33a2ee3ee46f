"""Addresses of accounts. allauth looks its pages up by name at the root, ours are in a namespace."""

from allauth.account import views as allauth
from django.contrib.auth.decorators import login_not_required
from django.urls import include, path

from extranet.core.accounts import views
from extranet.core.web.views import not_found

own = ([path("compte/premiere-connexion/", views.premiere, name="premiere")], "accounts")

urlpatterns = [
    path("", include(own)),
    path("compte/connexion/", login_not_required(views.Connexion.as_view()), name="account_login"),
    path("compte/deconnexion/", login_not_required(allauth.logout), name="account_logout"),
    # Accounts are opened by the Caf only; allauth wants the name.
    path("compte/inscription/", login_not_required(not_found), {"exception": None}, name="account_signup"),
    path("compte/inactif/", login_not_required(allauth.account_inactive), name="account_inactive"),
    path("compte/confirmation/", views.Confirmation.as_view(), name="account_reauthenticate"),
    path("compte/mot-de-passe/", views.changer, name="account_change_password"),
    path("compte/mot-de-passe/perdu/", views.perdu, name="account_reset_password"),
    path("compte/second-facteur/", include("allauth.mfa.urls")),
]
