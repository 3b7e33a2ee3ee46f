"""The password asked again before a sensitive act: wherever that is,
wrong tries count as they do at the door (ACT-7).
"""

from typing import Any

from allauth.account.adapter import get_adapter
from django.core.exceptions import ValidationError
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse

from extranet.core.accounts.throttle import HOLD, TOO_MANY


def confirm_password(request: HttpRequest, text: str) -> None:
    """Return when `text` is the own password of the person logged in; a mailed one opens nothing here.

    Raises ValidationError with the sentence to show beside the field. After too many wrong tries, here and at the
    login together, nothing is judged any more: pass the answer through `answered`, which makes it a 429.
    """
    get_adapter(request).confirm_password(request, text)


def answered(form: BaseForm, response: HttpResponse) -> HttpResponse:
    """`response`, as 429 with Retry-After when `form` was refused for too many wrong tries.
    What was typed stays in it.
    """
    if any(_is_held(error) for errors in form.errors.as_data().values() for error in errors):
        response.status_code = 429
        response["Retry-After"] = str(HOLD)
    return response


def _is_held(error: ValidationError | Any) -> bool:
    return error.code == TOO_MANY
