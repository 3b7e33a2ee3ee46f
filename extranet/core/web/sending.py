"""DEM-6.a: what stands before the sending of a public form: a proof of work, else a text to copy or a question.

With JavaScript nobody sees it: the page's browser works for a moment while one reads (django-altcha's element, hidden).
Without it, or where it could not, the page comes back once with the picture and the question of `verification`.
Either counts for one sending only. Counting by network and address stands beside it (`brakes`).
"""

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import altcha
from csp.decorators import csp_update
from django import forms
from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest

from extranet.core import signed
from extranet.core.web import drafts, verification
from extranet.core.web.forms import faults_of

ASKED = "verifier"  # in the address of the page that shows the question; "encore" where it was not answered rightly
AGAIN = "encore"
FIELD = "altcha"
PURPOSE = "web.preuve"

# Its element works in a worker, which it makes of its own script.
with_proof = csp_update({"worker-src": ["'self'", "blob:"]})


class QuestionForm(forms.Form):
    """What is asked where no proof of work came."""

    verification = verification.VerificationField()


def context(asked: Mapping[str, str]) -> dict[str, Any]:
    """What the page of the last button shows: work for the browser, and the question where its address asks it."""
    form = QuestionForm() if ASKED in asked else None
    if asked.get(ASKED) == AGAIN:
        form = QuestionForm({})
        form.full_clean()
        form.errors["verification"] = form.error_class([str(form.fields["verification"].error_messages["wrong"])])
    return {"preuve": _challenge(), "question": form, "fautes": faults_of(form) if form else []}


def is_verified(request: HttpRequest, use: str) -> bool:
    """Whether what was posted brings a proof that has not served, save for this same `use`: the sending.

    A brake may make it wait for an hour: what was proven once is, as long as its draft.
    """
    done = f"{PURPOSE}:{signed.digest(PURPOSE, use)}"
    data = request.POST
    proof, text = data.get("verification-preuve", "")[:2000], data.get("verification", "")[:100]
    answered = bool(text.strip()) and verification.is_right(proof, text, use=use)
    if answered or _is_solved(data.get(FIELD, "")[:2000], use):
        cache.set(done, True, drafts.LIFE)
        return True
    return bool(cache.get(done))


def asks(request: HttpRequest) -> tuple[str, dict[str, str]]:
    """For the address of the page that asks, anew where an answer was given: where to look on it, and what it says."""
    again = bool(request.POST.get("verification", "").strip())
    return ("erreurs", {ASKED: AGAIN}) if again else ("verification", {ASKED: "1"})


def _challenge() -> str:
    expires = datetime.now(UTC) + timedelta(seconds=verification.LIFE)
    options = altcha.ChallengeOptions(hmac_key=_keys()[0], expires=expires, max_number=settings.PROOF_OF_WORK)
    made = altcha.create_challenge(options)
    return json.dumps(made.to_dict() | {"maxnumber": made.max_number})


def _is_solved(payload: str, use: str) -> bool:
    if not payload:
        return False
    try:
        solved = any(altcha.verify_solution(payload, key)[0] for key in _keys())
        name = json.loads(base64.b64decode(payload))["challenge"]  # as it writes the same solution, it is the same
    except (AttributeError, KeyError, TypeError, ValueError):  # whatever a program sends
        return False
    return solved and verification.spend(f"{PURPOSE}:{name}", True, use)


def _keys() -> list[str]:
    return [key.hex() for key in signed.keys(PURPOSE, "")]
