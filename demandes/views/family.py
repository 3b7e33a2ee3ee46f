"""What families see: the form, its summary, and their private link (DEM-1 to DEM-4). Each page answers a GET."""

from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.forms.utils import ErrorDict, ErrorList
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from conventions import queries as conventions
from conventions.models import Lieu
from demandes import queries
from demandes.contenu import Contenu, champs
from demandes.documents.motifs import sentence
from demandes.documents.reading import sections_to_family
from demandes.documents.recue import Recue
from demandes.forms import DemandeForm, Enfants, RetraitForm, as_typed
from demandes.models import Demande
from demandes.services import checking, destruction, intake
from demandes.services.transmission import Places
from demandes.workflow import DEMANDE, NOT_PICKED_UP, Etat
from extranet.core import clock, languages
from extranet.core.dates import paris_date
from extranet.core.errors import Refused, WrongState
from extranet.core.languages import date_longue, for_families
from extranet.core.web import brakes
from extranet.core.web.brakes import DAY, HOUR
from extranet.core.web.drafts import Draft, Drafts, NoDraft, needs_draft
from extranet.core.web.forms import faults_of
from extranet.territory import queries as territory
from extranet.territory.queries import Match

CHILDREN = "enfants"
CORRECTED = "corrigee"
PROGRAM = "-"  # in the place of a token: the page that a program gets
CARDS = ("enfants", "besoin", "vous")  # of the form's page, in its order


class Place(NamedTuple):
    """Where the family asks, and the lieu that it has chosen, or the only one."""

    found: Match
    lieux: list[Lieu]
    lieu: Lieu | None
    corrects: Demande | None = None

    @property
    def query(self) -> dict[str, str]:
        """For addresses."""
        if self.corrects:
            return {"corriger": "1"}
        commune = {"commune": self.found.commune.pk}
        return commune if self.lieu is None or len(self.lieux) == 1 else commune | {"lieu": str(self.lieu.uuid)}

    @property
    def is_settled(self) -> bool:
        """Where it goes is known: chosen, or where it is already."""
        return self.lieu is not None or self.corrects is not None

    @property
    def pour(self) -> str:
        """The lieu, as the summary names it to the sending."""
        return str(self.lieu.uuid) if self.lieu else ""


def _place(request: HttpRequest, draft: Draft | None, now: datetime) -> Place | None:
    """What the address says, or what the draft corrects. Raises WrongState once that is picked up."""
    if draft and draft.about:
        demande = queries.demande_by_token(draft.about, now)
        if demande.state not in NOT_PICKED_UP:
            raise WrongState(intake.TOO_LATE)
        lieux = [demande.lieu] if demande.lieu else []
        return Place(Match(demande.commune), lieux, demande.lieu, corrects=demande)
    code = request.GET.get("commune", "")
    found = territory.commune_by_code(code) if code.isalnum() else None
    if found is None:
        return None
    lieux = list(conventions.lieux_covering(found.commune.pk, now))
    wanted = request.GET.get("lieu", "")
    lieu = lieux[0] if len(lieux) == 1 else next((one for one in lieux if str(one.uuid) == wanted), None)
    return Place(found, lieux, lieu)


def _address(step: str, place: Place | None, draft: Draft | None, anchor: str = "", **more: str) -> str:
    asked = (place.query if place else {}) | ({"brouillon": draft.key} if draft else {}) | more
    return reverse(f"demandes:{step}") + (f"?{urlencode(asked)}" if asked else "") + (f"#{anchor}" if anchor else "")


@for_families
@never_cache
@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
@needs_draft
def nouvelle(request: HttpRequest) -> HttpResponse:
    """First the commune and the lieu, then the rest on one page. What is posted is kept as a draft, whatever it is."""
    now = clock.now()
    drafts = Drafts(request, now)
    if request.method == "POST":
        return _take(request, drafts, now)
    draft = drafts.read()
    place = _place(request, draft, now)
    if place is None:
        return _choose_commune(request, draft)
    if not place.is_settled:
        near = [] if place.lieux else conventions.covered_near(place.found.commune, now)[:6]
        context = _context(place, draft) | {"caf": place.found.commune.caf, "voisines": near}
        return render(request, "demandes/famille/lieux.html", context)
    return _form_page(request, drafts, place, draft, now)


def _choose_commune(request: HttpRequest, draft: Draft | None) -> HttpResponse:
    text = request.GET.get("q", "").strip()[:100]
    found = territory.communes_matching(text) if text else []
    if len(found) == 1:
        return redirect(_address("nouvelle", Place(found[0], [], None), draft))
    context = {"q": text, "communes": found, "brouillon": draft.key if draft else ""}
    return render(request, "demandes/famille/commune.html", context)


def _context(place: Place, draft: Draft | None) -> dict[str, Any]:
    return {
        "commune": place.found.commune,
        "lieux": place.lieux,
        "lieu": place.lieu,
        "pour": place.pour,
        "corrige": place.corrects is not None,
        "brouillon": draft.key if draft else "",
    }


def _take(request: HttpRequest, drafts: Drafts, now: datetime) -> HttpResponse:
    """Keep what was typed, then lead to the page that comes next."""
    data = request.POST
    draft = drafts.resume()
    if "corriger" in request.GET and not draft.about:
        raise NoDraft(lost=True)  # it would become another demande
    place = _place(request, draft, now)
    names = Enfants.names(CHILDREN)
    typed = {name: data.getlist(name) for name in data if name in DemandeForm.base_fields or names.fullmatch(name)}
    row = Enfants.change(typed, CHILDREN, data)
    draft.typed = {}
    draft.type(typed)
    if place is None or not place.is_settled:  # no longer there, or another commune is wanted: nothing typed is lost
        there = _address("nouvelle", place, draft)
        return drafts.go(draft, there, otherwise=lambda: _without_place(request, drafts, draft))
    here = place
    if "langue" in data:
        languages.choose(request, data["langue"])
        there = _address("nouvelle", place, draft)
        return drafts.go(draft, there, otherwise=lambda: _form_page(request, drafts, here, draft, now))
    if "changer" in data:
        there = _address("nouvelle", None, draft)
        return drafts.go(draft, there, otherwise=lambda: _form_page(request, drafts, here, draft, now))
    if row:
        there = _address("nouvelle", place, draft, row)
        return drafts.go(draft, there, otherwise=lambda: _form_page(request, drafts, here, draft, now))
    return _judge(request, drafts, here, draft, now)


def _judge(request: HttpRequest, drafts: Drafts, place: Place, draft: Draft, now: datetime) -> HttpResponse:
    """To the summary where nothing is wrong, else back to the form."""
    if _Filled(draft, place, now).faults:
        there = _address("nouvelle", place, draft, "erreurs", revoir="1")
        return drafts.go(draft, there, otherwise=lambda: _form_page(request, drafts, place, draft, now, again=True))
    there = _address("relire", place, draft)
    return drafts.go(draft, there, otherwise=lambda: _summary_page(request, drafts, place, draft, now))


class _Filled:
    """The form and the children of a draft, held against every rule: here, and those of the service."""

    def __init__(self, draft: Draft, place: Place, now: datetime):
        self.form = DemandeForm(draft.data, now=now)
        self.enfants = Enfants(draft.data, prefix=CHILDREN, form_kwargs={"now": now})
        self.places = Places.at(place.found, place.lieux)
        self.recue: Recue | None = None
        if self.form.is_valid() and self.enfants.is_valid():
            self.recue = _recue(self.form, self.enfants, place, now)
            # What the service would refuse is said here, before the family reads everything again.
            for name, motif in checking.check(self.recue, now, self.places).faults.items():
                self.form.add_error(name if name in self.form.fields else None, sentence(motif))
        self.faults = faults_of(self.enfants, self.form)


def _form_page(
    request: HttpRequest, drafts: Drafts, place: Place, draft: Draft | None, now: datetime, *, again: bool = False
) -> HttpResponse:
    """The form with what was typed; what is wrong is said only once the family has asked to go on."""
    if draft is None or not draft.typed:
        form, enfants = DemandeForm(now=now), Enfants(prefix=CHILDREN, form_kwargs={"now": now})
        faults = []
    elif again or "revoir" in request.GET:
        filled = _Filled(draft, place, now)
        form, enfants, faults = filled.form, filled.enfants, filled.faults
    else:
        form = DemandeForm(draft.data, now=now)
        enfants = Enfants(draft.data, prefix=CHILDREN, form_kwargs={"now": now})
        said: list[ErrorDict | ErrorList] = [form.errors, *enfants.errors, enfants.non_form_errors()]
        for errors in said:
            errors.clear()
        faults = []
    context = _context(place, draft) | {
        "form": form,
        "enfants": enfants,
        "fautes": faults,
        "action": _address("nouvelle", place, draft),
        "scelle": drafts.seal(draft) if draft else "",
    }
    return render(request, "demandes/famille/formulaire.html", context, status=422 if again and faults else 200)


def _without_place(request: HttpRequest, drafts: Drafts, draft: Draft) -> HttpResponse:
    """Nobody answers for this commune any more, and the draft cannot be kept: the browser's page still has it."""
    return render(request, "erreurs/brouillon.html", {"perdu": False}, status=503)


@for_families
@never_cache
@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
@needs_draft
def relire(request: HttpRequest) -> HttpResponse:
    """DEM-4.a: everything on one page, then sending."""
    now = clock.now()
    drafts = Drafts(request, now)
    draft = drafts.read()
    if draft is not None and draft.sent and request.method != "POST":
        return redirect(draft.sent)
    place = _place(request, draft, now)
    if draft is None or place is None or not place.is_settled:
        return redirect(_address("nouvelle", place, draft))
    if request.method != "POST":
        if _Filled(draft, place, now).faults:
            return redirect(_address("nouvelle", place, draft, "erreurs", revoir="1"))
        return _summary_page(request, drafts, place, draft, now)
    if "langue" in request.POST:
        languages.choose(request, request.POST["langue"])
        there, here = _address("relire", place, draft), place
        return drafts.go(draft, there, otherwise=lambda: _summary_page(request, drafts, here, draft, now))
    if (card := request.POST.get("modifier", "")) in CARDS:
        there = _address("nouvelle", place, draft, card)
        return drafts.go(draft, there, otherwise=lambda: _form_page(request, drafts, place, draft, now))
    # Sent only to the lieu that the family has read: another may have come in its place since.
    if request.POST.get("pour", "") != place.pour:
        return _judge(request, drafts, place, draft, now)
    return _send(request, drafts, place, draft, now)


def _summary_page(request: HttpRequest, drafts: Drafts, place: Place, draft: Draft, now: datetime) -> HttpResponse:
    filled = _Filled(draft, place, now)
    if filled.recue is None:
        return _form_page(request, drafts, place, draft, now, again=True)
    langue = place.corrects.langue if place.corrects else languages.current()
    context = _context(place, draft) | {
        "sections": sections_to_family(*intake.preview(filled.recue, place.found.commune, langue)),
        "action": _address("relire", place, draft),
        "scelle": drafts.seal(draft),
    }
    return render(request, "demandes/famille/recapitulatif.html", context)


# DEM-6.b: a maison de quartier may help twenty families in an hour; a program is stopped within a minute.
BRAKES: dict[str, brakes.Limits] = {"network": [(20, HOUR), (100, DAY)], "address": [(10, DAY)]}


def _send(request: HttpRequest, drafts: Drafts, place: Place, draft: Draft, now: datetime) -> HttpResponse:
    filled = _Filled(draft, place, now)
    if filled.recue is None or filled.faults:
        return _judge(request, drafts, place, draft, now)
    if filled.form.cleaned_data["site_web"]:
        # A program filled the hidden field: it gets the page of a person, and nothing is kept (DEM-6).
        return drafts.finish(draft, reverse("demandes:envoyee", args=[PROGRAM]))
    if not place.corrects and (held := brakes.hold(request, "demande", filled.recue.courriel, **BRAKES)):
        return held
    try:
        if place.corrects:
            intake.correct(place.corrects, filled.recue, now=now, places=filled.places)
            there = reverse("demandes:suivi", args=[draft.about]) + f"?{urlencode({'brouillon': draft.key})}"
            return drafts.finish(draft, there, said=CORRECTED)
        demande = intake.receive(
            filled.recue, lieu=place.lieu, nonce=draft.nonce, now=now, places=filled.places, langue=languages.current()
        )
    except Refused:  # changed in between: the page says what now
        return redirect(_address("relire", place, draft))
    return drafts.finish(draft, reverse("demandes:envoyee", args=[queries.link_token(demande.uuid)]))


def _recue(form: DemandeForm, enfants: Any, place: Place, now: datetime) -> Recue:
    v = form.cleaned_data
    said = {name: v[name] for name in champs(Recue) if name in v} | {
        "allocataire": {"oui": True, "non": False}.get(v["allocataire"]),
        "enfants": enfants.enfants(),
        "besoin": {
            "a_partir_du": str(v["a_partir_du"]),
            "regularite": v["regularite"],
            "horaires": form.horaires(),
            "atypiques": v["atypiques"],
        },
    }
    return Recue(
        reference="",
        deposee_le=now,
        modifiee_le=None,
        commune=place.found.commune.pk,
        lieu=place.lieu.code if place.lieu else "",
        modes=v["modes"],
        **said,
    )


@for_families
@never_cache
@login_not_required
@require_safe
def envoyee(request: HttpRequest, token: str) -> HttpResponse:
    """Said once it is done: the reference, who answers, what comes next."""
    if token == PROGRAM:
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
        },
    )


@for_families
@never_cache
@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def suivi(request: HttpRequest, token: str) -> HttpResponse:
    """The private link. Opening it changes nothing; correcting and withdrawing are POSTs with typed words (DEM-4)."""
    now = clock.now()
    demande, drafts = queries.demande_by_token(token, now), Drafts(request, now)
    contenu = demande.dossier.open(paris_date(now))
    languages.speak(request, demande.langue)
    if request.method == "POST" and "corriger" in request.POST:
        return _begin_correction(request, drafts, as_typed(demande, contenu), token, now)
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


def _begin_correction(
    request: HttpRequest, drafts: Drafts, typed: dict[str, list[str]] | None, token: str, now: datetime
) -> HttpResponse:
    """DEM-4.c: the form with what the demande says, until the lieu has picked it up."""
    if typed is None:
        return redirect(request.path)
    draft = Draft(about=token)
    draft.type(typed)
    place = _place(request, draft, now)
    assert place is not None
    there = _address("nouvelle", place, draft)
    return drafts.go(draft, there, otherwise=lambda: _form_page(request, drafts, place, draft, now))


def _withdrawal(contenu: Contenu, data: Any, *, typed: Any = None) -> RetraitForm:
    shown = {"courriel": (typed or {}).get("courriel", "")}
    return RetraitForm(data, initial=shown, attendu=contenu.courriel or contenu.telephone)


def _link_page(
    request: HttpRequest, demande: Demande, contenu: Contenu, form: RetraitForm, *, said: str = ""
) -> HttpResponse:
    context = {
        "dit": said,
        "corrigeable": demande.state in NOT_PICKED_UP and as_typed(demande, contenu) is not None,
        "demande": demande,
        "sections": sections_to_family(demande, contenu),
        "form": form,
        "etape": _etape(demande),
        "retirable": DEMANDE.may(demande, "withdraw"),
        "action": request.path,
    }
    refused = request.method == "POST" and form.errors
    return render(request, "demandes/famille/suivi.html", context, status=422 if refused else 200)


def _said_after(confirmed: bool) -> str:
    if confirmed:
        return _("Un courriel vous le confirme.")
    return _("Aucun courriel ne vous le confirmera : notez cette référence.")


def _etape(demande: Demande) -> str:
    """Where the demande stands, in the family's words: what the portal knows, no more."""
    if demande.state == Etat.A_ORIENTER:
        return _("Votre demande n’est pas encore confiée à un lieu d’information : la Caf en choisit un.")
    if demande.state == Etat.TRANSMISE:
        return _("Votre demande est transmise au lieu d’information, qui ne l’a pas encore récupérée.")
    if demande.state == Etat.RECUPEREE:
        return _("Le lieu d’information a récupéré votre demande le %(jour)s.") % {"jour": _picked_up(demande)}
    return _("Le lieu d’information a indiqué qu’il a traité votre demande.")


def _picked_up(demande: Demande) -> str:
    at = queries.open_attribution(demande).picked_up_at
    return date_longue(paris_date(at)) if at else ""


@for_families
@never_cache
@login_not_required
@require_safe
def retiree(request: HttpRequest) -> HttpResponse:
    """Said once a demande is withdrawn: nothing of it is left to show."""
    return render(request, "demandes/famille/retiree.html")
