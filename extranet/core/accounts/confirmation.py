"""The password, or a second factor, asked again before a sensitive act: wherever that is,
wrong tries count as they do at the door (ACT-7).
"""

import time
from typing import Any
from urllib.parse import urlencode

from allauth.account import app_settings
from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.login import AUTHENTICATION_METHODS_SESSION_KEY, get_authentication_records
from django.core.exceptions import ValidationError
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse

from extranet.core.accounts.person import person
from extranet.core.accounts.throttle import HOLD, TOO_MANY


def confirm_password(request: HttpRequest, text: str) -> None:
    """Return when `text` is the own password of the person logged in; a mailed one opens nothing here.

    Raises ValidationError with the sentence to show beside the field. After too many wrong tries, here and at the
    login together, nothing is judged any more: pass the answer through `answered`, which makes it a 429.
    """
    get_adapter(request).confirm_password(request, text)


def confirmed_by_factor(request: HttpRequest) -> bool:
    """The person has just confirmed by a code or a key, on allauth's page: as good as its password for the next act."""
    return any(_is_confirmation(record) for record in get_authentication_records(request, person(request)))


def use_confirmation(request: HttpRequest) -> None:
    """That act is done: the next one asks again."""
    records = get_authentication_records(request, person(request))
    request.session[AUTHENTICATION_METHODS_SESSION_KEY] = [one for one in records if not _is_confirmation(one)]


def other_ways(request: HttpRequest) -> list[dict[str, str]]:
    """How this person may confirm without its password, and come back to this page: `description`, `url`."""
    ways = get_adapter().get_reauthentication_methods(request.user)
    back = urlencode({"next": request.path})
    return [way | {"url": f"{way['url']}?{back}"} for way in ways if way["id"] != "reauthenticate"]


def _is_confirmation(record: dict[str, Any]) -> bool:
    recent = time.time() - record.get("at", 0) < app_settings.REAUTHENTICATION_TIMEOUT
    return recent and record.get("method") == "mfa" and bool(record.get("reauthenticated"))


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
