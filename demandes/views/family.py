"""The family's form: a question group a page, then the summary and the sending (DEM-1 to DEM-4).

Each page answers a GET; what is typed is a sealed draft, which every page carries too.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cached_property
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext, gettext_noop
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from demandes import queries
from demandes.contenu import champs
from demandes.documents.motifs import sentence
from demandes.documents.reading import sections_to_family
from demandes.documents.recue import Recue
from demandes.forms import BesoinForm, Enfants, EnfantsFormSet, EtapeForm, HorairesForm, ReponseForm, VousForm
from demandes.services import checking, intake
from demandes.services.transmission import Places
from demandes.views.place import FIRST, Overtaken, Place, address, choose, place_of
from extranet.core import clock, languages
from extranet.core.dates import paris_date
from extranet.core.errors import Gone, Refused, WrongState
from extranet.core.languages import for_families
from extranet.core.web import brakes, sending
from extranet.core.web.brakes import DAY, HOUR
from extranet.core.web.drafts import Draft, Drafts, NoDraft, needs_draft
from extranet.core.web.forms import Fault, faults_of

CHILDREN = "enfants"  # the prefix of their rows
LAST = "relire"
STEPS = {
    FIRST: gettext_noop("Votre enfant"),
    "besoin": gettext_noop("Votre besoin"),
    "horaires": gettext_noop("Rythme et horaires"),
    "vous": gettext_noop("Vous"),
    "reponse": gettext_noop("Pour vous répondre"),
    LAST: gettext_noop("Relire et envoyer"),
}
FILLED = [name for name in STEPS if name != LAST]
FORMS: dict[str, type[EtapeForm]] = {
    "besoin": BesoinForm,
    "horaires": HorairesForm,
    "vous": VousForm,
    "reponse": ReponseForm,
}
# Fields of which a step's page always sends one, so that a step that was never seen is known.
ALWAYS = {
    FIRST: {f"{CHILDREN}-TOTAL_FORMS"},
    "besoin": {"a_partir_du"},
    "horaires": {"de", "par_jour"},
    "vous": {"nom"},
    "reponse": {"courriel"},
}
SEEN = "relu"  # in a draft whose summary was reached: from then on each step leads back to it
AGAIN = {"revoir": "1"}  # in the address of a page that says what is to be corrected
CORRECTED, MOVED = "corrigee", "autre-lien"
PROGRAM = "-"  # in the place of a token: the page that a program gets


@for_families
@never_cache
@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
@needs_draft
def nouvelle(request: HttpRequest) -> HttpResponse:
    """The commune and the lieu, then the first step."""
    return _step(request, FIRST)


@for_families
@never_cache
@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
@sending.with_proof
@needs_draft
def etape(request: HttpRequest, nom: str) -> HttpResponse:
    """Any other step; the last is the summary (DEM-4.a)."""
    if nom not in STEPS or nom == FIRST:
        raise Http404
    return _step(request, nom)


def _step(request: HttpRequest, step: str) -> HttpResponse:
    now = clock.now()
    drafts = Drafts(request, now)
    try:
        return _answer(request, drafts, step, now)
    except Overtaken as late:  # the private link says what now, and whom to call
        messages.warning(request, str(late))
        return redirect("demandes:suivi", token=late.token)
    except Gone:
        done = drafts.kept()  # a correction that went through, pressed twice: its link is another since
        if done and done.said == MOVED:
            return redirect(done.sent)
        raise


def _answer(request: HttpRequest, drafts: Drafts, step: str, now: datetime) -> HttpResponse:
    if request.method == "POST" and step != LAST:
        draft = drafts.resume()
        if "corriger" in request.GET and not draft.about:
            raise NoDraft(lost=True)  # it would become another demande
        return _Post(request, drafts, draft, step, now).answer()
    read = drafts.read()
    if request.method == "POST" and read is not None:
        return _Post(request, drafts, read, step, now).answer()
    if read is not None and read.sent and step != FIRST:
        return redirect(read.sent)
    place = place_of(request, read, now)
    if step == FIRST and (place is None or not place.is_settled):
        return choose(request, place, read, now)
    if place is None or not place.is_settled or (read is None and step != FIRST):
        return redirect(address(FIRST, place, read))
    filled = _Filled(read, place, now)
    if step == LAST and (wrong := filled.first_wrong()):
        return redirect(address(wrong, place, read, "erreurs", revoir="1"))
    return _page(request, drafts, filled, step, request.GET)


class _Post:
    """What was posted from a step: kept whatever it is, then led to the page that comes next."""

    def __init__(self, request: HttpRequest, drafts: Drafts, draft: Draft, step: str, now: datetime):
        self.request, self.drafts, self.draft, self.step, self.now = request, drafts, draft, step, now
        self.data = request.POST

    def answer(self) -> HttpResponse:
        anchor = "" if self.step == LAST else self._keep()
        place = place_of(self.request, self.draft, self.now)
        if place is None or not place.is_settled:  # no longer there, or another commune: nothing typed is lost
            there = address(FIRST, place, self.draft)
            return self.drafts.go(self.draft, there, otherwise=lambda: _without_place(self.request))
        if "langue" in self.data:
            languages.choose(self.request, self.data["langue"])
            return self._go(place, self.step)
        if "changer" in self.data:
            here = place
            there = address(FIRST, place._replace(lieu=None) if self.data["changer"] == "lieu" else None, self.draft)
            return self.drafts.go(self.draft, there, otherwise=lambda: self._page(here, self.step, {}))
        if (wanted := self.data.get("aller", "")) in FILLED:
            return self._go(place, wanted)
        if anchor:
            return self._go(place, self.step, anchor)
        # Sent only to the lieu that the family has read: another may have come in its place since.
        if self.step == LAST and self.data.get("pour", "") == place.pour:
            return self._send(place)
        return self._judge(place)

    def _keep(self) -> str:
        """Keep what the step's page has; where to look on it when one of its own buttons was pressed."""
        data, typed = self.data, self.draft.typed
        if self.step == FIRST:
            names = [name for name in {*data, *typed} if Enfants.names(CHILDREN).fullmatch(name)]
        else:
            names = FORMS[self.step].names()
        for name in names:
            typed.pop(name, None)
        own = {name: data.getlist(name) for name in names if name in data}
        anchor = ""
        if self.step == FIRST:
            anchor = Enfants.change(own, CHILDREN, data)
        elif self.step == "horaires":
            anchor = HorairesForm.change(own, data)
        self.draft.type(own)
        return anchor

    def _page(self, place: Place, step: str, asked: Mapping[str, str]) -> HttpResponse:
        return _page(self.request, self.drafts, _Filled(self.draft, place, self.now), step, asked)

    def _go(self, place: Place, step: str, anchor: str = "", **more: str) -> HttpResponse:
        there = address(step, place, self.draft, anchor, **more)
        return self.drafts.go(self.draft, there, otherwise=lambda: self._page(place, step, more))

    def _judge(self, place: Place) -> HttpResponse:
        """The next step where this one and those before are right, else the first that is not. Once the summary was
        reached, what was changed leads back to it.
        """
        names, seen = list(STEPS), SEEN in self.draft.typed or self.step == LAST
        rank = names.index(self.step) + 1
        filled = _Filled(self.draft, place, self.now)
        if wrong := filled.first_wrong(None if seen else names[:rank]):
            if wrong != self.step and not self.draft.typed.keys() & ALWAYS[wrong]:
                self.draft.said = gettext(
                    "Cette page est restée ouverte trop longtemps : remplissez aussi cette étape."
                )
            return self._go(place, wrong, "erreurs", **AGAIN)
        there = LAST if seen else names[rank]
        if there == LAST:
            self.draft.typed[SEEN], self.draft.right = ["1"], filled.said
        return self._go(place, there)

    def _send(self, place: Place) -> HttpResponse:
        filled = _Filled(self.draft, place, self.now)
        if filled.first_wrong() or filled.recue is None:
            return self._judge(place)
        if any(self.draft.typed.get("site_web", [])):
            # A program filled the hidden field: it gets the page of a person, and nothing is kept (DEM-6).
            return self.drafts.finish(self.draft, reverse("demandes:envoyee", args=[PROGRAM]))
        if not place.corrects:
            if not sending.is_verified(self.request, self.draft.nonce):
                anchor, more = sending.asks(self.request)
                return self._go(place, LAST, anchor, **more)
            if held := brakes.hold(self.request, "demande", filled.recue.courriel, **BRAKES):
                return held
        try:
            if place.corrects:
                try:
                    done = intake.correct(place.corrects, filled.recue, now=self.now, places=filled.places)
                except WrongState as late:
                    raise Overtaken(self.draft.about) from late
                token = queries.link_of(done)
                there = f"{reverse('demandes:suivi', args=[token])}?brouillon={self.draft.key}"
                return self.drafts.finish(self.draft, there, said=CORRECTED if token == self.draft.about else MOVED)
            demande = intake.receive(
                filled.recue,
                lieu=place.lieu,
                nonce=self.draft.once or self.draft.nonce,
                now=self.now,
                places=filled.places,
                langue=languages.current(),
            )
        except Refused:  # changed in between: the page says what now
            return redirect(address(LAST, place, self.draft))
        there = reverse("demandes:envoyee", args=[queries.link_of(demande)])
        return self.drafts.finish(self.draft, there, facts=filled.facts, day=paris_date(self.now).isoformat())


# DEM-6.b: a maison de quartier may help twenty families in an hour; a program is stopped within a minute.
BRAKES: dict[str, brakes.Limits] = {"network": [(20, HOUR), (100, DAY)], "address": [(10, DAY)]}


class _Filled:
    """The steps of a draft, each read once; whole, they are held against every rule of the service too."""

    def __init__(self, draft: Draft | None, place: Place, now: datetime):
        self.draft, self.place, self.now = draft, place, now
        self.places = Places.at(place.found, place.lieux)
        self._forms: dict[str, EtapeForm] = {}

    def _data(self, step: str) -> Any:
        return self.draft.data if self.draft and ALWAYS[step] & self.draft.typed.keys() else None

    @cached_property
    def enfants(self) -> EnfantsFormSet:
        return Enfants(self._data(FIRST), prefix=CHILDREN, form_kwargs={"now": self.now})

    @cached_property
    def horaires(self) -> HorairesForm:
        return HorairesForm(self._data("horaires"), now=self.now)

    def form(self, step: str) -> EtapeForm:
        """That of a step, other than the first."""
        if step == "horaires":
            return self.horaires
        if step not in self._forms:
            self._forms[step] = FORMS[step](self._data(step), now=self.now)
        return self._forms[step]

    def parts(self, step: str) -> list[Any]:
        """The forms of a step's page, in its order."""
        if step == FIRST:
            return [self.enfants]
        return [self.form(step), *(self.horaires.shown if step == "horaires" else [])]

    def is_right(self, step: str) -> bool:
        return bool(self.known) or all(part.is_bound and part.is_valid() for part in self.parts(step))

    def first_wrong(self, steps: list[str] | None = None) -> str | None:
        """The first of `steps`, or of all, that is not right."""
        wanted = steps or FILLED
        wrong = next((step for step in FILLED if step in wanted and not self.is_right(step)), None)
        return wrong or next((step for step in self.refused if step in wanted), None)

    @cached_property
    def said(self) -> dict[str, Any]:
        """What the steps say, as a demande keeps it; nothing where one of them is not right."""
        if self.known:
            return self.known
        if not all(self.is_right(step) for step in FILLED):
            return {}
        typed = {name: value for step in FORMS for name, value in self.form(step).cleaned_data.items()}
        return {name: typed[name] for name in champs(Recue) if name in typed} | {
            "allocataire": {"oui": True, "non": False}.get(typed["allocataire"]),
            "enfants": self.enfants.enfants(),
            "besoin": {
                "a_partir_du": str(typed["a_partir_du"]),
                "regularite": typed["regularite"],
                "horaires": self.horaires.horaires(),
                "atypiques": typed["atypiques"],
            },
            "modes": typed["modes"],
        }

    @cached_property
    def known(self) -> dict[str, Any]:
        """What the draft says was right, where the rules still take all of it today: steps are not read again."""
        if self.draft is None or not self.draft.right:
            return {}
        done = checking.check(self._recue(self.draft.right), self.now, self.places)
        return {} if done.faults or done.remarks else self.draft.right

    @cached_property
    def recue(self) -> Recue | None:
        """What would be sent, where every step is right."""
        return self._recue(self.said) if self.said else None

    def _recue(self, said: dict[str, Any]) -> Recue:
        commune, lieu = self.place.found.commune.pk, self.place.lieu.code if self.place.lieu else ""
        return Recue(reference="", deposee_le=self.now, modifiee_le=None, commune=commune, lieu=lieu, **said)

    @property
    def facts(self) -> list[str]:
        """DEM-7.a: what two demandes are the same by: commune, child, and address or telephone."""
        assert self.recue is not None
        contacts = [one for one in (self.recue.courriel.lower(), self.recue.telephone) if one]
        days = sorted(self.recue.children_days())
        return [f"{self.recue.commune}|{day}|{contact}" for day in days for contact in contacts]

    @cached_property
    def refused(self) -> list[str]:
        """The steps where the service would refuse what is sent; said there, before the family reads it all again."""
        if self.known or self.recue is None:
            return []
        found = []
        for name, motif in checking.check(self.recue, self.now, self.places).faults.items():
            step = next((step for step, form in FORMS.items() if name in form.base_fields), FIRST)
            if step == FIRST:
                self.enfants.non_form_errors().append(sentence(motif))
            else:
                self.form(step).add_error(name, sentence(motif))
            found.append(step)
        return [step for step in FILLED if step in found]

    def errors(self, step: str) -> Iterator[Any]:
        """What says what is wrong on a step's page."""
        if step == FIRST:
            yield from (*self.enfants.errors, self.enfants.non_form_errors())
        else:
            yield from (part.errors for part in self.parts(step))


def _page(request: HttpRequest, drafts: Drafts, filled: _Filled, step: str, asked: Mapping[str, str]) -> HttpResponse:
    """The page of a step with what was typed; what is wrong is said only once the family has asked to go on."""
    names, place, draft = list(STEPS), filled.place, filled.draft
    if step == LAST and filled.recue is None:
        step, asked = filled.first_wrong() or FIRST, AGAIN
    rank = names.index(step)
    fautes: list[Fault] = []
    if step != LAST and filled.parts(step)[0].is_bound:
        if "revoir" in asked:
            filled.first_wrong()
            fautes = faults_of(*filled.parts(step))
        else:
            for errors in filled.errors(step):
                errors.clear()
    context = place.context(draft) | {
        "etapes": [gettext(name) for name in STEPS.values()],
        "etape": rank + 1,
        "avant": names[rank - 1] if rank else "",
        "relu": bool(draft and SEEN in draft.typed),
        "fautes": fautes,
        "dit": draft.said if draft else "",
        "action": address(step, place, draft),
        "scelle": drafts.seal(draft) if draft else "",
    }
    if step == LAST and filled.recue is not None:
        langue = place.corrects.langue if place.corrects else languages.current()
        context["sections"] = sections_to_family(*intake.preview(filled.recue, place.found.commune, langue))
        if not place.corrects:
            # Only what this very browser has sent: to anybody else it would tell that somebody asked.
            context |= sending.context(asked) | {"deja": drafts.noted(filled.facts)}
    else:
        context |= {"form": filled.parts(step)[0], "enfants": filled.enfants}
    status = 422 if request.method == "POST" and fautes else 200
    return render(request, f"demandes/famille/{step}.html", context, status=status)


def _without_place(request: HttpRequest) -> HttpResponse:
    """Nobody answers for this commune any more, and the draft cannot be kept: the browser's page still has it."""
    return render(request, "erreurs/brouillon.html", {"perdu": False}, status=503)


def begin_correction(
    request: HttpRequest, drafts: Drafts, typed: dict[str, list[str]] | None, token: str, now: datetime
) -> HttpResponse:
    """DEM-4.c: the summary of what the demande says, each part of which can be changed, until it is picked up."""
    if typed is None:
        return redirect(request.path)
    draft = Draft(about=token)
    draft.type(typed | {SEEN: ["1"]})
    place = place_of(request, draft, now)
    assert place is not None
    there = address(LAST, place, draft)
    return drafts.go(draft, there, otherwise=lambda: _page(request, drafts, _Filled(draft, place, now), LAST, {}))
