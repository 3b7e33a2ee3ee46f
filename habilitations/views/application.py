"""A lieu applies: what to have at hand, five steps, a summary, then sending; and its private link (HAB-1 to HAB-3).

Each page answers a GET; what is typed is a sealed draft.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from conventions.models import Civilite
from extranet.core import clock
from extranet.core.errors import Moved, Refused
from extranet.core.web import brakes, sending
from extranet.core.web.brakes import DAY, HOUR
from extranet.core.web.drafts import Draft, Drafts, NoDraft, needs_draft
from extranet.core.web.forms import Fault, PhoneField, faults_of
from extranet.core.words import telephone
from extranet.territory import queries as territory
from extranet.territory.models import Caf, Commune
from habilitations import queries
from habilitations.forms import CafForm, GestionnaireForm, LieuForm, Personnes, typed_of
from habilitations.models import Complement
from habilitations.services import applications

STEPS = {
    "lieu": "Le lieu",
    "caf": "La Caf",
    "gestionnaire": "Le gestionnaire",
    "communes": "Les communes",
    "personnes": "Les personnes",
    "relire": "Relire et envoyer",
}
FILLED = [name for name in STEPS if name != "relire"]  # what is typed in; the summary comes last
PEOPLE = "personnes"
SEEN = "relu"  # in a draft whose summary was reached: from then on each step leads back to it
AGAIN = {"revoir": "1"}  # in the address of a page that says what is to be corrected
CONFIRMED = "caf_pour"  # the postal code for which the Caf was chosen
NEAR = 6  # communes proposed around the lieu
PROGRAM = "-"  # in the place of a token: the page that a program gets
NO_COMMUNE = "Choisissez au moins une commune du territoire de cette Caf."
MOVED = "Le code postal {code} n’est pas du territoire de la {caf} : confirmez cette Caf ou choisissez-en une autre."
SHARED = "{nom} est sur le territoire de plusieurs Caf : {ajoutees}. Celles des autres Caf ne sont pas ajoutées."
ELSEWHERE = "Les communes qui ne sont pas du territoire de cette Caf sont retirées de votre choix."
OPEN_TOO_LONG = "Cette page était ouverte depuis plus d’une heure : les étapes précédentes sont à remplir de nouveau."

LINK_AGAIN = (
    "Ce que vous aviez écrit n’est plus là, et rien n’a été envoyé. Ouvrez de nouveau le lien reçu par courriel."
)


def steps_of(draft: Draft | None) -> list[str]:
    """The names of its pages in their order: who answers a complement does not choose the Caf, which has asked."""
    return [name for name in STEPS if name != "caf" or draft is None or not draft.about]


@login_not_required
@require_safe
def avant(request: HttpRequest) -> HttpResponse:
    """Before the form: who it is for, what to have at hand, how long it takes, what comes next."""
    return render(request, "habilitations/avant.html")


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
@sending.with_proof
@needs_draft
def etape(request: HttpRequest, nom: str) -> HttpResponse:
    """Any other step; the summary is the last one (HAB-3.a)."""
    if nom not in STEPS or nom == "lieu":
        raise Http404
    return _step(request, nom)


def _step(request: HttpRequest, step: str) -> HttpResponse:
    now = clock.now()
    drafts = Drafts(request, now)
    if request.method == "POST" and step != "relire":
        typed = drafts.resume()
        if "complement" in request.GET and not typed.about:
            raise Moved(LINK_AGAIN)  # it would become another application
        if step not in steps_of(typed):
            return redirect(_address("lieu", typed))
        return _Post(request, drafts, typed, step, now).answer()
    draft = _read(request, drafts)
    if draft is None:
        return redirect("habilitations:nouvelle") if step != "lieu" else _page(request, drafts, None, step, request.GET)
    if request.method == "POST":
        return _Post(request, drafts, draft, step, now).answer()
    there = _elsewhere(request, draft, step)
    return redirect(there) if there else _page(request, drafts, draft, step, request.GET)


def _elsewhere(request: HttpRequest, draft: Draft, step: str) -> str:
    """Where the page of `step` leads instead of being shown: it is sent, or what it stands on is missing."""
    filled = _Filled(draft)
    if filled.complement and filled.complement.closed_at:
        return reverse("habilitations:complement", args=[draft.about])
    if draft.sent and (step == "relire" or "complement" in request.GET):
        return draft.sent
    if step not in steps_of(draft):
        return _address("lieu", draft)
    if step == "communes" and not filled.caf:
        return _address("caf", draft)
    if step == "relire" and (wrong := filled.first_wrong()):
        return _address(wrong, draft, "erreurs", revoir="1")
    return ""


def _read(request: HttpRequest, drafts: Drafts) -> Draft | None:
    """The draft; one that answered a complement and is gone begins again from the link, not as another application."""
    try:
        return drafts.read()
    except NoDraft as absent:
        if absent.lost and "complement" in request.GET:
            raise Moved(LINK_AGAIN) from absent
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
        return wanted if wanted in FILLED and wanted in steps_of(self.draft) else ""

    def _go(self, step: str, anchor: str = "", **more: str) -> HttpResponse:
        there = _address(step, self.draft, anchor, **more)
        page = lambda: _page(self.request, self.drafts, self.draft, step, more)  # noqa: E731
        return self.drafts.go(self.draft, there, otherwise=page)

    def _judge(self, step: str) -> HttpResponse:
        """The next step where this one and those before are right, else the first that is not. Once the summary was
        reached, what was changed leads back to it.
        """
        steps = steps_of(self.draft)
        rank = steps.index(step) + 1
        seen = SEEN in self.draft.typed
        if wrong := _Filled(self.draft).first_wrong(None if seen else steps[:rank]):
            return self._go(wrong, "erreurs", **AGAIN)
        there = "relire" if seen else steps[rank]
        if there == "relire":
            self.draft.typed[SEEN] = ["1"]
        return self._go(there)

    def _keep(self) -> str:
        """Keep what the step's page has; where to look on it when one of its own buttons was pressed."""
        data, form = self.data, FORMS.get(self.step)
        if self.step == "caf":
            chosen = data.get("confirmer") or data.get("caf", "")
            self.draft.type({"caf": [chosen], CONFIRMED: self.draft.typed.get("lieu_code_postal", [""])[-1:]})
            return ""
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
        """Search, add, add a whole EPCI, take away (HAB-2). What is added twice is there once."""
        data, filled = self.data, _Filled(self.draft)
        codes = [commune.pk for commune in filled.communes]
        elsewhere = len(codes) < len(set(self.draft.typed.get("communes", [])))
        anchor, q, said = "", "", ""
        # Pressed in the page, or picked while typing.
        if added := data.get("ajouter") or data.get("choisie"):
            codes, anchor = [*codes, added], "id_q"
        elif siren := _code(data.get("ajouter-epci") or data.get("choisie-epci", "")):
            own, said = _whole(siren, filled.caf)
            codes, anchor = codes + own, "id_q"
        elif "retirer-tout" in data:
            codes, elsewhere, anchor = [], False, "choisies"
        elif (gone := data.get("retirer")) in codes:
            rank = codes.index(gone)
            codes.remove(gone)
            anchor = f"commune-{codes[min(rank, len(codes) - 1)]}" if codes else "choisies"
        elif "retirer" in data:
            anchor = "choisies"
        elif "chercher" in data:
            q, anchor = data.get("q", "").strip()[:100], "trouvees"
        chosen = _of_caf(codes, filled.caf)
        self.draft.type({"communes": [commune.pk for commune in chosen], "q": [q] if q else []})
        self.draft.said = ELSEWHERE if elsewhere or len(chosen) < len(set(codes)) else said
        return anchor

    def _send(self) -> HttpResponse:
        filled = _Filled(self.draft)
        if wrong := filled.first_wrong():
            return self._go(wrong, "erreurs", **AGAIN)
        if filled.form("lieu").cleaned_data["site_web"]:
            # A program filled the hidden field: it gets the page of a person, and nothing is kept (DEM-6.a).
            return self.drafts.finish(self.draft, reverse("habilitations:envoyee", args=[PROGRAM]))
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
            elif not sending.is_verified(self.request, self.draft.nonce):
                anchor, more = sending.asks(self.request)
                return self._go("relire", anchor, **more)
            elif held := brakes.hold(self.request, "habilitation", given["lieu"].courriel, **BRAKES):
                return held
            else:
                assert filled.caf is not None  # no step is wrong
                made = applications.submit(caf=filled.caf.pk, **given)
                there = reverse("habilitations:envoyee", args=[queries.link_token(made.uuid)])
        except Refused as refusal:
            self.draft.said = refusal.sentence
            return self._go("communes" if "communes" in refusal.faults else "personnes")
        return self.drafts.finish(self.draft, there)


FORMS: dict[str, Any] = {"lieu": LieuForm, "caf": CafForm, "gestionnaire": GestionnaireForm}


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
                self._forms[step] = FORMS[step](self.draft.data if there else None)
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
        if not form.is_bound:
            return [Fault("", "Cette étape est à remplir.")]
        return faults_of(form) or ([Fault("id_caf", self.moved)] if step == "caf" and self.moved else [])

    def first_wrong(self, steps: list[str] | None = None) -> str | None:
        """The first of `steps`, or of all that are filled, that is not right."""
        wanted = steps_of(self.draft) if steps is None else steps
        return next((step for step in wanted if step in FILLED and self.faults(step)), None)

    @cached_property
    def code_postal(self) -> str:
        """That of the lieu, once it is one."""
        typed = self.draft.typed.get("lieu_code_postal", [""])[-1].strip()
        return typed if re.fullmatch("[0-9]{5}", typed) else ""

    @cached_property
    def cafs_found(self) -> list[str]:
        """The Cafs that the lieu's postal code tells."""
        return territory.cafs_of_postal_code(self.code_postal) if self.code_postal else []

    @cached_property
    def moved(self) -> str:
        """HAB-1.c: a sentence where the lieu's postal code was changed to one that is not of the confirmed Caf's."""
        if self.caf is None or self.caf.pk in self.cafs_found or not self.cafs_found:
            return ""
        confirmed = self.draft.typed.get(CONFIRMED, [""])[-1].strip() == self.code_postal
        return "" if confirmed else MOVED.format(code=self.code_postal, caf=self.caf.nom)

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


def _whole(siren: str, caf: Caf | None) -> tuple[list[str], str]:
    """The communes of an EPCI that are of the Caf, and a sentence where it has others (HAB-2.c)."""
    rows = list(territory.communes_of_epci(siren).select_related("epci", "ept"))
    own = [commune.pk for commune in rows if caf and commune.caf_id == caf.pk]
    if not caf or not own or len(own) == len(rows):
        return own, ""
    epci = next(one for one in (rows[0].epci, rows[0].ept) if one and one.pk == siren)
    added = f"{len(own)} de ses {len(rows)} communes {'sont' if len(own) > 1 else 'est'} du territoire de la {caf.nom}"
    return own, SHARED.format(nom=epci.nom, ajoutees=added)


def _of_caf(codes: list[str], caf: Caf | None) -> list[Commune]:
    rows = Commune.objects.filter(pk__in=[_code(code) for code in codes[:2_000]], caf=caf, actuelle=True)
    return list(rows.select_related("departement").order_by("nom_recherche", "pk")) if caf and codes else []


def _code(typed: str) -> str:
    """A key that a page sent, or nothing: a database refuses some characters."""
    return typed if typed.isascii() and typed.isprintable() else ""


def _page(
    request: HttpRequest, drafts: Drafts, draft: Draft | None, step: str, asked: Mapping[str, str]
) -> HttpResponse:
    """The page of a step with what was typed; what is wrong is said only once one has asked to go on."""
    filled = _Filled(draft or Draft())
    steps = steps_of(draft)
    rank = steps.index(step)
    context: dict[str, Any] = {
        "etapes": [STEPS[name] for name in steps],
        "etape": rank + 1,
        "titre": STEPS[step],
        "avant": steps[rank - 1] if rank else "",
        "relu": SEEN in filled.draft.typed and step != "relire",
        "nom": step,
        "action": _address(step, draft) if draft else reverse("habilitations:nouvelle"),
        "scelle": drafts.seal(draft) if draft else "",
        "dit": draft.said if draft else "",
        "caf": filled.caf,
        "complement": filled.complement,
    }
    judged = draft is not None and "revoir" in asked
    if step == "relire":
        context |= {"sections": _summary(filled)} | ({} if filled.complement else sending.context(asked))
    elif step == "communes":
        context |= _communes(filled)
        context["fautes"] = filled.faults(step) if judged else []
    else:
        form = filled.form(step)
        context["form"] = form
        context["fautes"] = filled.faults(step) if judged and form.is_bound else []
        if step == "caf":
            named = dict(territory.cafs_by_departement())
            context |= {"trouvees": [(caf, named[caf]) for caf in filled.cafs_found], "code_postal": filled.code_postal}
            if judged and filled.moved and not form.errors:
                form.add_error("caf", filled.moved)
        if form.is_bound and not judged:
            _leave_unjudged(form)
    status = 422 if request.method == "POST" and context.get("fautes") else 200
    return render(request, f"habilitations/{PAGES.get(step, 'champs')}.html", context, status=status)


PAGES = {"caf": "caf", "communes": "communes", "personnes": "personnes", "relire": "relire"}


def _leave_unjudged(form: Any) -> None:
    several = isinstance(form, Personnes)
    for errors in (*form.errors, form.non_form_errors()) if several else (form.errors,):
        errors.clear()


def _communes(filled: _Filled) -> dict[str, Any]:
    """What is chosen, and what the last search has found."""
    chosen = {commune.pk for commune in filled.communes}
    context: dict[str, Any] = {"communes": filled.communes, "hors_territoire": filled.elsewhere}
    caf, q = filled.caf, "".join(filled.draft.typed.get("q", []))
    if caf is None or not q and chosen:
        return context
    # Nothing chosen and nothing asked yet: what is where the lieu is.
    found = territory.communes_matching(q, caf=caf.pk) if q else _near(filled, caf)
    epcis = territory.epcis_matching(q, caf=caf.pk) if q else territory.epcis_at(filled.code_postal, caf.pk)
    shares = territory.shares_of(epcis, caf.pk)
    context |= {
        "trouvees": [match for match in found if match.commune.pk not in chosen],
        "epcis": [(epci, *shares[epci.pk]) for epci in epcis],
        "q": q,
        "cherche": bool(q),
    }
    return context


def _near(filled: _Filled, caf: Caf) -> list[territory.Match]:
    return territory.communes_matching(filled.code_postal, NEAR, caf=caf.pk) if filled.code_postal else []


def _summary(filled: _Filled) -> list[tuple[str, str, list[tuple[str, str]]]]:
    """(title, step, lines) of everything that will be sent."""
    parts = []
    for step in [name for name in steps_of(filled.draft) if name in FORMS]:
        form = filled.form(step)
        form.is_valid()
        fields = getattr(form, "shown", form)
        parts.append((STEPS[step], step, [(str(f.label), _said(f, form.cleaned_data.get(f.name))) for f in fields]))
    number = f"{len(filled.communes)} commune{'s' if len(filled.communes) > 1 else ''}"
    parts.append((STEPS["communes"], "communes", [(number, ", ".join(str(one) for one in filled.communes))]))
    people = filled.form("personnes")
    lines = [
        (
            f"{dict(Civilite.choices)[line.civilite]} {line.prenom} {line.nom}",
            f"{line.courriel}\n{line.fonction}, {line.service}",
        )
        for line in (people.personnes() if people.is_valid() else [])
    ]
    parts.append(("Les personnes à habiliter", "personnes", lines))
    return parts


def _said(field: Any, value: Any) -> str:
    choices = dict(getattr(field.field, "choices", []))
    if isinstance(field.field, PhoneField):
        return telephone(value)
    return str(choices.get(value, value or ""))


@never_cache
@login_not_required
@require_safe
def envoyee(request: HttpRequest, token: str) -> HttpResponse:
    """HAB-3.c, on screen: the reference, the day, who answers, what comes next. Nothing that was typed is shown."""
    if token == PROGRAM:
        return render(request, "habilitations/envoyee.html")
    demande = queries.application_by_token(token, clock.now())
    return render(request, "habilitations/envoyee.html", {"demande": demande, "token": token})


@never_cache
@login_not_required
@require_safe
def suivi(request: HttpRequest, token: str) -> HttpResponse:
    """HAB-3.h: where the application stands, on the lieu's private link. Opening it changes nothing."""
    demande = queries.application_by_token(token, clock.now())
    context = {
        "demande": demande,
        "caf": demande.caf,
        "etape": queries.standing_of(demande),
        "faits": queries.facts_of(demande),
        "sections": queries.compared(demande.latest, None),
        "effacee_le": queries.last_day_of(demande),
    }
    return render(request, "habilitations/suivi.html", context)


@never_cache
@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def complement(request: HttpRequest, token: str) -> HttpResponse:
    """HAB-6.d: what the Caf asks, and the button that opens the form again as it was sent. A GET changes nothing."""
    asked = queries.complement_by_token(token)
    queries.require_kept(asked.demande, clock.now())
    if request.method == "POST" and not asked.closed_at:
        drafts, draft = Drafts(request, clock.now()), Draft(about=token)
        draft.type(typed_of(asked.demande.latest, PEOPLE))
        return drafts.go(draft, _address("lieu", draft), otherwise=lambda: _page(request, drafts, draft, "lieu", {}))
    return render(request, "habilitations/complement.html", {"complement": asked, "demande": asked.demande})
