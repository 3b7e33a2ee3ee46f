"""Shape and messages of what who signs for a lieu ticks and types."""

from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils.functional import cached_property

from demandes.attestations.rules import DECLARATIONS
from extranet.core.accounts.confirmation import confirm_password, confirmed_by_factor
from extranet.core.web.forms import LinesField

YES, NO = "oui", "non"


class SignatureForm(forms.Form):
    """CNS-4, SUI-3: the password again, last, unless a second factor was."""

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
        if self.confirmed:
            del self.fields["mot_de_passe"]
        else:
            self.fields["mot_de_passe"] = self.fields.pop("mot_de_passe")

    @cached_property
    def confirmed(self) -> bool:
        """By a second factor, a moment ago: the password is not asked for."""
        return confirmed_by_factor(self.request)

    def clean_mot_de_passe(self) -> str:
        confirm_password(self.request, self.cleaned_data["mot_de_passe"])
        return ""


class AttestationForm(SignatureForm):
    """CNS-4: the four kinds of copies."""

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

    @property
    def copies(self) -> frozenset[str]:
        """The kinds of copies that are ticked."""
        names = ("logiciel", "messagerie", "papier", "prestataires")
        return frozenset(name for name in names if self.cleaned_data.get(name))


class BilanForm(SignatureForm):
    """SUI-3: each declaration, kept or not; what is not is explained."""

    precisions = LinesField(
        label="Précisions pour la Caf",
        help_text="Nécessaires si une ligne n’a pas pu être tenue : ce qui s’est passé, et ce que vous faites. "
        "N’écrivez rien ici sur une famille.",
        required=False,
        max_length=2_000,
    )

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        choices = [(YES, "Oui"), (NO, "Pas entièrement")]
        asked = {
            name: forms.ChoiceField(
                label=sentence,
                choices=choices,
                widget=forms.RadioSelect,
                error_messages={"required": "Répondez à cette ligne."},
            )
            for name, sentence in DECLARATIONS.items()
        }
        self.fields = asked | self.fields

    def clean(self) -> None:
        super().clean()
        unkept = any(self.cleaned_data.get(name) == NO for name in DECLARATIONS)
        if unkept and not self.cleaned_data.get("precisions") and "precisions" not in self.errors:
            self.add_error("precisions", "Dites à la Caf ce qui n’a pas pu être tenu, et ce que vous faites.")

    tenues_attendues = len(DECLARATIONS)

    @property
    def tenues(self) -> dict[str, bool]:
        """Name of each declaration → whether it is kept."""
        return {name: self.cleaned_data[name] == YES for name in DECLARATIONS}
