"""Shape and messages of what the signer of an attestation ticks and types."""

from typing import Any

from django import forms
from django.http import HttpRequest

from extranet.core.accounts.confirmation import confirm_password


class AttestationForm(forms.Form):
    """CNS-4: the four kinds of copies, and the password again."""

    ABSENTE = "Cochez cette ligne une fois ces copies détruites (ou s’il n’y en a pas)."
    logiciel = forms.BooleanField(
        label="Nos logiciels et postes de travail ne contiennent plus ces demandes.",
        error_messages={"required": ABSENTE},
    )
    messagerie = forms.BooleanField(
        label="Nos messageries ne contiennent plus ces demandes.", error_messages={"required": ABSENTE}
    )
    papier = forms.BooleanField(label="Les copies sur papier sont détruites.", error_messages={"required": ABSENTE})
    prestataires = forms.BooleanField(
        label="Nos prestataires n’en gardent aucune copie, ou nous n’en avons pas.",
        error_messages={"required": ABSENTE},
    )
    visa_archives = forms.CharField(
        label="Visa des archives publiques",
        help_text="Numéro et date du visa, si votre structure en a besoin.",
        required=False,
        max_length=200,
    )
    mot_de_passe = forms.CharField(
        label="Votre mot de passe",
        help_text="Il vous est demandé à nouveau parce que vous signez.",
        strip=False,
        max_length=128,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        error_messages={"required": "Saisissez votre mot de passe pour signer."},
    )

    def __init__(self, *args: Any, request: HttpRequest, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.request = request

    def clean_mot_de_passe(self) -> str:
        confirm_password(self.request, self.cleaned_data["mot_de_passe"])
        return ""

    @property
    def copies(self) -> frozenset[str]:
        """The kinds of copies that are ticked."""
        names = ("logiciel", "messagerie", "papier", "prestataires")
        return frozenset(name for name in names if self.cleaned_data.get(name))
