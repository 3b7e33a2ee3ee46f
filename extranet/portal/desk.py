"""The agents' desk: the admin, opening on what waits for this agent."""

from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path, reverse

from conventions.models import Convention
from conventions.workflow import EtatConvention
from demandes import queries as demandes
from demandes.attestations.models import Attestation
from demandes.attestations.workflow import EtatAttestation
from demandes.models import Demande
from demandes.workflow import Etat
from extranet.core import clock
from extranet.core.accounts.models import User
from extranet.core.accounts.person import person
from extranet.core.dates import paris_date
from extranet.portal import unreachable
from extranet.territory.queries import agent_of
from habilitations import queries as habilitations


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
        list_view = self.admin_view(self.unreachable)
        return [path("courriels-non-distribues/", list_view, name="courriels-non-distribues"), *urls]

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

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        cards = waiting_for(person(request), clock.now())
        return super().index(request, (extra_context or {}) | {"attente": [card for card in cards if card.nombre]})


def waiting_for(user: User, now: datetime) -> list[Waiting]:
    """What this agent has to do or to look at, most urgent first; each figure leads to its list."""
    agent, today = agent_of(user), paris_date(now)
    if agent is None:
        return []

    def own(rows: QuerySet, path: str) -> int:
        return rows.filter(**{path: agent.caf}).count() if agent.caf_id else rows.count()

    def at(name: str, query: str = "") -> str:
        return reverse(f"admin:{name}_changelist") + query

    late, stranded = demandes.late_on(today), demandes.stranded_at(now)
    unsigned = Attestation.objects.filter(state=EtatAttestation.OUVERTE, due_on__lt=today)
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
            own(stranded, "caf"),
            at("demandes_demande", "?delai=sans-personne"),
            "Lieu suspendu ou sans personne active : confiez-les à un autre lieu, ou remettez-les à orienter.",
            True,
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
            "destinataire que les courriels n’atteignent pas",
            "destinataires que les courriels n’atteignent pas",
            unreachable.count(agent, now),
            reverse("admin:courriels-non-distribues"),
            "Vérifiez l’adresse, ou joignez-les autrement.",
        ),
    ]
    if agent.caf_id is not None:  # HAB-6.a: applications are the addressed Caf's to see
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
