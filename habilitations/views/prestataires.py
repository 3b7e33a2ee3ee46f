"""A lieu deposits what the Caf demands of its subcontractors (CON-9)."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from conventions import queries as conventions
from conventions.models import Lieu, Prestataire
from conventions.services import prestataires
from extranet.core import clock
from extranet.core.accounts.person import person_of_a_lieu
from extranet.core.dates import paris_date
from extranet.core.errors import Refused
from extranet.core.web.forms import DateInput, PdfField, add_refusal
from habilitations import queries


class DepotForm(forms.Form):
    """The engagement that a subcontractor signed."""

    signed_on = forms.DateField(
        label="Date de la signature",
        widget=DateInput,
        input_formats=["%Y-%m-%d", "%d/%m/%Y"],
        help_text="La date portée sur le document.",
        error_messages={"required": "Indiquez la date de la signature.", "invalid": "Indiquez une date (jj/mm/aaaa)."},
    )
    scan = PdfField(label="Engagement signé (PDF)")


def listed(lieux: QuerySet[Lieu], now: datetime) -> list[dict[str, Any]]:
    """CON-9: the subcontractors of these lieux today, and where the engagement of each stands."""
    rows = []
    for lieu in lieux:
        for made in conventions.prestataires_on(lieu, paris_date(now)):
            documents = sorted(made.engagements.all(), key=lambda one: (one.received_at, one.pk))
            accepted = [one for one in documents if one.decided_at and not one.motif_refus]
            asked = next((one for one in made.demandes_engagement.all() if one.answered_at is None), None)
            rows.append(
                {
                    "prestataire": made,
                    "lieu": lieu,
                    "depose": next((one for one in documents if one.decided_at is None), None),
                    "demande": asked,
                    "en_retard": asked is not None and asked.is_late(now),
                    "accepte": accepted[-1] if accepted else None,
                    "refuse": documents[-1] if documents and documents[-1].motif_refus else None,
                }
            )
    return rows


def engagement(request: HttpRequest, identifier: UUID) -> HttpResponse:
    """CON-9.b: a person of the lieu deposits the signed engagement; it counts once the Caf has verified it."""
    user = person_of_a_lieu(request)
    now = clock.now()
    lieux = list(queries.lieux_of(user, now).values_list("pk", flat=True))
    made = get_object_or_404(Prestataire.objects.select_related("lieu__caf"), uuid=identifier, lieu__in=lieux)
    form = DepotForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        try:
            prestataires.deposit(prestataire_uuid=made.uuid, lieux=lieux, by=user, now=now, **form.cleaned_data)
        except Refused as refused:
            add_refusal(form, refused)
        else:
            messages.success(request, "Le document est déposé. Votre Caf le vérifie, puis l’accepte ou vous écrit.")
            return redirect("habilitations:convention")
    status = 422 if request.method == "POST" else 200
    return render(request, "habilitations/engagement.html", {"form": form, "prestataire": made}, status=status)
