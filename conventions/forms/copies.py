"""What the gestionnaire hands in by its link."""

from django import forms

from extranet.core.web.forms import PdfField


class CopyForm(forms.Form):
    """CON-15.a: the signed paper; what it must be is `store.checked_pdf`'s to say."""

    scan = PdfField(
        label="La copie signée (PDF)",
        help_text="Toutes les pages, dans un seul fichier PDF de 10 Mo au plus.",
        error_messages={
            "required": "Choisissez le fichier à envoyer.",
            "empty": "Ce fichier est vide. Numérisez le document à nouveau, puis déposez-le.",
        },
    )
