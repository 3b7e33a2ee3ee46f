"""Addresses of accounts. allauth looks its pages up by name at the root, ours are in a namespace."""

from allauth.account import views as allauth
from django.contrib.auth.decorators import login_not_required
from django.urls import include, path

from extranet.core.accounts import views
from extranet.core.web.views import not_found

own = (
    [
        path("compte/premiere-connexion/", views.premiere, name="premiere"),
        path("compte/nouvel-appareil/", views.appareil, name="appareil"),
        path("compte/sessions/", views.mes_sessions, name="sessions"),
    ],
    "accounts",
)

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
    path("compte/second-facteur/authenticate/", views.SecondFacteur.as_view(), name="mfa_authenticate"),
    path("compte/second-facteur/reauthenticate/", views.ConfirmationFacteur.as_view(), name="mfa_reauthenticate"),
    path(
        "compte/second-facteur/webauthn/login/",
        login_not_required(views.CleAcces.as_view()),
        name="mfa_login_webauthn",
    ),
    path("compte/second-facteur/", include("allauth.mfa.urls")),
]
