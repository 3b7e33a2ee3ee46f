"""Forms that look and speak the same on every page: the renderer, and the few widgets that need more than Django's."""

import re
import unicodedata
from collections.abc import Iterator
from typing import Any, NamedTuple

from django import forms
from django.core.validators import RegexValidator
from django.forms.renderers import TemplatesSetting
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from extranet.core.errors import Refused
from extranet.core.typed import CONTROLS, CONTROLS_IN_LINES, INVISIBLE, e164, is_address

NOT_ALLOWED = _("Ce texte contient des caractères qui ne sont pas permis.")


class FormRenderer(TemplatesSetting):
    """Fields, forms and formsets by the templates in templates/components/."""

    form_template_name = "components/_form.html"
    formset_template_name = "components/_formset.html"
    field_template_name = "components/_field.html"


class DateInput(forms.DateInput):
    """The browser's own date field; where there is none, the day is typed as jj/mm/aaaa."""

    input_type = "date"

    def __init__(self, attrs: dict[str, Any] | None = None):
        super().__init__(attrs={"placeholder": _("jj/mm/aaaa")} | (attrs or {}), format="%Y-%m-%d")


class TimeInput(forms.TimeInput):
    """The browser's own time field."""

    input_type = "time"

    def __init__(self, attrs: dict[str, Any] | None = None):
        super().__init__(attrs={"placeholder": "hh:mm"} | (attrs or {}), format="%H:%M")


class TelephoneInput(forms.TextInput):
    """Opens the telephone's number pad."""

    input_type = "tel"

    def __init__(self, attrs: dict[str, Any] | None = None):
        super().__init__(attrs={"autocomplete": "tel"} | (attrs or {}))


class PlainField(forms.CharField):
    """Says one thing at a time of what was typed, in plain words."""

    default_error_messages = {"max_length": _("Écrivez au plus %(limit_value)d caractères (il y en a %(show_value)d).")}

    def run_validators(self, value: Any) -> None:
        try:
            super().run_validators(value)
        except forms.ValidationError as wrong:
            raise wrong.error_list[0] from None


class LineField(PlainField):
    """One line of text, in NFC and without what cannot be seen."""

    default_validators = [
        RegexValidator(CONTROLS, NOT_ALLOWED, inverse_match=True),
        RegexValidator("[\u2028\u2029]", NOT_ALLOWED, inverse_match=True),  # they break lines where they are shown
    ]

    def to_python(self, value: Any) -> str:
        return unicodedata.normalize("NFC", INVISIBLE.sub("", super().to_python(value) or "")).strip()


class LinesField(LineField):
    """Several lines, each end counted once, as the browser counts them."""

    widget = forms.Textarea(attrs={"rows": 4})
    default_validators = [RegexValidator(CONTROLS_IN_LINES, NOT_ALLOWED, inverse_match=True)]

    def to_python(self, value: Any) -> str:
        return super().to_python(value).replace("\r\n", "\n").replace("\r", "\n")


class PostalCodeField(PlainField):
    """Five digits."""

    default_validators = [RegexValidator(r"^[0-9]{5}$", _("Un code postal a cinq chiffres."))]

    def __init__(self, **kwargs: Any):
        super().__init__(max_length=5, **kwargs)


class PhoneField(PlainField):
    """A French number as people write it, or one with its country code; cleaned to E.164."""

    widget = TelephoneInput

    def __init__(self, **kwargs: Any):
        super().__init__(max_length=20, **kwargs)

    def clean(self, value: Any) -> str:
        typed = str(super().clean(value))
        if typed and not e164(typed):
            raise forms.ValidationError(_("Écrivez un numéro à dix chiffres, par exemple 06 00 00 00 01."))
        return e164(typed)


ADDRESS_LENGTH = 254


def _plain_address(address: str) -> None:
    """One that is too long is said to be."""
    if len(address) <= ADDRESS_LENGTH and not is_address(address):
        raise forms.ValidationError(
            _("Écrivez une adresse complète, sans accent ni espace, par exemple prenom.nom@exemple.fr.")
        )


class AddressField(PlainField, forms.EmailField):
    """An address without quotes nor accents, in a domain that is written in full."""

    default_validators = [_plain_address]

    def __init__(self, **kwargs: Any):
        super().__init__(max_length=ADDRESS_LENGTH, **kwargs)


class CommuneInput(forms.TextInput):
    """Text that proposes communes while one types (commune.js); plain text where there is no JavaScript."""

    class Media:
        js = ("extranet/commune.js",)

    def __init__(self, attrs: dict[str, Any] | None = None, *, code_name: str = ""):
        found = {"data-communes": "/communes/", "autocomplete": "off", "spellcheck": "false"}
        if code_name:
            found["data-communes-code"] = code_name
        super().__init__(attrs=found | (attrs or {}))


class FilesField(forms.FileField):
    """Several files at once; cleaned to a list, empty where none was chosen."""

    class Input(forms.FileInput):
        allow_multiple_selected = True

    def __init__(self, *, widget_attrs: dict[str, Any] | None = None, **kwargs: Any):
        super().__init__(widget=self.Input(attrs={"multiple": True} | (widget_attrs or {})), **kwargs)

    def clean(self, data: Any, initial: Any = None) -> list[Any]:
        given = [one for one in (data or []) if one]
        cleaned = [super(FilesField, self).clean(one, initial) for one in given]
        if not cleaned and self.required:
            raise forms.ValidationError(self.error_messages["required"], code="required")
        return cleaned


SITE = "Écrivez l’adresse d’un site, par exemple https://www.exemple.fr."


class SiteField(forms.URLField):
    """The address of a lieu’s site, or nothing."""

    default_error_messages = {"invalid": SITE}

    def __init__(self) -> None:
        validators = [RegexValidator("^https?://", SITE)]
        super().__init__(
            label="Site internet", required=False, max_length=200, assume_scheme="https", validators=validators
        )


class PdfField(forms.FileField):
    """A paper; what it must be is `store.checked_pdf`'s to say."""

    widget = forms.FileInput(attrs={"accept": "application/pdf"})
    default_error_messages = {"required": "Joignez le document signé.", "empty": "Ce fichier est vide."}

    def __init__(self, *, help_text: str = "10 Mo au plus.", **kwargs: Any):
        super().__init__(help_text=help_text, **kwargs)


# --- what is to be corrected ---------------------------------------------------------------------------------------


class Fault(NamedTuple):
    """A sentence that says which field and what to do, and the field's id in the page."""

    anchor: str
    sentence: str


def add_refusal(form: forms.BaseForm, refused: Refused) -> None:
    """What a service refused, beside the fields that it names; above them what the form has no field for."""
    for name, sentence in refused.faults.items():
        form.add_error(name if name in form.fields else None, sentence)


def faults_of(*parts: Any) -> list[Fault]:
    """The faults of forms and formsets, in the order of the page."""
    return [fault for part in parts if part is not None for fault in _faults(part)]


def _faults(part: Any, row: str = "") -> Iterator[Fault]:
    if isinstance(part, forms.BaseFormSet):
        for sentence in part.non_form_errors():
            yield Fault(f"{part.prefix}-0", str(sentence))
        for rank, one in enumerate(part.forms):
            yield from _faults(one, f"{getattr(part, 'titre', 'Ligne')} {rank + 1}")
        return
    for sentence in part.non_field_errors():
        yield Fault("", _of(row, str(sentence)))
    for field in part:
        anchor = f"{field.auto_id}_0" if field.use_fieldset else field.auto_id
        for error in field.errors.as_data():
            for sentence in error.messages:
                # What is missing is asked for by a sentence of its own; any other needs the field's name before it.
                label = "" if error.code == "required" else str(field.label).rstrip(" ?")
                yield Fault(anchor, _of(row, sentence, label))


def _of(row: str, sentence: str, label: str = "") -> str:
    """What it is about, named once before the sentence: « Enfant 1, sa date : … »."""
    name = f"{row}, {label[:1].lower()}{label[1:]}" if row and label else row or label
    if not name:
        return sentence
    return gettext("%(champ)s : %(faute)s") % {"champ": name, "faute": f"{sentence[:1].lower()}{sentence[1:]}"}


# --- rows that are added and taken away ----------------------------------------------------------------------------


class Rows(forms.BaseFormSet):
    """One group of fields a child or a person. What was typed, by name, gains and loses rows."""

    titre: str | Promise = "Ligne"
    MOST = 10

    @classmethod
    def names(cls, prefix: str) -> re.Pattern[str]:
        """What the names of all fields of a formset look like, the count of its rows among them."""
        fields = "|".join(cls.form.base_fields)
        return re.compile(f"{prefix}-(TOTAL_FORMS|[0-9]{{1,2}}-({fields}))")

    @classmethod
    def number(cls, typed: dict[str, list[str]], prefix: str) -> int:
        """How many rows the page has: the count travels with it, and may come back as anything."""
        total = (typed.get(f"{prefix}-TOTAL_FORMS") or [""])[-1]
        rows = max(1, min(int(total), cls.MOST)) if re.fullmatch("[0-9]{1,3}", total) else 1
        typed[f"{prefix}-TOTAL_FORMS"], typed[f"{prefix}-INITIAL_FORMS"] = [str(rows)], ["0"]
        return rows

    @classmethod
    def change(cls, typed: dict[str, list[str]], prefix: str, data: Any) -> str:
        """Add or take away the row that a button of the page names; where to look then, "" when none was pressed."""
        rows = cls.number(typed, prefix)
        if "ajouter" in data:
            typed[f"{prefix}-TOTAL_FORMS"] = [str(min(rows + 1, cls.MOST))]
            return f"{prefix}-{min(rows, cls.MOST - 1)}"
        if "retirer" not in data:
            return ""
        gone = data["retirer"].removeprefix(f"{prefix}-")
        if not re.fullmatch("[0-9]{1,2}", gone) or int(gone) >= rows:
            return f"{prefix}-0"
        kept = [rank for rank in range(rows) if rank != int(gone)]
        fields = list(cls.form.base_fields)
        before = {rank: {name: typed.pop(f"{prefix}-{rank}-{name}", None) for name in fields} for rank in range(rows)}
        for rank, old in enumerate(kept):
            typed |= {f"{prefix}-{rank}-{name}": value for name, value in before[old].items() if value is not None}
        typed[f"{prefix}-TOTAL_FORMS"] = [str(max(1, len(kept)))]
        return f"{prefix}-{max(0, int(gone) - 1)}"


class PersonRows(Rows):
    """Persons, each with its own address (HAB-4)."""

    titre = "Personne"
    default_error_messages = {"too_few_forms": "Indiquez au moins une personne."}

    def clean(self) -> None:
        seen: set[str] = set()
        for form in self.forms:
            address = getattr(form, "cleaned_data", {}).get("courriel", "").lower()
            if address and address in seen:
                form.add_error("courriel", "Une autre personne a déjà cette adresse : chacune a besoin de la sienne.")
            seen.add(address)

    def typed(self) -> list[dict[str, Any]]:
        """What was typed of each; a row left empty is nobody."""
        return [form.cleaned_data for form in self.forms if form.cleaned_data]
