"""What agents type to prepare an avenant, to record its signatures and to abandon it (CON-7)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import QueryDict

from conventions import queries
from conventions.forms.fields import DateField
from conventions.forms.signing import AbandonForm
from conventions.models import (
    Civilite,
    Convention,
    Gestionnaire,
    Lieu,
    NatureGestionnaire,
    NatureLieu,
    PersonneInscrite,
)
from conventions.rules import PersonneDonnee
from extranet.core.web.forms import (
    AddressField,
    Fault,
    LineField,
    PhoneField,
    PostalCodeField,
    Rows,
    SiteField,
    faults_of,
)
from extranet.core.words import telephone
from extranet.territory import queries as territory
from extranet.territory.models import Commune, Epci

MOST_COMMUNES = 2_000


def line(label: str, longest: int, missing: str) -> LineField:
    """One line of text; `missing` asks for it."""
    return LineField(label=label, max_length=longest, error_messages={"required": missing})


def choice(label: str, choices: Any, missing: str = "") -> forms.ChoiceField:
    """One of a closed list; `missing` asks for it where the list has an empty line."""
    return forms.ChoiceField(label=label, choices=choices, error_messages={"required": missing} if missing else None)


def address(label: str, missing: str) -> AddressField:
    """An address; `missing` asks for it."""
    wrong = "Écrivez une adresse complète, par exemple prenom.nom@ville.fr."
    return AddressField(label=label, error_messages={"required": missing, "invalid": wrong})


class LieuForm(forms.Form):
    """The lieu as it is, to be changed."""

    nom = line("Nom du lieu", 200, "Indiquez le nom du lieu.")
    nature = choice("Nature du lieu", NatureLieu)
    adresse = line("Adresse", 200, "Indiquez l’adresse du lieu.")
    code_postal = PostalCodeField(label="Code postal", error_messages={"required": "Indiquez le code postal du lieu."})
    ville = line("Ville", 100, "Indiquez la ville du lieu.")
    telephone = PhoneField(label="Téléphone", error_messages={"required": "Indiquez le téléphone du lieu."})
    courriel = address("Courriel du lieu", "Indiquez le courriel du lieu.")
    site = SiteField()


class GestionnaireForm(forms.Form):
    """The gestionnaire and its représentant légal as they are; another SIREN would be another party."""

    nom = line("Raison sociale", 200, "Indiquez la raison sociale du gestionnaire.")
    nature = choice("Nature", NatureGestionnaire)
    adresse = line("Adresse du siège", 200, "Indiquez l’adresse du siège.")
    code_postal = PostalCodeField(label="Code postal", error_messages={"required": "Indiquez le code postal du siège."})
    ville = line("Ville", 100, "Indiquez la ville du siège.")
    courriel = AddressField(label="Courriel", required=False)
    telephone = PhoneField(label="Téléphone", required=False)
    representant_civilite = choice("Civilité du représentant légal", Civilite)
    representant_nom = line("Nom du représentant légal", 100, "Indiquez le nom du représentant légal.")
    representant_prenom = line("Prénom du représentant légal", 100, "Indiquez le prénom du représentant légal.")
    representant_qualite = line("Qualité", 150, "Indiquez la qualité du représentant légal.")


class PersonneForm(forms.Form):
    """A person of annexe 1."""

    civilite = choice("Civilité", [("", "Choisissez"), *Civilite.choices], "Choisissez la civilité.")
    nom = line("Nom", 100, "Indiquez le nom.")
    prenom = line("Prénom", 100, "Indiquez le prénom.")
    courriel = address("Courriel professionnel, personnel à chacun", "Indiquez le courriel.")
    service = line("Service", 150, "Indiquez le service.")
    fonction = line("Fonction", 150, "Indiquez la fonction.")


class InscriteForm(PersonneForm):
    """A person named today, to be changed or taken away."""

    retirer = forms.BooleanField(label="Retirer cette personne de l’annexe 1", required=False)
    field_order = ("retirer",)

    def full_clean(self) -> None:
        """Of who is taken away nothing else counts."""
        super().full_clean()
        if self.is_bound and self.cleaned_data.get("retirer"):
            self._errors = forms.utils.ErrorDict()


class AjouteesFormSet(Rows):
    """Persons to add; a row left empty is nobody."""

    titre = "Nouvelle personne"


Ajoutees: type[AjouteesFormSet] = forms.formset_factory(  # type: ignore[assignment]
    PersonneForm, formset=AjouteesFormSet, extra=1, max_num=Rows.MOST, validate_max=True, absolute_max=Rows.MOST
)


@dataclass(frozen=True, slots=True)
class Nommee:
    """A person named today, with what is typed about it."""

    line: PersonneInscrite
    form: InscriteForm

    @property
    def opened(self) -> bool:
        """Something is typed, or wrong: its part of the page is to be seen."""
        return bool(self.form.errors) or self.form.is_bound and bool(self.form.changed_data)


class AvenantForm:
    """CON-7.b: everything an avenant may change, on one page: communes, persons, lieu, gestionnaire.

    Each part says what holds today; what is left as it is, the avenant does not change.
    """

    NEW = "nouvelles"

    def __init__(self, convention: Convention, data: QueryDict | None = None):
        self.convention, self.data = convention, data
        self.q = data.get("q", "").strip()[:100] if data and "chercher" in data else ""
        communes, personnes = queries.annexe1_today(convention)
        self.communes = list(communes)
        self.removed = {line.commune_id for line in self.communes} & set(data.getlist("retirees") if data else [])
        self.added = self._added()
        self.refused: dict[str, str] = {}
        self.personnes = [self._named(line) for line in personnes]
        self.ajoutees = Ajoutees(self._rows(), prefix=self.NEW)
        self.lieu = LieuForm(data, prefix="lieu", initial=_shown(convention.lieu, LieuForm))
        self.gestionnaire = GestionnaireForm(
            data, prefix="gestionnaire", initial=_shown(convention.gestionnaire, GestionnaireForm)
        )

    def _named(self, line: PersonneInscrite) -> Nommee:
        return Nommee(line, InscriteForm(self.data, prefix=f"personne-{line.personne.uuid}", initial=_of(line)))

    def _rows(self) -> dict[str, Any] | None:
        """What was typed of persons to add, with the row that a button of the page adds or takes away."""
        if self.data is None:
            return None
        names = Ajoutees.names(self.NEW)
        typed = {name: self.data.getlist(name) for name in self.data if names.fullmatch(name)}
        Ajoutees.change(typed, self.NEW, self.data)
        return {name: values[-1] if values else "" for name, values in typed.items()}

    def _added(self) -> list[Commune]:
        """Those chosen so far, of this Caf only, with what a button of the page adds or takes away."""
        if self.data is None:
            return []
        codes = [*self.data.getlist("ajoutees")[:MOST_COMMUNES], self.data.get("ajouter-commune", "")]
        siren = self.data.get("ajouter-epci", "")
        if siren.isdecimal() and siren.isascii():
            codes += territory.communes_of_epci(siren).values_list("pk", flat=True)
        held = {line.commune_id for line in self.communes} | {self.data.get("oter-commune", "")}
        wanted = [code for code in codes if code.isalnum() and len(code) == 5 and code not in held]
        own = Commune.objects.filter(pk__in=wanted, caf=self.convention.lieu.caf_id, actuelle=True)
        return list(own.select_related("departement").order_by("nom_recherche", "pk"))

    @property
    def found(self) -> list[territory.Match]:
        """Communes of this Caf that the search finds, without those chosen or covered."""
        there = {line.commune_id for line in self.communes} | {commune.pk for commune in self.added}
        caf = self.convention.lieu.caf_id
        return [match for match in territory.communes_matching(self.q, caf=caf) if match.commune.pk not in there]

    @property
    def epcis(self) -> list[Epci]:
        """EPCI that the search finds, with communes of this Caf."""
        caf = self.convention.lieu.caf_id
        found = territory.epcis_matching(self.q, limit=5)
        return [epci for epci in found if territory.communes_of_epci(epci.pk).filter(caf=caf).exists()]

    def forms(self) -> list[Any]:
        """All its forms, in the order of the page."""
        return [*(one.form for one in self.personnes), self.ajoutees, self.lieu, self.gestionnaire]

    def unread(self) -> None:
        """A button inside the page was pressed: what was typed is shown again, nothing is judged yet."""
        rows: Any = self.ajoutees
        for form in [*(one.form for one in self.personnes), *rows.forms, self.lieu, self.gestionnaire]:
            form._errors = forms.utils.ErrorDict()
        rows._errors, rows._non_form_errors = [], forms.utils.ErrorList()

    def is_valid(self) -> bool:
        """Every part is."""
        return all(form.is_valid() for form in self.forms())

    def refuse(self, faults: Mapping[str, str]) -> None:
        """What the service refuses, beside the part that it is about."""
        self.refused = dict(faults)

    @property
    def fautes(self) -> list[Fault]:
        """What is to be corrected, for the top of the page."""
        if self.data is None:
            return []
        anchors = {"communes_added": "communes", "communes_removed": "communes", "lieu": "le-lieu"}
        anchors |= {"gestionnaire": "le-gestionnaire", "": ""}
        named = [Fault(anchors.get(name, "personnes"), sentence) for name, sentence in self.refused.items()]
        return named + faults_of(*self.forms())

    @property
    def changes(self) -> dict[str, Any]:
        """As `avenants.prepare` takes them; of a form that is valid."""
        changed, removed = {}, []
        for one in self.personnes:
            typed = dict(one.form.cleaned_data)
            if typed.pop("retirer", False):
                removed.append(one.line.personne.uuid)
            elif _donnee(typed) != _donnee(_of(one.line)):
                changed[one.line.personne.uuid] = _donnee(typed)
        return {
            "communes_added": [commune.pk for commune in self.added],
            "communes_removed": sorted(self.removed),
            "personnes_added": [_donnee(form.cleaned_data) for form in self.ajoutees.forms if form.cleaned_data],
            "personnes_changed": changed,
            "personnes_removed": removed,
            "lieu": _changed(self.lieu),
            "gestionnaire": _changed(self.gestionnaire),
        }


def _of(line: PersonneInscrite) -> dict[str, str]:
    return {name: getattr(line, name) for name in PersonneForm.base_fields}


def _donnee(values: Mapping[str, str]) -> PersonneDonnee:
    return PersonneDonnee(**{**values, "courriel": values["courriel"].lower()})


def _changed(form: forms.Form) -> dict[str, str]:
    return {name: form.cleaned_data[name] for name in form.changed_data}


def _shown(owner: Lieu | Gestionnaire, form: type[forms.Form]) -> dict[str, str]:
    """What holds today, as people write it."""
    values = {name: getattr(owner, name) for name in form.base_fields}
    return values | {"telephone": telephone(values["telephone"])}


class AvenantAbandonForm(AbandonForm):
    """CON-7: why nothing comes of an avenant that waits."""

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        motif = self.fields["motif"]
        motif.help_text = "Gardé avec l’avenant ; le courriel ne le dit pas."
        motif.error_messages["required"] = "Indiquez pourquoi cet avenant est abandonné."


class JourForm(forms.Form):
    """CON-8.a: a day of the past, or today."""

    au = DateField(label="Au")
