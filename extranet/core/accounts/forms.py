"""Choosing one's own password, and asking for a new one."""

from typing import Any

from django import forms
from django.http import HttpRequest

from extranet.core.accounts.confirmation import confirm_password
from extranet.core.web.forms import LineField


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
    """ACT-5: a new password is asked for by the address alone; nothing is said of whether it is known."""

    courriel = forms.EmailField(
        label="Votre adresse de courriel",
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )


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
