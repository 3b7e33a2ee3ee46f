"""What agents type about a Caf."""

from django import forms

from extranet.core.web.forms import AddressField, LineField, LinesField
from extranet.territory.models import Caf


class ContactForm(forms.Form):
    """What pages, mails and papers say of the Caf."""

    courriel_generique = AddressField(
        label="Boîte aux lettres du service",
        required=False,
        help_text="Boîte professionnelle partagée, pas une adresse personnelle. Elle reçoit les alertes de la Caf.",
    )
    service = LineField(
        label="Service chargé des lieux d’information",
        required=False,
        max_length=120,
        help_text="Par exemple : Service petite enfance. Laissez vide si la Caf n’en a pas de particulier.",
    )
    adresse = forms.CharField(
        label="Adresse postale",
        required=False,
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="Sans adresse ou sans téléphone, la Caf ne reçoit aucune nouvelle demande d’habilitation.",
    )
    telephone = forms.RegexField(
        r"^[0-9+(). -]{4,20}$",
        label="Téléphone",
        required=False,
        error_messages={"invalid": "Indiquez un numéro en chiffres, par exemple 01 60 00 00 00 ou 3230."},
    )


class TextsForm(forms.Form):
    """HAB-3.e, HAB-6.f: the Caf's words about silence, remedies and its court."""

    silence = LinesField(
        label="Ce que signifie l’absence de réponse",
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text="Dans l’accusé de réception d’une demande d’habilitation, à l’écran et par courriel.",
    )
    recours = LinesField(
        label="Voies et délais de recours",
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 9}),
        help_text="Dans le courriel de refus, après le motif. Le tribunal est nommé juste après ce texte.",
    )
    tribunal = LinesField(
        label="Tribunal compétent, avec son adresse",
        max_length=300,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Tant qu’il n’est pas indiqué, la Caf ne peut refuser aucune demande d’habilitation.",
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


class RemindersForm(forms.Form):
    """NOT-4.b: when lieux are reminded of demandes that they have not picked up."""

    premier_rappel = forms.IntegerField(
        label="Jour du premier rappel",
        min_value=1,
        max_value=14,
        help_text="Compté à partir de l’envoi du courriel qui annonce les demandes.",
    )
    second_rappel = forms.IntegerField(
        label="Jour du second rappel",
        min_value=1,
        max_value=14,
        required=False,
        help_text="Laissez vide pour un seul rappel.",
    )


class FourEyesForm(forms.Form):
    """ACT-1.c: whether one agent accepts a lieu and another opens its accesses."""

    quatre_yeux = forms.BooleanField(
        label="Deux agents : celui qui a accepté la demande d’un lieu n’ouvre pas ses accès",
        required=False,
        help_text="Un faux lieu, avec ses propres adresses, est le plus court chemin vers les données des familles.",
    )


class SecondFactorForm(forms.Form):
    """ACC-4.c: whether all persons of the Caf's lieux need a second factor."""

    second_facteur = forms.BooleanField(
        label="Exiger un second facteur de toutes les personnes des lieux",
        required=False,
        help_text="Application de codes ou clé d’accès. Qui n’en a pas en ajoute un à sa prochaine connexion, avant "
        "toute autre page. Sans cela, un appareil nouveau est confirmé par un code envoyé par courriel.",
    )
