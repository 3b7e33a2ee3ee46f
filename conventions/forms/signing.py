"""What agents type about signatures, what allowed them, and an abandonment."""

from typing import Any

from django import forms
from django.urls import reverse
from django.utils.html import format_html

from conventions import queries
from conventions.forms.fields import DateField
from conventions.models import Acte, Convention, NatureActe, Partie
from extranet.core.web.forms import LineField, LinesField, PdfField


def _choices(name: str, said: str) -> list[tuple[str, str]]:
    return [
        (f"{name},annexe1", f"{said} et l’annexe 1 (un seul fichier, même date)"),
        (name, f"{said} seulement"),
        ("annexe1", "L’annexe 1 seulement"),
    ]


# Nature of an acte → which of its papers were signed; both at once first.
PAPERS = {
    Acte.Nature.CONVENTION: _choices("convention", "La convention"),
    Acte.Nature.AVENANT: _choices("avenant", "L’avenant"),
}


class PaperField(forms.UUIDField):
    """Which paper the page was opened for: another may have taken its place since (CON-12)."""

    widget = forms.HiddenInput

    def __init__(self, acte: Acte):
        super().__init__(initial=acte.uuid, required=False)

    def clean(self, value: Any) -> Any:
        return super().clean(value) or self.initial


class ReadingForm(forms.Form):
    """CON-2, CON-7.d: what an agent reads on a paper, of a convention or of an avenant, that one party has signed."""

    about_object = True

    pieces = forms.ChoiceField(
        label="Documents signés",
        widget=forms.RadioSelect,
        help_text="L’annexe 1 porte ses propres signatures. Les quatre signatures sont nécessaires.",
    )
    signed_on = DateField(
        label="Date de la signature", help_text="La date portée sur le document, pas celle de sa réception."
    )
    signataire = LineField(label="Nom et prénom du signataire", max_length=200)
    qualite = LineField(label="Qualité du signataire", max_length=150, help_text="Par exemple : maire, directrice.")
    delegation = LineField(
        label="Délégation de signature : référence",
        max_length=150,
        required=False,
        help_text="Si le signataire n’est pas le représentant légal ou la direction de la Caf. Par exemple : arrêté "
        "n° 2026-14.",
    )
    delegation_on = DateField(label="Délégation de signature : date", required=False)

    def __init__(self, *args: Any, obj: Convention | Acte, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.acte = obj if isinstance(obj, Acte) else queries.founding_acte(obj)
        pieces: Any = self.fields["pieces"]
        pieces.choices = PAPERS[Acte.Nature(self.acte.nature)]
        pieces.initial = pieces.choices[0][0]
        self.fields["acte_uuid"] = PaperField(self.acte)
        if not queries.signed_dates(self.acte):
            del self.fields["reason"]

    def clean_pieces(self) -> list[str]:
        return self.cleaned_data["pieces"].split(",")


class SignatureForm(ReadingForm):
    """CON-2: one party's signature, on both papers at once or on one of them."""

    field_order = ("partie",)

    partie = forms.ChoiceField(label="Qui a signé ?", choices=Partie.choices, widget=forms.RadioSelect)
    scan = PdfField(label="Document signé (PDF)")
    reason = forms.CharField(
        label="Motif de la correction",
        max_length=300,
        required=False,
        help_text="Seulement pour remplacer une signature déjà enregistrée : l’ancienne reste dans l’historique.",
    )


class VerifyForm(ReadingForm):
    """CON-15.b: what an agent reads on the copy that the gestionnaire handed in."""

    signed_on = DateField(
        label="Date de la signature du gestionnaire",
        help_text="La date portée sur le document, pas celle de sa réception.",
    )
    reason = LineField(
        label="Motif de la correction",
        max_length=300,
        required=False,
        help_text="Seulement si une signature du gestionnaire est déjà enregistrée : l’ancienne reste dans "
        "l’historique.",
    )

    def __init__(self, *args: Any, obj: Convention | Acte, **kwargs: Any):
        super().__init__(*args, obj=obj, **kwargs)
        if copie := queries.copy_to_verify(self.acte):
            address = reverse("admin:conventions_convention_fichier", args=[self.acte.convention_id, copie.scan_id])
            self.fields["pieces"].help_text = format_html(
                '<a href="{}">Ouvrir la copie reçue (PDF)</a>. {}', address, self.fields["pieces"].help_text
            )


class RefuseCopyForm(forms.Form):
    """CON-15.b: why the copy handed in does not count."""

    motif = LinesField(
        label="Ce qui ne va pas",
        max_length=500,
        help_text="Envoyé tel quel : dites ce qui manque et ce qu’il faut renvoyer.",
        error_messages={"required": "Indiquez ce qui ne va pas et ce qu’il faut envoyer."},
    )


class DeliberationForm(forms.Form):
    """CON-2: the act that allowed the gestionnaire to sign."""

    nature = forms.ChoiceField(
        label="Nature de l’acte",
        choices=NatureActe.choices,
    )
    numero = LineField(label="Numéro", max_length=50)
    deliberation_on = DateField(label="Date de l’acte")
    deliberation_received_on = DateField(
        label="Reçu par la préfecture le",
        required=False,
        help_text="Laissez vide si l’acte n’est pas encore transmis, ou si le gestionnaire n’a pas à le transmettre.",
    )
    deliberation_published_on = DateField(
        label="Publié ou affiché le",
        required=False,
        help_text="L’acte est exécutoire une fois reçu par la préfecture et publié.",
    )
    scan = PdfField(
        label="L’acte lui-même (PDF)",
        required=False,
        help_text="10 Mo au plus. Sans nouveau fichier, celui qui est enregistré reste.",
    )


class OriginalsForm(forms.Form):
    """CON-2.h: where the originals on paper are kept."""

    originaux = LineField(
        label="Où sont conservés les originaux ?",
        max_length=300,
        help_text="Le portail garde des copies : les originaux signés restent la preuve. Par exemple : exemplaire de "
        "la Caf, service juridique, armoire des conventions 2026.",
        error_messages={"required": "Indiquez où sont les originaux."},
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


def deliberation_initial(acte: Acte) -> dict[str, object]:
    """What is recorded already, to be completed."""
    return {
        "nature": acte.deliberation_nature,
        "numero": acte.deliberation_numero,
        "deliberation_on": acte.deliberation_on,
        "deliberation_received_on": acte.deliberation_received_on,
        "deliberation_published_on": acte.deliberation_published_on,
    }
