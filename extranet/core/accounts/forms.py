"""Passwords, codes and keys that people type, choose and name."""

import struct
from typing import Any

from allauth.account.forms import LoginForm
from allauth.account.forms import ReauthenticateForm as ReauthenticatePasswordForm
from allauth.core.internal.cryptokit import normalize_user_code
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.webauthn.forms import (
    AddWebAuthnForm,
    AuthenticateWebAuthnForm,
    EditWebAuthnForm,
    LoginWebAuthnForm,
    ReauthenticateWebAuthnForm,
)
from cryptography.exceptions import InvalidSignature
from django import forms
from django.core.cache import cache
from django.http import HttpRequest

from extranet.core import signed
from extranet.core.accounts.confirmation import confirm_password
from extranet.core.web.forms import LineField
from extranet.core.web.verification import VerificationField


class ConnexionForm(LoginForm):
    """The door, as password managers know one."""

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        for name, hint in (("login", "username"), ("password", "current-password")):
            attrs = self.fields[name].widget.attrs
            attrs.pop("placeholder", None)
            attrs["autocomplete"] = hint


class ConfirmationForm(ReauthenticatePasswordForm):
    """One's password again, before a sensitive act."""

    password = forms.CharField(
        label="Votre mot de passe",
        strip=False,
        max_length=200,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


class ChoixForm(forms.Form):
    """ACT-3: one's own password, twice; `choose_password` judges it."""

    nouveau = forms.CharField(
        label="Votre nouveau mot de passe",
        strip=False,
        max_length=200,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    encore = forms.CharField(
        label="Le même, une seconde fois",
        strip=False,
        max_length=200,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if values.get("nouveau") and values.get("encore") and values["nouveau"] != values["encore"]:
            self.add_error("encore", "Les deux mots de passe ne sont pas les mêmes.")
        return values


class ChangementForm(ChoixForm):
    """ACT-4: one's own password changed at any time; the current one is asked again, as at the door."""

    actuel = forms.CharField(
        label="Votre mot de passe actuel",
        strip=False,
        max_length=200,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    field_order = ["actuel", "nouveau", "encore"]

    def __init__(self, *args: Any, request: HttpRequest, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.request = request

    def clean_actuel(self) -> str:
        confirm_password(self.request, self.cleaned_data["actuel"])
        return ""


class PerduForm(forms.Form):
    """ACT-5: a new password is asked for by the address and a text read on screen; nothing is said of whether the
    address is known.
    """

    courriel = forms.EmailField(
        label="Votre adresse de courriel",
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "username"}),
    )
    verification = VerificationField()


ONE_TIME = {"autocomplete": "one-time-code", "inputmode": "numeric", "autocapitalize": "off", "spellcheck": "false"}
TOTP_KEPT = 120  # seconds: longer than any code is good for


def _code_field(label: str, help_text: str = "") -> forms.CharField:
    return forms.CharField(
        label=label, help_text=help_text, max_length=40, widget=forms.TextInput(attrs=ONE_TIME | {"autofocus": True})
    )


class _Once:
    """A code of an application serves once, for as long as it is good (RFC 6238)."""

    authenticator: Any

    def clean_code(self) -> str:
        code: str = super().clean_code()  # type: ignore[misc]
        if self.authenticator.type == Authenticator.Type.TOTP:
            used = signed.digest("accounts.totp", f"{self.authenticator.pk} {normalize_user_code(code)}")
            if not cache.add(f"accounts:totp:{used}", True, TOTP_KEPT):
                raise get_adapter().validation_error("incorrect_code")
        return code


class CodeForm(_Once, AuthenticateForm):
    """ACC-4: the code of one's application, or one of the recovery codes."""

    code = _code_field("Code de l’application, ou code de secours")


class CodeEncoreForm(_Once, ReauthenticateForm):
    """The same, before a sensitive act."""

    code = _code_field("Code de l’application, ou code de secours")


class ApplicationForm(ActivateTOTPForm):
    """ACC-4: the first code proves that the application was set up."""

    code = _code_field("Code à six chiffres affiché par l’application")


# What the libraries of keys raise on what no key ever sent.
UNREADABLE = (AttributeError, LookupError, TypeError, ValueError, struct.error, InvalidSignature)


class _Key:
    """What a browser sends for a key: anything else is a wrong code, not an error of the service."""

    def clean_credential(self) -> Authenticator:
        try:
            return super().clean_credential()  # type: ignore[misc]
        except UNREADABLE as error:
            raise get_adapter().validation_error("incorrect_code") from error


class CleSeuleForm(_Key, LoginWebAuthnForm):
    """ACC-4: a passkey by itself."""


class CleApresForm(_Key, AuthenticateWebAuthnForm):
    """ACC-4: a key after the password."""


class CleEncoreForm(_Key, ReauthenticateWebAuthnForm):
    """A key before a sensitive act."""


class CleForm(AddWebAuthnForm):
    """ACC-4: a passkey under a name by which its person knows it again."""

    name = LineField(
        label="Nom de la clé",
        help_text="Pour la reconnaître : « Téléphone », « Ordinateur du bureau »…",
        max_length=100,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    passwordless = forms.BooleanField(
        label="Se connecter avec cette clé seule, sans adresse ni mot de passe",
        help_text="La clé demande alors un code, une empreinte ou votre visage.",
        required=False,
    )

    def clean(self) -> dict[str, Any]:
        try:
            return super().clean()
        except UNREADABLE as error:
            raise get_adapter().validation_error("incorrect_code") from error


class NomCleForm(EditWebAuthnForm):
    """A passkey under another name."""

    name = LineField(label="Nom de la clé", max_length=100, widget=forms.TextInput(attrs={"autocomplete": "off"}))


class CodeCourrielForm(forms.Form):
    """ACC-4.d: the code that was mailed."""

    code = _code_field("Code reçu par courriel", "Six chiffres.")

    def clean_code(self) -> str:
        return "".join(self.cleaned_data["code"].split())


class JetonForm(forms.Form):
    """A token's name, by which its owner knows it again, and its life."""

    nom = LineField(
        label="Nom du jeton",
        help_text="Le logiciel ou le serveur qui s’en servira. Exemple : « Serveur d’envoi de monenfant.fr ».",
        max_length=100,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    jours = forms.TypedChoiceField(
        label="Durée",
        help_text="Passé ce délai, il n’ouvre plus rien : créez-en un autre avant.",
        coerce=int,
        choices=[(30, "30 jours"), (90, "90 jours"), (365, "un an")],
        initial=90,
    )
