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
the service is shown beside the fields with what was typed (422).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from extranet.core import clock
from extranet.core.errors import Refused, WrongState
from extranet.territory.queries import role_of
from extranet.territory.scoping import CafScopedAdmin


def _always(obj: Any) -> bool:
    return True


def _nothing(obj: Any) -> dict[str, Any]:
    return {}


@dataclass(frozen=True, kw_only=True)
class Act:
    """One act: who may (`right`), when (`available`), what is asked (`form`), which service does it (`run`)."""

    slug: str
    label: str
    right: str
    run: Callable[[Any, dict[str, Any], Any, datetime], object]
    done: str
    form: type[forms.Form] = forms.Form
    available: Callable[[Any], bool] = _always
    initial: Callable[[Any], dict[str, Any]] = _nothing
    explain: str = ""
    danger: bool = False


class ActsMixin(CafScopedAdmin):
    """Adds `acts` to a scoped admin."""

    acts: Sequence[Act] = ()

    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_acte"
        view = self.admin_site.admin_view(self.act_view)
        return [path("<path:object_id>/acte/<slug:slug>/", view, name=name), *super().get_urls()]

    def acts_open(self, request: HttpRequest, obj: Any) -> list[dict[str, str | bool]]:
        """The buttons: exactly the acts that would pass now."""
        role = role_of(request.user)
        return [
            {"label": act.label, "url": self._act_url(obj, act), "danger": act.danger}
            for act in self.acts
            if self.rights.may(role, act.right) and act.available(obj)
        ]

    def _act_url(self, obj: Any, act: Act) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_acte", args=[obj.pk, act.slug])

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, obj: Any = None, **kwargs: Any
    ) -> HttpResponse:
        context["acts"] = self.acts_open(request, obj) if obj else []
        return super().render_change_form(request, context, *args, obj=obj, **kwargs)

    def act_view(self, request: HttpRequest, object_id: str, slug: str) -> HttpResponse:
        """GET asks, POST does. 404 another Caf's or unknown, 403 wrong role, 409 wrong state, 422 what was typed."""
        obj = self.visible_or_404(request, object_id)
        act = next((act for act in self.acts if act.slug == slug), None)
        if act is None:
            self.not_found()
        if not self.rights.may(role_of(request.user), act.right):
            raise PermissionDenied
        if not act.available(obj):
            raise WrongState()
        status = 200
        if request.method == "POST":
            form = self._act_form(act, obj, request.POST, request.FILES)
            if form.is_valid():
                try:
                    act.run(obj, form.cleaned_data, request.user, clock.now())
                except Refused as refused:
                    for field, sentence in refused.faults.items():
                        form.add_error(field if field in form.fields else None, sentence)
                else:
                    messages.success(request, act.done)
                    return HttpResponseRedirect(
                        reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[obj.pk])
                    )
            status = 422
        else:
            form = self._act_form(act, obj)
        context = {
            **self.admin_site.each_context(request),
            "title": act.label,
            "act": act,
            "form": form,
            "original": obj,
            "opts": self.opts,
            "media": self.media + form.media,
        }
        return TemplateResponse(request, "admin/acte.html", context, status=status)

    def _act_form(self, act: Act, obj: Any, data: Any = None, files: Any = None) -> forms.Form:
        about = {"obj": obj} if getattr(act.form, "about_object", False) else {}
        return act.form(data, files, initial=act.initial(obj), **about)
