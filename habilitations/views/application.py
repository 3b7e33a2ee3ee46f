"""A lieu applies: four steps, a summary, then sending. Each page answers a GET; what is typed is a sealed draft."""

from datetime import datetime
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from extranet.core import clock
from extranet.core.errors import Gone, Refused
from extranet.core.web import brakes
from extranet.core.web.brakes import DAY, HOUR
from extranet.core.web.drafts import Draft, Drafts, NoDraft, needs_draft
from extranet.core.web.forms import Fault, PhoneField, faults_of
from extranet.core.words import telephone
from extranet.territory import queries as territory
from extranet.territory.models import Caf, Commune
from habilitations import queries
from habilitations.forms import GestionnaireForm, LieuForm, Personnes, typed_of
from habilitations.models import Complement
from habilitations.services import applications

STEPS = {
    "lieu": "Le lieu",
    "gestionnaire": "Le gestionnaire",
    "communes": "Les communes",
    "personnes": "Les personnes",
    "relire": "Relire et envoyer",
}
NAMES = list(STEPS)
PEOPLE = "personnes"
NO_COMMUNE = "Choisissez au moins une commune du territoire de cette Caf."
ELSEWHERE = "Les communes qui ne sont pas du territoire de cette Caf sont retirées de votre choix."
OPEN_TOO_LONG = "Cette page était ouverte depuis plus d’une heure : les étapes précédentes sont à remplir de nouveau."

LINK_AGAIN = (
    "Ce que vous aviez écrit n’est plus là, et rien n’a été envoyé. Ouvrez de nouveau le lien reçu par courriel."
)


@never_cache
@login_not_required
@require_http_methods(["GET", "POST"])
@needs_draft
def nouvelle(request: HttpRequest) -> HttpResponse:
    """The first step."""
    return _step(request, "lieu")


@never_cache
@login_not_required
@require_http_methods(["GET", "POST"])
@needs_draft
def etape(request: HttpRequest, nom: str) -> HttpResponse:
    """Any other step; the summary is the last one (HAB-3.a)."""
    if nom not in NAMES[1:]:
        raise Http404
    return _step(request, nom)


def _step(request: HttpRequest, step: str) -> HttpResponse:
    now = clock.now()
    drafts = Drafts(request, now)
    if request.method == "POST" and step != "relire":
        typed = drafts.resume()
        if "complement" in request.GET and not typed.about:
            raise Gone(LINK_AGAIN)  # it would become another application
        return _Post(request, drafts, typed, step, now).answer()
    draft = _read(request, drafts)
    if draft is None:
        return redirect("habilitations:nouvelle") if step != "lieu" else _page(request, drafts, None, step)
    if request.method == "POST":
        return _Post(request, drafts, draft, step, now).answer()
    filled = _Filled(draft)
    if filled.complement and filled.complement.closed_at:
        return redirect("habilitations:complement", draft.about)
    if draft.sent and (step == "relire" or "complement" in request.GET):
        return redirect(draft.sent)
    if step == "communes" and not filled.caf:
        return redirect(_address("lieu", draft))
    if step == "relire" and (wrong := filled.first_wrong(NAMES[:4])):
        return redirect(_address(wrong, draft, "erreurs", revoir="1"))
    return _page(request, drafts, draft, step)


def _read(request: HttpRequest, drafts: Drafts) -> Draft | None:
    """The draft; one that answered a complement and is gone begins again from the link, not as another application."""
    try:
        return drafts.read()
    except NoDraft as absent:
        if absent.lost and "complement" in request.GET:
            raise Gone(LINK_AGAIN) from absent
        raise


def _address(step: str, draft: Draft, anchor: str = "", **more: str) -> str:
    path = reverse("habilitations:nouvelle") if step == "lieu" else reverse("habilitations:etape", args=[step])
    asked = {"brouillon": draft.key} | ({"complement": "1"} if draft.about else {}) | more
    return f"{path}?{urlencode(asked)}" + (f"#{anchor}" if anchor else "")


BRAKES: dict[str, brakes.Limits] = {"network": [(10, HOUR), (30, DAY)], "address": [(3, DAY)]}


class _Post:
    """What was posted from a step: kept whatever it is, then led to the page that comes next."""

    def __init__(self, request: HttpRequest, drafts: Drafts, draft: Draft, step: str, now: datetime):
        self.request, self.drafts, self.draft, self.step, self.now = request, drafts, draft, step, now
        self.data = request.POST

    def answer(self) -> HttpResponse:
        if self.step == "relire":
            return self._send() if "valider" in self.data else self._go(self._named("modifier") or "relire")
        begins = self.step != "lieu" and not self.draft.typed
        row = self._keep()
        if begins:
            self.draft.said = OPEN_TOO_LONG
        if back := self._named("aller"):
            return self._go(back)
        if row:
            return self._go(self.step, row)
        return self._judge(self.step)

    def _named(self, button: str) -> str:
        wanted = self.data.get(button, "")
        return wanted if wanted in NAMES[:4] else ""

    def _go(self, step: str, anchor: str = "", *, again: bool = False) -> HttpResponse:
        there = _address(step, self.draft, anchor, **({"revoir": "1"} if again else {}))
        page = lambda: _page(self.request, self.drafts, self.draft, step, again=again)  # noqa: E731
        return self.drafts.go(self.draft, there, otherwise=page)

    def _judge(self, step: str) -> HttpResponse:
        """The next step where this one and those before are right, else the first that is not."""
        rank = NAMES.index(step) + 1
        if wrong := _Filled(self.draft).first_wrong(NAMES[:rank]):
            return self._go(wrong, "erreurs", again=True)
        return self._go(NAMES[rank])

    def _keep(self) -> str:
        """Keep what the step's page has; where to look on it when one of its own buttons was pressed."""
        data, form = self.data, FORMS.get(self.step)
        if form:
            self.draft.type({name: data.getlist(name) for name in form.base_fields})
            return ""
        if self.step == "communes":
            return self._choose()
        names = Personnes.names(PEOPLE)
        typed = {name: data.getlist(name) for name in data if names.fullmatch(name)}
        row = Personnes.change(typed, PEOPLE, data)
        for name in [name for name in self.draft.typed if name.startswith(f"{PEOPLE}-")]:
            del self.draft.typed[name]
        self.draft.type(typed)
        return row

    def _choose(self) -> str:
        """Search, add, add a whole EPCI, take away (HAB-2)."""
        data, filled = self.data, _Filled(self.draft)
        codes = [commune.pk for commune in filled.communes]
        elsewhere = len(codes) < len(set(self.draft.typed.get("communes", [])))
        anchor, q = "", ""
        if added := data.get("ajouter"):
            codes, anchor = [*codes, added], "choisies"
        elif (siren := data.get("ajouter-epci", "")).isdecimal() and siren.isascii():
            codes += territory.communes_of_epci(siren).filter(caf=filled.caf).values_list("pk", flat=True)
            anchor = "choisies"
        elif gone := data.get("retirer"):
            codes, anchor = [code for code in codes if code != gone], "choisies"
        elif "chercher" in data:
            q, anchor = data.get("q", "").strip()[:100], "trouvees"
        chosen = _of_caf(codes, filled.caf)
        self.draft.type({"communes": [commune.pk for commune in chosen], "q": [q] if q else []})
        if elsewhere or len(chosen) < len(set(codes)):
            self.draft.said = ELSEWHERE
        return anchor

    def _send(self) -> HttpResponse:
        filled = _Filled(self.draft)
        if wrong := filled.first_wrong(NAMES[:4]):
            return self._go(wrong, "erreurs", again=True)
        given: dict[str, Any] = {
            "lieu": filled.form("lieu").lieu(),
            "gestionnaire": filled.form("gestionnaire").gestionnaire(),
            "communes": [commune.pk for commune in filled.communes],
            "personnes": filled.form("personnes").personnes(),
            "nonce": self.draft.nonce,
            "now": self.now,
        }
        try:
            if filled.complement:
                applications.complete(complement_uuid=filled.complement.uuid, **given)
                there = reverse("habilitations:complement", args=[self.draft.about])
            elif held := brakes.hold(self.request, "habilitation", given["lieu"].courriel, **BRAKES):
                return held
            else:
                assert filled.caf is not None  # no step is wrong
                made = applications.submit(caf=filled.caf.pk, **given)
                there = reverse("habilitations:envoyee", args=[made.reference])
        except Refused as refusal:
            self.draft.said = refusal.sentence
            return self._go("communes" if "communes" in refusal.faults else "personnes")
        return self.drafts.finish(self.draft, there)


FORMS: dict[str, Any] = {"lieu": LieuForm, "gestionnaire": GestionnaireForm}


class _Filled:
    """The forms of a draft, each read once."""

    def __init__(self, draft: Draft):
        self.draft = draft
        self._forms: dict[str, Any] = {}

    def form(self, step: str) -> Any:
        """The form of a step with what was typed; unbound where nothing was."""
        if step not in self._forms:
            typed = self.draft.typed
            if step in FORMS:
                there = any(name in typed for name in FORMS[step].base_fields)
                options = {"caf_asks": True} if step == "lieu" and self.draft.about else {}
                self._forms[step] = FORMS[step](self.draft.data if there else None, **options)
            else:
                there = f"{PEOPLE}-TOTAL_FORMS" in typed
                self._forms[step] = Personnes(self.draft.data if there else None, prefix=PEOPLE)
        return self._forms[step]

    def faults(self, step: str) -> list[Fault]:
        if step == "communes":
            if self.elsewhere:
                return [Fault("id_q", self.elsewhere)]
            right = self.communes and len(self.communes) == len(set(self.draft.typed["communes"]))
            return [] if right else [Fault("id_q", NO_COMMUNE)]
        form = self.form(step)
        return faults_of(form) if form.is_bound else [Fault("", "Cette étape est à remplir.")]

    def first_wrong(self, steps: list[str]) -> str | None:
        """The first of `steps` that is not right."""
        return next((step for step in steps if self.faults(step)), None)

    @cached_property
    def complement(self) -> Complement | None:
        """What is answered, where it is not a new application. 410 once something has come in its place."""
        return queries.complement_by_token(self.draft.about) if self.draft.about else None

    @cached_property
    def caf(self) -> Caf | None:
        """The chosen Caf, or the one that asks for a complement."""
        if self.complement:
            return self.complement.demande.caf
        typed = self.draft.typed.get("caf") or [""]
        return Caf.objects.filter(pk=_code(typed[-1])).first()

    @cached_property
    def communes(self) -> list[Commune]:
        """The chosen communes that are of the chosen Caf (HAB-2)."""
        return _of_caf(self.draft.typed.get("communes", []), self.caf)

    @cached_property
    def elsewhere(self) -> str:
        """HAB-2.a: a sentence about communes chosen before the Caf was changed that are not of its territory."""
        codes = [_code(code) for code in self.draft.typed.get("communes", [])[:2_000]]
        known = Commune.objects.filter(pk__in=codes).exclude(pk__in=[commune.pk for commune in self.communes])
        names = [str(commune) for commune in known.order_by("nom_recherche", "pk")]
        if not names or self.caf is None:
            return ""
        said = ", ".join(names[:10]) + ("…" if len(names) > 10 else "")
        one = len(names) == 1
        return (
            f"{said} {'n’est' if one else 'ne sont'} pas du territoire de la {self.caf.nom} : "
            f"{'cette commune est retirée' if one else 'ces communes sont retirées'} de votre choix."
        )


def _of_caf(codes: list[str], caf: Caf | None) -> list[Commune]:
    rows = Commune.objects.filter(pk__in=[_code(code) for code in codes[:2_000]], caf=caf, actuelle=True)
    return list(rows.select_related("departement").order_by("nom", "pk")) if caf and codes else []


def _code(typed: str) -> str:
    """A key that a page sent, or nothing: a database refuses some characters."""
    return typed if typed.isascii() and typed.isprintable() else ""


def _page(request: HttpRequest, drafts: Drafts, draft: Draft | None, step: str, *, again: bool = False) -> HttpResponse:
    """The page of a step with what was typed; what is wrong is said only once one has asked to go on."""
    filled = _Filled(draft or Draft())
    context: dict[str, Any] = {
        "etapes": list(STEPS.values()),
        "etape": NAMES.index(step) + 1,
        "nom": step,
        "action": _address(step, draft) if draft else reverse("habilitations:nouvelle"),
        "scelle": drafts.seal(draft) if draft else "",
        "dit": draft.said if draft else "",
        "caf": filled.caf,
        "complement": filled.complement,
    }
    judged = draft is not None and (again or "revoir" in request.GET)
    if step == "relire":
        context["sections"] = _summary(filled)
    elif step == "communes":
        context |= _communes(filled)
        context["fautes"] = filled.faults(step) if judged else []
    else:
        form = filled.form(step)
        context["form"] = form
        context["fautes"] = faults_of(form) if judged and form.is_bound else []
        if form.is_bound and not judged:
            _leave_unjudged(form)
    status = 422 if request.method == "POST" and context.get("fautes") else 200
    return render(request, f"habilitations/{PAGES.get(step, 'champs')}.html", context, status=status)


PAGES = {"communes": "communes", "personnes": "personnes", "relire": "relire"}


def _leave_unjudged(form: Any) -> None:
    several = isinstance(form, Personnes)
    for errors in (*form.errors, form.non_form_errors()) if several else (form.errors,):
        errors.clear()


def _communes(filled: _Filled) -> dict[str, Any]:
    """What is chosen, and what the last search has found."""
    chosen = {commune.pk for commune in filled.communes}
    context: dict[str, Any] = {"communes": filled.communes, "hors_territoire": filled.elsewhere}
    if (q := "".join(filled.draft.typed.get("q", []))) and filled.caf:
        caf = filled.caf
        found = [match for match in territory.communes_matching(q, caf=caf.pk) if match.commune.pk not in chosen]
        epcis = territory.epcis_matching(q)
        own = [epci for epci in epcis if territory.communes_of_epci(epci.pk).filter(caf=caf).exists()]
        context |= {"trouvees": found, "epcis": own, "q": q, "cherche": True}
    return context


def _summary(filled: _Filled) -> list[tuple[str, str, list[tuple[str, str]]]]:
    """(title, step, lines) of everything that will be sent."""
    parts = []
    for step in FORMS:
        form = filled.form(step)
        form.is_valid()
        parts.append((STEPS[step], step, [(str(f.label), _said(f, form.cleaned_data.get(f.name))) for f in form]))
    parts.append((STEPS["communes"], "communes", [("", ", ".join(str(commune) for commune in filled.communes))]))
    people = filled.form("personnes")
    lines = [
        (f"{line.prenom} {line.nom}", f"{line.courriel}, {line.fonction}, {line.service}")
        for line in (people.personnes() if people.is_valid() else [])
    ]
    parts.append(("Les personnes à habiliter", "personnes", lines))
    return parts


def _said(field: Any, value: Any) -> str:
    choices = dict(getattr(field.field, "choices", [])) if not isinstance(value, Caf) else {}
    if isinstance(field.field, PhoneField):
        return telephone(value)
    return str(choices.get(value, value or ""))


@never_cache
@login_not_required
@require_GET
def envoyee(request: HttpRequest, reference: str) -> HttpResponse:
    """Said once it is sent: the reference, and what comes next. Nothing of the application is shown again."""
    if not reference.startswith("H-") or len(reference) > 20:
        raise Http404
    return render(request, "habilitations/envoyee.html", {"reference": reference})


@never_cache
@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def complement(request: HttpRequest, token: str) -> HttpResponse:
    """HAB-6.d: what the Caf asks, and the button that opens the form again as it was sent. A GET changes nothing."""
    asked = queries.complement_by_token(token)
    if request.method == "POST" and not asked.closed_at:
        drafts, draft = Drafts(request, clock.now()), Draft(about=token)
        draft.type(typed_of(asked.demande.latest, PEOPLE))
        return drafts.go(draft, _address("lieu", draft), otherwise=lambda: _page(request, drafts, draft, "lieu"))
    return render(request, "habilitations/complement.html", {"complement": asked, "demande": asked.demande})
