"""Applications as agents see and decide them (HAB-6, HAB-7); every act goes through a service."""

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html

from conventions.models import Convention
from conventions.workflow import EtatConvention
from extranet.core import clock
from extranet.core.dates import add_months, paris_date
from extranet.core.journal.models import Entry
from extranet.core.journal.services import name_of
from extranet.core.web.files import handed_over
from extranet.core.web.forms import DateInput, LinesField
from extranet.core.words import date_courte
from extranet.territory import rights as territory
from extranet.territory.acts import Act, ActsMixin, Step, to_holders
from extranet.territory.contours import carte_of
from extranet.territory.models import Caf
from extranet.territory.scoping import actor_names, moment_court
from habilitations import queries, rights, rules
from habilitations.admin.persons import accesses_to_open
from habilitations.forms import CorrectionForm, NommeeForm
from habilitations.models import CommuneDemandee, DemandeHabilitation
from habilitations.services import applications, named
from habilitations.workflow import DEMANDE_HABILITATION, EtatDemandeHabilitation


class MotifForm(forms.Form):
    """A reason that the lieu, or the record, will show."""

    motif = LinesField(
        label="Motif",
        max_length=1000,
        help_text="Le lieu le recevra par courriel.",
        error_messages={"required": "Écrivez pourquoi votre Caf refuse cette demande : le lieu lira ce motif."},
    )


class ComplementForm(forms.Form):
    """What the lieu is asked."""

    texte = LinesField(
        label="Ce que vous demandez au lieu",
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 6}),
        help_text="Le lieu recevra ce texte par courriel, avec un lien pour corriger sa demande une fois.",
        error_messages={"required": "Écrivez ce que le lieu doit ajouter ou corriger."},
    )
    attendu_le = forms.DateField(
        label="Réponse attendue au plus tard le",
        widget=DateInput,
        help_text="Ce jour est dit au lieu. Le lien sert encore après.",
    )


class TransfertForm(forms.Form):
    """To which Caf, and why."""

    about_object = True
    caf = forms.ModelChoiceField(label="Nouvelle Caf", queryset=Caf.objects.none(), empty_label="Choisissez")
    motif = LinesField(
        label="Motif",
        max_length=1000,
        help_text="Le lieu le recevra par courriel.",
        error_messages={"required": "Écrivez pourquoi cette demande revient à une autre Caf : le lieu lira ce motif."},
    )

    def __init__(self, *args: Any, obj: DemandeHabilitation, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.fields["caf"].queryset = Caf.objects.exclude(pk=obj.caf_id).order_by("nom")  # type: ignore[attr-defined]


def acceptance_words(demande: DemandeHabilitation) -> list[str]:
    """What the paper will not say as the application does, and of whom it will not say the name (CON-2.i)."""
    words = queries.not_taken_over(demande, clock.today())
    if demande.caf.directeur:
        return words
    unnamed = format_html(
        "La direction de votre Caf n’est pas nommée : la convention dira « représentée par sa directrice ou son "
        "directeur », et ne changera plus. La nommer avant d’accepter revient {}, dans les "
        '<a href="{}">réglages de votre Caf</a>.',
        to_holders(territory.ACTS["set_director"]),
        reverse("admin:territory_caf_change", args=[demande.caf_id]),
    )
    return [*words, unnamed]


def may_change(demande: DemandeHabilitation) -> bool:
    """HAB-8.b: once accepted, what it says of persons is the convention's."""
    return demande.state != EtatDemandeHabilitation.ACCEPTEE


def worst_first(controle: queries.Controle) -> int:
    """What is wrong, what to look at, then the rest, each in its order."""
    return -queries.Verdict.values.index(controle.verdict)


def data_file(donnees: queries.Donnees, now: datetime) -> HttpResponse:
    """A file that anybody can read."""
    text = render_to_string("habilitations/admin/donnees.txt", {"donnees": donnees, "remis_le": paris_date(now)})
    response = HttpResponse(text, content_type="text/plain; charset=utf-8")
    return handed_over(response, f"donnees-{donnees.demande.reference}.txt")


@admin.register(DemandeHabilitation)
class DemandeHabilitationAdmin(ActsMixin):
    """HAB-6: an application with its checks worked out."""

    own_caf_only = True
    caf_path = "caf"
    rights = rights
    list_display = [
        "reference",
        "lieu",
        "ville",
        "gestionnaire",
        "state",
        "recue",
        "nombre",
    ]
    list_filter = ["state", "version__lieu_nature", "submitted_at"]
    list_select_related = ["version", "caf"]
    search_fields = [
        "reference",
        "version__lieu_nom",
        "version__lieu_ville",
        "version__gestionnaire_nom",
        "version__gestionnaire_siren",
    ]
    search_help_text = "Référence, lieu, ville, gestionnaire ou SIREN"
    ordering = ["-submitted_at"]
    fields = ()
    change_form_template = "habilitations/admin/demande.html"
    journal_shown = False  # in words, on a page of its own making
    journal_words = {
        "demande-habilitation.deposee": "Demande déposée",
        "demande-habilitation.complement": "Complément demandé",
        "demande-habilitation.completee": "Demande complétée",
        "demande-habilitation.transferee": "Demande transférée à une autre Caf",
        "demande-habilitation.acceptee": "Demande acceptée",
        "demande-habilitation.refusee": "Demande refusée",
        "demande-habilitation.donnees-remises": "Données remises à une personne nommée",
        "demande-habilitation.personne-corrigee": "Données d’une personne corrigées à sa demande",
        "demande-habilitation.personne-effacee": "Personne effacée à sa demande",
    }

    acts = [
        Act(
            slug="accepter",
            preview=True,
            label="Accepter",
            right="accept",
            available=lambda demande: DEMANDE_HABILITATION.may(demande, "accept"),
            obstacle=lambda demande, by, now: applications.acceptance_obstacle(demande),
            words=acceptance_words,
            run=lambda demande, data, by, now: applications.accept(demande_id=demande.pk, by=by, now=now),
            done="La demande est acceptée : la convention est prête à signer.",
            explain="Le lieu, son gestionnaire et la convention à signer sont créés. Sauf réglage contraire de "
            "votre Caf, une autre personne ouvrira les accès.",
        ),
        Act(
            slug="complement",
            preview=True,
            label="Demander un complément",
            right="ask_complement",
            form=ComplementForm,
            initial=lambda demande: {"attendu_le": rules.usually_awaited_on(clock.today())},
            available=lambda demande: DEMANDE_HABILITATION.may(demande, "ask_complement"),
            run=lambda demande, data, by, now: applications.ask_complement(
                demande_id=demande.pk, by=by, now=now, **data
            ),
            done="Le complément est demandé ; le lieu reçoit un lien pour répondre.",
            explain="Le lien rouvre le formulaire avec ce que le lieu a envoyé, et ne sert qu’une fois. Un lien envoyé "
            "auparavant et resté sans réponse ne sert plus.",
        ),
        Act(
            slug="transferer",
            preview=True,
            label="Transférer à une autre Caf",
            right="transfer",
            form=TransfertForm,
            danger=True,
            available=lambda demande: DEMANDE_HABILITATION.may(demande, "transfer"),
            run=lambda demande, data, by, now: applications.transfer(demande_id=demande.pk, by=by, now=now, **data),
            done="La demande est transférée ; le lieu et la nouvelle Caf sont prévenus.",
            explain="Vous ne verrez plus cette demande. La nouvelle Caf fera corriger les communes qui ne sont pas de "
            "son territoire.",
        ),
        Act(
            slug="refuser",
            preview=True,
            label="Refuser",
            right="refuse",
            obstacle=lambda demande, by, now: applications.refusal_obstacle(demande),
            explain="Le lieu reçoit ce motif, avec les voies de recours et le tribunal que votre Caf a indiqués.",
            form=MotifForm,
            danger=True,
            available=lambda demande: DEMANDE_HABILITATION.may(demande, "refuse"),
            run=lambda demande, data, by, now: applications.refuse(demande_id=demande.pk, by=by, now=now, **data),
            done="La demande est refusée ; le lieu est prévenu.",
        ),
        Act(
            slug="donnees",
            label="Remettre à une personne ses données",
            right="access_data",
            form=NommeeForm,
            run=lambda demande, data, by, now: data_file(
                named.hand_over(demande_id=demande.pk, by=by, now=now, **data), now
            ),
            done="",
            explain="Le fichier dit tout ce que votre Caf conserve au sujet de cette personne. Assurez-vous d’abord "
            "que c’est bien elle qui le demande. L’historique garde que vous l’avez fait, pas ce que dit le fichier.",
        ),
        Act(
            slug="corriger",
            label="Corriger les données d’une personne",
            right="correct_data",
            form=CorrectionForm,
            available=may_change,
            run=lambda demande, data, by, now: named.correct(demande_id=demande.pk, by=by, now=now, **data),
            done="La correction est enregistrée dans une nouvelle version.",
            explain="À la demande de la personne. Laissez vide ce qui ne change pas. La version que le lieu a envoyée "
            "reste telle quelle.",
        ),
        Act(
            slug="effacer",
            label="Effacer une personne",
            right="erase_data",
            form=NommeeForm,
            danger=True,
            available=may_change,
            run=lambda demande, data, by, now: named.erase(demande_id=demande.pk, by=by, now=now, **data),
            done="La personne est effacée de cette demande.",
            explain="À la demande de la personne : elle disparaît de toutes les versions, et ne pourra pas être "
            "habilitée par cette demande. Les textes que la Caf a écrits ne changent pas.",
        ),
    ]

    def next_step(self, obj: DemandeHabilitation) -> Step | None:
        acts = ("accepter", "complement", "transferer", "refuser")
        if obj.state == EtatDemandeHabilitation.DEPOSEE:
            return Step(what="décider de cette demande, ou demander au lieu ce qui manque.", acts=acts)
        if obj.convention:
            return self._after_acceptance(obj.convention)
        if obj.state != EtatDemandeHabilitation.COMPLEMENT:
            return None
        asked = obj.complements.filter(closed_at=None).first()
        if asked and asked.awaited_on and asked.awaited_on < clock.today():
            return Step(what="décider sans la réponse du lieu, qui n’est pas venue, ou la redemander.", acts=acts)
        return Step(what="répondre au complément demandé, par le lien reçu.", who="au lieu")

    def _after_acceptance(self, convention: Convention) -> Step | None:
        """What its convention waits for, and where."""
        if convention.state == EtatConvention.PREPARATION:
            page = reverse("admin:conventions_convention_change", args=[convention.pk])
            what = format_html('signer la <a href="{}">convention {}</a>.', page, convention.numero)
            return Step(what=what, who="au gestionnaire, puis à votre Caf,")
        return accesses_to_open(convention)

    @admin.display(description="lieu", ordering="version__lieu_nom")
    def lieu(self, demande: DemandeHabilitation) -> str:
        return demande.latest.lieu_nom

    @admin.display(description="ville", ordering="version__lieu_ville")
    def ville(self, demande: DemandeHabilitation) -> str:
        return demande.latest.lieu_ville

    @admin.display(description="gestionnaire", ordering="version__gestionnaire_nom")
    def gestionnaire(self, demande: DemandeHabilitation) -> str:
        return demande.latest.gestionnaire_nom

    @admin.display(description="reçue le", ordering="submitted_at")
    def recue(self, demande: DemandeHabilitation) -> str:
        return date_courte(paris_date(demande.submitted_at))

    @admin.display(description="communes", ordering="lines_communes")
    def nombre(self, demande: Any) -> int:
        return demande.lines_communes

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> HttpResponse:
        """The page of an application: laid out for a decision (HAB-6)."""
        context |= self._page_of(obj)
        return super().render_change_form(request, context, add, change, form_url, obj)

    def _page_of(self, demande: DemandeHabilitation) -> dict[str, Any]:
        versions = queries.versions_of(demande)
        pairs = list(zip(versions, [*versions[1:], None], strict=True))
        compared = [(version, queries.compared(version, earlier)) for version, earlier in pairs]
        received = paris_date(demande.submitted_at)
        undecided = DEMANDE_HABILITATION.may(demande, "accept")
        return {
            "demande": demande,
            "version": versions[0],
            "parties": compared[0][1],
            "carte": carte_of([line.commune for line in versions[0].communes.all()]),
            "anciennes": compared[1:],
            "controles": sorted(queries.checks_of(demande, clock.now()), key=worst_first) if undecided else None,
            "deux_mois": add_months(received, 2) if undecided else None,
            "ecarts": queries.named_otherwise(demande),
            "attendu": demande.complements.filter(closed_at=None).first(),
            "aujourd_hui": clock.today(),
            "historique": self._history(demande),
        }

    def _history(self, demande: DemandeHabilitation) -> list[dict[str, Any]]:
        """CTL-4: who did what when, the latest first, with the words that were written then."""
        lines = list(
            Entry.objects.filter(object_kind=demande._meta.label_lower, object_id=name_of(demande)).order_by(
                "-at", "-pk"
            )
        )
        names = actor_names(lines)
        words = {one.asked_at: one.texte for one in demande.complements.all()}
        for one in demande.transferts.select_related("from_caf", "to_caf"):
            words[one.transferred_at] = f"De la {one.from_caf.nom} à la {one.to_caf.nom}. Motif : {one.motif}"
        words |= {one.sent_at: one.motif_correction for one in demande.versions.all() if one.motif_correction}
        if demande.decided_at:
            words[demande.decided_at] = demande.motif
        return [
            {
                "quand": moment_court(line.at),
                "quoi": self.journal_words.get(line.event, line.event),
                "qui": names.get(line.actor, "compte supprimé"),
                "mots": words.get(line.at, ""),
            }
            for line in lines
        ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[DemandeHabilitation]:
        """HAB-8.a: what is past its last day is not there any more, erased already or not."""
        asked = CommuneDemandee.objects.filter(version=OuterRef("version")).order_by().values("version")
        rows = queries.kept(super().get_queryset(request), clock.now())
        return rows.annotate(lines_communes=Subquery(asked.annotate(n=Count("pk")).values("n")))
