"""Forms that look and speak the same on every page: the renderer, and the few widgets that need more than Django's."""

import unicodedata
from typing import Any

from django import forms
from django.core.validators import RegexValidator, validate_email
from django.forms.renderers import TemplatesSetting

from extranet.core.typed import CONTROLS, CONTROLS_IN_LINES, INVISIBLE, e164, is_address

NOT_ALLOWED = "Ce texte contient des caractères qui ne sont pas permis."


class FormRenderer(TemplatesSetting):
    """Fields, forms and formsets by the templates in templates/components/."""

    form_template_name = "components/_form.html"
    formset_template_name = "components/_formset.html"
    field_template_name = "components/_field.html"


class DateInput(forms.DateInput):
    """The browser's own date field; where there is none, the day is typed as jj/mm/aaaa."""

    input_type = "date"

    def __init__(self, attrs: dict[str, Any] | None = None):
        super().__init__(attrs={"placeholder": "jj/mm/aaaa"} | (attrs or {}), format="%Y-%m-%d")


class TimeInput(forms.TimeInput):
    """The browser's own time field."""

    input_type = "time"

    def __init__(self, attrs: dict[str, Any] | None = None):
        super().__init__(attrs={"placeholder": "hh:mm"} | (attrs or {}), format="%H:%M")


class DateField(forms.DateField):
    """A civil day, with an example beside it."""

    widget = DateInput

    def __init__(self, **kwargs: Any):
        super().__init__(**({"help_text": "Jour, mois, année. Exemple : 24/11/2026."} | kwargs))


class TelephoneInput(forms.TextInput):
    """Opens the telephone's number pad."""

    input_type = "tel"

    def __init__(self, attrs: dict[str, Any] | None = None):
        super().__init__(attrs={"autocomplete": "tel"} | (attrs or {}))


class LineField(forms.CharField):
    """One line of text, in NFC and without what cannot be seen."""

    default_validators = [
        RegexValidator(CONTROLS, NOT_ALLOWED, inverse_match=True),
        RegexValidator("[\u2028\u2029]", NOT_ALLOWED, inverse_match=True),  # they break lines where they are shown
    ]

    def to_python(self, value: Any) -> str:
        return unicodedata.normalize("NFC", INVISIBLE.sub("", super().to_python(value))).strip()


class LinesField(LineField):
    """Several lines, each end counted once, as the browser counts them."""

    widget = forms.Textarea(attrs={"rows": 4})
    default_validators = [RegexValidator(CONTROLS_IN_LINES, NOT_ALLOWED, inverse_match=True)]

    def to_python(self, value: Any) -> str:
        return super().to_python(value).replace("\r\n", "\n").replace("\r", "\n")


class PostalCodeField(forms.CharField):
    """Five digits."""

    default_validators = [RegexValidator(r"^[0-9]{5}$", "Un code postal a cinq chiffres.")]

    def __init__(self, **kwargs: Any):
        super().__init__(max_length=5, **kwargs)


class PhoneField(forms.CharField):
    """A French number as people write it, or one with its country code; cleaned to E.164."""

    widget = TelephoneInput

    def __init__(self, **kwargs: Any):
        super().__init__(max_length=20, **kwargs)

    def clean(self, value: Any) -> str:
        typed = str(super().clean(value))
        if typed and not e164(typed):
            raise forms.ValidationError("Écrivez un numéro à dix chiffres, par exemple 06 00 00 00 01.")
        return e164(typed)


def _plain_address(address: str) -> None:
    validate_email(address)
    if not is_address(address):
        raise forms.ValidationError("Écrivez une adresse sans accent ni espace, par exemple prenom.nom@exemple.fr.")


class AddressField(forms.EmailField):
    """An address without quotes nor accents, in a domain that is written in full."""

    default_validators = [_plain_address]

    def __init__(self, **kwargs: Any):
        super().__init__(max_length=254, **kwargs)


class CommuneInput(forms.TextInput):
    """Text that proposes communes while one types (commune.js); plain text where there is no JavaScript."""

    class Media:
        js = ("extranet/commune.js",)

    def __init__(self, attrs: dict[str, Any] | None = None, *, code_name: str = ""):
        found = {"data-communes": "/communes/", "autocomplete": "off", "spellcheck": "false"}
        if code_name:
            found["data-communes-code"] = code_name
        super().__init__(attrs=found | (attrs or {}))
