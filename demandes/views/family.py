"""What families see: the form in two pages, and their private link (DEM-1 to DEM-4)."""

import secrets
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from conventions import queries as conventions
from conventions.models import Lieu
from demandes import queries
from demandes.documents.reading import sections
from demandes.forms import DemandeForm, Enfants, RetraitForm
from demandes.models import Demande
from demandes.services import destruction, intake
from demandes.workflow import DEMANDE
from extranet.core import clock
from extranet.core.errors import Refused
from extranet.core.words import date_longue
from extranet.territory import queries as territory


@never_cache
@login_not_required
@require_http_methods(["GET", "POST"])
def nouvelle(request: HttpRequest) -> HttpResponse:
    """First the commune and the lieu, then the rest on one page, then everything to be read and sent."""
    code = request.GET.get("commune", "")
    found = territory.commune_by_code(code) if code else None
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
    unchecked = data is not None and ("ajouter" in data or "corriger" in data)
    if data is not None and "ajouter" in data:
        total = data.get("enfants-TOTAL_FORMS", "")
        data["enfants-TOTAL_FORMS"] = str(min(int(total) + 1, 10)) if total.isdecimal() else "1"
    form = DemandeForm(data, now=now)
    enfants = Enfants(data, prefix="enfants", form_kwargs={"now": now})
    context = {"form": form, "enfants": enfants, "commune": commune, "lieu": lieu, "unchecked": unchecked}
    if data is None or unchecked:
        return render(request, "demandes/famille/formulaire.html", context)
    if not (form.is_valid() and enfants.is_valid()):
        return render(request, "demandes/famille/formulaire.html", context, status=422)
    nonce = data.get("envoi", "")
    if "valider" in data and len(nonce) >= 16:
        return _send(request, context, nonce[:40])
    typed = [(name, value) for name in data for value in data.getlist(name) if name not in NOT_TYPED]
    lines = sections(intake.preview(_recue(form, enfants, commune, None, now), commune))
    return render(
        request,
        "demandes/famille/recapitulatif.html",
        context | {"sections": lines, "typed": typed, "envoi": secrets.token_urlsafe(16)},
    )


NOT_TYPED = frozenset({"csrfmiddlewaretoken", "envoi", "valider"})


def _recue(form: DemandeForm, enfants: Any, commune: Any, lieu: Lieu | None, now: Any) -> intake.Recue:
    v = form.cleaned_data
    return intake.Recue(
        reference="",
        deposee_le=now,
        modifiee_le=None,
        commune=commune.pk,
        lieu=lieu.code if lieu else "",
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


def _send(request: HttpRequest, context: dict[str, Any], nonce: str) -> HttpResponse:
    now = clock.now()
    form, lieu = context["form"], context["lieu"]
    if form.cleaned_data["site_web"]:
        # A program filled the hidden field: it gets the page of a person, and nothing is kept (DEM-6).
        return render(request, "demandes/famille/envoyee.html", {"lieu": lieu, "reference": "—", "token": ""})
    recue = _recue(form, context["enfants"], context["commune"], lieu, now)
    try:
        demande = intake.receive(recue, lieu=lieu, nonce=nonce, now=now)
    except Refused as refusal:
        for name, sentence in refusal.faults.items():
            form.add_error(name if name in form.fields else None, sentence)
        return render(request, "demandes/famille/formulaire.html", context, status=422)
    return redirect("demandes:envoyee", token=queries.link_token(demande.uuid))


@never_cache
@login_not_required
@require_http_methods(["GET"])
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
@require_http_methods(["GET", "POST"])
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
