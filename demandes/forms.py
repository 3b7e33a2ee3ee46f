"""Shape and messages of what a lieu and a family type."""

from datetime import date, datetime
from typing import Any

from django import forms
from django.utils.dates import WEEKDAYS
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from demandes import rules
from demandes.contenu import Contenu, valeurs
from demandes.documents.reading import ATYPIQUES, CONTACTS, MODES, REGULARITES, RENDEZ_VOUS
from demandes.models import Demande
from demandes.workflow import Etat
from extranet.core.dates import paris_date
from extranet.core.web.forms import (
    AddressField,
    DateInput,
    LineField,
    LinesField,
    PhoneField,
    PostalCodeField,
    Rows,
    TimeInput,
)
from extranet.core.words import JOURS

# --- a lieu --------------------------------------------------------------------------------------------------------


class FiltreForm(forms.Form):
    """Filters of the list."""

    etat = forms.ChoiceField(
        label="État",
        required=False,
        choices=[("", "Toutes")] + [(e.value, e.label) for e in (Etat.TRANSMISE, Etat.RECUPEREE, Etat.TRAITEE)],
    )
    q = forms.CharField(label="Nom ou référence", required=False, max_length=64)


class ManyUUIDField(forms.Field):
    """`demande=<uuid>` repeated."""

    widget = forms.MultipleHiddenInput

    def to_python(self, value: Any) -> list[Any]:
        single = forms.UUIDField(error_messages={"invalid": "Une des demandes choisies n’existe pas."})
        return [single.clean(one) for one in value or []]


class TelechargementForm(forms.Form):
    """What to download, in which form."""

    format = forms.ChoiceField(
        choices=[("pdf", "PDF"), ("xml", "XML"), ("zip", "ZIP")],
        error_messages={"required": "Choisissez un format.", "invalid_choice": "Ce format n’existe pas."},
    )
    demande = ManyUUIDField(required=False)
    selection = forms.ChoiceField(choices=[("a-recuperer", "")], required=False)

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if not values.get("demande") and not values.get("selection") and not self.errors:
            raise forms.ValidationError("Cochez au moins une demande.")
        return values


# --- a family ------------------------------------------------------------------------------------------------------

UNSURE = "ne-sait-pas"


class DemandeForm(forms.Form):
    """DEM-3: nothing but what the lieu needs to answer; in the order of the page: the need, then the parent."""

    modes = forms.MultipleChoiceField(
        label=_("Quel mode d’accueil cherchez-vous ?"),
        choices=[*MODES.items(), (UNSURE, _("Je ne sais pas encore"))],
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Cochez au moins un mode d’accueil, ou « Je ne sais pas encore ».")},
    )
    a_partir_du = forms.DateField(
        label=_("À partir de quand ?"),
        widget=DateInput,
        error_messages={
            "required": _("Indiquez à partir de quand, même environ."),
            "invalid": _("Écrivez une date, par exemple 01/03/2027."),
        },
    )
    regularite = forms.ChoiceField(
        label=_("À quel rythme ?"),
        required=False,
        choices=[("", _("Je ne sais pas encore")), *REGULARITES.items()],
        widget=forms.RadioSelect,
    )
    jours = forms.MultipleChoiceField(
        label=_("Quels jours ?"),
        required=False,
        choices=[(jour, capfirst(nom)) for jour, nom in zip(JOURS, WEEKDAYS.values(), strict=True)],
        widget=forms.CheckboxSelectMultiple,
    )
    de = forms.TimeField(label=_("De"), required=False, widget=TimeInput)
    a = forms.TimeField(label=_("À"), required=False, widget=TimeInput)
    atypiques = forms.MultipleChoiceField(
        label=_("Avez-vous besoin d’horaires particuliers ?"),
        required=False,
        choices=[(nom, capfirst(label)) for nom, label in ATYPIQUES.items()],
        widget=forms.CheckboxSelectMultiple,
    )
    rendez_vous = forms.ChoiceField(
        label=_("De quoi avez-vous besoin pour le rendez-vous ?"),
        required=False,
        choices=[("", _("Rien de particulier")), *RENDEZ_VOUS.items()],
        widget=forms.RadioSelect,
    )
    message = LinesField(
        label=_("Votre message"),
        required=False,
        max_length=2000,
        help_text=_("N’écrivez pas d’informations de santé : vous en parlerez de vive voix si besoin."),
    )
    prenom = LineField(
        label=_("Votre prénom"),
        max_length=100,
        widget=forms.TextInput(attrs={"autocomplete": "given-name"}),
        error_messages={"required": _("Indiquez votre prénom.")},
    )
    nom = LineField(
        label=_("Votre nom"),
        max_length=100,
        widget=forms.TextInput(attrs={"autocomplete": "family-name"}),
        error_messages={"required": _("Indiquez votre nom.")},
    )
    courriel = AddressField(
        label=_("Votre courriel"),
        help_text=_("Vous y recevrez la référence et le lien pour suivre votre demande."),
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
        error_messages={"required": _("Indiquez votre adresse de courriel.")},
    )
    telephone = PhoneField(label=_("Votre téléphone"), required=False)
    code_postal = PostalCodeField(
        label=_("Votre code postal"),
        widget=forms.TextInput(attrs={"autocomplete": "postal-code", "inputmode": "numeric"}),
        error_messages={"required": _("Indiquez le code postal où vous habitez.")},
    )
    ville = LineField(
        label=_("Votre commune de résidence"),
        max_length=100,
        widget=forms.TextInput(attrs={"autocomplete": "address-level2"}),
        error_messages={"required": _("Indiquez la commune où vous habitez.")},
    )
    allocataire = forms.ChoiceField(
        label=_("Êtes-vous allocataire de la Caf ?"),
        required=False,
        choices=[("oui", _("Oui")), ("non", _("Non")), ("", _("Je préfère ne pas répondre"))],
        widget=forms.RadioSelect,
    )
    contact_prefere = forms.ChoiceField(
        label=_("Comment préférez-vous être joint ?"),
        required=False,
        choices=[("", _("Peu importe")), *CONTACTS.items()],
        widget=forms.RadioSelect,
    )
    creneau = LineField(
        label=_("À quel moment ?"),
        required=False,
        max_length=200,
        help_text=_("Par exemple : le mardi matin."),
    )
    # A field that people do not see; programs fill it (DEM-6).
    site_web = forms.CharField(required=False, widget=forms.TextInput(attrs={"tabindex": "-1", "autocomplete": "off"}))

    def __init__(self, *args: Any, now: datetime, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.today = paris_date(now)

    def clean_modes(self) -> list[str]:
        """DEM-3.f: whoever does not know yet is told about all three."""
        modes = self.cleaned_data["modes"]
        return list(MODES) if UNSURE in modes else modes

    def clean_a_partir_du(self) -> date:
        day = self.cleaned_data["a_partir_du"]
        if not rules.is_plausible_start(day, self.today):
            raise forms.ValidationError(_("Cette date est trop loin : entre le mois dernier et dans trois ans."))
        return day

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        by_telephone = "telephone" in (values.get("contact_prefere"), values.get("rendez_vous", "").partition("-")[0])
        if by_telephone and not values.get("telephone") and "telephone" not in self.errors:
            self.add_error(
                "telephone", _("Indiquez un numéro, puisque vous préférez le téléphone, ou choisissez une autre façon.")
            )
        jours, de, a = values.get("jours"), values.get("de"), values.get("a")
        if {"jours", "de", "a"} & self.errors.keys() or not (jours or de or a):
            return values
        # Days without hours, or hours without days, could not be kept: what was typed is never dropped in silence.
        if not jours:
            self.add_error("jours", _("Cochez les jours de ces heures, ou effacez les heures."))
        if not de:
            self.add_error("de", _("Indiquez une heure, même approximative."))
        if not a:
            self.add_error("a", _("Indiquez une heure, même approximative."))
        if de and a and de >= a:
            self.add_error("a", _("L’heure de fin vient après l’heure de début."))
        return values

    def horaires(self) -> list[list[str]]:
        """The hours as the dossier keeps them."""
        values = self.cleaned_data
        return [[jour, f"{values['de']:%H:%M}", f"{values['a']:%H:%M}"] for jour in values["jours"]]


SIX_OR_MORE = _(
    "Cet enfant a six ans ou plus : corrigez la date, ou retirez-le. Votre demande reste possible pour les plus jeunes."
)


class EnfantForm(forms.Form):
    """One child: born, or expected; one date (DEM-3.b, DEM-3.c)."""

    prenom = LineField(
        label=_("Prénom"),
        required=False,
        max_length=100,
    )
    situation = forms.ChoiceField(
        label=_("Est-il déjà né ?"),
        choices=[("ne", _("Déjà né(e)")), ("attendu", _("Attendu(e) : naissance ou adoption"))],
        widget=forms.RadioSelect,
        error_messages={"required": _("Dites si cet enfant est déjà né ou attendu.")},
    )
    date = forms.DateField(
        label=_("Sa date de naissance, ou la date prévue"),
        help_text=_("La date prévue est celle de la naissance, ou de l’arrivée d’un enfant adopté."),
        widget=DateInput,
        error_messages={
            "required": _("Indiquez sa date de naissance, ou la date prévue."),
            "invalid": _("Écrivez une date valide, par exemple 01/03/2026."),
        },
    )

    def __init__(self, *args: Any, now: datetime, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.today = paris_date(now)

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        day, situation = values.get("date"), values.get("situation")
        if not (day and situation):
            return values
        if situation == "attendu":
            if not rules.is_plausible_due_date(day, self.today):
                self.add_error("date", _("Donnez une date prévue entre il y a six semaines et dans dix-huit mois."))
        elif day > self.today:
            self.add_error("date", _("Cette date est à venir : choisissez « Attendu(e) », ou corrigez-la."))
        elif not rules.is_under_six(day, self.today):
            self.add_error("date", SIX_OR_MORE)
        return values

    def enfant(self) -> dict[str, str]:
        """The child as the dossier keeps it; empty for a row where nothing was typed."""
        values = self.cleaned_data
        if not values:
            return {}
        kept = "date_prevue" if values["situation"] == "attendu" else "date_naissance"
        return ({"prenom": values["prenom"]} if values["prenom"] else {}) | {kept: str(values["date"])}


class EnfantsFormSet(Rows):
    """One to ten children."""

    titre = _("Enfant")

    def clean(self) -> None:
        if not any(self.errors) and not self.enfants():
            raise forms.ValidationError(_("Indiquez au moins un enfant : s’il est né ou attendu, et sa date."))

    def enfants(self) -> list[dict[str, str]]:
        """The children as the dossier keeps them."""
        return [child for form in self.forms if (child := form.enfant())]


Enfants: type[EnfantsFormSet] = forms.formset_factory(  # type: ignore[assignment]
    EnfantForm, formset=EnfantsFormSet, extra=1, max_num=EnfantsFormSet.MOST, absolute_max=EnfantsFormSet.MOST
)


def as_typed(demande: Demande, contenu: Contenu) -> dict[str, list[str]] | None:
    """What the form would have had to be typed for `demande` (DEM-4.c); None where it cannot show all of it.

    A delivered demande may have other hours each day, or two ranges a day.
    """
    besoin = contenu.besoin
    hours = besoin.get("horaires") or []
    days, ranges = [jour for jour, _, _ in hours], {(de, a) for _, de, a in hours}
    if len(ranges) > 1 or len(set(days)) < len(days):
        return None
    de, a = ranges.pop() if ranges else ("", "")
    one = {name: value for name, value in valeurs(contenu).items() if isinstance(value, str)}
    one |= {"allocataire": {True: "oui", False: "non", None: ""}[contenu.allocataire], "de": de, "a": a}
    one |= {name: besoin.get(name) or "" for name in ("a_partir_du", "regularite")}
    one |= {"enfants-TOTAL_FORMS": str(len(contenu.enfants)), "enfants-INITIAL_FORMS": "0"}
    for rank, enfant in enumerate(contenu.enfants):
        born = enfant.get("date_naissance")
        one |= {
            f"enfants-{rank}-prenom": enfant.get("prenom", ""),
            f"enfants-{rank}-situation": "ne" if born else "attendu",
            f"enfants-{rank}-date": born or enfant["date_prevue"],
        }
    several = {"modes": list(demande.modes), "jours": days, "atypiques": list(besoin.get("atypiques") or [])}
    return {name: [str(value)] for name, value in one.items()} | several


class RetraitForm(forms.Form):
    """DEM-4: something typed, so that opening a link is never enough."""

    courriel = forms.CharField(
        label=_("Pour confirmer, écrivez l’adresse de courriel de votre demande"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
        error_messages={"required": _("Écrivez l’adresse de courriel de votre demande.")},
    )

    def __init__(self, *args: Any, attendu: str, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.attendu = attendu

    def clean_courriel(self) -> str:
        typed = self.cleaned_data["courriel"].strip().lower()
        if typed != self.attendu.lower():
            raise forms.ValidationError(_("Ce n’est pas l’adresse de cette demande."))
        return typed
