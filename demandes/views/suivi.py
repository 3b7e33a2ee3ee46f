"""What a family sees once its demande is sent: that it is, and its private link (DEM-4). Each page answers a GET."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from conventions.models import Lieu
from conventions.queries import Fin
from demandes import queries
from demandes.contenu import Contenu
from demandes.documents import donnees
from demandes.documents.reading import sections_to_family
from demandes.forms import AutreLieuForm, RetraitForm, as_typed
from demandes.models import Demande
from demandes.services import destruction, fins, intake
from demandes.views import family, parcours, renouvellement
from demandes.workflow import DEMANDE, NOT_PICKED_UP
from extranet.core import clock, languages
from extranet.core.dates import paris_date
from extranet.core.errors import Refused
from extranet.core.languages import for_families
from extranet.core.web.drafts import Draft, Drafts
from extranet.core.web.files import handed_over


@for_families
@never_cache
@login_not_required
@require_safe
def envoyee(request: HttpRequest, token: str) -> HttpResponse:
    """Said once it is done: the reference, who answers, what comes next."""
    if token == family.PROGRAM:
        return render(request, "demandes/famille/envoyee.html", {"reference": "—"})
    now = clock.now()
    demande = queries.demande_by_token(token, now)
    return render(
        request,
        "demandes/famille/envoyee.html",
        {
            "demande": demande,
            "reference": demande.reference,
            "lieu": demande.lieu,
            "token": token,
            "courriel": demande.dossier.open(paris_date(now)).courriel,
            "prevenue": queries.is_acknowledged(demande),
            "attente": parcours.next_step(demande, now),
        },
    )


@for_families
@never_cache
@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def suivi(request: HttpRequest, token: str) -> HttpResponse:
    """The private link. Opening it changes nothing; correcting, renewing, withdrawing and taking one's data away are
    POSTs (DEM-4, DEM-8, RGP-3.a).
    """
    now = clock.now()
    demande, drafts = queries.demande_by_token(token, now), Drafts(request, now)
    contenu = demande.dossier.open(paris_date(now))
    languages.speak(request, demande.langue)
    if request.method == "POST" and "corriger" in request.POST:
        if demande.state not in NOT_PICKED_UP:
            messages.warning(request, str(intake.TOO_LATE))
            return redirect(request.path)
        return family.begin_correction(request, drafts, as_typed(demande, contenu), token, now)
    if request.method == "POST" and "donnees" in request.POST:
        content = HttpResponse(donnees.write(demande, contenu, now), content_type="application/json")
        return handed_over(content, f"demande-{demande.reference}.json")
    if request.method == "POST" and "renouveler" in request.POST:
        if renouvellement.standing(demande, contenu, now) != renouvellement.POSSIBLE:
            return redirect(f"{request.path}#renouveler")  # which says why
        return renouvellement.begin(request, drafts, demande, contenu, now)
    if request.method == "POST" and "langue" in request.POST:
        languages.choose(request, request.POST["langue"])
        draft = Draft(typed={"courriel": request.POST.getlist("courriel")[:1]})
        there = f"{request.path}?{urlencode({'brouillon': draft.key})}"
        form = _withdrawal(contenu, None, typed=draft.data)
        return drafts.go(draft, there, otherwise=lambda: _link_page(request, demande, contenu, form))
    if request.method == "POST":
        form = _withdrawal(contenu, request.POST)
        if form.is_valid():
            confirmed = destruction.withdraw_and_confirm(demande, now=now)
            done = _("Demande %(reference)s.") % {"reference": demande.reference}
            messages.info(request, f"{done} {_said_after(confirmed)}")
            return redirect("demandes:retiree")
        draft = Draft(typed={"courriel": request.POST.getlist("courriel")[:1], "revoir": ["1"]})
        there = f"{request.path}?{urlencode({'brouillon': draft.key})}#erreurs"
        return drafts.go(draft, there, otherwise=lambda: _link_page(request, demande, contenu, form))
    kept = drafts.resume()  # the link opens whatever became of what was typed on it
    form = _withdrawal(contenu, kept.data if "revoir" in kept.typed else None, typed=kept.data)
    return _link_page(request, demande, contenu, form, said=kept.said)


def _withdrawal(contenu: Contenu, data: Any, *, typed: Any = None) -> RetraitForm:
    shown = {"courriel": (typed or {}).get("courriel", "")}
    return RetraitForm(data, initial=shown, attendu=contenu.courriel or contenu.telephone)


def _link_page(
    request: HttpRequest, demande: Demande, contenu: Contenu, form: RetraitForm, *, said: str = ""
) -> HttpResponse:
    now = clock.now()
    end = queries.end_of(demande, now)
    context = {
        "dit": said,
        "corrigeable": demande.state in NOT_PICKED_UP and as_typed(demande, contenu) is not None,
        "demande": demande,
        "sections": sections_to_family(demande, contenu),
        "form": form,
        "etape": parcours.step(demande),
        "dates": parcours.dates(demande),
        "attente": parcours.next_step(demande, now),
        "renouvellement": renouvellement.standing(demande, contenu, now),
        "retirable": DEMANDE.may(demande, "withdraw"),
        "fin": end,
        "dernier_jour": min(demande.last_day, end.families_until) if end else demande.last_day,
        "suite": queries.may_follow(demande, now) is not None,
        "suite_lien": reverse("demandes:autre-lieu", args=[queries.link_of(demande)]),
        "action": request.path,
    }
    refused = request.method == "POST" and form.errors
    return render(request, "demandes/famille/suivi.html", context, status=422 if refused else 200)


@for_families
@never_cache
@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def autre_lieu(request: HttpRequest, token: str) -> HttpResponse:
    """CON-6.d: its lieu stops: shall another have the demande? Only the POST of this page sends it."""
    now = clock.now()
    demande = queries.demande_by_token(token, now)
    languages.speak(request, demande.langue)
    end = queries.may_follow(demande, now)
    if end is None:
        return redirect("demandes:suivi", token=token)
    lieux, drafts = fins.lieux_offered(demande, now), Drafts(request, now)
    if request.method == "POST":
        form = AutreLieuForm(request.POST, lieux=lieux)
        if form.is_valid():
            try:
                fins.send_on(demande, lieu=form.cleaned_data["lieu"].uuid, now=now)
            except Refused:  # it can no longer have it since the list was read: the page has those that can
                pass
            else:
                messages.success(request, _("Votre demande est confiée à un autre lieu, qui vous répondra."))
                return redirect("demandes:suivi", token=token)
        draft = Draft(typed={"lieu": request.POST.getlist("lieu")[:1], "revoir": ["1"]})
        there = f"{request.path}?{urlencode({'brouillon': draft.key})}#erreurs"
        return drafts.go(draft, there, otherwise=lambda: _choice_page(request, demande, end, form, lieux))
    kept = drafts.resume()
    form = AutreLieuForm(kept.data if "revoir" in kept.typed else None, lieux=lieux)
    return _choice_page(request, demande, end, form, lieux)


def _choice_page(
    request: HttpRequest, demande: Demande, end: Fin, form: AutreLieuForm, lieux: QuerySet[Lieu]
) -> HttpResponse:
    context = {
        "demande": demande,
        "form": form,
        "lieux": lieux,
        "fin": end.ends_on,
        "jusque": min(end.families_until, demande.last_day),
        "passee": end.ends_on < paris_date(clock.now()),
        "suivi": reverse("demandes:suivi", args=[queries.link_of(demande)]),
        "action": request.path,
    }
    refused = request.method == "POST" and form.errors
    return render(request, "demandes/famille/autre_lieu.html", context, status=422 if refused else 200)


def _said_after(confirmed: bool) -> str:
    if confirmed:
        return _("Un courriel vous le confirme.")
    return _("Aucun courriel ne vous le confirmera : notez cette référence.")


@for_families
@never_cache
@login_not_required
@require_safe
def retiree(request: HttpRequest) -> HttpResponse:
    """Said once a demande is withdrawn: nothing of it is left to show."""
    return render(request, "demandes/famille/retiree.html")
