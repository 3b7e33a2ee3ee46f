"""Shape and messages of a lieu's application (HAB-1), and of what a lieu and its Caf write to each other (CTL-5)."""

import uuid
from collections.abc import Iterable
from typing import Any

from django import forms
from django.core.validators import URLValidator
from django.utils.text import capfirst

from conventions.models import Civilite, Fermeture, Lieu, NatureGestionnaire, NatureLieu
from conventions.rules import GestionnaireDonne, LieuDonne, PersonneDonnee, siren_is_valid
from extranet.core.web.forms import (
    SITE,
    AddressField,
    DateInput,
    FilesField,
    LineField,
    LinesField,
    PersonRows,
    PhoneField,
    PostalCodeField,
    SiteField,
)
from extranet.core.words import telephone
from extranet.territory.models import Commune
from extranet.territory.queries import cafs_by_departement, cafs_reachable
from habilitations import queries
from habilitations.models import DemandeHabilitation, Echange, VersionDemande
from habilitations.services.echanges import MOST_FILES, TOO_MANY, Joint

DAY: dict[str, Any] = {
    "input_formats": ["%Y-%m-%d", "%d/%m/%Y"],
    "error_messages": {"required": "Indiquez un jour.", "invalid": "Indiquez un jour sous la forme jj/mm/aaaa."},
}
MOST_LINES = 10
NOT_REACHABLE = "Cette Caf ne reçoit pas encore de demandes d’habilitation ici : contactez-la."


def text(label: str, longest: int, missing: str, **kwargs: Any) -> forms.CharField:
    """One line of text; `missing` asks for it."""
    return LineField(label=label, max_length=longest, error_messages={"required": missing}, **kwargs)


def asks(missing: str) -> dict[str, Any]:
    """What is said when nothing was typed."""
    return {"error_messages": {"required": missing}}


def one_of(label: str, choices: Any, missing: str) -> forms.ChoiceField:
    """One of a list, none of them before it is chosen."""
    unchosen = [("", "Choisissez"), *choices.choices]
    return forms.ChoiceField(label=label, choices=unchosen, **asks(missing))


def civility(label: str, missing: str) -> forms.ChoiceField:
    """Madame or Monsieur, neither of them before it is chosen."""
    return forms.ChoiceField(label=label, choices=Civilite, widget=forms.RadioSelect, **asks(missing))


class LieuForm(forms.Form):
    """The lieu."""

    lieu_nom = text("Nom du lieu", 200, "Indiquez le nom du lieu.")
    lieu_nature = one_of("Nature du lieu", NatureLieu, "Choisissez la nature du lieu.")
    lieu_adresse = text("Adresse", 200, "Indiquez l’adresse du lieu.")
    lieu_code_postal = PostalCodeField(label="Code postal", **asks("Indiquez le code postal du lieu."))
    lieu_ville = text("Ville", 100, "Indiquez la ville du lieu.")
    lieu_telephone = PhoneField(label="Téléphone", **asks("Indiquez le téléphone du lieu."))
    lieu_courriel = AddressField(
        label="Courriel du lieu",
        help_text="Les familles le lisent, comme le site : donnez une adresse du service.",
        **asks("Indiquez le courriel du lieu."),
    )
    lieu_site = SiteField()
    # DEM-6.a: out of sight; only a program fills it.
    site_web = forms.CharField(required=False, widget=forms.TextInput(attrs={"tabindex": "-1", "autocomplete": "off"}))

    @property
    def shown(self) -> list[forms.BoundField]:
        """The fields that people see."""
        return [field for field in self if field.name != "site_web"]

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


class CafForm(forms.Form):
    """The Caf it is addressed to, by number of département (HAB-1.c)."""

    caf = forms.ChoiceField(
        label="Département",
        choices=lambda: [("", "Choisissez"), *cafs_by_departement()],
        **asks("Confirmez la Caf, ou choisissez votre département."),
    )

    def clean_caf(self) -> str:
        """HAB-3.d: one that can be named with its address and telephone."""
        if not cafs_reachable().filter(pk=self.cleaned_data["caf"]).exists():
            raise forms.ValidationError(NOT_REACHABLE)
        return self.cleaned_data["caf"]


class GestionnaireForm(forms.Form):
    """Who runs the lieu and signs the convention."""

    gestionnaire_nom = text(
        "Raison sociale",
        200,
        "Indiquez la raison sociale du gestionnaire.",
        help_text="Commune, intercommunalité, association…",
    )
    gestionnaire_nature = one_of("Nature", NatureGestionnaire, "Choisissez la nature du gestionnaire.")
    gestionnaire_siren = forms.CharField(
        label="SIREN", max_length=20, help_text="Neuf chiffres.", **asks("Indiquez le SIREN du gestionnaire.")
    )
    gestionnaire_adresse = text("Adresse du siège", 200, "Indiquez l’adresse du siège.")
    gestionnaire_code_postal = PostalCodeField(label="Code postal", **asks("Indiquez le code postal du siège."))
    gestionnaire_ville = text("Ville", 100, "Indiquez la ville du siège.")
    representant_civilite = civility("Civilité du représentant légal", "Choisissez la civilité du représentant légal.")
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

    civilite = civility("Civilité", "Choisissez la civilité.")
    nom = text("Nom", 100, "Indiquez le nom.")
    prenom = text("Prénom", 100, "Indiquez le prénom.")
    courriel = AddressField(label="Courriel professionnel, personnel à chacun", **asks("Indiquez le courriel."))
    service = text("Service", 150, "Indiquez le service.")
    fonction = text("Fonction", 150, "Indiquez la fonction.")


class PersonnesFormSet(PersonRows):
    """One to ten persons, each with its own address (HAB-4)."""

    def personnes(self) -> list[PersonneDonnee]:
        """Those that were typed."""
        return [PersonneDonnee(**one) for one in self.typed()]


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
    typed = {name: [getattr(version, name)] for name in fields if name != "site_web"}
    typed["lieu_telephone"] = [telephone(version.lieu_telephone)]
    typed["communes"] = list(version.communes.order_by("pk").values_list("commune_id", flat=True))
    people = list(version.personnes.order_by("pk"))
    for rank, one in enumerate(people):
        typed |= {f"{prefix}-{rank}-{name}": [getattr(one, name)] for name in PersonneForm.base_fields}
    return typed | {f"{prefix}-TOTAL_FORMS": [str(len(people))], f"{prefix}-INITIAL_FORMS": ["0"]}


class MessageForm(forms.Form):
    """CTL-5: one message and its files. The nonce makes one message of a form sent twice."""

    texte = LinesField(
        label="Votre message",
        max_length=5_000,
        widget=forms.Textarea(attrs={"rows": 8}),
        help_text="N’écrivez rien ici sur une famille : ni nom, ni adresse, ni situation. La référence d’une demande "
        "suffit.",
        **asks("Écrivez votre message."),
    )
    fichiers = FilesField(
        label="Fichiers à joindre",
        required=False,
        help_text=f"Des PDF, {MOST_FILES} au plus, de 10 Mo au plus chacun.",
        widget_attrs={"accept": "application/pdf"},
    )
    nonce = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)

    def clean_fichiers(self) -> list[Joint]:
        files = self.cleaned_data["fichiers"]
        if len(files) > MOST_FILES:
            raise forms.ValidationError(TOO_MANY)
        return [Joint(name_of_file(file.name), file) for file in files]


class NouveauMessageForm(MessageForm):
    """CTL-5: about what, and for which lieu where the person has several."""

    sujet = forms.ChoiceField(
        label="Pour quoi écrivez-vous ?",
        choices=Echange.Sujet,
        widget=forms.RadioSelect,
        **asks("Choisissez pourquoi vous écrivez."),
    )
    lieu = forms.ModelChoiceField(
        label="Pour quel lieu ?",
        queryset=Lieu.objects.none(),
        to_field_name="uuid",
        empty_label="Choisissez",
        **asks("Choisissez le lieu."),
    )
    field_order = ["lieu", "sujet"]

    def __init__(self, *args: Any, lieux: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        field = self.fields["lieu"]
        field.queryset = lieux  # type: ignore[attr-defined]
        if len(lieux) == 1:
            field.widget, field.initial = forms.HiddenInput(), lieux[0].uuid


def name_of_file(given: str) -> str:
    """What a file is called for those who fetch it: one line, that ends in .pdf."""
    stem = LineField().to_python("".join(one for one in given if one.isprintable() and one not in '"\\/;'))
    return f"{stem.removesuffix('.pdf')[:90] or 'document'}.pdf"


class NommeeForm(forms.Form):
    """HAB-8.b: of the persons whom an application names, which."""

    about_object = True
    personne = forms.ChoiceField(label="Personne", choices=())

    def __init__(self, *args: Any, obj: DemandeHabilitation, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.fields["personne"].choices = [("", "Choisissez"), *queries.named_in(obj)]  # type: ignore[attr-defined]


class CorrectionForm(NommeeForm):
    """HAB-8.b: what changes about it, and why."""

    civilite = forms.ChoiceField(label="Civilité", choices=[("", "Ne change pas"), *Civilite.choices], required=False)
    prenom = LineField(label="Prénom", max_length=100, required=False)
    nom = LineField(label="Nom", max_length=100, required=False)
    courriel = AddressField(label="Courriel", required=False)
    service = LineField(label="Service", max_length=150, required=False)
    fonction = LineField(label="Fonction ou qualité", max_length=150, required=False)
    motif = LinesField(label="Motif", max_length=1000, help_text="Il reste dans l’historique de la demande.")


def _page_of_the_web(address: str) -> None:
    """A link for families: http or https, a name of the web, no password in it."""
    URLValidator(schemes=["http", "https"], message=SITE)(address)
    if "@" in address.partition("//")[2].partition("/")[0]:
        raise forms.ValidationError(SITE)


def _few_lines(text: str) -> None:
    if text.count("\n") >= MOST_LINES:
        raise forms.ValidationError(f"Écrivez {MOST_LINES} lignes au plus : elles tiennent ainsi sur un téléphone.")


class PresentationForm(forms.Form):
    """DEM-2.e: what families read of a lieu, beside its name, address and telephone, which the convention says."""

    horaires = LinesField(
        label="Horaires d’ouverture",
        required=False,
        max_length=500,
        validators=[_few_lines],
        help_text="Quelques lignes, par exemple : lundi et jeudi de 9 h à 12 h, sur rendez-vous le mardi.",
    )
    site = LineField(
        label="Site internet",
        required=False,
        max_length=200,
        validators=[_page_of_the_web],
        help_text="L’adresse entière, par exemple https://www.exemple.fr/petite-enfance.",
        widget=forms.TextInput(attrs={"inputmode": "url", "autocomplete": "url", "spellcheck": "false"}),
    )
    courriel = AddressField(
        label="Courriel pour les familles",
        required=False,
        help_text="Une adresse du service : toutes les familles peuvent la lire. Vide, elles n’en voient aucune.",
    )


class FermetureForm(forms.Form):
    """NOT-4.j: from one day through another, both closed."""

    du = forms.DateField(label="Premier jour de fermeture", widget=DateInput, **DAY)
    au = forms.DateField(label="Dernier jour de fermeture", widget=DateInput, **DAY)
    motif = forms.ChoiceField(
        label="Motif",
        required=False,
        choices=[("", "Aucun"), *((value, capfirst(str(label))) for value, label in Fermeture.Motif.choices)],
        help_text="Si vous en choisissez un, les familles le lisent.",
    )


class AfficheForm(forms.Form):
    """The poster of a lieu: its size, and the commune that its code fills in."""

    format = forms.ChoiceField(label="Format", choices=[("a4", "A4"), ("a5", "A5")])
    commune = forms.ChoiceField(
        label="Commune",
        required=False,
        help_text="Choisie, elle est déjà remplie quand une famille scanne le code.",
    )

    def __init__(self, *args: Any, communes: Iterable[Commune], **kwargs: Any):
        super().__init__(*args, **kwargs)
        known = [(one.pk, one.nom) for one in communes]
        self.fields["commune"].choices = [("", "La famille choisit la sienne"), *known]  # type: ignore[attr-defined]
        if len(known) == 1:
            self.fields["commune"].initial = known[0][0]


class JourForm(forms.Form):
    """CON-8.a: a day."""

    au = forms.DateField(
        label="L’annexe 1 comme elle était au",
        widget=DateInput(),
        input_formats=["%Y-%m-%d", "%d/%m/%Y"],
        error_messages={"invalid": "Indiquez une date sous la forme jj/mm/aaaa.", "required": "Indiquez une date."},
    )
