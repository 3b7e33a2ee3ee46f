"""The base of every admin: an agent sees and touches its own Caf's objects only, by whatever door."""

import re
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any, ClassVar, NoReturn

from django.contrib import admin
from django.contrib.admin import FieldListFilter
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import unquote
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db.models import DateField, ForeignKey, Model, QuerySet
from django.forms import Media
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.html import format_html, format_html_join
from django.utils.text import capfirst

from extranet.core.accounts.models import User
from extranet.core.dates import PARIS, paris_date, start_of_day
from extranet.core.journal.models import Entry
from extranet.core.journal.services import name_of
from extranet.core.words import date_courte
from extranet.territory import rights
from extranet.territory.models import Agent
from extranet.territory.pages import FirstPages
from extranet.territory.queries import agent_of, role_of

NATIONAL = ""
COMPARISONS = {"exact", "isnull", "isempty", "gte", "lt", "year", "month", "day"}
YEARS = range(1900, 2200)
PARTS = {"month": range(1, 13), "day": range(1, 32), "isnull": range(2), "isempty": range(2)}
ACTORS = {"systeme": "le portail", "famille": "la famille", "lieu": "le lieu", "source": "monenfant.fr"}


def scoped(request: HttpRequest, rows: QuerySet, caf_path: str | None) -> QuerySet:
    """`rows` that the agent may see: its own Caf's; all for the Cnaf and of national data; none without a path."""
    agent = agent_of(request.user)
    if agent is None or caf_path is None:
        return rows.none()
    if agent.role == Agent.Role.CNAF or caf_path == NATIONAL:
        return rows
    return rows.filter(**{caf_path: agent.caf_id})


def _may_be_of(field: Any, comparison: str, value: str) -> bool:
    """False for years and whole numbers out of every reach; what is no date or number at all is Django's to refuse."""
    whole = re.match(r"\s*-?\d+", str(value), re.ASCII)
    if field is None or whole is None:
        return True
    if len(whole[0]) > 20:
        return False
    if isinstance(field, DateField):  # times of day too
        return int(whole[0]) in PARTS.get(comparison, YEARS)
    return abs(int(whole[0])) < 2**63


class OwnCafFilter(FieldListFilter):
    """A list filter on a related object, which offers and accepts the values that the agent may see."""

    def __init__(
        self,
        field: ForeignKey,
        request: HttpRequest,
        params: dict[str, Any],
        model: type[Model],
        model_admin: Any,
        field_path: str,
    ):
        self.lookup_kwarg = field_path
        values = params.get(field_path) or []
        self.value = values[-1] if values else None
        used = model_admin.get_queryset(request).order_by().values(field_path)
        self.choices_seen = list(model_admin.choices_of(field, request).filter(pk__in=used)[:200])
        super().__init__(field, request, params, model, model_admin, field_path)

    def expected_parameters(self) -> list[str | None]:
        return [self.lookup_kwarg]

    def has_output(self) -> bool:
        return len(self.choices_seen) > 1

    def choices(self, changelist: Any) -> Any:
        yield {
            "selected": self.value is None,
            "query_string": changelist.get_query_string(remove=[self.lookup_kwarg]),
            "display": "Tous",
        }
        for obj in self.choices_seen:
            yield {
                "selected": self.value == str(obj.pk),
                "query_string": changelist.get_query_string({self.lookup_kwarg: obj.pk}),
                "display": str(obj),
            }

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.value is None:
            return queryset
        try:
            return queryset.filter(**{self.lookup_kwarg: self.value})
        except (ValueError, ValidationError) as error:
            raise IncorrectLookupParameters(error) from error


class _Scoped:
    """What admins and inlines share: rows, choices of related fields, and rights by role."""

    caf_path: ClassVar[str | None] = None
    """Lookup to the Caf ("lieu__caf"), NATIONAL for reference data that every agent may read, None: nobody sees it."""

    add_right: ClassVar[str] = ""
    change_right: ClassVar[str] = ""
    cnaf_only: ClassVar[bool] = False
    own_caf_only: ClassVar[bool] = False
    """Agents of a Caf only: the Cnaf, which sees all Cafs elsewhere, does not see these (HAB-6.a)."""

    admin_site: Any
    rights: Any

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        rows = super().get_queryset(request)  # type: ignore[misc]
        return scoped(request, rows, self.caf_path) if self._sees(request) else rows.none()

    def _sees(self, request: HttpRequest) -> bool:
        role = role_of(request.user)
        if role == Agent.Role.CNAF:
            return not self.own_caf_only
        return role is not None and not self.cnaf_only

    def _may(self, request: HttpRequest, right: str) -> bool:
        return bool(right) and self._sees(request) and self.rights.may(role_of(request.user), right)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self._sees(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._sees(request) and (obj is None or self._within(request, obj))

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, self.add_right)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, self.change_right) and (obj is None or self._within(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def _within(self, request: HttpRequest, obj: Any) -> bool:
        """Inlines are asked about their parent, which its own admin has already scoped."""
        return True

    def choices_of(self, field: Any, request: HttpRequest) -> QuerySet:
        """The related objects that may be chosen; nothing where their model has no scoped admin."""
        model = field.remote_field.model
        if not self.admin_site.is_registered(model):
            return model._default_manager.none()
        own = self.admin_site.get_model_admin(model)
        seen = own.get_queryset(request).order_by().values("pk")  # without what its list counts and reads beside
        return model._default_manager.filter(pk__in=seen).order_by(*own.get_ordering(request))

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        kwargs["queryset"] = self.choices_of(db_field, request)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)  # type: ignore[misc]

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        kwargs["queryset"] = self.choices_of(db_field, request)
        return super().formfield_for_manytomany(db_field, request, **kwargs)  # type: ignore[misc]


class CafScopedInline(_Scoped, admin.TabularInline):
    """Rows of a scoped object; shown, not typed, unless rights open them."""

    extra = 0
    show_change_link = False
    media = Media()  # no script: nothing is added or taken away here


class CafScopedAdmin(_Scoped, admin.ModelAdmin):
    """Base of every admin. Agents act through services (`acts`); a right may open add and change, never delete."""

    actions = None
    change_form_template = "admin/objet.html"
    change_list_template = "admin/liste.html"
    media = Media()  # Django's admin would bring jQuery and XRegExp, which nothing here uses
    add_label: ClassVar[str] = "Ajouter"
    """The button of the list, where adding is open."""

    list_per_page = 50
    paginator = FirstPages
    list_max_show_all = 200
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_select_related: ClassVar[Any] = True
    journal_shown = True
    journal_words: ClassVar[dict[str, str]] = {}
    """French words of the journal's events on this object; the event itself where there are none."""

    rights: Any = rights
    inlines: ClassVar[Any] = ()

    def not_found(self) -> NoReturn:
        """404, the same for what belongs to another Caf and for what does not exist."""
        raise Http404(f"{self.opts.verbose_name} introuvable")

    def visible_or_404(self, request: HttpRequest, object_id: str) -> Any:
        """The object, if this agent may see it."""
        obj = self.get_object(request, unquote(object_id))
        if obj is None:
            self.not_found()
        return obj

    def _within(self, request: HttpRequest, obj: Any) -> bool:
        return self.get_queryset(request).filter(pk=obj.pk).exists()

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        title = capfirst(str(self.opts.verbose_name_plural))
        return super().changelist_view(request, {"title": title, **(extra_context or {})})

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> Any:
        if object_id is not None:
            self.visible_or_404(request, object_id)
            extra_context = {"title": capfirst(str(self.opts.verbose_name)), **(extra_context or {})}
        return super().changeform_view(request, object_id, form_url, extra_context)

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> Any:
        self.visible_or_404(request, object_id)
        return super().delete_view(request, object_id, extra_context)

    def _get_obj_does_not_exist_redirect(self, request: HttpRequest, opts: Any, object_id: str) -> HttpResponse:
        self.not_found()

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """The journal on the object's page takes its place."""
        self.not_found()

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Only what `list_filter` and `date_hierarchy` offer, compared as they do: other columns cannot be guessed.

        A value that no row can have is refused like them (400): each database faults on it in its own way.
        """
        names: list[Any] = [item[0] if isinstance(item, list | tuple) else item for item in self.list_filter]
        names += [getattr(item, "parameter_name", None) for item in self.list_filter]
        offered = {name for name in [*names, self.date_hierarchy] if isinstance(name, str)}
        column, _, comparison = lookup.rpartition("__")
        if lookup in offered:
            return _may_be_of(self._field(lookup), "exact", value)
        return column in offered and comparison in COMPARISONS and _may_be_of(self._field(column), comparison, value)

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        """A filter on a related object is always the scoped one."""
        return [
            (item, OwnCafFilter) if isinstance(item, str) and self._is_relation(item) else item
            for item in super().get_list_filter(request)
        ]

    def _field(self, lookup: str) -> Any:
        """The field at the end of `lookup`; None for a filter that is no field."""
        model, field = self.model, None
        for name in lookup.split("__"):
            try:
                field = model._meta.get_field(name)
            except FieldDoesNotExist:
                return None
            model = field.related_model
        return field

    def _is_relation(self, lookup: str) -> bool:
        field = self._field(lookup)
        return field is not None and field.is_relation

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> Any:
        return super().get_search_results(request, queryset, search_term[:100])

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        shown = [*super().get_readonly_fields(request, obj)]
        return [*shown, "journal"] if obj is not None and self.journal_shown else shown

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """The journal closes the page, in a part of its own."""
        fieldsets = [
            (title, {**options, "fields": [name for name in options["fields"] if name != "journal"]})
            for title, options in super().get_fieldsets(request, obj)
        ]
        if obj is not None and self.journal_shown:
            fieldsets.append(("Historique", {"fields": ["journal"]}))
        return fieldsets

    def journal_of(self, obj: Any) -> QuerySet[Entry]:
        """What the journal says of this object."""
        return Entry.objects.filter(object_kind=obj._meta.label_lower, object_id=name_of(obj))

    def history_facts(self, obj: Any) -> list[tuple[date, str]]:
        """What happened to this object by its date alone, without anybody or any job to record it."""
        return []

    @admin.display(description="journal")
    def journal(self, obj: Any) -> str:
        """CTL-4: what was done to this object, the latest first."""
        lines = self.journal_of(obj).order_by("-at", "-pk")[:100]
        names = actor_names(lines)
        dated = [
            (
                line.at,
                moment_court(line.at),
                self.journal_words.get(line.event, line.event),
                names.get(line.actor, "compte supprimé"),
            )
            for line in lines
        ]
        dated += [(start_of_day(day), date_courte(day), said, "par sa date") for day, said in self.history_facts(obj)]
        rows = [row[1:] for row in sorted(dated, key=lambda row: row[0], reverse=True)]
        if not rows:
            return "Rien n’a encore été enregistré."
        return format_html('<ul class="journal">{}</ul>', format_html_join("", "<li>{} : {} ({})</li>", rows))


def moment_court(at: datetime) -> str:
    """« 23 nov. 2026 à 10:00 », in Paris."""
    return f"{date_courte(paris_date(at))} à {at.astimezone(PARIS):%H:%M}"


def actor_names(lines: Iterable[Entry]) -> dict[str, str]:
    """The journal's actors as an agent reads them: addresses for accounts, words for the rest."""
    names = {line.actor.removeprefix("user:") for line in lines if line.actor.startswith("user:")}
    emails = User.objects.filter(uuid__in=names).values_list("uuid", "email")
    return ACTORS | {f"user:{name}": email for name, email in emails}
