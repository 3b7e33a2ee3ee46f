"""Shape and messages of a lieu's application (HAB-1)."""

from typing import Any

from django import forms
from django.core.validators import RegexValidator

from conventions.models import Civilite, NatureGestionnaire, NatureLieu
from conventions.rules import GestionnaireDonne, LieuDonne, PersonneDonnee, siren_is_valid
from extranet.core.web.forms import AddressField, LineField, PhoneField, PostalCodeField, Rows
from extranet.core.words import telephone
from extranet.territory.models import Caf
from habilitations.models import VersionDemande

SITE = "Écrivez l’adresse d’un site, par exemple https://www.exemple.fr."


def text(label: str, longest: int, missing: str, **kwargs: Any) -> forms.CharField:
    """One line of text; `missing` asks for it."""
    return LineField(label=label, max_length=longest, error_messages={"required": missing}, **kwargs)


def asks(missing: str) -> dict[str, Any]:
    """What is said when nothing was typed."""
    return {"error_messages": {"required": missing}}


class LieuForm(forms.Form):
    """The Caf, and the lieu. In answer to a complement (`caf_asks`) the Caf is not chosen: it has asked."""

    def __init__(self, *args: Any, caf_asks: bool = False, **kwargs: Any):
        super().__init__(*args, **kwargs)
        if caf_asks:
            del self.fields["caf"]

    caf = forms.ModelChoiceField(
        label="Caf de votre département",
        queryset=Caf.objects.order_by("nom"),
        empty_label="Choisissez",
        **asks("Choisissez la Caf de votre département."),
    )
    lieu_nom = text("Nom du lieu", 200, "Indiquez le nom du lieu.")
    lieu_nature = forms.ChoiceField(label="Nature du lieu", choices=NatureLieu, **asks("Choisissez la nature du lieu."))
    lieu_adresse = text("Adresse", 200, "Indiquez l’adresse du lieu.")
    lieu_code_postal = PostalCodeField(label="Code postal", **asks("Indiquez le code postal du lieu."))
    lieu_ville = text("Ville", 100, "Indiquez la ville du lieu.")
    lieu_telephone = PhoneField(label="Téléphone", **asks("Indiquez le téléphone du lieu."))
    lieu_courriel = AddressField(label="Courriel du lieu", **asks("Indiquez le courriel du lieu."))
    lieu_site = forms.URLField(
        label="Site internet",
        required=False,
        max_length=200,
        assume_scheme="https",
        validators=[RegexValidator("^https?://", SITE)],
        error_messages={"invalid": SITE},
    )

    def lieu(self) -> LieuDonne:
        """What was typed."""
        typed = self.cleaned_data
        return LieuDonne(
            nom=typed["lieu_nom"],
            nature=typed["lieu_nature"],
            adresse=typed["lieu_adresse"],
            code_postal=typed["lieu_code_postal"],
            ville=typed["lieu_ville"],
            telephone=typed["lieu_telephone"],
            courriel=typed["lieu_courriel"],
            site=typed["lieu_site"],
        )


class GestionnaireForm(forms.Form):
    """Who runs the lieu and signs the convention."""

    gestionnaire_nom = text(
        "Raison sociale",
        200,
        "Indiquez la raison sociale du gestionnaire.",
        help_text="Commune, intercommunalité, association…",
    )
    gestionnaire_nature = forms.ChoiceField(
        label="Nature", choices=NatureGestionnaire, **asks("Choisissez la nature du gestionnaire.")
    )
    gestionnaire_siren = forms.CharField(
        label="SIREN", max_length=20, help_text="Neuf chiffres.", **asks("Indiquez le SIREN du gestionnaire.")
    )
    gestionnaire_adresse = text("Adresse du siège", 200, "Indiquez l’adresse du siège.")
    gestionnaire_code_postal = PostalCodeField(label="Code postal", **asks("Indiquez le code postal du siège."))
    gestionnaire_ville = text("Ville", 100, "Indiquez la ville du siège.")
    representant_civilite = forms.ChoiceField(
        label="Civilité du représentant légal",
        choices=Civilite,
        **asks("Choisissez la civilité du représentant légal."),
    )
    representant_nom = text("Nom du représentant légal", 100, "Indiquez le nom du représentant légal.")
    representant_prenom = text("Prénom du représentant légal", 100, "Indiquez le prénom du représentant légal.")
    representant_qualite = text(
        "Qualité", 150, "Indiquez la qualité du représentant légal.", help_text="Maire, présidente, directeur…"
    )

    def clean_gestionnaire_siren(self) -> str:
        digits = "".join(self.cleaned_data["gestionnaire_siren"].split())
        if not siren_is_valid(digits):
            raise forms.ValidationError("Ce SIREN n’est pas valable : vérifiez ses neuf chiffres.")
        return digits

    def gestionnaire(self) -> GestionnaireDonne:
        """What was typed."""
        typed = self.cleaned_data
        return GestionnaireDonne(
            nom=typed["gestionnaire_nom"],
            nature=typed["gestionnaire_nature"],
            siren=typed["gestionnaire_siren"],
            adresse=typed["gestionnaire_adresse"],
            code_postal=typed["gestionnaire_code_postal"],
            ville=typed["gestionnaire_ville"],
            representant_civilite=typed["representant_civilite"],
            representant_nom=typed["representant_nom"],
            representant_prenom=typed["representant_prenom"],
            representant_qualite=typed["representant_qualite"],
        )


class PersonneForm(forms.Form):
    """A person to habilitate."""

    civilite = forms.ChoiceField(label="Civilité", choices=Civilite, **asks("Choisissez la civilité."))
    nom = text("Nom", 100, "Indiquez le nom.")
    prenom = text("Prénom", 100, "Indiquez le prénom.")
    courriel = AddressField(label="Courriel professionnel, personnel à chacun", **asks("Indiquez le courriel."))
    service = text("Service", 150, "Indiquez le service.")
    fonction = text("Fonction", 150, "Indiquez la fonction.")

    def has_changed(self) -> bool:
        """Nobody was typed where only the civilité is there: its list has no empty line."""
        return bool({*self.changed_data} - {"civilite"})


class PersonnesFormSet(Rows):
    """One to ten persons, each with its own address (HAB-4)."""

    titre = "Personne"
    default_error_messages = {"too_few_forms": "Indiquez au moins une personne."}

    def clean(self) -> None:
        seen: set[str] = set()
        for form in self.forms:
            address = getattr(form, "cleaned_data", {}).get("courriel", "").lower()
            if address and address in seen:
                form.add_error("courriel", "Une autre personne a déjà cette adresse : chacune a besoin de la sienne.")
            seen.add(address)

    def personnes(self) -> list[PersonneDonnee]:
        """Those that were typed; a row left empty is nobody."""
        return [PersonneDonnee(**form.cleaned_data) for form in self.forms if form.cleaned_data]


Personnes: type[PersonnesFormSet] = forms.formset_factory(  # type: ignore[assignment]
    PersonneForm,
    formset=PersonnesFormSet,
    extra=0,
    min_num=1,
    validate_min=True,
    max_num=PersonnesFormSet.MOST,
    validate_max=True,
    absolute_max=PersonnesFormSet.MOST,
)


def typed_of(version: VersionDemande, prefix: str) -> dict[str, list[str]]:
    """What the pages would post to send this version again: name → values (HAB-6.d). `prefix`: of the persons' rows."""
    fields = [*LieuForm.base_fields, *GestionnaireForm.base_fields]
    typed = {name: [getattr(version, name)] for name in fields if name != "caf"}
    typed["lieu_telephone"] = [telephone(version.lieu_telephone)]
    typed["communes"] = list(version.communes.order_by("pk").values_list("commune_id", flat=True))
    people = list(version.personnes.order_by("pk"))
    for rank, one in enumerate(people):
        typed |= {f"{prefix}-{rank}-{name}": [getattr(one, name)] for name in PersonneForm.base_fields}
    return typed | {f"{prefix}-TOTAL_FORMS": [str(len(people))], f"{prefix}-INITIAL_FORMS": ["0"]}
