"""What agents type about a lieu suspended as a precaution."""

from django import forms


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
