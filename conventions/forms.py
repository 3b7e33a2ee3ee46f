"""What agents type about a convention."""

from datetime import date
from typing import Any

from django import forms

from conventions import queries
from conventions.models import Acte, Convention, NatureActe, Partie
from extranet.core.web.forms import AddressField

BOTH = "convention,annexe1"


class DateField(forms.DateField):
    """A civil date by the browser's own picker; impossible years are refused here, the rest by the service."""

    widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")

    def __init__(self, **kwargs: Any):
        messages = {"invalid": "Indiquez une date sous la forme jj/mm/aaaa.", "required": "Indiquez une date."}
        super().__init__(input_formats=["%Y-%m-%d", "%d/%m/%Y"], error_messages=messages, **kwargs)

    def clean(self, value: object) -> date | None:
        day = super().clean(value)
        if day and not 2000 <= day.year <= 2100:
            raise forms.ValidationError("Vérifiez l’année de cette date.")
        return day


class SignatureForm(forms.Form):
    """CON-2: one party's signature, on both papers at once or on one of them."""

    about_object = True

    partie = forms.ChoiceField(label="Qui a signé ?", choices=Partie.choices, widget=forms.RadioSelect)
    pieces = forms.ChoiceField(
        label="Documents signés",
        choices=[
            (BOTH, "La convention et l’annexe 1 (un seul fichier, même date)"),
            ("convention", "La convention seulement"),
            ("annexe1", "L’annexe 1 seulement"),
        ],
        initial=BOTH,
        widget=forms.RadioSelect,
        help_text="L’annexe 1 porte ses propres signatures. Les quatre signatures sont nécessaires.",
    )
    signed_on = DateField(
        label="Date de la signature", help_text="La date portée sur le document, pas celle de sa réception."
    )
    signataire = forms.CharField(label="Nom et prénom du signataire", max_length=200)
    qualite = forms.CharField(
        label="Qualité du signataire", max_length=150, help_text="Par exemple : maire, directrice."
    )
    scan = forms.FileField(
        label="Document signé (PDF)",
        help_text="10 Mo au plus.",
        widget=forms.FileInput(attrs={"accept": "application/pdf"}),
        error_messages={"required": "Joignez le document signé.", "empty": "Ce fichier est vide."},
    )
    reason = forms.CharField(
        label="Motif de la correction",
        max_length=300,
        required=False,
        help_text="Seulement pour remplacer une signature déjà enregistrée : l’ancienne reste dans l’historique.",
    )

    def __init__(self, *args: Any, obj: Convention, **kwargs: Any):
        super().__init__(*args, **kwargs)
        if not queries.signed_dates(queries.founding_acte(obj)):
            del self.fields["reason"]

    def clean_pieces(self) -> list[str]:
        return self.cleaned_data["pieces"].split(",")


class DeliberationForm(forms.Form):
    """CON-2: the act that allowed the gestionnaire to sign."""

    nature = forms.ChoiceField(
        label="Nature de l’acte",
        choices=NatureActe.choices,
    )
    numero = forms.CharField(label="Numéro", max_length=50)
    deliberation_on = DateField(label="Date de l’acte")
    deliberation_received_on = DateField(
        label="Reçu par la préfecture le",
        required=False,
        help_text="Laissez vide si l’acte n’est pas encore transmis, ou si le gestionnaire n’a pas à le transmettre.",
    )


class AbandonForm(forms.Form):
    """CON-12.b: why nothing comes of a convention in preparation."""

    motif = forms.CharField(
        label="Motif de l’abandon",
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Gardé avec la convention ; le lieu ne le reçoit pas.",
        error_messages={"required": "Indiquez pourquoi cette convention est abandonnée."},
    )


class PrecautionForm(forms.Form):
    """CON-5.b: why a whole lieu is suspended."""

    reason = forms.CharField(
        label="Motif de la suspension",
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Gardé avec la convention. Le portail n’envoie aucun courriel : la Caf indique elle-même le motif au "
        "gestionnaire.",
        error_messages={"required": "Indiquez pourquoi ce lieu est suspendu."},
    )


class OfficialAddressForm(forms.Form):
    """ACT-1: where the notice of who has access goes."""

    courriel = AddressField(
        label="Courriel officiel du gestionnaire",
        help_text="Celui du registre public (annuaire de l’administration, site officiel) ou de l’acte signé, "
        "jamais celui de la demande d’habilitation.",
        error_messages={"invalid": "Indiquez une adresse complète, par exemple mairie@ville.fr."},
    )
    source = forms.CharField(label="Où l’avez-vous lu ?", max_length=200)


def deliberation_initial(acte: Acte) -> dict[str, object]:
    """What is recorded already, to be completed."""
    return {
        "nature": acte.deliberation_nature,
        "numero": acte.deliberation_numero,
        "deliberation_on": acte.deliberation_on,
        "deliberation_received_on": acte.deliberation_received_on,
    }
