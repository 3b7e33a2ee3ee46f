"""DEM-8: from the private link to the form, filled with what the demande says."""

from dataclasses import replace
from datetime import datetime
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from demandes import queries, rules
from demandes.contenu import Contenu
from demandes.forms import as_typed
from demandes.models import Demande
from demandes.services import renewal
from extranet.core.dates import paris_date
from extranet.core.web.drafts import Draft, Drafts

# Where a family stands with it, as its page says.
POSSIBLE, DONE, TOO_OLD = "possible", "faite", "six-ans"


def standing(demande: Demande, contenu: Contenu, now: datetime) -> str:
    """Whether its family may make a new demande from it now, or has, or why not; empty before the last fifteen days."""
    today = paris_date(now)
    if queries.renewed(demande):
        return DONE
    if today < rules.renewable_from(demande.last_day):
        return ""
    return POSSIBLE if renewal.proposed(contenu, today) else TOO_OLD


def begin(request: HttpRequest, drafts: Drafts, demande: Demande, contenu: Contenu, now: datetime) -> HttpResponse:
    """The form of a new demande, for the same commune and lieu; nothing is made until the family sends it."""
    found = renewal.proposed(contenu, paris_date(now))
    assert found is not None
    typed = as_typed(demande, found)
    if typed is None:  # hours that the form cannot show: they are typed again
        typed = as_typed(demande, replace(found, besoin=found.besoin | {"horaires": []}))
    assert typed is not None
    draft = Draft(once=queries.renewal_key(demande.uuid))
    draft.type(typed)
    asked = {"commune": demande.commune_id, "brouillon": draft.key}
    if lieu := demande.lieu or demande.lieu_voulu:
        asked["lieu"] = str(lieu.uuid)
    messages.info(
        request,
        _("Vos réponses d’avant sont reprises. Mettez-les à jour (dates, jours et heures), relisez, puis envoyez."),
    )
    there = f"{reverse('demandes:nouvelle')}?{urlencode(asked)}"
    return drafts.go(draft, there, otherwise=lambda: _unkept(request))


def _unkept(request: HttpRequest) -> HttpResponse:
    """Drafts cannot be kept for the moment: the link is still there in a minute."""
    return render(request, "erreurs/brouillon.html", {"perdu": False}, status=503)
