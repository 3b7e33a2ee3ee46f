"""The lists of a lieu: its demandes, and those that are its no more."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from conventions.models import Lieu
from demandes import queries, rules
from demandes.documents import suivi as mots
from demandes.documents.reading import modes_of
from demandes.models import Attribution, Demande, Remise, Suivi
from demandes.services import files, handover
from demandes.views.lieu import (
    CHOSEN,
    LAST,
    TICKED,
    chosen,
    forget_ticked,
    note_contents,
    note_delays,
    origin_of,
    undoable,
)
from demandes.views.lieu.forms import FIRST, ISSUES, VUES, FiltreForm
from demandes.workflow import Etat
from extranet.core import clock
from extranet.core.accounts.models import User
from extranet.core.accounts.person import person, person_of_a_lieu
from extranet.core.dates import paris_date, start_of_day
from extranet.core.errors import NotFound
from extranet.core.languages import date_longue
from extranet.core.web import passing
from extranet.territory import zones
from extranet.territory.models import Commune
from habilitations import queries as habilitations

PAGE = 25
LONGEST = 64  # of what is searched
SEARCH = "recherche"


@require_http_methods(["GET", "POST"])
def liste(request: HttpRequest) -> HttpResponse:
    """What waits first, by deadline. Each list has its address, so that one comes back to it: what is posted leads to
    one. A name or reference that is searched is not in it, but the key under which it is kept for an hour (RGP-2).
    """
    user = person_of_a_lieu(request)
    if request.method == "GET":
        return page(request, request.GET)
    said = _posted(request, user)
    if request.POST.get("q") and SEARCH not in said:  # it cannot be kept for the moment: this page is the answer
        return page(request, request.POST)
    _keep_ticked(request, said)
    return redirect(_address(said, request.POST.get("page", "")))


def back(request: HttpRequest, *, ticked: bool) -> HttpResponse:
    """To the list from which this was posted; with what is `ticked` there, unless that is what was done."""
    said = _posted(request, person_of_a_lieu(request))
    if ticked:
        _keep_ticked(request, said)
    else:
        forget_ticked(request)
    return redirect(_address(said, request.POST.get("ici", "")))


def _keep_ticked(request: HttpRequest, said: dict[str, str]) -> None:
    """What is ticked, for the next page of the same list (`said`: its filters): another list begins anew."""
    if ticked := _ticked(request.POST):
        request.session[TICKED] = {"liste": said, "demandes": sorted(ticked)}
    else:
        forget_ticked(request)


def _posted(request: HttpRequest, user: User) -> dict[str, str]:
    """The filters that were posted, as an address has them."""
    communes = queries.communes_of(queries.own_lieux(user, clock.now()))
    said = FiltreForm(request.POST, communes=communes).parameters()
    if wanted := request.POST.get("q", "")[:LONGEST]:
        key, owner = request.POST.get(SEARCH, ""), str(user.uuid)
        if passing.read(key, owner) != wanted.encode():
            key = passing.keep(wanted.encode(), owner)
        said |= {SEARCH: key} if key else {}
    return said


def _address(said: dict[str, str], number: str) -> str:
    return reverse("demandes:liste") + _suffix(said, number)


def _suffix(said: dict[str, str], number: str) -> str:
    said = said | ({"page": number} if number.isdecimal() and number != "1" else {})
    return f"?{urlencode(said)}" if said else ""


def _searched(request: HttpRequest, user: User) -> str:
    """The name or reference that is searched: posted, or kept under the key of the address."""
    if request.method == "POST":
        return request.POST.get("q", "")
    return (passing.read(request.GET.get(SEARCH, ""), str(user.uuid)) or b"").decode()


class Faute(NamedTuple):
    """Why a gesture did nothing: of the demandes ticked, or of the one that `pour` names."""

    phrase: str
    pour: str = ""


def page(request: HttpRequest, asked: QueryDict, *, status: int = 200, faute: Faute | None = None) -> HttpResponse:
    """The list as `asked`; with 422, under the `faute` of a gesture, the choice of demandes kept."""
    user, now = person(request), clock.now()
    today = paris_date(now)
    lieux = list(habilitations.lieux_of(user, now).order_by("nom", "pk"))
    lieu = chosen(request, lieux)
    here = [lieu.pk] if lieu else [one.pk for one in lieux]
    wanted = _searched(request, user)
    if request.method == "GET" and asked.get(SEARCH) and not wanted:
        messages.info(request, "Votre recherche n’est gardée qu’une heure : écrivez-la de nouveau.")
    form = FiltreForm(_typed(asked) | {"q": wanted}, communes=queries.communes_of(here))
    own = queries.demandes_at(here, today)
    counts = queries.counts_for_list(user, here, now)
    visible = _filtered(own, form.wanted, user, here, now)
    # The order is read from the index, then the rows of one page.
    pages = Paginator(visible.values_list("pk", flat=True), PAGE)
    if not form.is_narrow and not form.wanted["q"]:
        pages.count = counts.get(form.wanted["etat"], 0)  # counted already
    keys = pages.get_page(asked.get("page") or asked.get("ici"))
    said = form.parameters() | ({SEARCH: asked.get(SEARCH, "")} if wanted and SEARCH in asked else {})
    if request.method == "GET" and request.session.get(LAST, "") != (suffix := _suffix(said, str(keys.number))):
        request.session[LAST] = suffix
    rows = visible.filter(pk__in=list(keys.object_list)).select_related(None)
    demandes = list(rows.select_related("dossier__suivi__confiee_a"))
    note_contents(demandes, today)
    demandes = handover.note_listed(demandes, by=user, now=now, origin=origin_of(request))
    note_delays(demandes, now)
    ticked = _ticked(asked) if request.method == "POST" else _kept_ticked(request, said)
    shown = {str(one.uuid) for one in demandes}
    context = {
        "page": keys,
        "fiches": _fiches(demandes, lieux, now, named=not lieu and len(lieux) > 1),
        "cochees": ticked & shown,
        "cochees_ailleurs": sorted(ticked - shown),
        "form": form,
        "filtre": form.wanted,
        "parametres": said,
        "onglets": [(value, label, counts.get(value, 0)) for value, label in VUES],
        "aujourdhui": [(value, label, counts.get(value, 0)) for value, label in VUES if value in FIRST],
        "a_recuperer": counts.get(Etat.TRANSMISE, 0),
        "lieux": lieux,
        "lieu": lieu,
        "options_issue": render_to_string("demandes/lieu/_issues.html", {"issues": ISSUES[1:]}),  # once for all rows
        "motifs": Remise.Encore.choices,
        "faute": faute,
        "refus": status != 200,
        "annulable": undoable(request, now),
        "fichiers": [(one, files.fetched_at(one)) for one in files.of(user, now)],
        "parties": next(iter(queries.count_left(lieux=[one.pk for one in lieux], now=now)), 0),
        "sans_solution": _unmet(here, today) if form.wanted["etat"] == Etat.TRAITEE else None,
    }
    return render(request, "demandes/lieu/liste.html", context, status=status)


def _typed(asked: QueryDict) -> dict[str, Any]:
    """The filters asked for; what is searched is read apart, never from the address."""
    named = ("etat", "commune", "mode", "echeance", "depuis", "jusque", "tri")
    return {name: asked.get(name, "") for name in named}


def _filtered(
    demandes: QuerySet[Demande], wanted: dict[str, Any], user: User, lieux: list[int], now: datetime
) -> QuerySet[Demande]:
    today = paris_date(now)
    demandes = queries.narrowed(demandes, wanted["etat"], user, lieux, today)
    if wanted["commune"]:
        demandes = demandes.filter(commune=wanted["commune"])
    if wanted["mode"]:
        demandes = demandes.filter(**{wanted["mode"].replace("-", "_"): True})
    if wanted["echeance"]:
        demandes = queries.due_within(demandes, wanted["echeance"], now)
    if wanted["depuis"]:
        demandes = demandes.filter(deposee_le__gte=start_of_day(wanted["depuis"]))
    if wanted["jusque"]:
        demandes = demandes.filter(deposee_le__lt=start_of_day(wanted["jusque"] + timedelta(days=1)))
    if wanted["tri"]:
        demandes = demandes.order_by(*queries.ORDERS[wanted["tri"]])
    return queries.matching(demandes, wanted["q"], today) if wanted["q"] else demandes


def _kept_ticked(request: HttpRequest, said: dict[str, str]) -> set[str]:
    kept = request.session.get(TICKED)
    return set(kept["demandes"]) if kept and kept["liste"] == said else set()


def _ticked(posted: QueryDict) -> set[str]:
    """What was ticked here or on another page of the list, unless it is to be forgotten."""
    found = set[str]()
    for name in posted.getlist("demande")[: handover.MOST + PAGE]:
        with suppress(ValueError):
            found.add(str(UUID(name)))
    return set() if "oublier" in posted else found


def _fiches(demandes: list[Demande], lieux: list[Lieu], now: datetime, *, named: bool) -> list[dict[str, Any]]:
    """What the list says of each demande, ready to be written: a page has hundreds of these words. `named`: of which
    of the `lieux` it is, too.
    """
    today, of_lieu = paris_date(now), {one.pk: one for one in lieux}
    worked_on = [one.pk for one in demandes if one.state != Etat.TRANSMISE]
    here = Attribution.objects.filter(demande__in=worked_on, ended_at=None)
    done = {one.demande_id: one for one in here}
    communes = Commune.objects.in_bulk({one.commune_id for one in demandes})
    soon = rules.soon_destroyed_until(today)
    found = list[dict[str, Any]]()
    for demande in demandes:
        demande.commune = communes[demande.commune_id]
        delai = demande.delai
        said: dict[str, Any] = {
            "pk": str(demande.pk),
            "uuid": str(demande.uuid),
            "lien": reverse("demandes:detail", args=[demande.uuid]),
            "reference": demande.reference,
            "lieu": of_lieu[demande.lieu_id or 0].nom if named else "",
            "famille": demande.contenu,
            "etat": demande.state,
            "en_clair": demande.get_state_display(),
            "retard": bool(delai and delai.days_late),
            "presse": bool(delai and delai.is_at_risk),
            "echeance": demande.echeance,
            "jusque": demande.jusque if delai else "",
            "besoin": _besoin(demande, today),
            "deposee": date_longue(paris_date(demande.deposee_le)),
            "conservee": date_longue(demande.last_day),
            "bientot_detruite": demande.last_day <= soon,
            "reponse": "",
            "suivi": [],
        }
        attribution, suivi = done.get(demande.pk), getattr(demande.dossier, "suivi", None)
        if attribution and attribution.issue:
            said["reponse"] = f"{attribution.get_issue_display()}, le {date_longue(_day(attribution.answered_at))}"
        if suivi and demande.state == Etat.RECUPEREE:
            there = zones.clock_of(of_lieu[demande.lieu_id or 0].caf_id)
            said["suivi"] = list(_agenda(suivi, attribution, now, there))
        found.append(said)
    return found


def _agenda(suivi: Suivi, attribution: Attribution | None, now: datetime, there: ZoneInfo) -> Iterator[str]:
    """What is next with a family, a line each, by the clock `there` at the lieu."""
    today = now.astimezone(there).date()
    if suivi.rendez_vous_at:
        yield f"Rendez-vous {mots.appointment(suivi.rendez_vous_at, today, there)}, {suivi.get_moyen_display()}"
    if suivi.rappeler_on:
        tried = f" ({suivi.tentatives} appel{'s' if suivi.tentatives > 1 else ''} sans réponse)"
        yield f"À rappeler {mots.call(suivi.rappeler_on, today)}" + (tried if suivi.tentatives else "")
    if suivi.confiee_a:
        yield f"Suivie par {suivi.confiee_a.get_full_name()}"
    if attribution and attribution.contacted_at:
        yield f"Famille jointe le {date_longue(_day(attribution.contacted_at))}"


def _day(moment: datetime | None) -> date | None:
    return paris_date(moment) if moment else None


def _besoin(demande: Demande, today: date) -> str:
    """« 8 mois · Crèche collective · Melun »."""
    ages = [mots.age(enfant, today) for enfant in demande.contenu.enfants] if demande.contenu else []
    return " · ".join(filter(None, [", ".join(ages), modes_of(demande), demande.commune.nom]))


def _unmet(lieux: Sequence[int], today: date) -> dict[str, int]:
    """SUI-1.f: since the first of January."""
    return queries.unmet_needs(lieux, start_of_day(today.replace(month=1, day=1)))


@require_POST
def choix(request: HttpRequest) -> HttpResponse:
    """A person of several lieux works for one of them, or for all together (ACC-1)."""
    user = person_of_a_lieu(request)
    names = {str(lieu.uuid) for lieu in habilitations.lieux_of(user, clock.now())}
    name = request.POST.get("lieu", "")
    if name and name not in names:
        raise NotFound
    request.session[CHOSEN] = name
    return redirect("demandes:statistiques" if request.POST.get("suite") == "statistiques" else "demandes:liste")


@require_GET
def parties(request: HttpRequest) -> HttpResponse:
    """What was at the lieu and went on without it: a line each, no family data; its copies must go by their day."""
    user = person_of_a_lieu(request)
    now = clock.now()
    left = queries.left_from(queries.own_lieux(user, now), now)
    page = Paginator(left, PAGE).get_page(request.GET.get("page"))
    return render(request, "demandes/lieu/parties.html", {"page": page})
