"""What agents see of demandes: references, communes, dates, states. Never a family's data (ACC-3)."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.humanize.templatetags.humanize import intcomma
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Min, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html

from conventions.models import Lieu
from demandes import queries, rights
from demandes.documents.motifs import refusal, said
from demandes.documents.reading import modes_of
from demandes.models import Attribution, Demande, JetonLieu, Livraison, Rejet, Remise
from demandes.services import deliveries, jetons, orientation
from demandes.workflow import ALIVE, DEMANDE, Etat, EtatLivraison, Motif
from extranet.core import clock
from extranet.core.accounts.person import person
from extranet.core.dates import paris_date
from extranet.core.journal.models import Entry
from extranet.core.languages import date_longue
from extranet.core.words import date_courte
from extranet.territory.acts import Act, ActsMixin
from extranet.territory.queries import agent_of
from extranet.territory.scoping import CafScopedAdmin, CafScopedInline


class LieuForm(forms.Form):
    """The lieux that can have all the demandes chosen."""

    about_object = True
    lieu = forms.ModelChoiceField(
        label="Lieu d’information",
        queryset=Lieu.objects.none(),
        empty_label="Choisissez un lieu",
        help_text="Les lieux de votre Caf qui couvrent la commune aujourd’hui et où une personne peut répondre.",
        error_messages={"required": "Choisissez le lieu qui recevra la demande."},
    )
    motif = forms.ChoiceField(label="Motif", choices=[("", "Choisissez un motif"), *Motif.choices])

    def __init__(self, *args: Any, objs: list[Demande], **kwargs: Any):
        super().__init__(*args, **kwargs)
        now = clock.now()
        found = orientation.lieux_for(objs, now)
        self.fields["lieu"].queryset = found  # type: ignore[attr-defined]
        if objs and not found.exists():
            self.fields[
                "lieu"
            ].help_text = (
                "Aucun lieu ne couvre toutes ces communes : revenez à la liste et confiez-les commune par commune."
            )
        if asked := orientation.why_asked(objs, now):
            self.fields["motif"].help_text = asked
            self.fields["motif"].error_messages["required"] = asked
        else:
            del self.fields["motif"]


class EnRetard(admin.SimpleListFilter):
    """Late, or with a lieu where nobody can pick it up, or closed when it is due: worked out from dates."""

    title = "à surveiller"
    parameter_name = "delai"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("retard", "en retard"),
            ("sans-personne", "lieu sans personne"),
            ("fermeture", "lieu fermé le quinzième jour"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Demande]) -> QuerySet[Demande]:
        if self.value() == "retard":
            return queryset.filter(pk__in=queries.late_at(clock.now()).values("pk"))
        if self.value() == "fermeture":
            return queryset.filter(pk__in=queries.closed_when_due(clock.today()).values("pk"))
        if self.value() == "sans-personne":
            return queries.stranded(queryset, clock.now())
        return queryset


class AttributionInline(CafScopedInline):
    """Which lieux had it, and what each received: dates, nothing of the family."""

    model = Attribution
    caf_path = "demande__caf"
    fields = ("lieu", "transmitted_at", "recuperee", "seen_at", "contacted_at", "reponse", "ended_at", "pourquoi")
    readonly_fields = fields
    verbose_name_plural = "lieux qui l’ont eue"

    @admin.display(description="récupérée")
    def recuperee(self, attribution: Attribution) -> str:
        if attribution.picked_up_at is None:
            return "—"
        by = attribution.picked_up_by
        return date_courte(paris_date(attribution.picked_up_at)) + (f" par {by.get_full_name()}" if by else "")

    @admin.display(description="réponse du lieu")
    def reponse(self, attribution: Attribution) -> str:
        """SUI-1.d: the outcome and its day; never a note nor an appointment (ACC-3)."""
        if attribution.answered_at is None:
            return "—"
        return f"{attribution.get_issue_display()}, le {date_courte(paris_date(attribution.answered_at))}"

    @admin.display(description="pourquoi")
    def pourquoi(self, attribution: Attribution) -> str:
        said = [attribution.get_fin_display(), attribution.get_motif_display()]
        return " : ".join(filter(None, said)) or "—"


@admin.register(Demande)
class DemandeAdmin(ActsMixin):
    """Follow the demandes of one's Caf; assign those that wait for a lieu (ING-6)."""

    caf_path = "caf"
    rights = rights
    list_display = ["reference", "etat", "commune", "lieu", "deposee", "limite", "fin"]
    list_filter = ["state", EnRetard, "lieu", "source"]
    search_fields = ["reference", "commune__nom_recherche", "lieu__nom"]
    search_help_text = "Référence, commune ou lieu"
    list_select_related = ["commune", "lieu", "transmission"]
    ordering = ["-pk"]
    journal_words = {
        "demande.recue": "Reçue",
        "demande.modifiee": "Modifiée à la source",
        "demande.corrigee": "Corrigée par la famille",
        "demande.transmise": "Transmise au lieu",
        "demande.reprise": "Reprise au lieu",
        "demande.reattribuee": "Confiée à un autre lieu",
        "demande.confiee-par-la-famille": "Confiée à un autre lieu par la famille, à la fin d’une convention",
        "demande.recuperee": "Récupérée par le lieu",
        "demande.traitee": "Traitée",
        "demande.rouverte": "Réponse du lieu annulée : de nouveau à suivre",
        **{f"demande.encore-{value}": f"Téléchargée de nouveau : {label}" for value, label in Remise.Encore.choices},
        "demande.retiree": "Retirée par la famille",
        "demande.purgee": "Données de la famille détruites",
    }
    fields = [
        "reference",
        "etat",
        "source",
        "commune",
        "lieu",
        "modes_voulus",
        "deposee_le",
        "received_at",
        "notifiee",
        "a_recuperer",
        "closed_at",
        "conservation",
        "destroyed_at",
    ]
    inlines = [AttributionInline]
    acts = [
        Act(
            slug="confier",
            label="Confier à un lieu",
            right="assign",
            form=LieuForm,
            several=True,
            available=lambda demande: demande.state == Etat.A_ORIENTER or DEMANDE.may(demande, "reassign"),
            obstacle=lambda demande, by, now: orientation.obstacle(demande, now),
            run=lambda demandes, data, by, now: orientation.give(
                demande_ids=[demande.pk for demande in demandes],
                lieu_id=data["lieu"].pk,
                motif=data.get("motif", ""),
                by=by,
                now=now,
            ),
            done="C’est fait : le lieu choisi est prévenu, et les familles qui ont laissé une adresse aussi.",
            explain="Le lieu choisi reçoit un courriel et a quinze jours pour récupérer ce qui lui est confié ; chaque "
            "famille apprend quel lieu va lui répondre. Le lieu qui avait la demande est prévenu et n’y a plus accès ; "
            "s’il l’avait récupérée, il doit détruire ses copies. La date de destruction ne change pas.",
        ),
        Act(
            slug="reprendre",
            label="Remettre à orienter",
            right="assign",
            several=True,
            available=lambda demande: (
                DEMANDE.may(demande, "take_back") and orientation.is_stranded(demande, clock.now())
            ),
            obstacle=lambda demande, by, now: orientation.put_back_obstacle(demande, now),
            run=lambda demandes, data, by, now: orientation.put_back(
                demande_ids=[demande.pk for demande in demandes], by=by, now=now
            ),
            done="C’est fait : plus aucun lieu n’a ces demandes, elles sont à orienter.",
            explain="Personne, dans le lieu actuel, ne peut récupérer ces demandes. Remises à orienter, elles "
            "attendent qu’un lieu les reçoive. La date de destruction ne change pas.",
        ),
    ]

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        """The Cnaf has thousands of lieux: it searches for one by name."""
        agent, found = agent_of(request.user), super().get_list_filter(request)
        national = agent is not None and agent.caf_id is None
        return [one for one in found if not (national and isinstance(one, tuple) and one[0] == "lieu")]

    def journal_of(self, obj: Demande) -> QuerySet[Entry]:
        """Without what a lieu does day by day: its calls, appointments and notes are its own (ACC-3)."""
        return super().journal_of(obj).exclude(event__startswith="suivi.")

    @admin.display(description="état", ordering="state")
    def etat(self, demande: Demande) -> str:
        if (delay := demande.delay(clock.now())) and delay.days_late:
            return format_html('<span class="badge badge--retard">{}</span>', "en retard")
        return format_html('<span class="badge badge--{}">{}</span>', demande.state, demande.get_state_display())

    @admin.display(description="déposée le", ordering="deposee_le")
    def deposee(self, demande: Demande) -> str:
        return date_courte(paris_date(demande.deposee_le))

    @admin.display(description="à récupérer jusqu’au")
    def limite(self, demande: Demande) -> str:
        delay = demande.delay(clock.now())
        return date_courte(delay.last) if delay else "—"

    @admin.display(description="conservée jusqu’au", ordering="last_day")
    def fin(self, demande: Demande) -> str:
        return date_courte(demande.last_day) if demande.state in ALIVE else "—"

    @admin.display(description="conservée jusqu’au")
    def conservation(self, demande: Demande) -> str:
        """Nothing where nothing is kept any more: `destroyed_at` says when it went."""
        return date_longue(demande.last_day) if demande.state in ALIVE else "—"

    @admin.display(description="à récupérer jusqu’au")
    def a_recuperer(self, demande: Demande) -> str:
        return demande.jusque or "—"

    @admin.display(description="lieu prévenu le")
    def notifiee(self, demande: Demande) -> str:
        notified = demande.transmission.notified_at if demande.transmission else None
        return date_courte(paris_date(notified)) if notified else "—"

    @admin.display(description="modes d’accueil")
    def modes_voulus(self, demande: Demande) -> str:
        return modes_of(demande)


@admin.register(JetonLieu)
class JetonLieuAdmin(ActsMixin):
    """The tokens of the lieux's software, for their Caf to see and revoke (TEL-4.c). None of them in clear."""

    caf_path = "lieu__caf"
    rights = rights
    list_display = ("nom", "lieu", "logiciel", "personne", "expire", "derniere", "etat")
    search_fields = ("jeton__nom", "lieu__nom", "prestataire__nom")
    search_help_text = "Nom du jeton, lieu ou prestataire"
    list_select_related = ("lieu", "prestataire", "jeton__user")
    ordering = ("-pk",)
    fields = ("nom", "lieu", "logiciel", "personne", "debut", "cree", "expire", "derniere", "etat", "ouvre")
    readonly_fields = fields
    journal_words = {"jeton-lieu.cree": "Créé", "jeton-lieu.revoque": "Révoqué par la Caf"}
    acts = (
        Act(
            slug="revoquer",
            label="Révoquer",
            right="revoke_jeton",
            danger=True,
            available=lambda made: made.is_alive(clock.now()),
            run=lambda made, data, by, now: jetons.revoke(jeton_id=made.pk, by=by, now=now),
            done="Le jeton est révoqué : il n’ouvre plus rien.",
            explain="Le logiciel qui s’en sert ne récupère plus de demandes, dès maintenant. Le lieu peut créer un "
            "autre jeton.",
        ),
    )

    @admin.display(description="nom", ordering="jeton__nom")
    def nom(self, made: JetonLieu) -> str:
        return made.jeton.nom

    @admin.display(description="logiciel de", ordering="prestataire__nom")
    def logiciel(self, made: JetonLieu) -> str:
        return made.logiciel

    @admin.display(description="créé par", ordering="jeton__user__nom")
    def personne(self, made: JetonLieu) -> str:
        return made.jeton.user.get_full_name()

    @admin.display(description="début")
    def debut(self, made: JetonLieu) -> str:
        return f"{made.jeton.prefix}…"

    @admin.display(description="créé le")
    def cree(self, made: JetonLieu) -> str:
        return date_courte(paris_date(made.jeton.created_at))

    @admin.display(description="expire le", ordering="jeton__expires_at")
    def expire(self, made: JetonLieu) -> str:
        return date_courte(paris_date(made.jeton.expires_at))

    @admin.display(description="utilisé en dernier le", ordering="jeton__last_used_at")
    def derniere(self, made: JetonLieu) -> str:
        used = made.jeton.last_used_at
        return date_courte(paris_date(used)) if used else "jamais"

    @admin.display(description="état")
    def etat(self, made: JetonLieu) -> str:
        if revoked := made.jeton.revoked_at:
            return f"révoqué le {date_courte(paris_date(revoked))}"
        return "en cours" if made.is_alive(clock.now()) else "expiré"

    @admin.display(description="ouvre les demandes du lieu", boolean=True)
    def ouvre(self, made: JetonLieu) -> bool:
        """Also by the right of its person, the convention and the engagement, today."""
        return queries.opens(made, clock.now())


class DepotForm(forms.Form):
    """A delivery file given by hand."""

    depot = forms.FileField(
        label="Fichier de la livraison",
        help_text="XML au format publié, compressé ou non par gzip ; 2 Gio au plus.",
        error_messages={"required": "Choisissez un fichier.", "empty": "Ce fichier est vide."},
    )


REPORT_SHOWN, REASONS_SHOWN = 100, 20
FOLLOWED, EVERY = "suivi", 5  # the page loads itself again, where that is asked for: seconds


@admin.register(Livraison)
class LivraisonAdmin(CafScopedAdmin):
    """Deliveries of monenfant.fr: the Cnaf's (ING-1)."""

    caf_path = None
    cnaf_only = True
    add_right = "deposit"
    add_label = "Déposer une livraison"
    rights = rights
    change_list_template = "demandes/admin/livraisons.html"
    journal_words = {"livraison.recue": "Reçue", "livraison.traitee": "Traitée", "livraison.refusee": "Refusée"}
    list_display = ["nom", "etat", "received_at", "bilan"]
    list_filter = ["state", "origine"]
    search_fields = ["nom", "sha256"]
    search_help_text = "Nom ou empreinte du fichier"
    ordering = ["-received_at"]
    fields = [
        "nom",
        "etat",
        "motif",
        "origine",
        "auteur",
        "received_at",
        "finished_at",
        "lues",
        "creees",
        "mises_a_jour",
        "inchangees",
        "ecartees",
        "rapport",
        "sha256",
    ]
    readonly_fields = ["etat", "auteur", "rapport"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Livraison]:
        return Livraison.objects.all() if self._sees(request) else Livraison.objects.none()

    @admin.display(description="état", ordering="state")
    def etat(self, livraison: Livraison) -> str:
        if livraison.state == EtatLivraison.RECUE and livraison.enregistrements is not None:
            return format_html('<span class="badge badge--recue">{}</span>', "en cours")
        return format_html('<span class="badge badge--{}">{}</span>', livraison.state, livraison.get_state_display())

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """A reason is shown where there is one."""
        return [name for name in self.fields if name != "motif" or (obj and obj.motifs)]

    @admin.display(description="motif du refus")
    def motif(self, livraison: Livraison) -> str:
        """In words."""
        return refusal(livraison.motifs)

    @admin.display(description="bilan")
    def bilan(self, livraison: Livraison) -> str:
        """The counts in words, those that are nothing left out."""
        if livraison.motifs:
            return refusal(livraison.motifs)
        if livraison.state == EtatLivraison.RECUE:
            return self._progress(livraison) or "en attente"
        counts = [
            (livraison.lues, "enregistrement lu", "enregistrements lus"),
            (livraison.creees, "demande créée", "demandes créées"),
            (livraison.mises_a_jour, "mise à jour", "mises à jour"),
            (livraison.inchangees, "inchangée", "inchangées"),
            (livraison.ecartees, "enregistrement écarté", "enregistrements écartés"),
        ]
        said = [f"{intcomma(count)} {one if count == 1 else many}" for count, one, many in counts if count]
        return ", ".join(said) or "livraison vide"

    @staticmethod
    def _progress(livraison: Livraison) -> str:
        """« 3 000 sur 10 000 enregistrements »; empty while how many there are is not known."""
        if livraison.enregistrements is None:
            return ""
        return f"{intcomma(livraison.checkpoint)} sur {intcomma(livraison.enregistrements)} enregistrements"

    @admin.display(description="par")
    def auteur(self, livraison: Livraison) -> str:
        return livraison.received_by.email if livraison.received_by else "—"

    @admin.display(description="rapport")
    def rapport(self, livraison: Livraison) -> str:
        """ING-1.f: what was set aside or mended, line by line; the first ones here, all of them as CSV."""
        rejets = livraison.rejets.order_by("ligne", "pk")
        shown = [(rejet, said(rejet.motifs)) for rejet in rejets[:REPORT_SHOWN]]
        by_reason = livraison.rejets.values("issue", "motifs").annotate(nombre=Count("pk"), premiere=Min("ligne"))
        reasons = [
            (said(row["motifs"]), Rejet.Issue(row["issue"]).label, row["nombre"], row["premiere"])
            for row in by_reason.order_by("-nombre", "premiere")[:REASONS_SHOWN]
        ]
        context = {
            "livraison": livraison,
            "rejets": shown,
            "nombre": rejets.count(),
            "motifs": reasons,
            "avancement": self._progress(livraison),
            "applying": livraison.state == EtatLivraison.RECUE,
        }
        return render_to_string("demandes/admin/_rapport.html", context)

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None) -> Any:
        """Loads itself again while the file is being applied, for who asks so (RGAA 13.1)."""
        response = super().change_view(request, object_id, form_url, extra_context)
        shown = getattr(response, "context_data", None) or {}
        livraison = shown.get("original")
        if FOLLOWED in request.GET and livraison and livraison.state == EtatLivraison.RECUE:
            response["Refresh"] = str(EVERY)
        return response

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Registers the file and shows its livraison; the same bytes again show the one that they made.

        Not the admin's own page: that one runs in a transaction, and the bytes of a delivery must not outlive its row.
        """
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = DepotForm()
        if request.method == "POST":
            form = DepotForm(request.POST, request.FILES)
            if form.is_valid() and (livraison := self._register(request, form)):
                return HttpResponseRedirect(reverse("admin:demandes_livraison_change", args=[livraison.pk]))
        context = {
            **self.admin_site.each_context(request),
            "title": "Déposer une livraison",
            "form": form,
            "opts": self.opts,
            "media": self.media,
        }
        status = 422 if form.errors else 200
        return TemplateResponse(request, "demandes/admin/depot.html", context, status=status)

    def _register(self, request: HttpRequest, form: DepotForm) -> Livraison | None:
        upload = form.cleaned_data["depot"]
        try:
            livraison = deliveries.register(
                upload, nom=upload.name, origine=Livraison.Origine.DEPOT, by=person(request), now=clock.now()
            )
        except deliveries.TooLarge:
            form.add_error("depot", "Ce fichier dépasse 2 Gio.")
            return None
        if livraison.is_new:
            messages.success(
                request, "La livraison est reçue et va être traitée. Rechargez cette page pour voir son résultat."
            )
        else:
            received = date_longue(paris_date(livraison.received_at))
            messages.info(request, f"Ce fichier avait déjà été reçu, le {received} : rien n’a changé.")
        return livraison
