"""What agents type to correct a convention in preparation (CON-12.a): everything that its paper says of the parties."""

import re
from typing import Any

from django import forms

from conventions import queries
from conventions.models import Civilite, Convention, NatureGestionnaire, NatureLieu
from conventions.rules import GestionnaireDonne, LieuDonne, PersonneDonnee, siren_is_valid
from extranet.core.web.forms import AddressField, LineField, LinesField, PhoneField, PostalCodeField
from extranet.core.words import telephone
from extranet.territory.models import Commune
from extranet.territory.queries import commune_by_code, communes_matching, search_key

MOST = 10
WIDE = {"class": "vTextField"}
CODE = re.compile(r"^\s*(\d[0-9AB]\d{3})\b")


def _line(label: str, longest: int, **options: Any) -> LineField:
    return LineField(label=label, max_length=longest, widget=forms.TextInput(attrs=WIDE), **options)


def _address(label: str, **options: Any) -> AddressField:
    return AddressField(label=label, widget=forms.EmailInput(attrs=WIDE), **options)


class CorrectionForm(forms.Form):
    """CON-12.a: the paper as it is, to be changed; each part says what holds now."""

    about_object = True

    motif = forms.CharField(
        label="Motif de la correction",
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Gardé avec le document remplacé.",
        error_messages={"required": "Indiquez pourquoi cette convention est corrigée."},
    )
    gestionnaire_nom = _line("Gestionnaire : raison sociale", 200)
    gestionnaire_nature = forms.ChoiceField(label="Gestionnaire : nature", choices=NatureGestionnaire.choices)
    gestionnaire_siren = _line("Gestionnaire : SIREN", 20)
    gestionnaire_adresse = _line("Gestionnaire : adresse du siège", 200)
    gestionnaire_code_postal = PostalCodeField(label="Gestionnaire : code postal")
    gestionnaire_ville = _line("Gestionnaire : ville", 100)
    gestionnaire_representant_civilite = forms.ChoiceField(
        label="Représentant légal : civilité", choices=Civilite.choices
    )
    gestionnaire_representant_prenom = _line("Représentant légal : prénom", 100)
    gestionnaire_representant_nom = _line("Représentant légal : nom", 100)
    gestionnaire_representant_qualite = _line("Représentant légal : qualité", 150)
    lieu_nom = _line("Lieu : nom", 200)
    lieu_nature = forms.ChoiceField(label="Lieu : nature", choices=NatureLieu.choices)
    lieu_adresse = _line("Lieu : adresse", 200)
    lieu_code_postal = PostalCodeField(label="Lieu : code postal")
    lieu_ville = _line("Lieu : ville", 100)
    lieu_telephone = PhoneField(label="Lieu : téléphone")
    lieu_courriel = _address(label="Lieu : courriel")
    lieu_site = forms.URLField(label="Lieu : site internet", required=False, max_length=200, assume_scheme="https")
    communes = LinesField(
        label="Communes couvertes",
        widget=forms.Textarea(attrs={"rows": 8}),
        help_text="Une par ligne : son code Insee, ou son nom.",
        error_messages={"required": "Indiquez au moins une commune."},
    )

    def __init__(self, *args: Any, obj: Convention, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.caf = obj.lieu.caf_id
        acte = queries.founding_acte(obj)
        communes, personnes = queries.lines_of(acte)
        self._shown(obj)
        self.initial["communes"] = "\n".join(f"{line.commune_id} {line.commune.nom}" for line in communes)
        held = [{name: getattr(line, name) for name in PersonneDonnee.__slots__} for line in personnes]
        self.rows = min(max(len(held) + 2, 3), max(MOST, len(held)))
        for rank in range(self.rows):
            self._add(rank, held[rank] if rank < len(held) else {})

    def _shown(self, convention: Convention) -> None:
        for prefix, owner in (("gestionnaire_", convention.gestionnaire), ("lieu_", convention.lieu)):
            for name in self.base_fields:
                if name.startswith(prefix):
                    self.initial[name] = getattr(owner, name.removeprefix(prefix))
        self.initial["lieu_telephone"] = telephone(convention.lieu.telephone)

    def _add(self, rank: int, held: dict[str, str]) -> None:
        """One person; left or made empty, nobody."""
        who = f"Personne {rank + 1}"
        fields = {
            "civilite": forms.ChoiceField(
                label=f"{who} : civilité", choices=[("", "—"), *Civilite.choices], required=False
            ),
            "prenom": _line(f"{who} : prénom", 100, required=False),
            "nom": _line(f"{who} : nom", 100, required=False),
            "courriel": _address(label=f"{who} : courriel", required=False),
            "service": _line(f"{who} : service", 150, required=False),
            "fonction": _line(f"{who} : fonction", 150, required=False),
        }
        fields["nom"].help_text = (
            "Pour retirer cette personne, videz toutes ses lignes."
            if held
            else "Laissez tout vide s’il n’y a personne de plus."
        )
        for name, field in fields.items():
            self.fields[f"personne_{rank}_{name}"] = field
            self.initial[f"personne_{rank}_{name}"] = held.get(name, "")

    def clean_gestionnaire_siren(self) -> str:
        digits = "".join(self.cleaned_data["gestionnaire_siren"].split())
        if not siren_is_valid(digits):
            raise forms.ValidationError("Ce SIREN n’est pas valable : vérifiez ses neuf chiffres.")
        return digits

    def clean_communes(self) -> list[str]:
        lines = [line.strip() for line in self.cleaned_data["communes"].splitlines() if line.strip()]
        return list(dict.fromkeys(self._commune(line).pk for line in lines))

    def _commune(self, typed: str) -> Commune:
        """The commune of this Caf that a line names."""
        if code := CODE.match(typed):
            found = commune_by_code(code[1])
            matches = [found] if found and found.commune.caf_id == self.caf else []
        else:
            matches = communes_matching(typed, caf=self.caf)
            same = [match for match in matches if search_key(match.commune.nom) == search_key(typed)]
            matches = same or matches
        if not matches:
            raise forms.ValidationError(f"« {typed[:60]} » : aucune commune du territoire de cette Caf.")
        if len(matches) > 1:
            choices = ", ".join(f"{match.commune.pk} {match.commune.nom}" for match in matches[:5])
            raise forms.ValidationError(f"« {typed[:60]} » : plusieurs communes, écrivez le code Insee ({choices}).")
        return matches[0].commune

    def clean(self) -> dict[str, Any]:
        """As the service takes them."""
        people = [person for rank in range(self.rows) if (person := self._person(rank))]
        typed = self.cleaned_data
        if self.errors:
            return typed
        return {
            "motif": typed["motif"],
            "gestionnaire": GestionnaireDonne(**self._part("gestionnaire_", GestionnaireDonne)),
            "lieu": LieuDonne(**self._part("lieu_", LieuDonne)),
            "communes": typed["communes"],
            "personnes": people,
        }

    def _part(self, prefix: str, kind: Any) -> dict[str, str]:
        return {name: self.cleaned_data[prefix + name] for name in kind.__slots__}

    def _person(self, rank: int) -> PersonneDonnee | None:
        names = {name: f"personne_{rank}_{name}" for name in PersonneDonnee.__slots__}
        values = {name: self.cleaned_data.get(field, "") for name, field in names.items()}
        texts = [value for name, value in values.items() if name != "civilite"]
        if not any(texts) or any(field in self.errors for field in names.values()):
            return None
        for name, field in names.items():
            if not values[name]:
                self.add_error(field, "Complétez, ou videz toutes les lignes de cette personne.")
        return PersonneDonnee(**values) if all(values.values()) else None
