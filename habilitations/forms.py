"""Shape and messages of a lieu's application (HAB-1)."""

import re
import unicodedata
from typing import Any

from django import forms
from django.core.validators import RegexValidator

from conventions.models import Civilite, NatureGestionnaire, NatureLieu
from conventions.rules import siren_is_valid
from extranet.core.web.forms import TelephoneInput
from extranet.territory.models import Caf

NOT_ALLOWED = "Ce texte contient des caractères qui ne sont pas permis."
# Controls, line separators, marks that turn the reading direction round, and codes that are no characters.
one_line = RegexValidator(
    "[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufdd0-\ufdef\ufffe\uffff]", NOT_ALLOWED, inverse_match=True
)
# Soft hyphen, zero width space, word joiner, byte order mark: they come with copied texts and show nothing.
INVISIBLE = re.compile("[\u00ad\u200b\u2060\ufeff]")
postal = RegexValidator(r"^[0-9]{5}$", "Un code postal a cinq chiffres.")
phone = RegexValidator(r"^(?:\+33|0)[ .\-]?[1-9](?:[ .\-]?[0-9]{2}){4}$", "Écrivez un numéro à dix chiffres.")

SITE = "Écrivez l’adresse d’un site, par exemple https://www.exemple.fr."


class LineField(forms.CharField):
    """One line of text, in NFC and without what cannot be seen."""

    default_validators = [one_line]

    def to_python(self, value: Any) -> str:
        return unicodedata.normalize("NFC", INVISIBLE.sub("", super().to_python(value))).strip()


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
    lieu_code_postal = forms.CharField(label="Code postal", max_length=5, validators=[postal])
    lieu_ville = text("Ville", 100)
    lieu_telephone = forms.CharField(label="Téléphone", max_length=20, validators=[phone], widget=TelephoneInput)
    lieu_courriel = forms.EmailField(label="Courriel du lieu", max_length=254)
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
    gestionnaire_code_postal = forms.CharField(label="Code postal", max_length=5, validators=[postal])
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
    courriel = forms.EmailField(label="Courriel professionnel, personnel à chacun", max_length=254)
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
