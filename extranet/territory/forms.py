"""What agents type about a Caf."""

from django import forms


class ContactForm(forms.Form):
    """What the mails to lieux and families say of the Caf."""

    courriel_generique = forms.EmailField(
        label="Boîte aux lettres du service",
        required=False,
        help_text="Boîte professionnelle partagée, pas une adresse personnelle. Elle reçoit les alertes de la Caf.",
    )
    adresse = forms.CharField(
        label="Adresse postale", required=False, max_length=300, widget=forms.Textarea(attrs={"rows": 4})
    )
    telephone = forms.RegexField(
        r"^[0-9+(). -]{4,20}$",
        label="Téléphone",
        required=False,
        error_messages={"invalid": "Indiquez un numéro en chiffres, par exemple 01 60 00 00 00 ou 3230."},
    )


class FourEyesForm(forms.Form):
    """ACT-1.c."""

    quatre_yeux = forms.BooleanField(
        label="Deux agents : celui qui a accepté la demande d’un lieu n’ouvre pas ses accès",
        required=False,
        help_text="Un faux lieu, avec ses propres adresses, est le plus court chemin vers les données des familles.",
    )
