"""What a lieu's persons read of their convention. Here and not in the register, since it asks who may see it."""

from datetime import date
from uuid import UUID

from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from conventions import queries as conventions
from conventions.models import Acte
from conventions.services import register
from conventions.workflow import EtatActe
from extranet.core import clock
from extranet.core.accounts.person import person_of_a_lieu
from extranet.core.dates import paris_date
from extranet.core.web.files import attachment
from habilitations import queries
from habilitations.forms import JourForm
from habilitations.views.prestataires import listed


@require_GET
def convention(request: HttpRequest) -> HttpResponse:
    """ACC-1, CON-8.a: the convention and annexe 1 of each lieu of this person, today or on a day that it asks for, and
    the avenants that wait for their signatures. Agents have the back office.
    """
    user, now = person_of_a_lieu(request), clock.now()
    form = JourForm(request.GET if "au" in request.GET else None)
    wrong = form.is_bound and not form.is_valid()
    day: date = form.cleaned_data["au"] if form.is_bound and not wrong else paris_date(now)
    lieux = []
    for lieu in queries.lieux_named(user, now):
        held = conventions.convention_of(lieu, now)
        if held is not None:
            waiting = conventions.avenants_of(held).filter(state=EtatActe.PREPARE)
            lieux.append((held, conventions.standing_on(held, day), conventions.days_of_change(held), waiting))
    context = {"lieux": lieux, "form": form, "day": day, "today": paris_date(now)}
    context["prestataires"] = listed(queries.lieux_of(user, now), now)
    return render(request, "habilitations/convention.html", context, status=422 if wrong else 200)


@require_GET
def avenant(request: HttpRequest, identifier: UUID) -> FileResponse:
    """CON-7.c: the paper of an avenant that waits for its signatures, for the persons of its lieu."""
    user, now = person_of_a_lieu(request), clock.now()
    waiting = Acte.objects.filter(nature=Acte.Nature.AVENANT, state=EtatActe.PREPARE, uuid=identifier)
    acte = waiting.filter(convention__lieu__in=queries.lieux_named(user, now)).select_related("convention").first()
    if acte is None:
        raise Http404
    kept = register.keep_pdf(acte, now=now)
    return attachment(kept, f"{acte.convention.numero}-avenant-{acte.numero}.pdf")
