"""What families see: the form in two pages, and their private link (DEM-1 to DEM-4)."""

import re
import secrets
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from conventions import queries as conventions
from conventions.models import Lieu
from demandes import queries
from demandes.documents.reading import sections
from demandes.forms import DemandeForm, Enfants, RetraitForm
from demandes.models import Demande
from demandes.services import destruction, intake
from demandes.services.transmission import Places
from demandes.workflow import DEMANDE
from extranet.core import clock
from extranet.core.errors import Refused
from extranet.core.web import brakes
from extranet.core.web.brakes import DAY, HOUR
from extranet.core.words import date_longue
from extranet.territory import queries as territory


@never_cache
@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
@brakes.sending("demande", network=[(20, HOUR), (100, DAY)], address=[(10, DAY)], field="courriel")
def nouvelle(request: HttpRequest) -> HttpResponse:
    """First the commune and the lieu, then the rest on one page, then everything to be read and sent."""
    code = request.GET.get("commune", "")
    found = territory.commune_by_code(code) if code.isalnum() else None
    if found is None:
        return _choose_commune(request)
    commune = found.commune
    lieux = list(conventions.lieux_covering(commune.pk, clock.now()))
    wanted = request.GET.get("lieu", "")
    lieu = lieux[0] if len(lieux) == 1 else next((one for one in lieux if str(one.uuid) == wanted), None)
    if lieu is None:
        near = [] if lieux else conventions.covered_near(commune, clock.now())[:6]
        context = {"commune": commune, "lieux": lieux, "caf": commune.caf, "voisines": near}
        return render(request, "demandes/famille/lieux.html", context)
    return _form(request, commune, lieu)


def _choose_commune(request: HttpRequest) -> HttpResponse:
    text = request.GET.get("q", "").strip()[:100]
    found = territory.communes_matching(text) if text else []
    if len(found) == 1:
        return redirect(f"{reverse('demandes:nouvelle')}?commune={found[0].commune.pk}")
    return render(request, "demandes/famille/commune.html", {"q": text, "communes": found})


def _form(request: HttpRequest, commune: Any, lieu: Lieu) -> HttpResponse:
    """The form, its summary, and sending. What was typed travels in the pages and nowhere else: no draft is kept."""
    now = clock.now()
    data = request.POST.copy() if request.method == "POST" else None
    if data is not None:
        _number_the_children(data, one_more="ajouter" in data)
    form = DemandeForm(data, now=now)
    enfants = Enfants(data, prefix="enfants", form_kwargs={"now": now})
    context = {"form": form, "enfants": enfants, "commune": commune, "lieu": lieu}
    if data is None or "ajouter" in data or "corriger" in data:
        _leave_unjudged(form, enfants)
        return render(request, "demandes/famille/formulaire.html", context)
    if not (form.is_valid() and enfants.is_valid()):
        return render(request, "demandes/famille/formulaire.html", context, status=422)
    recue = _recue(form, enfants, commune, lieu, now)
    # What the service would refuse is said here, before the family reads everything again.
    if faults := intake.check(recue, now, Places.of(now, commune=commune.pk)).faults:
        return _refused(request, context, faults)
    # Sent only to the lieu that the family has read: another may have come in its place since.
    if "valider" in data and NONCE.fullmatch(data.get("envoi", "")) and data.get("pour") == str(lieu.uuid):
        return _send(request, context, recue, data["envoi"])
    typed = [(name, value) for name in data for value in data.getlist(name) if name not in NOT_TYPED]
    lines = sections(intake.preview(recue, commune))
    return render(
        request,
        "demandes/famille/recapitulatif.html",
        context | {"sections": lines, "typed": typed, "envoi": secrets.token_urlsafe(16)},
    )


NOT_TYPED = frozenset({"csrfmiddlewaretoken", "envoi", "pour", "valider"})
NONCE = re.compile("[A-Za-z0-9_-]{16,40}")


def _number_the_children(data: QueryDict, *, one_more: bool) -> None:
    """How many rows of children the page has: the count travels with it, and may come back as anything."""
    total = data.get("enfants-TOTAL_FORMS", "")
    rows = int(total) if re.fullmatch("[0-9]{1,3}", total) else 1
    data["enfants-TOTAL_FORMS"] = str(max(1, min(rows + one_more, Enfants.MOST)))
    data["enfants-INITIAL_FORMS"] = "0"


def _leave_unjudged(form: DemandeForm, enfants: Any) -> None:
    """Show what was typed without a word on what is still missing: nobody has sent it yet."""
    for faults in (form.errors, *enfants.errors, enfants.non_form_errors()):
        faults.clear()


def _refused(request: HttpRequest, context: dict[str, Any], faults: dict[str, str]) -> HttpResponse:
    """The form again, each sentence beside its field."""
    form = context["form"]
    for name, sentence in faults.items():
        form.add_error(name if name in form.fields else None, sentence)
    return render(request, "demandes/famille/formulaire.html", context, status=422)


def _recue(form: DemandeForm, enfants: Any, commune: Any, lieu: Lieu, now: datetime) -> intake.Recue:
    v = form.cleaned_data
    return intake.Recue(
        reference="",
        deposee_le=now,
        modifiee_le=None,
        commune=commune.pk,
        lieu=lieu.code,
        nom=v["nom"],
        prenom=v["prenom"],
        courriel=v["courriel"],
        telephone=v["telephone"],
        code_postal=v["code_postal"],
        ville=v["ville"],
        allocataire={"oui": True, "non": False}.get(v["allocataire"]),
        contact_prefere=v["contact_prefere"],
        creneau=v["creneau"],
        enfants=enfants.enfants(),
        modes=v["modes"],
        besoin={
            "a_partir_du": str(v["a_partir_du"]),
            "regularite": v["regularite"],
            "horaires": form.horaires(),
            "atypiques": v["atypiques"],
        },
        rendez_vous=v["rendez_vous"],
        message=v["message"],
    )


def _send(request: HttpRequest, context: dict[str, Any], recue: intake.Recue, nonce: str) -> HttpResponse:
    lieu = context["lieu"]
    if context["form"].cleaned_data["site_web"]:
        # A program filled the hidden field: it gets the page of a person, and nothing is kept (DEM-6).
        return render(request, "demandes/famille/envoyee.html", {"lieu": lieu, "reference": "—", "token": ""})
    try:
        demande = intake.receive(recue, lieu=lieu, nonce=nonce, now=recue.deposee_le)
    except Refused as refusal:
        return _refused(request, context, refusal.faults)
    return redirect("demandes:envoyee", token=queries.link_token(demande.uuid))


@never_cache
@login_not_required
@require_safe
def envoyee(request: HttpRequest, token: str) -> HttpResponse:
    """Said once it is done: the reference, who answers, what comes next."""
    demande = queries.demande_by_token(token, clock.now())
    return render(
        request,
        "demandes/famille/envoyee.html",
        {"demande": demande, "reference": demande.reference, "lieu": demande.lieu, "token": token},
    )


@never_cache
@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def suivi(request: HttpRequest, token: str) -> HttpResponse:
    """The private link. Opening it changes nothing; withdrawing is a POST with the address typed."""
    now = clock.now()
    demande = queries.demande_by_token(token, now)
    attendu = demande.dossier.courriel or demande.dossier.telephone
    form = RetraitForm(request.POST or None, attendu=attendu)
    if request.method == "POST" and form.is_valid():
        destruction.withdraw(demande, now=now)
        messages.success(request, "Votre demande est retirée et vos données sont détruites.")
        return redirect("portal:accueil")
    return render(
        request,
        "demandes/famille/suivi.html",
        {
            "demande": demande,
            "sections": sections(demande),
            "form": form,
            "etape": _etape(demande),
            "detruite_le": date_longue(demande.last_day),
            "retirable": DEMANDE.may(demande, "withdraw"),
        },
        status=422 if form.errors else 200,
    )


def _etape(demande: Demande) -> str:
    """Where the demande stands, in the family's words."""
    return {
        "a-orienter": "La Caf choisit le lieu qui vous répondra.",
        "transmise": "Votre demande est arrivée au lieu d’information. Il ne l’a pas encore ouverte.",
        "recuperee": "Le lieu d’information s’occupe de votre demande.",
        "traitee": "Le lieu d’information vous a répondu.",
    }[demande.state]
