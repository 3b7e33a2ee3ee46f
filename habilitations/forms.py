"""Shape and messages of a lieu's application (HAB-1)."""

from typing import Any

from django import forms
from django.core.validators import RegexValidator

from conventions.models import Civilite, NatureGestionnaire, NatureLieu
from conventions.rules import siren_is_valid
from extranet.core.web.forms import AddressField, LineField, PhoneField, PostalCodeField
from extranet.territory.models import Caf

SITE = "Écrivez l’adresse d’un site, par exemple https://www.exemple.fr."


def text(label: str, longest: int, **kwargs: Any) -> forms.CharField:
    """One line of text."""
    return LineField(label=label, max_length=longest, **kwargs)


class LieuForm(forms.Form):
    """The Caf, and the lieu."""

    caf = forms.ModelChoiceField(
        label="Caf de votre département", queryset=Caf.objects.order_by("nom"), empty_label="Choisissez"
    )
    lieu_nom = text("Nom du lieu", 200)
    lieu_nature = forms.ChoiceField(label="Nature du lieu", choices=NatureLieu)
    lieu_adresse = text("Adresse", 200)
    lieu_code_postal = PostalCodeField(label="Code postal")
    lieu_ville = text("Ville", 100)
    lieu_telephone = PhoneField(label="Téléphone")
    lieu_courriel = AddressField(label="Courriel du lieu")
    lieu_site = forms.URLField(
        label="Site internet",
        required=False,
        max_length=200,
        assume_scheme="https",
        validators=[RegexValidator("^https?://", SITE)],
        error_messages={"invalid": SITE},
    )


class GestionnaireForm(forms.Form):
    """Who runs the lieu and signs the convention."""

    gestionnaire_nom = text("Raison sociale", 200, help_text="Commune, intercommunalité, association…")
    gestionnaire_nature = forms.ChoiceField(label="Nature", choices=NatureGestionnaire)
    gestionnaire_siren = forms.CharField(label="SIREN", max_length=20, help_text="Neuf chiffres.")
    gestionnaire_adresse = text("Adresse du siège", 200)
    gestionnaire_code_postal = PostalCodeField(label="Code postal")
    gestionnaire_ville = text("Ville", 100)
    representant_civilite = forms.ChoiceField(label="Civilité du représentant légal", choices=Civilite)
    representant_nom = text("Nom du représentant légal", 100)
    representant_prenom = text("Prénom du représentant légal", 100)
    representant_qualite = text("Qualité", 150, help_text="Maire, présidente, directeur…")

    def clean_gestionnaire_siren(self) -> str:
        digits = "".join(self.cleaned_data["gestionnaire_siren"].split())
        if not siren_is_valid(digits):
            raise forms.ValidationError("Ce SIREN n’est pas valable : vérifiez ses neuf chiffres.")
        return digits


class CommunesForm(forms.Form):
    """The communes wanted: chosen ones travel in the page."""

    q = forms.CharField(label="Commune, code postal ou intercommunalité", required=False, max_length=100)


class PersonneForm(forms.Form):
    """A person to habilitate."""

    civilite = forms.ChoiceField(label="Civilité", choices=Civilite)
    nom = text("Nom", 100)
    prenom = text("Prénom", 100)
    courriel = AddressField(label="Courriel professionnel, personnel à chacun")
    service = text("Service", 150)
    fonction = text("Fonction", 150)

    def has_changed(self) -> bool:
        """Nobody was typed where only the civilité is there: its list has no empty line."""
        return bool({*self.changed_data} - {"civilite"})


class PersonnesFormSet(forms.BaseFormSet):
    """One to ten persons, each with its own address (HAB-4)."""

    default_error_messages = {"too_few_forms": "Indiquez au moins une personne."}

    def clean(self) -> None:
        seen: set[str] = set()
        for form in self.forms:
            address = getattr(form, "cleaned_data", {}).get("courriel", "").lower()
            if address and address in seen:
                form.add_error("courriel", "Une autre personne a déjà cette adresse : chacune a besoin de la sienne.")
            seen.add(address)

    def personnes(self) -> list[dict[str, str]]:
        """Those that were typed; a row left empty is nobody."""
        return [form.cleaned_data for form in self.forms if form.cleaned_data]


MOST = 10
Personnes = forms.formset_factory(
    PersonneForm,
    formset=PersonnesFormSet,
    extra=0,
    min_num=1,
    validate_min=True,
    max_num=MOST,
    validate_max=True,
    absolute_max=MOST,
)
