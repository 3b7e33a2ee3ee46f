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
person now (`obstacle`), is said in place of its button.

An act with `several=True` is offered on the list too, for the lines checked: its page names each object, says of each
that it cannot be done for why not, and does the others in one call. Its `run` and its form take the list (`objs=`).
"""

from collections.abc import Callable, Sequence
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
from extranet.territory.queries import role_of
from extranet.territory.scoping import CafScopedAdmin

MOST = 200


def _always(obj: Any) -> bool:
    return True


def _nothing(obj: Any) -> dict[str, Any]:
    return {}


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
    danger: bool = False
    several: bool = False


class ActsMixin(CafScopedAdmin):
    """Adds `acts` to a scoped admin."""

    acts: Sequence[Act] = ()

    def get_urls(self) -> list[URLPattern]:
        own = [path("<path:object_id>/acte/<slug:slug>/", self.admin_site.admin_view(self.act_view), name=self._name())]
        if any(act.several for act in self.acts):
            view = self.admin_site.admin_view(self.acts_view)
            own.append(path("actes/<slug:slug>/", view, name=f"{self._name()}s"))
        return [*own, *super().get_urls()]

    def _name(self) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_acte"

    def _act(self, slug: str) -> Act:
        return next((act for act in self.acts if act.slug == slug), None) or self.not_found()

    def acts_open(self, request: HttpRequest, obj: Any) -> list[dict[str, Any]]:
        """The buttons: exactly the acts that would pass now; where one person or one moment is in the way, why."""
        role, now = role_of(request.user), clock.now()
        shown: list[dict[str, str | bool]] = []
        for act in self.acts:
            if self.rights.may(role, act.right) and act.available(obj):
                fault = act.obstacle(obj, person(request), now)
                url = reverse(f"admin:{self._name()}", args=[obj.pk, act.slug])
                shown.append({"label": act.label, "url": url, "danger": act.danger, "why": str(fault or "")})
        return shown

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """The acts for several lines at once that this role may do."""
        role = role_of(request.user)
        wide = [act for act in self.acts if act.several and self.rights.may(role, act.right)]
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
        context["acts"] = self.acts_open(request, obj) if obj else []
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
                    act.run(objs if act.several else objs[0], form.cleaned_data, person(request), clock.now())
                except Refused as refused:
                    for field, sentence in refused.faults.items():
                        form.add_error(field if field in form.fields else None, sentence)
                else:
                    messages.success(request, act.done)
                    return HttpResponseRedirect(self._after(request, objs, context["back"]))
            status = 422
        else:
            form = self._act_form(act, objs)
        return self._page(request, act, form, context, status)

    def _after(self, request: HttpRequest, objs: list[Any], back: str) -> str:
        """Back to the object, or to the list where the act has taken it out of this agent's sight."""
        if self.get_queryset(request).filter(pk__in=[obj.pk for obj in objs]).exists():
            return back
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")

    def _page(
        self, request: HttpRequest, act: Act, form: forms.Form, context: dict[str, Any], status: int
    ) -> HttpResponse:
        more = {"title": act.label, "act": act, "form": form, "opts": self.opts}
        page = {**self.admin_site.each_context(request), **more, **context}
        return TemplateResponse(request, "admin/acte.html", page, status=status)

    def _act_form(self, act: Act, objs: list[Any], data: Any = None, files: Any = None) -> forms.Form:
        if not getattr(act.form, "about_object", False):
            return act.form(data, files, initial={} if act.several else act.initial(objs[0]))
        if act.several:
            return act.form(data, files, objs=objs)  # type: ignore[call-arg]
        return act.form(data, files, initial=act.initial(objs[0]), obj=objs[0])  # type: ignore[call-arg]
