"""Forms that look and speak the same on every page: the renderer, and the few widgets that need more than Django's."""

from typing import Any

from django import forms
from django.forms.renderers import TemplatesSetting


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


class CommuneInput(forms.TextInput):
    """Text that proposes communes while one types (commune.js); plain text where there is no JavaScript."""

    class Media:
        js = ("extranet/commune.js",)

    def __init__(self, attrs: dict[str, Any] | None = None, *, code_name: str = ""):
        found = {"data-communes": "/communes/", "autocomplete": "off", "spellcheck": "false"}
        if code_name:
            found["data-communes-code"] = code_name
        super().__init__(attrs=found | (attrs or {}))
