"""Fields that several forms of the register ask."""

from datetime import date
from typing import Any

from django import forms


class DateField(forms.DateField):
    """A civil date by the browser's own picker; impossible years are refused here, the rest by the service."""

    widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")

    def __init__(self, **kwargs: Any):
        messages = {"invalid": "Indiquez une date sous la forme jj/mm/aaaa.", "required": "Indiquez une date."}
        super().__init__(input_formats=["%Y-%m-%d", "%d/%m/%Y"], error_messages=messages, **kwargs)

    def clean(self, value: object) -> date | None:
        day = super().clean(value)
        if day and not 2000 <= day.year <= 2100:
            raise forms.ValidationError("Vérifiez l’année de cette date.")
        return day
