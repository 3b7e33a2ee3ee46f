"""What agents type about lieux and gestionnaires."""

from django import forms

from extranet.core.web.forms import AddressField


class OfficialAddressForm(forms.Form):
    """ACT-1: where the notice of who has access goes."""

    courriel = AddressField(
        label="Courriel officiel du gestionnaire",
        help_text="Celui du registre public (annuaire de l’administration, site officiel) ou de l’acte signé, "
        "jamais celui de la demande d’habilitation.",
        error_messages={"invalid": "Indiquez une adresse complète, par exemple mairie@ville.fr."},
    )
    source = forms.CharField(label="Où l’avez-vous lu ?", max_length=200)
