"""What agents type about a Caf."""

from django import forms

from extranet.core.web.forms import AddressField, LineField
from extranet.territory.models import Caf


class ContactForm(forms.Form):
    """What pages, mails and papers say of the Caf."""

    courriel_generique = AddressField(
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


class DirectorForm(forms.Form):
    """Who directs the Caf and signs its conventions."""

    directeur_civilite = forms.ChoiceField(
        label="Civilité", choices=[("", "Personne n’est nommé"), *Caf.Civilite.choices], required=False
    )
    directeur_prenom = LineField(label="Prénom", max_length=100, required=False)
    directeur_nom = LineField(label="Nom", max_length=100, required=False)
    directeur_qualite = LineField(
        label="Qualité", max_length=150, required=False, help_text="Directrice, directeur, directrice par intérim…"
    )


class FourEyesForm(forms.Form):
    """ACT-1.c: whether one agent accepts a lieu and another opens its accesses."""

    quatre_yeux = forms.BooleanField(
        label="Deux agents : celui qui a accepté la demande d’un lieu n’ouvre pas ses accès",
        required=False,
        help_text="Un faux lieu, avec ses propres adresses, est le plus court chemin vers les données des familles.",
    )
