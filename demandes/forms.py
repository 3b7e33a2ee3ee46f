"""Shape and messages of what a lieu and a family type."""

import uuid
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils.dates import WEEKDAYS
from django.utils.functional import Promise, cached_property
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from conventions.models import Lieu, Prestataire
from demandes import rules
from demandes.contenu import Contenu, valeurs
from demandes.documents.reading import ATYPIQUES, CONTACTS, MODES, REGULARITES, RENDEZ_VOUS
from demandes.models import Demande, Remise
from extranet.core.accounts.forms import JetonForm
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


class JetonLieuForm(JetonForm):
    """TEL-4: a token for one of the person's lieux, and whose software it is for."""

    OWN = "propre"
    logiciel = forms.ChoiceField(
        label="Qui développe le logiciel",
        error_messages={
            "required": "Choisissez qui développe le logiciel.",
            "invalid_choice": "Choisissez dans la liste : votre Caf doit avoir accepté l’engagement d’un prestataire.",
        },
    )
    field_order = ("logiciel", "nom", "jours")

    def __init__(self, *args: Any, lieux: QuerySet[Lieu], prestataires: QuerySet[Prestataire], **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.fields[
            "nom"
        ].help_text = "Pour reconnaître ce logiciel. Exemple : « Logiciel du relais, poste d’accueil »."
        named: dict[int, list[tuple[str, str]]] = {}
        for one in prestataires:
            named.setdefault(one.lieu_id, []).append((f"{one.lieu.uuid}/{one.uuid}", one.nom))
        choices: Any = [
            (
                lieu.nom,
                [*named.get(lieu.pk, []), (f"{lieu.uuid}/{self.OWN}", "Le lieu lui-même (développement propre)")],
            )
            for lieu in lieux
        ]
        self.fields["logiciel"].choices = [("", "Choisissez"), *choices]  # type: ignore[attr-defined]

    @property
    def opened(self) -> tuple[uuid.UUID, uuid.UUID | None]:
        """The lieu, and the prestataire unless the lieu develops its software itself."""
        lieu, _, whose = self.cleaned_data["logiciel"].partition("/")
        return uuid.UUID(lieu), None if whose == self.OWN else uuid.UUID(whose)


class ManyUUIDField(forms.Field):
    """`demande=<uuid>` repeated."""

    widget = forms.MultipleHiddenInput

    def to_python(self, value: Any) -> list[Any]:
        single = forms.UUIDField(error_messages={"invalid": "Une des demandes choisies n’existe pas."})
        return [single.clean(one) for one in value or []]


class TelechargementForm(forms.Form):
    """What to download, in which form."""

    format = forms.ChoiceField(
        choices=[("pdf", "PDF"), ("xml", "XML"), ("zip", "ZIP"), ("csv", "CSV")],
        error_messages={"required": "Choisissez un format.", "invalid_choice": "Ce format n’existe pas."},
    )
    demande = ManyUUIDField(required=False)
    selection = forms.ChoiceField(choices=[("a-recuperer", "")], required=False)
    # TEL-6: asked by the pages where something may have been downloaded before; a program that does not, is not.
    encore = forms.ChoiceField(
        choices=[("", ""), *Remise.Encore.choices],
        required=False,
        error_messages={"invalid_choice": "Ce motif n’existe pas."},
    )

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if not values.get("demande") and not values.get("selection") and not self.errors:
            raise forms.ValidationError("Cochez au moins une demande.")
        return values


# --- a family ------------------------------------------------------------------------------------------------------

UNSURE = "ne-sait-pas"


class AnyChoiceField(forms.ChoiceField):
    """Radio buttons, none of them chosen beforehand; the last says that it does not matter, and is kept as nothing."""

    widget = forms.RadioSelect

    def __init__(self, *, said: Mapping[str, str | Promise], otherwise: str | Promise, **kwargs: Any):
        super().__init__(required=False, choices=[*said.items(), (UNSURE, otherwise)], **kwargs)

    def clean(self, value: Any) -> str:
        cleaned = str(super().clean(value))
        return "" if cleaned == UNSURE else cleaned


class EtapeForm(forms.Form):
    """One step of the family's form, on the day it is filled in."""

    def __init__(self, *args: Any, now: datetime, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.today = paris_date(now)

    @classmethod
    def names(cls) -> list[str]:
        """Of all fields that its page may send."""
        return list(cls.base_fields)


JOURS_DITS = {jour: capfirst(nom) for jour, nom in zip(JOURS, WEEKDAYS.values(), strict=True)}
HOUR_MISSING = _("Indiquez une heure, même approximative.")
HOUR_WRONG = {"invalid": _("Écrivez une heure, par exemple 08:30.")}
HOURS_REVERSED = _("L’heure de fin vient après l’heure de début.")


class JourForm(forms.Form):
    """DEM-3.g: the hours of one day of the week: one range, or two where the day is cut. Empty: not that day."""

    de = forms.TimeField(label=_("%(jour)s, de"), required=False, widget=TimeInput, error_messages=HOUR_WRONG)
    a = forms.TimeField(label=_("%(jour)s, à"), required=False, widget=TimeInput, error_messages=HOUR_WRONG)
    puis_de = forms.TimeField(label=_("%(jour)s, puis de"), required=False, widget=TimeInput, error_messages=HOUR_WRONG)
    puis_a = forms.TimeField(label=_("%(jour)s, puis à"), required=False, widget=TimeInput, error_messages=HOUR_WRONG)
    RANGES = (("de", "a"), ("puis_de", "puis_a"))

    def __init__(self, data: Any, *, jour: str):
        super().__init__(data, prefix=jour)
        self.titre = JOURS_DITS[jour]
        for field in self.fields.values():
            field.label = str(field.label) % {"jour": self.titre}

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if self.errors:
            return values
        if values["puis_de"] and not (values["de"] or values["a"]):
            self.add_error("de", HOUR_MISSING)
        for de, a in self.RANGES:
            if bool(values.get(de)) != bool(values.get(a)):
                self.add_error(a if values.get(de) else de, HOUR_MISSING)
            elif values.get(de) and values[de] >= values[a]:
                self.add_error(a, HOURS_REVERSED)
        if values.get("a") and values.get("puis_de") and values["puis_de"] < values["a"]:
            self.add_error("puis_de", _("Cette heure vient après la fin de la première partie du jour."))
        return values

    def ranges(self) -> list[list[str]]:
        """[jour, de, a] once or twice, none for a day where nothing was typed."""
        values = self.cleaned_data
        return [[str(self.prefix), f"{values[de]:%H:%M}", f"{values[a]:%H:%M}"] for de, a in self.RANGES if values[de]]

    @property
    def is_cut(self) -> bool:
        """The second range is to be shown."""
        return any(self[name].value() or self[name].errors for name in self.RANGES[1])


class BesoinForm(EtapeForm):
    """DEM-3.e, DEM-3.f: what is looked for, and from when on."""

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

    def clean_modes(self) -> list[str]:
        """DEM-3.f: whoever does not know yet is told about all three."""
        modes = self.cleaned_data["modes"]
        return list(MODES) if UNSURE in modes else modes

    def clean_a_partir_du(self) -> date:
        day = self.cleaned_data["a_partir_du"]
        if not rules.is_plausible_start(day, self.today):
            raise forms.ValidationError(_("Donnez une date entre le mois dernier et dans trois ans."))
        return day


class HorairesForm(EtapeForm):
    """DEM-3.g: the rhythm, the hours that are wanted and what is particular about them: nothing has to be said."""

    regularite = AnyChoiceField(label=_("À quel rythme ?"), said=REGULARITES, otherwise=_("Je ne sais pas encore"))
    jours = forms.MultipleChoiceField(
        label=_("Quels jours ?"),
        required=False,
        choices=list(JOURS_DITS.items()),
        widget=forms.CheckboxSelectMultiple,
    )
    de = forms.TimeField(label=_("Heure de début"), required=False, widget=TimeInput, error_messages=HOUR_WRONG)
    a = forms.TimeField(label=_("Heure de fin"), required=False, widget=TimeInput, error_messages=HOUR_WRONG)
    # Set by a button of the page: the hours of each day are typed apart, and the three fields above are not shown.
    par_jour = forms.BooleanField(required=False, widget=forms.HiddenInput)
    atypiques = forms.MultipleChoiceField(
        label=_("Avez-vous besoin d’horaires particuliers ?"),
        required=False,
        choices=[(nom, capfirst(label)) for nom, label in ATYPIQUES.items()],
        widget=forms.CheckboxSelectMultiple,
    )

    @cached_property
    def shown(self) -> list[JourForm]:
        """The rows of the days, where their hours are typed apart."""
        apart = self["par_jour"].value()
        return [JourForm(self.data if self.is_bound else None, jour=jour) for jour in JOURS] if apart else []

    @classmethod
    def names(cls) -> list[str]:
        """Those of each day too."""
        return [*super().names(), *(f"{jour}-{name}" for jour in JOURS for name in JourForm.base_fields)]

    @classmethod
    def change(cls, typed: dict[str, list[str]], data: Any) -> str:
        """DEM-3.g: what a button about the hours does to what is typed; where to look then, "" when none was pressed.

        Hours typed once are copied to each chosen day, so that only those that differ are typed again.
        """

        def hour(name: str) -> str:
            return (typed.get(name) or [""])[-1]

        filled = [jour for jour in JOURS if hour(f"{jour}-de") or hour(f"{jour}-a")]
        if data.get("heures") == "par-jour":
            for jour in [one for one in typed.pop("jours", []) if one in JOURS] or JOURS[:1]:
                typed |= {f"{jour}-{bound}": [hour(bound)] for bound in ("de", "a")}
            typed["par_jour"] = ["1"]
        elif data.get("heures") == "memes":
            jour = filled[0] if filled else JOURS[0]
            typed |= {"jours": filled, "de": [hour(f"{jour}-de")], "a": [hour(f"{jour}-a")]}
            for name in ["par_jour", *(name for name in cls.names() if "-" in name)]:
                typed.pop(name, None)
        elif (jour := data.get("comme")) in JOURS:
            above = [one for one in filled if JOURS.index(one) < JOURS.index(jour)]
            if above:
                typed |= {f"{jour}-{name}": [hour(f"{above[-1]}-{name}")] for name in JourForm.base_fields}
            return f"id_{jour}-de"
        return "horaires" if data.get("heures") else ""

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        jours, de, a = values.get("jours"), values.get("de"), values.get("a")
        if self.shown or {"jours", "de", "a"} & self.errors.keys() or not (jours or de or a):
            return values
        # Days without hours, or hours without days, could not be kept: what was typed is never dropped in silence.
        if not jours:
            self.add_error("jours", _("Cochez les jours de ces heures, ou effacez les heures."))
        if not de:
            self.add_error("de", HOUR_MISSING)
        if not a:
            self.add_error("a", HOUR_MISSING)
        if de and a and de >= a:
            self.add_error("a", HOURS_REVERSED)
        return values

    def horaires(self) -> list[list[str]]:
        """The hours as the dossier keeps them."""
        values = self.cleaned_data
        if self.shown:
            return [plage for row in self.shown for plage in row.ranges()]
        return [[jour, f"{values['de']:%H:%M}", f"{values['a']:%H:%M}"] for jour in values["jours"]]


class VousForm(EtapeForm):
    """DEM-3.a, DEM-3.h: the parent."""

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
    allocataire = AnyChoiceField(
        label=_("Êtes-vous allocataire de la Caf ?"),
        said={"oui": _("Oui"), "non": _("Non")},
        otherwise=_("Je préfère ne pas répondre"),
    )


class ReponseForm(EtapeForm):
    """DEM-3.a, DEM-3.h: how to answer the parent, and what to prepare."""

    courriel = AddressField(
        label=_("Votre courriel"),
        help_text=_("Vous y recevrez la référence et le lien pour suivre votre demande."),
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
        error_messages={"required": _("Indiquez votre adresse de courriel.")},
    )
    telephone = PhoneField(
        label=_("Votre téléphone"),
        required=False,
        help_text=_("Nécessaire si vous préférez être joint par téléphone."),
    )
    contact_prefere = AnyChoiceField(
        label=_("Comment préférez-vous être joint ?"), said=CONTACTS, otherwise=_("Peu importe")
    )
    creneau = LineField(
        label=_("À quel moment ?"),
        required=False,
        max_length=200,
        help_text=_("Par exemple : le mardi matin."),
    )
    rendez_vous = AnyChoiceField(
        label=_("De quoi avez-vous besoin pour le rendez-vous ?"), said=RENDEZ_VOUS, otherwise=_("Rien de particulier")
    )
    message = LinesField(
        label=_("Votre message"),
        required=False,
        max_length=2000,
        help_text=_("N’écrivez pas d’informations de santé : vous en parlerez de vive voix si besoin."),
    )
    # A field that people do not see; programs fill it (DEM-6).
    site_web = forms.CharField(required=False, widget=forms.TextInput(attrs={"tabindex": "-1", "autocomplete": "off"}))

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        by_telephone = "telephone" in (values.get("contact_prefere"), values.get("rendez_vous", "").partition("-")[0])
        if by_telephone and not values.get("telephone") and "telephone" not in self.errors:
            self.add_error(
                "telephone", _("Indiquez un numéro, puisque vous préférez le téléphone, ou choisissez une autre façon.")
            )
        return values


SIX_OR_MORE = _(
    "Cet enfant a six ans ou plus. Corrigez la date, ou retirez-le. Votre demande reste possible pour les plus jeunes."
)


class EnfantForm(EtapeForm):
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
        label=_("Sa date de naissance ou sa date prévue"),
        help_text=_("La date prévue est celle de la naissance, ou de l’arrivée d’un enfant adopté."),
        widget=DateInput,
        error_messages={
            "required": _("Indiquez sa date de naissance, ou la date prévue."),
            "invalid": _("Écrivez une date valide, par exemple 01/03/2026."),
        },
    )

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        day, situation = values.get("date"), values.get("situation")
        if not (day and situation):
            return values
        if situation == "attendu":
            if not rules.is_plausible_due_date(day, self.today):
                self.add_error("date", _("Donnez une date prévue entre il y a six semaines et dans dix-huit mois."))
        elif day > self.today:
            self.add_error("date", _("Cette date est à venir. Choisissez « Attendu(e) », ou corrigez-la."))
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

    A delivered demande may have hours until 24:00, which no browser's field shows.
    """
    besoin = contenu.besoin
    hours = besoin.get("horaires") or []
    if any(a == "24:00" for _, _, a in hours):
        return None
    one = {name: value for name, value in valeurs(contenu).items() if isinstance(value, str)}
    one |= {"allocataire": {True: "oui", False: "non", None: ""}[contenu.allocataire]}
    one |= {name: besoin.get(name) or "" for name in ("a_partir_du", "regularite")}
    one |= {"enfants-TOTAL_FORMS": str(len(contenu.enfants)), "enfants-INITIAL_FORMS": "0"}
    for rank, enfant in enumerate(contenu.enfants):
        born = enfant.get("date_naissance")
        one |= {
            f"enfants-{rank}-prenom": enfant.get("prenom", ""),
            f"enfants-{rank}-situation": "ne" if born else "attendu",
            f"enfants-{rank}-date": born or enfant["date_prevue"],
        }
    several = {"modes": list(demande.modes), "atypiques": list(besoin.get("atypiques") or [])}
    return {name: [str(value)] for name, value in one.items()} | several | _hours_as_typed(hours)


def _hours_as_typed(hours: list[list[str]]) -> dict[str, list[str]]:
    """As the same each day, where they are."""
    days, ranges = [jour for jour, _, _ in hours], {(de, a) for _, de, a in hours}
    if len(ranges) < 2 and len(set(days)) == len(days):
        de, a = ranges.pop() if ranges else ("", "")
        return {"jours": days, "de": [de], "a": [a]}
    typed: dict[str, list[str]] = {"par_jour": ["1"]}
    for jour, de, a in sorted(hours, key=lambda plage: plage[1]):
        bounds = JourForm.RANGES[1 if f"{jour}-de" in typed else 0]
        typed |= {f"{jour}-{name}": [value] for name, value in zip(bounds, (de, a), strict=True)}
    return typed


class AutreLieuForm(forms.Form):
    """CON-6.d: the lieu that the family chooses instead of the one that stops."""

    lieu = forms.ModelChoiceField(
        label=_("À quel lieu d’information voulez-vous confier votre demande ?"),
        queryset=Lieu.objects.none(),
        to_field_name="uuid",
        empty_label=None,
        widget=forms.RadioSelect,
        error_messages={
            "required": _("Choisissez un lieu d’information."),
            "invalid_choice": _("Ce lieu ne peut plus recevoir votre demande. Choisissez-en un autre."),
        },
    )

    def __init__(self, *args: Any, lieux: QuerySet[Lieu], **kwargs: Any):
        super().__init__(*args, **kwargs)
        field: Any = self.fields["lieu"]
        field.queryset = lieux
        field.label_from_instance = lambda lieu: f"{lieu.nom}, {lieu.adresse}, {lieu.code_postal} {lieu.ville}"


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
