"""What agents type about registered letters and the ends that they ask for."""

from datetime import date
from typing import Any

from django import forms

from conventions import queries
from conventions.forms.fields import DateField
from conventions.models import Convention, Courrier, Partie
from conventions.services import fins
from extranet.core.languages import date_longue
from extranet.core.web.forms import PdfField


class CourrierField(PdfField):
    """A letter, or what the post says of it."""

    default_error_messages = {"required": "Joignez le document (PDF)."}

    def __init__(self, **kwargs: Any):
        super().__init__(help_text="PDF, 10 Mo au plus.", **kwargs)


class _Suite(forms.Form):
    """CON-4.b: what the post did of a letter, each step with its own date."""

    presented_on = DateField(label="Présentée le", required=False)
    issue = forms.ChoiceField(
        label="Ce que La Poste en a fait",
        choices=[("", "Pas encore connu"), *Courrier.Issue.choices],
        required=False,
        help_text="Une lettre refusée ou non réclamée n’a pas d’effet : il faut la faire remettre autrement.",
    )
    delivered_on = DateField(
        label="Remise le", required=False, help_text="Le jour que porte l’avis de réception. C’est lui qui compte."
    )
    avis = CourrierField(label="Avis de réception", required=False)


class CourrierForm(_Suite):
    """CON-4.a, CON-5.a: a registered letter."""

    objet = forms.ChoiceField(label="Objet de la lettre", choices=Courrier.Objet.choices, widget=forms.RadioSelect)
    partie = forms.ChoiceField(label="Envoyée par", choices=Partie.choices, widget=forms.RadioSelect)
    numero = forms.CharField(label="Numéro de la lettre recommandée", max_length=40)
    posted_on = DateField(label="Postée le")
    scan = CourrierField(label="La lettre")

    field_order = ["objet", "partie", "numero", "posted_on", "scan", "presented_on", "issue", "delivered_on", "avis"]


class SuiteForm(_Suite):
    """CON-4.b: what became of a letter on its way."""

    about_object = True
    courrier = forms.ModelChoiceField(
        label="Lettre", queryset=Courrier.objects.none(), to_field_name="uuid", empty_label=None
    )
    field_order = ["courrier", "presented_on", "issue", "delivered_on", "avis"]

    def __init__(self, *args: Any, obj: Convention, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.fields["courrier"].queryset = obj.courriers.filter(issue="").order_by("posted_on", "pk")  # type: ignore[attr-defined]
        self.fields["issue"].choices = [("", "Choisissez"), *Courrier.Issue.choices]  # type: ignore[attr-defined]


class EcheanceForm(forms.Form):
    """CON-4.c, CON-4.e: the end worked out from the letter, in words, to be confirmed; chosen where it is disputed."""

    about_object = True
    courrier = forms.CharField(widget=forms.HiddenInput)
    ends_on = DateField(widget=forms.HiddenInput)
    decision = forms.CharField(
        label="Pourquoi cette date",
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": "Dites pourquoi vous choisissez cette date."},
        help_text="Gardé avec la résiliation.",
    )

    def __init__(self, *args: Any, obj: Convention, **kwargs: Any):
        super().__init__(*args, **kwargs)
        letter = notice_to_confirm(obj)
        if letter is None:
            return
        preavis = fins.preavis_of(letter)
        self.fields["courrier"].initial = letter.uuid
        if preavis.is_disputed:
            choices = [(day.isoformat(), date_longue(day)) for day in (preavis.following, preavis.term)]
            self.fields["ends_on"] = forms.TypedChoiceField(
                label="Dernier jour de la convention",
                choices=choices,
                coerce=date.fromisoformat,
                widget=forms.RadioSelect,
                error_messages={"required": "Choisissez l’une des deux dates."},
            )
        else:
            self.fields["ends_on"].initial = preavis.ends_on
            del self.fields["decision"]


def notice_to_confirm(convention: Convention) -> Courrier | None:
    """CON-4: the letter whose end nobody has recorded yet, the first delivered."""
    return queries.letters_to_confirm().filter(convention=convention, objet=Courrier.Objet.PREAVIS).first()


def breach_to_confirm(convention: Convention) -> Courrier | None:
    """CON-5.a: the same, of a letter for breach."""
    return queries.letters_to_confirm().filter(convention=convention, objet=Courrier.Objet.MANQUEMENT).first()


def notice_words(letter: Courrier) -> list[str]:
    """CON-4.c: the end worked out from a delivered letter, and why, in sentences."""
    preavis, said = fins.preavis_of(letter), []
    said.append(
        f"La lettre n° {letter.numero}, envoyée par {'la Caf' if letter.partie == 'caf' else 'le gestionnaire'}, a été "
        f"remise le {date_longue(preavis.delivered_on)}."
    )
    said.append(
        f"L’année en cours finit le {date_longue(preavis.term)}. Pour y mettre fin ce jour-là, la lettre devait être "
        f"remise trois mois avant, au plus tard le {date_longue(preavis.last_day)}."
    )
    if preavis.in_time:
        said.append(
            f"Elle a été remise à temps : le dernier jour de la convention est le {date_longue(preavis.ends_on)}."
        )
    elif preavis.is_disputed:
        said.append(
            f"Compté depuis l’échéance, le délai est dépassé : la fin serait le {date_longue(preavis.following)}. "
            f"Compté depuis la remise, trois mois tombent avant l’échéance : la fin serait le "
            f"{date_longue(preavis.term)}. Les mois n’ont pas tous la même longueur : c’est à vous de choisir."
        )
    else:
        days = (preavis.delivered_on - preavis.last_day).days
        said.append(
            f"Elle est arrivée {days} jour{'s' if days > 1 else ''} trop tard : la convention se renouvelle pour un "
            f"an, et son dernier jour est le {date_longue(preavis.ends_on)}."
        )
        if letter.presented_on and letter.presented_on <= preavis.last_day:
            said.append(
                f"Elle avait été présentée à temps, le {date_longue(letter.presented_on)} ; c’est la remise qui compte."
            )
    return said


class ManquementForm(forms.Form):
    """CON-5.a: the breach, as the letter says it."""

    about_object = True
    courrier = forms.CharField(widget=forms.HiddenInput)
    motif = forms.CharField(
        label="Manquement",
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text="Comme dans la lettre, sans aucune donnée d’une famille.",
        error_messages={"required": "Indiquez le manquement, comme dans la lettre."},
    )
    effective_on = DateField(
        label="Date d’effet, si la lettre en donne une plus tardive",
        required=False,
        help_text="Laissez vide : la résiliation prend effet le jour de la remise.",
    )

    def __init__(self, *args: Any, obj: Convention, **kwargs: Any):
        super().__init__(*args, **kwargs)
        if letter := breach_to_confirm(obj):
            self.fields["courrier"].initial = letter.uuid

    @staticmethod
    def words(letter: Courrier) -> list[str]:
        """What it does, in sentences."""
        return [
            f"La lettre n° {letter.numero} a été remise au gestionnaire le {date_longue(letter.delivered_on)} : "
            "elle vaut notification à cette date, qui est le dernier jour de la convention.",
            "Les familles dont le lieu a récupéré la demande sont consultées aussitôt et ont quinze jours pour la "
            "confier à un autre lieu.",
        ]


class RetraitPreavisForm(forms.Form):
    """CON-4.f: both give the notice up."""

    withdrawn_on = DateField(label="Date de l’accord", help_text="La date portée sur le document signé par les deux.")
    withdrawal = CourrierField(label="Accord signé par les deux parties")


class AmiableForm(forms.Form):
    """CTL-8.b: what was tried before any court."""

    tried_on = DateField(label="Date")
    description = forms.CharField(
        label="Ce qui a été tenté",
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text="Rencontre, appel, courrier : avec qui, sur quoi. Sans aucune donnée d’une famille.",
        error_messages={"required": "Dites ce qui a été tenté."},
    )
    suite = forms.CharField(
        label="Ce qui en est sorti", max_length=4000, widget=forms.Textarea(attrs={"rows": 4}), required=False
    )


class LettreForm(forms.Form):
    """What the agent adds to a letter made ready by the portal."""

    texte = forms.CharField(
        label="Les faits reprochés, ou ce qui est attendu",
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 8}),
        help_text="Imprimé tel quel dans la lettre. Sans aucune donnée d’une famille.",
        error_messages={"required": "Écrivez ce que la lettre doit dire."},
    )
    delai = forms.IntegerField(
        label="Délai laissé au gestionnaire, en jours",
        min_value=1,
        max_value=90,
        initial=15,
        error_messages={"required": "Indiquez un nombre de jours."},
    )

    def __init__(self, *args: Any, nature: str, **kwargs: Any):
        super().__init__(*args, **kwargs)
        if nature != Courrier.Objet.MISE_EN_DEMEURE:
            del self.fields["delai"]
        if nature == Courrier.Objet.PREAVIS:
            self.fields["texte"].label = "Motif (facultatif)"
            self.fields["texte"].required = False
