"""Avenants of a convention: prepared from its page, each with a page of its own (CON-7); annexe 1 at a date (CON-8)."""

from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html_join

from conventions import queries, rights
from conventions.admin import signing, timeline
from conventions.admin.shown import UNSET
from conventions.forms.avenants import AvenantAbandonForm, AvenantForm, JourForm
from conventions.forms.signing import DeliberationForm, SignatureForm, deliberation_initial
from conventions.models import Acte, Avenant, Convention, Partie
from conventions.services import avenants, register, signature
from conventions.workflow import ACTE, EtatActe
from extranet.core import clock
from extranet.core.accounts.models import User
from extranet.core.accounts.person import person
from extranet.core.dates import paris_date
from extranet.core.errors import Refused
from extranet.core.journal.models import Entry
from extranet.core.journal.services import name_of
from extranet.core.outbox.rehearsal import Draft, rehearse
from extranet.core.web.files import attachment
from extranet.core.words import date_courte
from extranet.territory.acts import Act, ActsMixin, Step
from extranet.territory.queries import role_of
from extranet.territory.scoping import CafScopedAdmin

PREPARE = "avenant"

# On the convention's page; `views` answers at the address of this act, with a page of its own.
ACTS = (
    Act(
        slug=PREPARE,
        label="Préparer un avenant",
        right="prepare_avenant",
        available=lambda convention: convention.state == "signee" and not convention.is_over(clock.today()),
        obstacle=lambda convention, by, now: avenants.obstacle(convention, paris_date(now)),
        run=lambda convention, data, by, now: avenants.prepare(convention_uuid=convention.uuid, by=by, now=now, **data),
        done="L’avenant est préparé : le lieu et le gestionnaire le reçoivent à signer.",
    ),
)

WORDS = {
    "convention.avenant-prepare": "Avenant préparé",
    "convention.avenant-applique": "Toutes les signatures de l’avenant sont là : il prend effet",
    "convention.avenant-abandonne": "Avenant abandonné",
}


def section(convention: Convention) -> str:
    """On the convention's page: its avenants, and the days on which annexe 1 changed (CON-8.a)."""
    context = {
        "convention": convention,
        "avenants": list(queries.avenants_of(convention)),
        "jours": queries.days_of_change(convention),
        "au": clock.today(),
    }
    return render_to_string("conventions/admin/_avenants.html", context)


def views(page: ActsMixin) -> list[URLPattern]:
    """The addresses that avenants add under a convention; before those of its acts."""
    around = page.admin_site.admin_view
    return [
        path(
            f"<path:object_id>/acte/{PREPARE}/",
            around(lambda request, object_id: _prepare(page, request, object_id)),
            name="conventions_convention_avenant",
        ),
        path(
            "<path:object_id>/annexe/",
            around(lambda request, object_id: _annexe(page, request, object_id)),
            name="conventions_convention_annexe",
        ),
    ]


def _prepare(page: ActsMixin, request: HttpRequest, object_id: str) -> HttpResponse:
    """CON-7.b: typed, read again as it will be, prepared; what was typed goes along. 422 with what is wrong."""
    convention, [act] = page.visible_or_404(request, object_id), ACTS
    if not rights.may(role_of(request.user), act.right):
        raise PermissionDenied
    if fault := act.obstacle(convention, person(request), clock.now()):
        raise fault
    form = AvenantForm(convention, request.POST if request.method == "POST" else None)
    if request.method != "POST":
        return _typing(page, request, act, form, 200)
    if not {"relire", "preparer"} & request.POST.keys():
        form.unread()
        return _typing(page, request, act, form, 200)
    if form.is_valid():
        try:
            if "relire" in request.POST:
                return _reading(page, request, act, form)
            made: Any = act.run(convention, form.changes, person(request), clock.now())
            messages.success(request, act.done)
            return HttpResponseRedirect(reverse("admin:conventions_avenant_change", args=[made.pk]))
        except Refused as refused:
            form.refuse(refused.faults)
    return _typing(page, request, act, form, 422)


def _typing(page: ActsMixin, request: HttpRequest, act: Act, form: AvenantForm, status: int) -> HttpResponse:
    return _page(page, request, act, form, "conventions/admin/avenant.html", status)


def _reading(page: ActsMixin, request: HttpRequest, act: Act, form: AvenantForm) -> HttpResponse:
    """What the avenant says in words, what results of it, and the mail that would go: done, read and undone."""
    shown: dict[str, Any] = {}

    def act_once(by: User, now: datetime) -> None:
        acte = act.run(form.convention, form.changes, by, now)
        assert isinstance(acte, Acte)
        communes, personnes = queries.resulting_annexe(acte)
        shown.update(acte=acte, changements=queries.changes_of(acte), communes=len(communes), personnes=len(personnes))

    now = clock.now()
    drafts: list[Draft] = rehearse(lambda: act_once(person(request), now), now=now)
    kept = [(name, value) for name, values in request.POST.lists() for value in values if name not in _BUTTONS]
    others = register.standing(form.convention.gestionnaire, paris_date(now)).exclude(pk=form.convention.pk)
    more = {"drafts": drafts, "kept": kept, "autres": others.count()}
    return _page(page, request, act, form, "conventions/admin/avenant_relire.html", 200, **shown, **more)


_BUTTONS = {"csrfmiddlewaretoken", "relire", "preparer", "modifier", "chercher", "q"}


def _page(
    page: ActsMixin, request: HttpRequest, act: Act, form: AvenantForm, template: str, status: int, **more: Any
) -> HttpResponse:
    convention = form.convention
    context = {
        **page.admin_site.each_context(request),
        "title": act.label,
        "opts": page.opts,
        "original": convention,
        "back": reverse("admin:conventions_convention_change", args=[convention.pk]),
        "form": form,
        **more,
    }
    return TemplateResponse(request, template, context, status=status)


def _annexe(page: ActsMixin, request: HttpRequest, object_id: str) -> HttpResponse:
    """CON-8.a: annexe 1 and both identities as they stood on a day, each line with the acte behind it."""
    convention = page.visible_or_404(request, object_id)
    form = JourForm(request.GET if "au" in request.GET else {"au": clock.today().isoformat()})
    context = {
        **page.admin_site.each_context(request),
        "title": "L’annexe 1 à une date",
        "opts": page.opts,
        "original": convention,
        "back": reverse("admin:conventions_convention_change", args=[convention.pk]),
        "form": form,
        "jours": queries.days_of_change(convention),
    }
    if valid := form.is_valid():
        context["tableau"] = queries.standing_on(convention, form.cleaned_data["au"])
    return TemplateResponse(request, "conventions/admin/annexe.html", context, status=200 if valid else 422)


@admin.register(Avenant)
class AvenantAdmin(ActsMixin, CafScopedAdmin):
    """An avenant: what it changes, its paper, its signatures."""

    caf_path = "convention__lieu__caf"
    rights = rights
    list_display = ("titre", "numero", "lieu_nom", "etat", "prepared_at", "effective_on")
    list_display_links = ("titre",)
    list_filter = ("state", "effective_on")
    search_fields = ("convention__numero", "convention__lieu__nom", "convention__gestionnaire__nom")
    list_select_related = ("convention__lieu__caf", "convention__gestionnaire", "prepared_by")
    ordering = ("-prepared_at", "-pk")
    fieldsets = (
        (None, {"fields": ("titre", "numero", "etat", "prepare_le", "prise_d_effet", "abandon")}),
        ("Ce que cet avenant change", {"fields": ("changements",)}),
        ("Signatures", {"fields": ("papier", "acte_autorisant", "signatures")}),
    )
    readonly_fields = (
        "titre",
        "numero",
        "etat",
        "prepare_le",
        "prise_d_effet",
        "abandon",
        "changements",
        "papier",
        "acte_autorisant",
        "signatures",
    )
    journal_words = signing.WORDS | WORDS | {"acte.applique": "Avenant appliqué", "acte.abandonne": "Avenant classé"}
    acts = (
        Act(
            slug="signature",
            label="Enregistrer une signature",
            right="record_signature",
            form=SignatureForm,
            available=lambda acte: acte.state != EtatActe.ABANDONNE and not acte.convention.is_over(clock.today()),
            run=lambda acte, data, by, now: signature.record_signature(by=by, now=now, **data),
            done="La signature est enregistrée.",
            explain="L’avenant prend effet à la date de la dernière des quatre signatures : avenant et annexe 1, par "
            "le gestionnaire et par la Caf. Le lieu, le gestionnaire et les personnes retirées sont alors prévenus.",
        ),
        *signing.by_link(lambda acte: acte),
        Act(
            slug="acte-autorisant",
            label="Acte autorisant la signature",
            right="record_deliberation",
            form=DeliberationForm,
            available=lambda acte: acte.state != EtatActe.ABANDONNE and not acte.convention.is_over(clock.today()),
            initial=deliberation_initial,
            run=lambda acte, data, by, now: signature.record_deliberation(acte_uuid=acte.uuid, by=by, now=now, **data),
            done="L’acte est enregistré.",
            explain="La décision ou la délibération qui autorise le gestionnaire à signer cet avenant.",
        ),
        Act(
            slug="abandonner",
            label="Abandonner l’avenant",
            right="abandon",
            form=AvenantAbandonForm,
            danger=True,
            preview=True,
            available=lambda acte: ACTE.may(acte, "abandon"),
            run=lambda acte, data, by, now: avenants.abandon(acte_uuid=acte.uuid, by=by, now=now, **data),
            done="L’avenant est abandonné : le lieu et le gestionnaire sont prévenus.",
            explain="La convention et son annexe 1 restent comme elles sont. Le document et les signatures déjà "
            "enregistrés restent dans l’historique.",
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Avenant]:
        return super().get_queryset(request).filter(nature=Acte.Nature.AVENANT)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """Knows whether this agent may open its files: a link is there exactly when it would pass."""
        acte = super().get_object(request, object_id, from_field)
        if acte is not None:
            acte.convention.files_open = rights.may(role_of(request.user), "read_files")
        return acte

    def get_urls(self) -> list[URLPattern]:
        own = path("<path:object_id>/pdf/", self.admin_site.admin_view(self.pdf_view), name="conventions_avenant_pdf")
        return [own, *super().get_urls()]

    def pdf_view(self, request: HttpRequest, object_id: str) -> FileResponse:
        """The paper handed over, rendered now if no worker has done it yet."""
        acte = self.visible_or_404(request, object_id)
        rights.check(role_of(request.user), "read_files")
        kept = register.keep_pdf(acte, now=clock.now())
        return attachment(kept, f"{acte.convention.numero}-avenant-{acte.numero}.pdf")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """The reason of an abandonment is shown where there is one."""
        shown = super().get_fieldsets(request, obj)
        if obj is not None and not obj.motif_abandon:
            shown[0][1]["fields"] = [name for name in shown[0][1]["fields"] if name != "abandon"]
        return shown

    def journal_of(self, obj: Avenant) -> QuerySet[Entry]:
        """What was done to the acte, and to its convention about it: its signatures among them."""
        about = Q(object_kind=Convention._meta.label_lower, object_id=name_of(obj.convention), details__acte=obj.rang)
        return Entry.objects.filter(about | Q(object_kind=Acte._meta.label_lower, object_id=name_of(obj)))

    def next_step(self, obj: Avenant) -> Step | None:
        if obj.state != EtatActe.PREPARE or obj.convention.is_over(clock.today()):
            return None
        return timeline.step_to_sign(obj)

    @admin.display(description="avenant", ordering="rang")
    def titre(self, acte: Avenant) -> str:
        return acte.titre

    @admin.display(description="convention", ordering="convention__numero")
    def numero(self, acte: Avenant) -> str:
        url = reverse("admin:conventions_convention_change", args=[acte.convention_id])
        return format_html_join("", '<a href="{}">{}</a>', [(url, acte.convention.numero)])

    @admin.display(description="lieu", ordering="convention__lieu__nom")
    def lieu_nom(self, acte: Avenant) -> str:
        return acte.convention.lieu.nom

    @admin.display(description="situation", ordering="state")
    def etat(self, acte: Avenant) -> str:
        return SITUATION[EtatActe(acte.state)]

    @admin.display(description="préparé")
    def prepare_le(self, acte: Avenant) -> str:
        by = acte.prepared_by.get_full_name() if acte.prepared_by else "le portail"
        return f"le {date_courte(acte.prepared_at)}, par {by}"

    @admin.display(description="prise d’effet")
    def prise_d_effet(self, acte: Avenant) -> str:
        if acte.effective_on:
            return f"le {date_courte(acte.effective_on)}"
        return "à la date de la dernière signature" if acte.state == EtatActe.PREPARE else UNSET

    @admin.display(description="motif de l’abandon")
    def abandon(self, acte: Avenant) -> str:
        return acte.motif_abandon or UNSET

    @admin.display(description="changements")
    def changements(self, acte: Avenant) -> str:
        if acte.state == EtatActe.ABANDONNE:
            return "Rien : il est abandonné. Le document dit ce qu’il aurait changé."
        return render_to_string("conventions/admin/_changements.html", {"changements": queries.changes_of(acte)})

    @admin.display(description="document")
    def papier(self, acte: Avenant) -> str:
        piece = queries.pieces_of(acte)[0]
        return render_to_string("conventions/admin/_papier_avenant.html", {"acte": acte, "piece": piece})

    @admin.display(description="acte autorisant la signature")
    def acte_autorisant(self, acte: Avenant) -> str:
        context = {"acte": acte, "convention": acte.convention}
        return render_to_string("conventions/admin/_acte_autorisant.html", context)

    @admin.display(description="signatures enregistrées")
    def signatures(self, acte: Avenant) -> str:
        standing = {(line.partie, line.piece): line for line in queries.signatures_of(acte)}
        rows = [
            {"partie": partie, "piece": piece, "signature": standing.get((partie.value, piece))}
            for piece in queries.pieces_of(acte)
            for partie in Partie
        ]
        past = queries.superseded_of(acte)
        context = {"convention": acte.convention, "rows": rows, "past": past, "faults": queries.faults_of(acte)}
        context["copies"] = acte.copies.select_related("scan", "closed_by").order_by("asked_at", "pk")
        return render_to_string("conventions/admin/_signatures.html", context)


SITUATION = {
    EtatActe.PREPARE: "attend ses signatures",
    EtatActe.APPLIQUE: "en vigueur",
    EtatActe.ABANDONNE: "abandonné",
}
