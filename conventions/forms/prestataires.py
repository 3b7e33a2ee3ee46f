"""What is typed about subcontractors of a lieu and their engagements (CON-9)."""

from django import forms

from conventions.forms.fields import DateField
from extranet.core.web.forms import LineField, PdfField


class PrestataireForm(forms.Form):
    """CON-9.a: a subcontractor of the lieu."""

    nom = LineField(
        label="Raison sociale du prestataire",
        max_length=200,
        help_text="L’entreprise ou l’organisme qui traite les demandes pour le lieu, ou qui fournit son logiciel.",
        error_messages={"required": "Indiquez sa raison sociale."},
    )
    from_on = DateField(label="Travaille pour le lieu depuis le")


class DemandeForm(forms.Form):
    """CON-9.b: until when the document is awaited."""

    due_on = DateField(label="Document attendu au plus tard le")


class EngagementForm(forms.Form):
    """CON-9.a: the engagement as it reached the Caf."""

    signed_on = DateField(label="Date de la signature", help_text="La date portée sur le document.")
    scan = PdfField(label="Engagement signé (PDF)")


class RefusForm(forms.Form):
    """CON-9.b: why a deposited document is not accepted."""

    motif = forms.CharField(
        label="Motif",
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="Le lieu le recevra par courriel.",
        error_messages={"required": "Indiquez pourquoi ce document n’est pas accepté."},
    )


class FinForm(forms.Form):
    """CON-9.a: until when it worked for the lieu."""

    until_on = DateField(label="Dernier jour")
