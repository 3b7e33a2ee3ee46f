"""A running convention as agents enter it: one by a page, many by the lines of a file (CON-13).

The page and the file ask the same fields: the label of each is its heading in the file.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django import forms

from conventions.forms.fields import DateField
from conventions.models import Civilite, NatureGestionnaire, NatureLieu
from conventions.rules import ConventionReprise, GestionnaireDonne, LieuDonne, PersonneDonnee, siren_is_valid
from conventions.services.takeover import Verdict
from extranet.core.web.forms import (
    AddressField,
    LineField,
    LinesField,
    PdfField,
    PersonRows,
    PhoneField,
    PostalCodeField,
)
from extranet.territory.models import AncienneCommune, Caf, CodePostal, Commune, Epci
from extranet.territory.queries import search_key


def _text(label: str, longest: int, **kwargs: Any) -> LineField:
    return LineField(label=label, max_length=longest, **_asked(), **kwargs)


def _choice(label: str, choices: Iterable[tuple[Any, Any]]) -> forms.ChoiceField:
    """One of a list; what is not in it is answered by the list, and is not repeated."""
    said = ", ".join(str(word) for _, word in choices)
    messages = {"required": "À remplir.", "invalid_choice": f"Écrivez l’un de ces mots : {said}."}
    return forms.ChoiceField(label=label, choices=[("", "Choisissez"), *choices], error_messages=messages)


def _asked() -> dict[str, Any]:
    return {"error_messages": {"required": "À remplir."}}


def _widen(form: forms.Form) -> None:
    """Names and addresses get the room that the back office gives to text."""
    for field in form.fields.values():
        if isinstance(field, forms.CharField) and not isinstance(field, PostalCodeField):
            field.widget.attrs["class"] = "vTextField"


class Territoire:
    """The communes of a Caf, by code and by name, to read what agents write: read once for a whole file."""

    def __init__(self, caf: str):
        self.noms = dict(Commune.objects.filter(caf=caf, actuelle=True).values_list("pk", "nom"))
        former = AncienneCommune.objects.filter(commune__caf=caf, commune__actuelle=True)
        rows = list(former.values_list("pk", "nom", "commune"))
        self.codes = {code: code for code in self.noms} | {old: code for old, _, code in rows if old not in self.noms}
        self.by_name: dict[str, set[str]] = defaultdict(set)
        for code, nom in self.noms.items():
            self.by_name[search_key(nom)].add(code)
        for _, nom, code in rows:
            if nom and search_key(nom) not in self.by_name:
                self.by_name[search_key(nom)].add(code)
        self.postaux: dict[str, set[str]] = defaultdict(set)
        for postal, code in CodePostal.objects.filter(commune__in=self.noms).values_list("code", "commune"):
            self.postaux[postal].add(code)
        epcis = Epci.objects.filter(actuel=True).values_list("pk", "nom")
        self.epcis = {key for siren, nom in epcis for key in (siren, search_key(nom))}

    def read(self, text: str) -> tuple[str, ...]:
        """Codes of the communes named in `text`, separated by commas, semicolons or lines. ValidationError."""
        found, faults = list[str](), list[str]()
        for rank, name in enumerate(filter(None, map(str.strip, re.split("[,;\n]", text))), start=1):
            codes, fault = self._one(name)
            found += codes
            if fault:
                faults.append(f"Commune n° {rank} : {fault}")
        if faults:
            raise forms.ValidationError(faults[:5])
        return tuple(dict.fromkeys(found))

    def _one(self, name: str) -> tuple[list[str], str]:
        number = re.search(r"\b([0-9][0-9AB][0-9]{3})\b", name.upper())
        words = search_key(re.sub(r"[()\[\]]", " ", name.upper().replace(number[1], " ") if number else name))
        if re.fullmatch(r"\d{9}", name.replace(" ", "")) or words in self.epcis and words not in self.by_name:
            return [], "c’est une intercommunalité. Indiquez chacune de ses communes."
        named = self.by_name.get(words, set())
        if number is None:
            return self._alone(named)
        if not words:
            code = self.codes.get(number[1])
            return ([code], "") if code else ([], self._unknown(number[1]))
        both = named & ({self.codes.get(number[1], "")} | self.postaux.get(number[1], set()))
        return ([both.pop()], "") if len(both) == 1 else ([], "le nom et le code ne désignent pas la même commune.")

    def _alone(self, named: set[str]) -> tuple[list[str], str]:
        if len(named) > 1:
            return [], "plusieurs communes portent ce nom. Indiquez son code Insee."
        return (list(named), "") if named else ([], "elle n’est pas du territoire de cette Caf, ou son nom est autre.")

    def _unknown(self, number: str) -> str:
        if number in self.postaux:
            return "c’est un code postal. Indiquez le code Insee ou le nom de la commune."
        return "ce code Insee n’est pas celui d’une commune de cette Caf."


class CommunesField(LinesField):
    """Communes by name or by code; cleaned to codes. `territoire` is given by the form."""

    territoire: Territoire

    def clean(self, value: Any) -> Any:
        return self.territoire.read(super().clean(value))


class SirenField(forms.CharField):
    """Nine digits with their key; spaces are typed between groups."""

    def clean(self, value: Any) -> str:
        digits = "".join(str(super().clean(value)).split())
        if digits and not siren_is_valid(digits):
            raise forms.ValidationError("Ce SIREN n’est pas valable : vérifiez ses neuf chiffres.")
        return digits


class RepriseForm(forms.Form):
    """CON-13.a: everything of a running convention but its persons. What says who signed may be left empty."""

    numero = _text("Numéro de la convention", 60, help_text="Celui de vos dossiers : il identifie la convention.")
    lieu_nom = _text("Nom du lieu", 200)
    lieu_nature = _choice("Nature du lieu", NatureLieu.choices)
    lieu_adresse = _text("Adresse du lieu", 200)
    lieu_code_postal = PostalCodeField(label="Code postal du lieu", **_asked())
    lieu_ville = _text("Ville du lieu", 100)
    lieu_telephone = PhoneField(label="Téléphone du lieu", **_asked())
    lieu_courriel = AddressField(label="Courriel du lieu", **_asked())
    lieu_site = forms.URLField(
        label="Site internet du lieu",
        required=False,
        max_length=200,
        assume_scheme="https",
        error_messages={"invalid": "Écrivez l’adresse d’un site, par exemple https://www.exemple.fr."},
    )
    gestionnaire_nom = _text("Raison sociale du gestionnaire", 200, help_text="Commune, intercommunalité, association…")
    gestionnaire_nature = _choice("Nature du gestionnaire", NatureGestionnaire.choices)
    gestionnaire_siren = SirenField(
        label="SIREN du gestionnaire", max_length=20, help_text="Neuf chiffres.", **_asked()
    )
    gestionnaire_adresse = _text("Adresse du siège", 200)
    gestionnaire_code_postal = PostalCodeField(label="Code postal du siège", **_asked())
    gestionnaire_ville = _text("Ville du siège", 100)
    courriel_officiel = AddressField(
        label="Courriel officiel du gestionnaire",
        required=False,
        help_text="Celui du registre public ou de l’acte signé : il est prévenu de chaque accès ouvert. Il peut être "
        "indiqué plus tard.",
    )
    representant_civilite = _choice("Civilité du représentant légal", Civilite.choices)
    representant_nom = _text("Nom du représentant légal", 100)
    representant_prenom = _text("Prénom du représentant légal", 100)
    representant_qualite = _text("Qualité du représentant légal", 150, help_text="Maire, présidente, directeur…")
    signed_gestionnaire_on = DateField(
        label="Signée par le gestionnaire le", help_text="La date portée sur la convention, même ancienne."
    )
    signataire_gestionnaire = LineField(
        label="Signataire pour le gestionnaire",
        max_length=200,
        required=False,
        help_text="Prénom et nom. Vide : le représentant légal.",
    )
    qualite_gestionnaire = LineField(label="Qualité de ce signataire", max_length=150, required=False)
    signed_caf_on = DateField(label="Signée par la Caf le")
    signataire_caf = LineField(
        label="Signataire pour la Caf",
        max_length=200,
        required=False,
        help_text="Prénom et nom. Vide : la direction actuelle de la Caf.",
    )
    qualite_caf = LineField(label="Qualité du signataire de la Caf", max_length=150, required=False)
    effective_on = DateField(
        label="En vigueur depuis le", required=False, help_text="Vide : depuis la dernière des deux signatures."
    )
    communes = CommunesField(
        label="Communes",
        help_text="Celles de l’annexe 1 aujourd’hui : noms ou codes Insee, séparés par des virgules ou un par ligne.",
        error_messages={"required": "Indiquez au moins une commune."},
    )

    PARTS = (
        ("La convention", ("numero",)),
        ("Le lieu", "lieu_"),
        ("Le gestionnaire", ("gestionnaire_", "courriel_officiel")),
        ("Son représentant légal", "representant_"),
        ("Signatures et prise d’effet", ("signed_", "signataire_", "qualite_", "effective_on")),
        ("Communes couvertes", "communes"),
    )

    def __init__(self, *args: Any, caf: Caf, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.caf = caf
        _widen(self)
        self.fields["communes"].territoire = Territoire(caf.pk)  # type: ignore[attr-defined]

    def parts(self) -> list[tuple[str, list[forms.BoundField]]]:
        """The fields of the page, part by part."""
        return [
            (title, [self[name] for name in self.fields if name.startswith(starts)]) for title, starts in self.PARTS
        ]

    def clean(self) -> dict[str, Any]:
        """Who signed, where it was left empty."""
        typed = self.cleaned_data
        if not typed.get("signataire_gestionnaire"):
            who = [typed.get(f"representant_{name}", "") for name in ("prenom", "nom", "qualite")]
            typed["signataire_gestionnaire"] = " ".join(who[:2]).strip() if all(who) else ""
            typed["qualite_gestionnaire"] = who[2]
        if not typed.get("signataire_caf"):
            typed["signataire_caf"] = f"{self.caf.directeur_prenom} {self.caf.directeur_nom}".strip()
            typed["qualite_caf"] = self.caf.directeur_qualite
            if not typed["signataire_caf"]:
                self.add_error("signataire_caf", "Indiquez qui a signé : la direction de la Caf n’est pas renseignée.")
        for name in ("qualite_gestionnaire", "qualite_caf"):
            if typed.get(name.replace("qualite", "signataire")) and not typed.get(name):
                self.add_error(name, "Indiquez la qualité du signataire.")
        return typed

    def given(self, personnes: Sequence[PersonneDonnee]) -> ConventionReprise:
        """What was typed."""
        typed = self.cleaned_data
        representant = {name: value for name, value in typed.items() if name.startswith("representant_")}
        own = ("signed_gestionnaire_on", "signed_caf_on", "effective_on", "courriel_officiel", "numero", "communes")
        who = ("signataire_gestionnaire", "qualite_gestionnaire", "signataire_caf", "qualite_caf")
        return ConventionReprise(
            lieu=LieuDonne(**under("lieu_", typed)),
            gestionnaire=GestionnaireDonne(**under("gestionnaire_", typed), **representant),
            personnes=tuple(personnes),
            **{name: typed[name] for name in own + who},
        )


def under(prefix: str, typed: Mapping[str, Any]) -> dict[str, Any]:
    return {name.removeprefix(prefix): value for name, value in typed.items() if name.startswith(prefix)}


class PersonneForm(forms.Form):
    """A person named in annexe 1 today."""

    civilite = _choice("Civilité de la personne", Civilite.choices)
    nom = _text("Nom de la personne", 100)
    prenom = _text("Prénom de la personne", 100)
    courriel = AddressField(label="Courriel de la personne", **_asked())
    service = _text("Service de la personne", 150)
    fonction = _text("Fonction de la personne", 150)

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        _widen(self)


class PersonnesFormSet(PersonRows):
    """Persons of annexe 1, each with its own address."""

    MOST = 20

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
    absolute_max=PersonnesFormSet.MOST,
)


class DocumentForm(forms.Form):
    """CON-13.a: the signed document of a convention taken over."""

    pieces = forms.TypedMultipleChoiceField(
        label="Ce fichier contient",
        choices=[("convention", "la convention signée"), ("annexe1", "l’annexe 1 signée")],
        initial=["convention", "annexe1"],
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Cochez ce que contient ce fichier."},
    )
    scan = PdfField(label="Document signé (PDF)")


class FichierForm(forms.Form):
    """CON-13.b: a file of conventions."""

    fichier = forms.FileField(
        label="Fichier des conventions (ODS ou CSV)",
        help_text="4 Mo et 3 000 lignes au plus.",
        widget=forms.FileInput(attrs={"accept": ".ods,.csv"}),
        error_messages={"required": "Choisissez un fichier.", "empty": "Ce fichier est vide."},
    )


def add_verdict(form: RepriseForm, verdict: Verdict) -> None:
    """Say beside its field why it is not taken."""
    form.add_error(verdict.field if verdict.field in form.fields else None, verdict.why)
