"""Running conventions taken over: one by a page, many by a file, and their signed documents (CON-13)."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.datastructures import MultiValueDict

from conventions import queries, rights
from conventions.documents import tableur
from conventions.forms.takeover import DocumentForm, FichierForm, Personnes, RepriseForm, add_verdict
from conventions.forms.takeover_file import HEADINGS, Rapport, example_rows, help_rows, read_report
from conventions.models import Convention
from conventions.services import takeover
from extranet.core import clock
from extranet.core.accounts.person import person
from extranet.core.documents import ods
from extranet.core.errors import Refused
from extranet.core.web import passing
from extranet.core.web.files import handed_over
from extranet.territory.acts import Act
from extranet.territory.models import Caf
from extranet.territory.queries import agent_of
from extranet.territory.scoping import CafScopedAdmin

PEOPLE = "personnes"
OVER = "Ce fichier n’est plus là : plus d’une heure a passé depuis sa vérification. Choisissez-le de nouveau."
NOT_KEPT = "Le fichier a été vérifié, mais il ne peut pas être gardé jusqu’à votre accord. Recommencez dans un moment."

FAIT = ("Aucune convention n’est reprise", "1 convention est reprise", "{} conventions sont reprises")
A_FAIRE = (
    "Aucune convention ne peut être reprise",
    "1 convention peut être reprise",
    "{} conventions peuvent être reprises",
)
MORE = (
    (
        "refusee",
        "1 convention ne peut pas être reprise : corrigez le fichier, puis déposez-le à nouveau.",
        "{} conventions ne peuvent pas être reprises : corrigez le fichier, puis déposez-le à nouveau.",
    ),
    (
        "modifiee",
        "1 convention déjà reprise est différente dans ce fichier : rien n’y est modifié.",
        "{} conventions déjà reprises sont différentes dans ce fichier : rien n’y est modifié.",
    ),
    (
        "inchangee",
        "1 convention était déjà reprise, sans changement.",
        "{} conventions étaient déjà reprises, sans changement.",
    ),
)
# What became of a line, and the colour of its badge.
SHOWN = {
    "reprise": ("à reprendre", "a-orienter"),
    "inchangee": ("déjà reprise", "recue"),
    "modifiee": ("différente", "preparation"),
    "refusee": ("refusée", "refusee"),
}

ACTS = (
    Act(
        slug="document-signe",
        label="Joindre le document signé",
        right="take_over",
        form=DocumentForm,
        available=lambda convention: queries.signatures_without_file(convention).exists(),
        run=lambda convention, data, by, now: takeover.attach_signed(
            convention_uuid=convention.uuid, by=by, now=now, **data
        ),
        done="Le document signé est joint.",
        explain="Cette convention a été reprise sans ses documents. Joignez ceux que les deux parties ont signés.",
    ),
)

WORDS = {
    "convention.reprise": "Convention en cours reprise",
    "convention.document-joint": "Document signé joint",
}


class TakeoverMixin(CafScopedAdmin):
    """The pages by which running conventions come in, on the admin of conventions."""

    change_list_template = "conventions/admin/conventions.html"

    def get_urls(self) -> list[URLPattern]:
        pages = [
            ("reprise/", self.reprise_view, "reprise"),
            ("reprise/fichier/", self.fichier_view, "reprise_fichier"),
            ("reprise/modele.ods", self.modele_ods_view, "reprise_modele_ods"),
            ("reprise/modele.csv", self.modele_csv_view, "reprise_modele_csv"),
        ]
        own = [
            path(where, self.admin_site.admin_view(view), name=f"conventions_convention_{name}")
            for where, view, name in pages
        ]
        return [*own, *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        agent = agent_of(request.user)
        more = {"may_take_over": agent is not None and rights.may(agent.role, "take_over")}
        return super().changelist_view(request, {**(extra_context or {}), **more})

    def _caf(self, request: HttpRequest) -> Caf:
        """The Caf whose conventions this agent may take over; 403 for any other."""
        agent = agent_of(request.user)
        if agent is None or agent.caf is None or not rights.may(agent.role, "take_over"):
            raise PermissionDenied
        return agent.caf

    def _show(self, request: HttpRequest, name: str, title: str, status: int = 200, **more: Any) -> HttpResponse:
        context = {**self.admin_site.each_context(request), "title": title, "opts": self.opts, **more}
        return TemplateResponse(request, f"conventions/admin/{name}.html", context, status=status)

    # --- one ---------------------------------------------------------------------------------------------------------

    def reprise_view(self, request: HttpRequest) -> HttpResponse:
        """CON-13.a. Rows of persons are added and taken away by the page itself, nothing typed being lost."""
        caf = self._caf(request)
        form: Any = RepriseForm(caf=caf)
        people: Any = Personnes(prefix=PEOPLE)
        if {"ajouter", "retirer"} & request.POST.keys():
            typed = {name: [str(value) for value in request.POST.getlist(name)] for name in request.POST}
            Personnes.change(typed, PEOPLE, request.POST)
            form = RepriseForm(caf=caf, initial={name: typed.get(name, [""])[-1] for name in RepriseForm.base_fields})
            people = Personnes(prefix=PEOPLE, initial=_rows(typed))
        elif request.method == "POST":
            form, people = RepriseForm(request.POST, caf=caf), Personnes(request.POST, prefix=PEOPLE)
            if form.is_valid() & people.is_valid():
                if (convention := self._take_over(request, caf, form, people)) is not None:
                    return HttpResponseRedirect(reverse("admin:conventions_convention_change", args=[convention.pk]))
        faulty = bool(form.errors or people.is_bound and (people.total_error_count() or people.non_form_errors()))
        return self._show(
            request,
            "reprise",
            "Reprendre une convention",
            422 if faulty else 200,
            form=form,
            people=people,
            faulty=faulty,
        )

    def _take_over(self, request: HttpRequest, caf: Caf, form: Any, people: Any) -> Convention | None:
        given = form.given(people.personnes())
        [verdict] = takeover.take_over(caf=caf.pk, given=[given], by=person(request), now=clock.now())
        if verdict.is_taken:
            messages.success(
                request,
                "La convention est reprise. Joignez ses documents signés quand vous les avez ; l’accès de chaque "
                "personne s’ouvre comme pour toute autre convention.",
            )
            if verdict.why:
                messages.info(request, verdict.why)
            return verdict.convention
        if verdict.fate == "inchangee":
            messages.info(request, verdict.why)
            return verdict.convention
        add_verdict(form, verdict)
        return None

    # --- many --------------------------------------------------------------------------------------------------------

    def fichier_view(self, request: HttpRequest) -> HttpResponse:
        """CON-13.b–e: a file is read and reported on, nothing being written; then the same bytes are applied."""
        caf = self._caf(request)
        if request.method != "POST":
            return self._fichier(request, FichierForm())
        if "cle" in request.POST:
            return self._confirm(request, caf)
        form = FichierForm(request.POST, request.FILES)
        if not form.is_valid():
            return self._fichier(request, form)
        data = form.cleaned_data["fichier"].read(tableur.MAX_BYTES + 1)
        try:
            rapport = read_report(data, caf, by=person(request), now=clock.now(), apply=False)
        except Refused as refused:
            form.add_error("fichier", refused.faults["fichier"])
            return self._fichier(request, form)
        cle = passing.keep(data, str(person(request).uuid)) if rapport.of("reprise") else ""
        if rapport.of("reprise") and not cle:
            messages.warning(request, NOT_KEPT)
        return self._rapport(request, rapport, cle=cle, fait=False)

    def _confirm(self, request: HttpRequest, caf: Caf) -> HttpResponse:
        by, cle = person(request), request.POST["cle"]
        if (data := passing.read(cle, str(by.uuid))) is None:
            form = FichierForm({}, MultiValueDict())
            form.errors.clear()
            form.add_error("fichier", OVER)
            return self._fichier(request, form)
        whole = "tout" in request.POST
        rapport = read_report(data, caf, by=by, now=clock.now(), apply=True, whole=whole)
        if any(sort.convention is None for sort in rapport.of("reprise")):
            messages.error(request, "Rien n’a été repris : une convention au moins est refusée ou modifiée.")
            return self._rapport(request, rapport, cle=cle, fait=False, status=422)
        return self._rapport(request, rapport, cle="", fait=True)

    def _rapport(
        self, request: HttpRequest, rapport: Rapport, *, cle: str, fait: bool, status: int = 200
    ) -> HttpResponse:
        """CON-13.c: what would be done, or what was, in words and line by line."""
        count = {fate: len(rapport.of(fate)) for fate in ("reprise", "refusee", "modifiee", "inchangee")}
        words = FAIT if fait else A_FAIRE
        more = [many.format(count[fate]) if count[fate] > 1 else one for fate, one, many in MORE if count[fate]]
        return self._show(
            request,
            "reprise_rapport",
            "Conventions reprises" if fait else "Vérification du fichier",
            status,
            rapport=rapport,
            lignes=[
                (
                    sort,
                    *SHOWN[sort.fate],
                )
                if not fait or sort.fate != "reprise"
                else (sort, "reprise", "signee")
                for sort in rapport.sorts
            ],
            nombre=count["reprise"],
            titre=words[min(count["reprise"], 2)].format(count["reprise"]),
            phrases=more,
            cle=cle,
            fait=fait,
        )

    def _fichier(self, request: HttpRequest, form: FichierForm) -> HttpResponse:
        status = 422 if form.errors else 200
        return self._show(request, "reprise_fichier", "Reprendre des conventions par fichier", status, form=form)

    def modele_ods_view(self, request: HttpRequest) -> HttpResponse:
        """The workbook to fill: its first sheet has the headings only, then an example and help."""
        self._caf(request)
        headings = list(HEADINGS.values())
        sheets: list[ods.Feuille] = [
            ("Conventions", [headings], ["large"] * len(headings)),
            ("Exemple", example_rows(), ["large"] * len(headings)),
            ("Aide", help_rows(), ["large", "large", "aide"]),
        ]
        answer = HttpResponse(ods.write(sheets), content_type=ods.MEDIA_TYPE)
        return handed_over(answer, "conventions-a-reprendre.ods")

    def modele_csv_view(self, request: HttpRequest) -> HttpResponse:
        """The same as CSV, with the example."""
        self._caf(request)
        content = HttpResponse(tableur.write_csv(example_rows()), content_type="text/csv; charset=utf-8")
        return handed_over(content, "conventions-a-reprendre.csv")


def _rows(typed: dict[str, list[str]]) -> list[dict[str, str]]:
    """What was typed of each person, as initial values of as many rows."""
    count = int(typed[f"{PEOPLE}-TOTAL_FORMS"][0])
    fields = Personnes.form.base_fields
    return [{name: typed.get(f"{PEOPLE}-{rank}-{name}", [""])[-1] for name in fields} for rank in range(count)]
