"""The agents' desk: the admin, opening on what waits for this agent."""

from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path, reverse

from conventions import queries as conventions
from conventions import rights as conventions_rights
from conventions.models import Convention, Fermeture, Lieu
from conventions.workflow import EtatConvention
from demandes import queries as demandes
from demandes.attestations import queries as attestations
from demandes.models import Demande, Remise
from demandes.workflow import Etat
from extranet.core import clock
from extranet.core.accounts.models import User
from extranet.core.accounts.person import person
from extranet.core.dates import paris_date
from extranet.core.journal import services as journal
from extranet.core.web.files import handed_over
from extranet.portal import accesses, breach, unreachable
from extranet.territory import rights
from extranet.territory.queries import agent_of, cafs_incomplete, role_of
from habilitations import queries as habilitations
from habilitations.rules import SHOWN
from habilitations.workflow import EtatEchange


@dataclass(frozen=True, slots=True)
class Waiting:
    """A card: how many, of what, where they are."""

    un: str
    plusieurs: str
    nombre: int
    lien: str
    explication: str = ""
    urgence: bool = False

    @property
    def titre(self) -> str:
        return self.plusieurs if self.nombre > 1 else self.un


# Doors of Django's admin that the portal has elsewhere (ACT-4, ACT-7), or needs nowhere.
CLOSED = {"autocomplete", "logout", "password_change", "password_change_done", "view_on_site"}


class Desk(admin.AdminSite):
    """One door (the portal's login), one first page."""

    site_header = "Espace Caf"
    site_title = "Espace Caf"
    index_title = "Ce qui vous attend"
    enable_nav_sidebar = False
    empty_value_display = "—"
    index_template = "admin/index.html"

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Libraries bring admins of their own tables, limited to no Caf: they have no place here."""
        if admin_class is None or not admin_class.__module__.startswith(("allauth.", "django.")):
            super().register(model_or_iterable, admin_class, **options)

    def get_urls(self) -> list[URLPattern | URLResolver]:
        urls = [url for url in super().get_urls() if getattr(url, "name", None) not in CLOSED]
        for url in urls:
            if isinstance(url, URLPattern) and hasattr(url.callback, "login_url"):
                url.callback.login_url = None  # the portal's login page, and back here
        own = [
            path("courriels-non-distribues/", self.admin_view(self.unreachable), name="courriels-non-distribues"),
            path("acces/", self.admin_view(self.accesses), name="acces"),
            path(
                "conventions/convention/<int:pk>/dossier-de-manquement/",
                self.admin_view(self.breach_file),
                name="dossier-de-manquement",
            ),
        ]
        return [*own, *urls]

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """403 for a lieu's person, who is logged in already."""
        inner = super().admin_view(view, cacheable)

        @wraps(inner)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if request.user.is_authenticated and not self.has_permission(request):
                raise PermissionDenied
            return inner(request, *args, **kwargs)

        return guarded

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """ACT-7: the admin has no door of its own; whoever is here has come in by the portal's."""
        return redirect("admin:index")

    def unreachable(self, request: HttpRequest) -> HttpResponse:
        """NOT-2.b: whose mails do not arrive, and what to do."""
        agent, now = agent_of(request.user), clock.now()
        if agent is None:
            raise PermissionDenied
        context = {
            **self.each_context(request),
            "title": "Courriels qui n’arrivent pas",
            "professionnels": unreachable.professionals(agent, now),
            "familles": Paginator(unreachable.families(agent, now), 50).get_page(request.GET.get("page")),
            "jours": unreachable.RECENT.days,
        }
        return render(request, "admin/injoignables.html", context)

    def accesses(self, request: HttpRequest) -> HttpResponseBase:
        """ACC-2.g: who has seen or downloaded which dossier, for the superviseur and the DPO of the Caf; or as a file,
        which is noted."""
        agent, now = agent_of(request.user), clock.now()
        if agent is None or not accesses.may_read(agent):
            raise PermissionDenied
        form = accesses.AccesForm(request.GET, agent=agent, today=paris_date(now))
        rows = form.rows()
        if request.method == "POST" and form.is_valid():
            asked = {name: str(form.cleaned_data[name]) for name in ("depuis", "jusque")}
            journal.record("acces.exportes", agent.caf, by=person(request), at=now, **asked)  # type: ignore[arg-type]
            content = StreamingHttpResponse(accesses.as_csv(rows), content_type="text/csv; charset=utf-8")
            return handed_over(content, "acces.csv")
        page = Paginator(rows, 50).get_page(request.GET.get("page"))
        context = {
            **self.each_context(request),
            "title": "Accès aux dossiers",
            "form": form,
            "page_obj": page,
            "lignes": accesses.named(page),
            "perdues": rows.filter(encore=Remise.Encore.PERDUE).count(),
        }
        return render(request, "admin/acces.html", context, status=422 if form.errors else 200)

    def breach_file(self, request: HttpRequest, pk: int) -> HttpResponse:
        """CTL-8: what the portal knows of a convention's breaches, as one ZIP."""
        own, now = conventions.conventions_visible_to(person(request)), clock.now()
        convention = get_object_or_404(own.filter(in_force_from__isnull=False), pk=pk)
        conventions_rights.check(role_of(request.user), "read_files")
        response = HttpResponse(breach.bundle(convention, now), content_type="application/zip")
        return handed_over(response, f"dossier-de-manquement-{convention.numero}.zip")

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        cards = waiting_for(person(request), clock.now())
        registre = accesses.may_read(agent_of(request.user))
        more = {"attente": [card for card in cards if card.nombre], "registre": registre}
        return super().index(request, (extra_context or {}) | more)


def waiting_for(user: User, now: datetime) -> list[Waiting]:
    """What this agent has to do or to look at, most urgent first; each figure leads to its list."""
    agent, today = agent_of(user), paris_date(now)
    if agent is None:
        return []

    def own(rows: QuerySet, path: str) -> int:
        return rows.filter(**{path: agent.caf}).count() if agent.caf_id else rows.count()

    def at(name: str, query: str = "") -> str:
        return reverse(f"admin:{name}_changelist") + query

    late = demandes.late_at(now)
    own_demandes = Demande.objects.filter(caf=agent.caf) if agent.caf_id else Demande.objects.all()
    unsigned = attestations.overdue(now)
    cards = [
        Waiting(
            "demande en retard de récupération",
            "demandes en retard de récupération",
            own(late, "caf"),
            at("demandes_demande", "?delai=retard"),
            "Quinze jours sont passés. Appelez le lieu, ou confiez la demande à un autre.",
            True,
        ),
        Waiting(
            "demande dans un lieu sans personne",
            "demandes dans un lieu sans personne",
            demandes.stranded(own_demandes, now).count(),
            at("demandes_demande", "?delai=sans-personne"),
            "Lieu suspendu ou sans personne active : confiez-les à un autre lieu, ou remettez-les à orienter.",
            True,
        ),
        Waiting(
            "demande dont le quinzième jour tombe pendant une fermeture",
            "demandes dont le quinzième jour tombe pendant une fermeture",
            own(demandes.closed_when_due(today), "caf"),
            at("demandes_demande", "?delai=fermeture"),
            "Le lieu l’a déclarée : appelez-le pour qu’il les récupère avant, ou confiez-les à un autre.",
        ),
        Waiting(
            "lieu fermé, ou qui va fermer",
            "lieux fermés, ou qui vont fermer",
            own(Lieu.objects.filter(pk__in=Fermeture.objects.shown_on(today).values("lieu")), "caf"),
            at("conventions_lieu", "?fermeture=proche"),
            "Fermetures déclarées, en cours ou dans les six semaines ; les familles les voient aussi.",
        ),
        Waiting(
            "attestation en retard",
            "attestations en retard",
            own(unsigned, "lieu__caf"),
            at("attestations_attestation", "?echeance=retard"),
            "Le mois pour attester la destruction est passé.",
            True,
        ),
        Waiting(
            "demande à orienter",
            "demandes à orienter",
            own(Demande.objects.filter(state=Etat.A_ORIENTER), "caf"),
            at("demandes_demande", f"?state__exact={Etat.A_ORIENTER}"),
            "Aucun lieu, ou plusieurs, couvrent la commune : choisissez.",
        ),
        Waiting(
            "lettre de résiliation à confirmer",
            "lettres de résiliation à confirmer",
            own(conventions.letters_to_confirm(), "convention__lieu__caf"),
            at("conventions_convention", "?fin=a-confirmer"),
            "Elles ont été remises : leur effet et sa date sont à confirmer.",
            True,
        ),
        Waiting(
            "copie signée à vérifier",
            "copies signées à vérifier",
            own(conventions.copies_to_verify(), "acte__convention__lieu__caf"),
            at("conventions_convention", "?copie=a-verifier"),
            "Remises par le lien de signature ; elles ne comptent qu’une fois vérifiées.",
        ),
        Waiting(
            "convention à signer",
            "conventions à signer",
            own(Convention.objects.filter(state=EtatConvention.PREPARATION), "lieu__caf"),
            at("conventions_convention", f"?state__exact={EtatConvention.PREPARATION}"),
        ),
        Waiting(
            "personne à activer",
            "personnes à activer",
            own(habilitations.to_activate(now), "lieu__caf"),
            at("habilitations_personneaactiver"),
            "Leur convention est signée ; elles n’ont pas encore d’accès.",
        ),
        Waiting(
            "engagement de prestataire à vérifier",
            "engagements de prestataires à vérifier",
            own(conventions.engagements_to_verify(today), "prestataire__lieu__caf"),
            at("conventions_prestataire", "?suivi=a-verifier"),
            "Le lieu a déposé un document : acceptez-le, ou dites ce qui ne va pas.",
        ),
        Waiting(
            "engagement de prestataire demandé",
            "engagements de prestataires demandés",
            own(conventions.engagements_awaited(today), "prestataire__lieu__caf"),
            at("conventions_prestataire", "?suivi=attendu"),
            "Le document n’est pas encore là ; le lieu reçoit des rappels à partir du jour où il est attendu.",
            own(conventions.engagements_late(now), "prestataire__lieu__caf") > 0,
        ),
        Waiting(
            "accès inutilisé depuis 90 jours",
            "accès inutilisés depuis 90 jours",
            own(habilitations.unused(now, SHOWN), "personne__lieu__caf"),
            at("habilitations_habilitation", "?usage=90"),
            "À 180 jours, le portail les suspend. La personne travaille-t-elle encore pour ce lieu ?",
        ),
        Waiting(
            "destinataire que les courriels n’atteignent pas",
            "destinataires que les courriels n’atteignent pas",
            unreachable.count(agent, now),
            reverse("admin:courriels-non-distribues"),
            "Vérifiez l’adresse, ou joignez-les autrement.",
        ),
    ]
    if rights.may(agent.role, "set_texts"):
        cards.append(
            Waiting(
                "Caf à compléter",
                "Caf à compléter",
                own(cafs_incomplete(), "pk"),
                at("territory_caf", "?manque=oui"),
                "Sans adresse et téléphone, aucune demande d’habilitation n’est reçue ; sans tribunal, aucune n’est "
                "refusée ; sans direction nommée, les conventions ne disent pas qui signe.",
            )
        )
    if agent.caf_id is not None:  # HAB-6.a, CTL-5: applications and messages are the addressed Caf's to see
        cards.append(
            Waiting(
                "message de lieu à lire",
                "messages de lieux à lire",
                own(habilitations.echanges_to_answer(), "lieu__caf"),
                at("habilitations_echange", f"?state__exact={EtatEchange.A_REPONDRE}"),
                "Un lieu vous a écrit et attend votre réponse.",
            )
        )
        cards.insert(
            4,
            Waiting(
                "demande d’habilitation à examiner",
                "demandes d’habilitation à examiner",
                own(habilitations.applications_waiting(), "caf"),
                at("habilitations_demandehabilitation", "?state__exact=deposee"),
            ),
        )
    else:
        cards.append(
            Waiting(
                "livraison refusée",
                "livraisons refusées",
                demandes.refused_deliveries(now).count(),
                at("demandes_livraison", "?state__exact=refusee"),
                "Fichiers refusés en entier ou mis à part ; conservés quinze jours.",
            )
        )
    return cards
