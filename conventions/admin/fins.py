"""Registered letters of a convention, the ends that they ask for, and what agents do about them (CON-4, CON-5)."""

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from conventions import queries, rights
from conventions.admin.shown import UNSET
from conventions.documents import lettres
from conventions.forms.fins import (
    AmiableForm,
    CourrierForm,
    EcheanceForm,
    LettreForm,
    ManquementForm,
    RetraitPreavisForm,
    SuiteForm,
    breach_to_confirm,
    notice_to_confirm,
    notice_words,
)
from conventions.models import Convention, Courrier
from conventions.services import fins
from extranet.core import clock
from extranet.core.accounts.models import User
from extranet.core.documents.models import StoredFile
from extranet.core.errors import Answer, WrongState
from extranet.core.web.files import attachment, handed_over
from extranet.territory.acts import Act, Step
from extranet.territory.queries import role_of
from extranet.territory.scoping import CafScopedAdmin


def is_running(convention: Convention) -> bool:
    """In force, its last day not over."""
    return convention.in_force_from is not None and not (convention.ended_on and convention.ended_on < clock.today())


def _notice_obstacle(convention: Convention, by: User, now: object) -> Answer | None:
    letter = notice_to_confirm(convention)
    return fins.anniversary_obstacle(letter, by) if letter else None


def _breach_words(convention: Convention) -> list[str]:
    letter = breach_to_confirm(convention)
    return ManquementForm.words(letter) if letter else []


def _notice_words(convention: Convention) -> list[str]:
    letter = notice_to_confirm(convention)
    return notice_words(letter) if letter else []


def _may_be_withdrawn(convention: Convention) -> bool:
    ended = queries.standing_notice(convention)
    return is_running(convention) and ended is not None and ended.ends_on == convention.ended_on


ACTS = (
    Act(
        slug="fin-a-l-echeance",
        label="Confirmer la résiliation à l’échéance",
        right="end_at_anniversary",
        form=EcheanceForm,
        danger=True,
        preview=True,
        available=lambda convention: notice_to_confirm(convention) is not None,
        obstacle=_notice_obstacle,
        words=_notice_words,
        run=lambda convention, data, by, now: fins.end_at_anniversary(
            courrier_uuid=UUID(data["courrier"]),
            ends_on=data["ends_on"],
            decision=data.get("decision", ""),
            by=by,
            now=now,
        ),
        done="La fin de la convention est enregistrée ; le lieu et le gestionnaire sont prévenus.",
        explain="Le lieu et le gestionnaire reçoivent un courriel qui leur dit cette date et la suite. Les deux "
        "parties peuvent encore retirer la résiliation, d’un commun accord, avant son terme.",
    ),
    Act(
        slug="resilier-pour-manquement",
        label="Confirmer la résiliation pour manquement",
        right="end_for_breach",
        form=ManquementForm,
        danger=True,
        preview=True,
        available=lambda convention: breach_to_confirm(convention) is not None,
        words=_breach_words,
        run=lambda convention, data, by, now: fins.end_for_breach(
            courrier_uuid=UUID(data["courrier"]),
            motif=data["motif"],
            effective_on=data["effective_on"],
            by=by,
            now=now,
        ),
        done="La convention est résiliée ; le lieu et le gestionnaire sont prévenus.",
        explain="Dès la confirmation, si la lettre a été remise aujourd’hui ou avant, personne de ce lieu ne voit "
        "plus aucune demande, et il n’en reçoit plus.",
    ),
    Act(
        slug="retirer-la-resiliation",
        label="Retirer la résiliation, d’un commun accord",
        right="withdraw_notice",
        undoes=True,
        form=RetraitPreavisForm,
        available=_may_be_withdrawn,
        run=lambda convention, data, by, now: fins.withdraw_notice(
            convention_uuid=convention.uuid, by=by, now=now, **data
        ),
        done="La résiliation est retirée : la convention continue.",
        explain="Les deux parties renoncent à la résiliation par un document qu’elles signent toutes deux. La "
        "convention continue, avec les mêmes communes et les mêmes personnes.",
    ),
    Act(
        slug="courrier",
        label="Enregistrer une lettre recommandée",
        right="record_courrier",
        form=CourrierForm,
        available=is_running,
        run=lambda convention, data, by, now: fins.record_courrier(
            convention_uuid=convention.uuid, by=by, now=now, **data
        ),
        done="La lettre est enregistrée. Si elle a été remise, il reste à en confirmer l’effet.",
        explain="Une lettre que la Caf a envoyée, ou qu’elle a reçue du gestionnaire. L’enregistrer ne met fin à "
        "rien : une fois la lettre remise, la page de la convention propose d’en confirmer l’effet, avec sa date.",
    ),
    Act(
        slug="suite-d-un-courrier",
        label="Noter la suite d’une lettre",
        right="record_courrier",
        form=SuiteForm,
        available=lambda convention: convention.courriers.filter(issue="").exists(),
        run=lambda convention, data, by, now: fins.note_outcome(
            courrier_uuid=data.pop("courrier").uuid, by=by, now=now, **data
        ),
        done="La suite de la lettre est enregistrée. Si elle a été remise, il reste à en confirmer l’effet.",
        explain="Ce que La Poste a fait de la lettre, et quand.",
    ),
    Act(
        slug="tentative-amiable",
        label="Noter une tentative amiable",
        right="record_amicable",
        form=AmiableForm,
        available=lambda convention: convention.in_force_from is not None,
        run=lambda convention, data, by, now: fins.record_amicable(
            convention_uuid=convention.uuid, by=by, now=now, **data
        ),
        done="La tentative est enregistrée.",
        explain="La convention demande de rechercher d’abord un règlement amiable. Ce que vous notez ici figure "
        "dans le dossier de manquement.",
    ),
)

WORDS = {
    "convention.courrier": "Lettre recommandée enregistrée",
    "convention.courrier-suite": "Suite d’une lettre recommandée enregistrée",
    "convention.resiliee": "Fin de la convention enregistrée",
    "convention.resiliation-retiree": "Résiliation retirée par les deux parties",
    "convention.tentative-amiable": "Tentative amiable notée",
    "convention.mots-de-passe": "Nouveaux mots de passe demandés à toutes les personnes du lieu",
}


def next_step(convention: Convention) -> Step | None:
    """What a letter, or an end, leaves to do; None where nothing."""
    if notice_to_confirm(convention):
        return Step(what="confirmer la fin que demande la lettre remise.", acts=("fin-a-l-echeance",))
    if breach_to_confirm(convention):
        return Step(
            what="confirmer la résiliation que la lettre remise a notifiée.", acts=("resilier-pour-manquement",)
        )
    if is_running(convention) and convention.courriers.filter(issue="").exists():
        return Step(what="noter ce que La Poste a fait de la lettre envoyée.", acts=("suite-d-un-courrier",))
    return None


def section(convention: Convention) -> str:
    """Letters, ends, amicable attempts, and letters to prepare: one part of the convention's page."""
    if convention.in_force_from is None:
        return UNSET
    letters = convention.courriers.select_related("scan", "avis").order_by("-posted_on", "-pk")
    ends = convention.resiliations.select_related("courrier", "withdrawal").order_by("-recorded_at")
    context = {
        "convention": convention,
        "courriers": letters,
        "resiliations": ends,
        "tentatives": convention.tentatives_amiables.order_by("-tried_on", "-pk"),
        "lettres": list(lettres.TITLES.items()) if is_running(convention) else [],
        "ouvert": convention.files_open,  # type: ignore[attr-defined]
    }
    return render_to_string("conventions/admin/_fins.html", context)


class FinFilter(admin.SimpleListFilter):
    """By what is known of its end."""

    title = "fin"
    parameter_name = "fin"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("a-confirmer", "lettre à confirmer"), ("annoncee", "fin annoncée"), ("passee", "terminée")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Convention]) -> QuerySet[Convention]:
        today = clock.today()
        wanted = {
            "a-confirmer": Q(pk__in=queries.letters_to_confirm().order_by().values("convention")),
            "annoncee": Q(ended_on__gte=today),
            "passee": Q(ended_on__lt=today),
        }
        return queryset.filter(wanted[value]) if (value := self.value()) in wanted else queryset


class FinsMixin(CafScopedAdmin):
    """Addresses of the letters of a convention."""

    def get_urls(self) -> list[URLPattern]:
        return [
            path(
                "<path:object_id>/lettre/<slug:nature>/",
                self.admin_site.admin_view(self.lettre_view),
                name="conventions_convention_lettre",
            ),
            path(
                "<path:object_id>/courrier/<uuid:file_id>/",
                self.admin_site.admin_view(self.courrier_view),
                name="conventions_convention_courrier",
            ),
            *super().get_urls(),
        ]

    def courrier_view(self, request: HttpRequest, object_id: str, file_id: UUID) -> FileResponse:
        """The scan of a letter, what the post gave back of it, or the paper that gives a notice up."""
        convention = self.visible_or_404(request, object_id)
        rights.check(role_of(request.user), "read_files")
        own = Q(pk__in=convention.courriers.values("scan")) | Q(pk__in=convention.courriers.values("avis"))
        own |= Q(pk__in=convention.resiliations.values("withdrawal"))
        found = StoredFile.objects.filter(own, pk=file_id).first()
        if found is None:
            raise Http404
        return attachment(found, f"{convention.numero}-courrier-{found.created_at:%Y-%m-%d}.pdf")

    def lettre_view(self, request: HttpRequest, object_id: str, nature: str) -> HttpResponse:
        """A letter made ready: GET asks what it shall say, POST gives the PDF. Nothing is kept."""
        convention = self.visible_or_404(request, object_id)
        if nature not in Courrier.Objet.values:
            raise Http404
        if not rights.may(role_of(request.user), "record_courrier"):
            raise PermissionDenied
        if not is_running(convention):
            raise WrongState()
        form = LettreForm(request.POST if request.method == "POST" else None, nature=nature)
        if request.method == "POST" and form.is_valid():
            content = lettres.write(convention, nature, now=clock.now(), **form.cleaned_data)
            response = HttpResponse(content, content_type="application/pdf")
            return handed_over(response, f"{convention.numero}-{nature}.pdf")
        context = {
            **self.admin_site.each_context(request),
            "title": f"Préparer la lettre : {lettres.TITLES[Courrier.Objet(nature)].lower()}",
            "form": form,
            "opts": self.opts,
            "original": convention,
            "back": reverse("admin:conventions_convention_change", args=[convention.pk]),
        }
        status = 422 if form.errors else 200
        return TemplateResponse(request, "conventions/admin/lettre.html", context, status=status)
