"""What a lieu's persons choose and type: the filters of their list, and what they did of a demande (SUI-1)."""

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.utils.functional import cached_property
from django.utils.text import capfirst

from demandes import queries
from demandes.documents.reading import MODES
from demandes.models import Note, Suivi
from demandes.workflow import SANS_SUITE, Etat, Issue
from extranet.core.web.forms import DateInput, LinesField, TimeInput

VUES = [
    ("", "Toutes"),
    (Etat.TRANSMISE.value, "À récupérer"),
    (queries.A_RAPPELER, "À rappeler"),
    (queries.RENDEZ_VOUS, "Rendez-vous"),
    (queries.BIENTOT_DETRUITES, "Bientôt détruites"),
    (queries.A_MOI, "Suivies par moi"),
    (Etat.RECUPEREE.value, "Récupérées"),
    (Etat.TRAITEE.value, "Traitées"),
]
FIRST = [Etat.TRANSMISE.value, queries.A_RAPPELER, queries.RENDEZ_VOUS, queries.BIENTOT_DETRUITES]
"""What is to be looked at today, in this order."""


class FiltreForm(forms.Form):
    """TEL-5: what of the list is wanted, in which order. A name is never part of an address (RGP-2)."""

    q = forms.CharField(label="Nom de famille ou référence", required=False, max_length=64)
    etat = forms.ChoiceField(label="Liste", required=False, choices=VUES)
    commune = forms.ChoiceField(label="Commune", required=False)
    mode = forms.ChoiceField(label="Mode d’accueil", required=False, choices=[("", "Tous"), *MODES.items()])
    echeance = forms.ChoiceField(
        label="À récupérer",
        required=False,
        choices=[
            ("", "Sans regarder l’échéance"),
            ("retard", "En retard"),
            ("trois-jours", "Dans les trois jours"),
            ("sept-jours", "Dans les sept jours"),
        ],
    )
    depuis = forms.DateField(label="Déposée du", required=False, widget=DateInput)
    jusque = forms.DateField(label="au", required=False, widget=DateInput)
    tri = forms.ChoiceField(
        label="Ordre",
        required=False,
        choices=[
            ("", "La plus pressée d’abord"),
            ("recentes", "La plus récente d’abord"),
            ("anciennes", "La plus ancienne d’abord"),
            ("destruction", "La première détruite d’abord"),
        ],
    )

    def __init__(self, data: Any, *, communes: list[tuple[str, str]]):
        super().__init__(data, label_suffix="")
        self.fields["commune"].choices = [("", "Toutes"), *communes]  # type: ignore[attr-defined]

    def clean_depuis(self) -> date | None:
        return _possible(self.cleaned_data["depuis"])

    def clean_jusque(self) -> date | None:
        return _possible(self.cleaned_data["jusque"])

    @cached_property
    def wanted(self) -> dict[str, Any]:
        """What can be understood of it; an address that was shortened or made up shows the whole list."""
        self.is_valid()
        return {name: self.cleaned_data.get(name) or "" for name in self.fields}

    @property
    def is_narrow(self) -> bool:
        """Whether something beside the list and its order was asked for: then the filters are shown open."""
        return any(self.wanted[name] for name in ("commune", "mode", "echeance", "depuis", "jusque", "tri"))

    def parameters(self) -> dict[str, str]:
        """The same, for an address or a hidden field; without what was searched."""
        return {name: str(value) for name, value in self.wanted.items() if value and name != "q"}


def _possible(day: date | None) -> date | None:
    if day and not 2000 <= day.year <= 2100:
        raise forms.ValidationError("Écrivez une année possible.")
    return day


class AppelForm(forms.Form):
    """What a call gave."""

    joint = forms.ChoiceField(
        label="La famille a-t-elle répondu ?",
        choices=[("oui", "Oui, je l’ai jointe"), ("non", "Non, pas de réponse")],
        widget=forms.RadioSelect,
        error_messages={"required": "Dites si la famille a répondu."},
    )
    rappeler_on = forms.DateField(
        label="Rappeler le",
        required=False,
        widget=DateInput,
        help_text="Sans réponse et sans date : à rappeler le prochain jour ouvré.",
    )


class RendezVousForm(forms.Form):
    """A day, an hour, a way."""

    jour = forms.DateField(label="Jour", widget=DateInput, error_messages={"required": "Choisissez un jour."})
    heure = forms.TimeField(label="Heure", widget=TimeInput, error_messages={"required": "Choisissez une heure."})
    moyen = forms.ChoiceField(
        label="Comment ?",
        choices=[("", "Choisissez"), *((value, capfirst(label)) for value, label in Suivi.Moyen.choices)],
        error_messages={"required": "Dites comment se passera le rendez-vous."},
    )

    def at(self, clock: ZoneInfo) -> datetime:
        """When it is, by the clock of the lieu."""
        return datetime.combine(self.cleaned_data["jour"], self.cleaned_data["heure"], clock)


class ConfierForm(forms.Form):
    """A colleague, or nobody in particular."""

    personne = forms.UUIDField(
        label="Qui suit cette demande ?",
        required=False,
        widget=forms.Select,
        error_messages={"invalid": "Choisissez une personne de votre lieu."},
    )

    def offer(self, personnes: list[tuple[str, str]]) -> None:
        """Whom it can be given to: uuid and name."""
        self.fields["personne"].widget.choices = [("", "Personne en particulier"), *personnes]


class NoteForm(forms.Form):
    """Some lines about the family."""

    texte = LinesField(
        label="Nouvelle note",
        max_length=Note.LONGEST,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Lue par les personnes de votre lieu, et par la famille si elle télécharge ses données ; "
        "détruite avec la demande. Rien sur la santé.",
        error_messages={"required": "Écrivez la note avant de l’ajouter."},
    )


def _label(issue: Issue) -> tuple[str, str]:
    return issue.value, capfirst(issue.label)


ISSUES: list[Any] = [
    ("", "Choisissez"),
    ("Une réponse", [_label(one) for one in Issue if one not in SANS_SUITE]),
    ("Sans suite", [_label(one) for one in SANS_SUITE]),
]


class ReponseForm(forms.Form):
    """SUI-1.d: what became of it; SUI-1.f: the traits of a need that was not met."""

    issue = forms.ChoiceField(
        label="Qu’est devenue la demande ?",
        choices=ISSUES,
        error_messages={"required": "Choisissez ce qu’est devenue la demande."},
    )
    atypique = forms.BooleanField(label="Horaires atypiques", required=False)
    urgente = forms.BooleanField(label="Besoin urgent", required=False)
    accessibilite = forms.BooleanField(label="Besoin d’accessibilité", required=False)

    @property
    def cases(self) -> list[forms.BoundField]:
        """The traits, to be ticked."""
        return [self[name] for name in ("atypique", "urgente", "accessibilite")]

    def traits(self) -> dict[str, bool]:
        """Those ticked."""
        return {case.name: self.cleaned_data[case.name] for case in self.cases}
