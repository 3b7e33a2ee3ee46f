"""Acts of agents: buttons on an object's page, each a small form that calls one service.

    class ConventionAdmin(ActsMixin, CafScopedAdmin):
        caf_path = "lieu__caf"
        rights = rights                      # the app's own module: may(role, act)
        acts = [
            Act(
                slug="signature",            # /admin/conventions/convention/12/acte/signature/
                label="Enregistrer une signature",
                right="record_signature",    # refused: no button, 403
                form=SignatureForm,          # leave out for a plain confirmation
                available=lambda convention: CONVENTION.may(convention, "sign"),   # closed: no button, 409
                run=lambda convention, data, by, now: signature.record_signature(
                    convention_id=convention.pk, by=by, now=now, **data
                ),
                done="La signature est enregistrée.",
            ),
        ]

`initial=` fills the form from the object; a form with `about_object = True` is built with `obj=` too. A `Refused` of
the service is shown beside the fields with what was typed (422). What an open act would still be refused for, for this
person now (`obstacle`), is said in place of its button. What it does to this object, worked out, is said in sentences
before it is confirmed (`words`), of several beside each.

`next_step(obj)` names what comes next at the top of the page, with the acts that do it: where this role may do none of
them, each stands there without a button and says whose it is. `next_steps(obj)` where there may be several; an app
above adds its own with `offer_step`.

An act that is grave (`danger`) or undoes another (`undoes`) and is another role's is named too, with whose it is, to
who may do others on that page: what a colleague can do, or take back, is no secret of the house.

`preview=True` shows the mails of an act before it is done (`outbox.rehearsal`): at once where nothing is typed but
texts, which their label stands for until then; by the button « Aperçu » with what is typed. Only for acts whose effect
is all in the database, and whose mails hold no secret of somebody else.

A `run` that returns a response (a file to hand over) has it sent in place of the way back to the object.

An act with `several=True` is offered on the list too, for the lines checked: its page names each object, says of each
that it cannot be done for why not, and does the others in one call. Its `run` and its form take the list (`objs=`).
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from extranet.core import clock
from extranet.core.accounts.models import User
from extranet.core.accounts.person import person
from extranet.core.errors import Answer, Refused, WrongState
from extranet.core.outbox.rehearsal import Draft, rehearse
from extranet.core.web.forms import add_refusal
from extranet.territory.models import Agent
from extranet.territory.queries import role_of
from extranet.territory.scoping import CafScopedAdmin

MOST = 200


def _always(obj: Any) -> bool:
    return True


def _nothing(obj: Any) -> dict[str, Any]:
    return {}


def _no_words(obj: Any) -> Sequence[str]:
    return ()


def _none(obj: Any, by: User, now: datetime) -> Answer | None:
    return None


@dataclass(frozen=True, kw_only=True)
class Act:
    """One act: who may (`right`), when (`available`), what is asked (`form`), which service does it (`run`)."""

    slug: str
    label: str
    right: str
    run: Callable[[Any, dict[str, Any], User, datetime], object]
    done: str
    form: type[forms.Form] = forms.Form
    available: Callable[[Any], bool] = _always
    obstacle: Callable[[Any, User, datetime], Answer | None] = _none
    initial: Callable[[Any], dict[str, Any]] = _nothing
    explain: str = ""
    words: Callable[[Any], Sequence[str]] = _no_words
    danger: bool = False
    undoes: bool = False
    several: bool = False
    preview: bool = False


@dataclass(frozen=True, kw_only=True)
class Step:
    """What comes next for an object, in a sentence; the slugs of the acts that do it, or whose it is (« au lieu ») and
    the page on which it is done.
    """

    what: str
    acts: Sequence[str] = ()
    who: str = ""
    url: str = ""
    label: str = ""


_HOLDERS = {
    Agent.Role.INSTRUCTEUR: "aux instructeurs",
    Agent.Role.SUPERVISEUR: "aux superviseurs",
    Agent.Role.LECTEUR: "aux lecteurs",
    Agent.Role.CNAF: "à la Cnaf",
}


def to_holders(roles: Collection[str]) -> str:
    """« aux instructeurs et aux superviseurs »"""
    *others, last = [said for role, said in _HOLDERS.items() if role in roles]
    return f"{', '.join(others)} et {last}" if others else last


def _sample(form: forms.Form) -> dict[str, Any] | None:
    """What stands for what is not typed yet: for a text its label; None when something else has to be chosen first."""
    data = {}
    for name, field in form.fields.items():
        initial = form.get_initial_for_field(field, name)
        if field.required and isinstance(field.widget, forms.Textarea) and not initial:
            data[name] = f"[{field.label}]"
            continue
        try:
            data[name] = field.clean(initial)
        except forms.ValidationError:
            return None
    return data


_OFFERED: dict[str, list[Act]] = defaultdict(list)


def offer(model: str, act: Act) -> None:
    """An act on an object of an app below (`model` as « conventions.convention »), under a right of that app."""
    _OFFERED[model].append(act)


_STEPS: dict[str, list[Callable[[Any], Step | None]]] = defaultdict(list)


def offer_step(model: str, step: Callable[[Any], Step | None]) -> None:
    """What an app above has next for an object of an app below."""
    _STEPS[model].append(step)


class ActsMixin(CafScopedAdmin):
    """Adds `acts` to a scoped admin."""

    acts: Sequence[Act] = ()

    @property
    def acts_here(self) -> Sequence[Act]:
        """Its own, then those that apps above offer on its objects."""
        return [*self.acts, *_OFFERED[self.opts.label_lower]]

    def get_urls(self) -> list[URLPattern]:
        own = [path("<path:object_id>/acte/<slug:slug>/", self.admin_site.admin_view(self.act_view), name=self._name())]
        if any(act.several for act in self.acts_here):
            view = self.admin_site.admin_view(self.acts_view)
            own.append(path("actes/<slug:slug>/", view, name=f"{self._name()}s"))
        return [*own, *super().get_urls()]

    def _name(self) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_acte"

    def _act(self, slug: str) -> Act:
        return next((act for act in self.acts_here if act.slug == slug), None) or self.not_found()

    def next_step(self, obj: Any) -> Step | None:
        """What comes next for `obj`; None where nothing is expected of anybody."""
        return None

    def next_steps(self, obj: Any) -> list[Step]:
        """All that comes next for `obj`, the first thing first."""
        own = self.next_step(obj)
        return [*([own] if own else []), *self.offered_steps(obj)]

    def offered_steps(self, obj: Any) -> list[Step]:
        """Of them, those of apps above."""
        return [step for said in _STEPS[self.opts.label_lower] if (step := said(obj))]

    def acts_open(self, request: HttpRequest, obj: Any, steps: Sequence[Step] = ()) -> list[dict[str, Any]]:
        """The buttons: exactly the acts that would pass now. Where a person, a moment or, for a next step and for what
        is grave or undoes something, a role is in the way, why.
        """
        role, now = role_of(request.user), clock.now()
        nexts = {slug for step in steps for slug in step.acts}
        acts_at_all = any(self.rights.may(role, act.right) for act in self.acts_here)
        shown: list[dict[str, Any]] = []
        for act in self.acts_here:
            may, is_next = self.rights.may(role, act.right), act.slug in nexts
            named = is_next or (acts_at_all and (act.danger or act.undoes))
            if not (may or named) or not act.available(obj):
                continue
            holders = self.rights.ACTS[act.right]
            why = act.obstacle(obj, person(request), now) if may else f"réservé {to_holders(holders)}."
            if why and (same := next((one for one in shown if one["why"] == str(why)), None)):
                same["label"] += f", {act.label}"
                continue
            url = reverse(f"admin:{self._name()}", args=[obj.pk, act.slug])
            shown.append({"label": act.label, "url": url, "danger": act.danger, "why": str(why or ""), "next": is_next})
        return shown

    def _whose(self, step: Step) -> str:
        """Who may do it: as it says itself, else who has the right to its acts."""
        return step.who or to_holders({role for slug in step.acts for role in self.rights.ACTS[self._act(slug).right]})

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """The acts for several lines at once that this role may do."""
        role = role_of(request.user)
        wide = [act for act in self.acts_here if act.several and self.rights.may(role, act.right)]
        return {act.slug: (self._choose, act.slug, act.label) for act in wide}

    def get_action_choices(self, request: HttpRequest, default_choices: Any = None) -> list[tuple[str, str]]:
        return super().get_action_choices(request, [("", "choisissez une action")])

    @staticmethod
    def _choose(admin: "ActsMixin", request: HttpRequest, chosen: QuerySet) -> HttpResponse | None:
        """From the checked lines of the list to the page of the act."""
        pks = list(chosen.order_by().values_list("pk", flat=True)[: MOST + 1])
        if len(pks) > MOST:
            messages.error(request, f"Choisissez {MOST} lignes au plus.")
            return None
        slug = request.POST["action"]
        query = urlencode({"objet": sorted(pks)}, doseq=True)
        return HttpResponseRedirect(reverse(f"admin:{admin._name()}s", args=[slug]) + f"?{query}")

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> HttpResponse:
        steps = self.next_steps(obj) if obj else []
        context["steps"] = [(step, self._whose(step)) for step in steps]
        context["acts"] = self.acts_open(request, obj, steps) if obj else []
        return super().render_change_form(request, context, add, change, form_url, obj)

    def act_view(self, request: HttpRequest, object_id: str, slug: str) -> HttpResponse:
        """GET asks, POST does. 404 another Caf's or unknown, 403 wrong role, 409 wrong state, 422 what was typed."""
        obj = self.visible_or_404(request, object_id)
        act = self._act(slug)
        if not self.rights.may(role_of(request.user), act.right):
            raise PermissionDenied
        if not act.available(obj):
            raise WrongState()
        fault = act.obstacle(obj, person(request), clock.now())
        if fault and not isinstance(fault, Refused):
            raise fault
        back = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[obj.pk])
        return self._answer(request, act, [obj], {"original": obj, "back": back})

    def acts_view(self, request: HttpRequest, slug: str) -> HttpResponse:
        """The same for several: 404 when one is another Caf's; 409 when one cannot any more, and then none is done."""
        act = self._act(slug)
        if not act.several:
            self.not_found()
        chosen = self._chosen(request)
        if not self.rights.may(role_of(request.user), act.right):
            raise PermissionDenied
        now, free, kept = clock.now(), [], []
        for obj in chosen:
            fault = act.obstacle(obj, person(request), now)
            if fault or not act.available(obj):
                kept.append({"obj": obj, "why": str(fault or WrongState())})
            else:
                free.append(obj)
        back = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")
        context = {"objs": free, "kept": kept, "back": back}
        if request.method == "POST" and kept:
            return self._page(request, act, self._act_form(act, free), context, 409)
        return self._answer(request, act, free, context)

    def _chosen(self, request: HttpRequest) -> list[Any]:
        given = request.POST if request.method == "POST" else request.GET
        pks = {int(text) for text in given.getlist("objet") if text.isdecimal() and len(text) < 19}
        chosen = list(self.get_queryset(request).filter(pk__in=pks).order_by("pk")) if len(pks) <= MOST else []
        if not chosen or len(chosen) < len(set(given.getlist("objet"))):
            self.not_found()
        return chosen

    def _answer(self, request: HttpRequest, act: Act, objs: list[Any], context: dict[str, Any]) -> HttpResponse:
        status = 200
        if request.method == "POST":
            form = self._act_form(act, objs, request.POST, request.FILES)
            if form.is_valid():
                try:
                    if act.preview and "apercu" in request.POST:
                        context["drafts"] = self._drafts(request, act, objs, form.cleaned_data)
                        return self._page(request, act, form, context, 200)
                    done = self._run(request, act, objs, form.cleaned_data)
                except Refused as refused:
                    add_refusal(form, refused)
                else:
                    if isinstance(done, HttpResponse):
                        return done
                    messages.success(request, act.done)
                    return HttpResponseRedirect(self._after(request, objs, context["back"]))
            status = 422
        else:
            form = self._act_form(act, objs)
            if act.preview and objs and (sample := _sample(form)) is not None:
                with suppress(Answer):  # what stands in the way is said when it is done, with what is typed
                    context["drafts"] = self._drafts(request, act, objs, sample)
        return self._page(request, act, form, context, status)

    def _run(self, request: HttpRequest, act: Act, objs: list[Any], data: dict[str, Any]) -> object:
        return act.run(objs if act.several else objs[0], data, person(request), clock.now())

    def _drafts(self, request: HttpRequest, act: Act, objs: list[Any], data: dict[str, Any]) -> list[Draft]:
        now = clock.now()
        return rehearse(lambda: act.run(objs if act.several else objs[0], data, person(request), now), now=now)

    def _after(self, request: HttpRequest, objs: list[Any], back: str) -> str:
        """Back to the object, or to the list where the act has taken it out of this agent's sight."""
        if self.get_queryset(request).filter(pk__in=[obj.pk for obj in objs]).exists():
            return back
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")

    def _page(
        self, request: HttpRequest, act: Act, form: forms.Form, context: dict[str, Any], status: int
    ) -> HttpResponse:
        words = act.words(context["original"]) if "original" in context else []
        lines = [{"obj": obj, "words": act.words(obj)} for obj in context.get("objs", [])]
        more = {"title": act.label, "act": act, "form": form, "opts": self.opts, "drafts": None}
        more |= {"words": words, "lines": lines}
        page = {**self.admin_site.each_context(request), **more, **context}
        return TemplateResponse(request, "admin/acte.html", page, status=status)

    def _act_form(self, act: Act, objs: list[Any], data: Any = None, files: Any = None) -> forms.Form:
        if not getattr(act.form, "about_object", False):
            return act.form(data, files, initial={} if act.several else act.initial(objs[0]))
        if act.several:
            return act.form(data, files, objs=objs)  # type: ignore[call-arg]
        return act.form(data, files, initial=act.initial(objs[0]), obj=objs[0])  # type: ignore[call-arg]
