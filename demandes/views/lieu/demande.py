"""One demande, on screen, and what the lieu does of it (SUI-1)."""

from collections.abc import Callable
from contextlib import suppress
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib import messages
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from demandes import queries, rules
from demandes.documents import agenda
from demandes.documents import suivi as mots
from demandes.documents.reading import RENDEZ_VOUS, modes_of, sections
from demandes.models import Demande, Note, Remise
from demandes.services import handover, suivi
from demandes.views.lieu import back_to_list, note_delays, offer_undo, origin_of
from demandes.views.lieu.forms import AppelForm, ConfierForm, NoteForm, RendezVousForm, ReponseForm
from demandes.workflow import Etat
from extranet.core import clock
from extranet.core.accounts.person import person_of_a_lieu
from extranet.core.dates import paris_date
from extranet.core.errors import NoKey, NotFound, Refused
from extranet.core.web.files import handed_over
from extranet.core.web.forms import add_refusal
from extranet.territory import zones
from habilitations import queries as habilitations


@require_GET
def detail(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """One demande, read on screen (recorded; not a pick-up)."""
    return page(request, uuid)


def page(
    request: HttpRequest, uuid: UUID, *, status: int = 200, refused: str = "", typed: Form | None = None
) -> HttpResponse:
    """The demande as it is read during a call; `refused`: the act whose form comes back as it was `typed`."""
    user, now = person_of_a_lieu(request), clock.now()
    today = paris_date(now)
    demande = handover.show(uuid, by=user, now=now, origin=origin_of(request))
    here = _clock(demande)
    local = now.astimezone(here).date()
    note_delays([demande], now)
    contenu = demande.dossier.open(today)
    there = getattr(demande.dossier, "suivi", None)
    acts: dict[str, Any] = {name: _form(name) for name in FORMS} | ({refused: typed} if typed else {})
    acts["confier"].offer(_personnes(demande, now))
    acts["reponse"].initial = suivi.traits_of(contenu)
    context = {
        "demande": demande,
        "contenu": contenu,
        "modes": modes_of(demande),
        "besoin_du_rendez_vous": RENDEZ_VOUS.get(contenu.rendez_vous, ""),
        "ages": [(enfant.get("prenom", ""), mots.age(enfant, today)) for enfant in contenu.enfants],
        "sections": sections(demande, contenu),
        "suivi": there,
        "rappel": mots.call(there.rappeler_on, local) if there and there.rappeler_on else "",
        "rendez_vous": mots.appointment(there.rendez_vous_at, local, here) if there and there.rendez_vous_at else "",
        "attribution": queries.open_attribution(demande),
        "notes": _notes(demande, today),
        "faits": mots.faits(queries.acts_at_its_lieu(demande), queries.files_at_its_lieu(demande)),
        "ouverte": demande.state != Etat.TRAITEE,
        "bientot_detruite": demande.last_day <= rules.soon_destroyed_until(today),
        "motifs": Remise.Encore.choices if queries.handed_before([demande]) else [],
        "refuse": refused,
        "retour": back_to_list(request),
        **acts,
    }
    return render(request, "demandes/lieu/detail.html", context, status=status)


def _clock(demande: Demande) -> ZoneInfo:
    """The clock by which its lieu lives."""
    assert demande.lieu is not None
    return zones.clock_of(demande.lieu.caf_id)


FORMS: dict[str, type[Form]] = {
    "appel": AppelForm,
    "rdv": RendezVousForm,
    "confier": ConfierForm,
    "note": NoteForm,
    "reponse": ReponseForm,
}


def _form(name: str, data: Any = None) -> Form:
    return FORMS[name](data, auto_id=f"{name}_%s", label_suffix="")


def _personnes(demande: Demande, now: datetime) -> list[tuple[str, str]]:
    assert demande.lieu_id is not None
    lines = habilitations.persons_of(demande.lieu_id, now).select_related("user")
    return [(str(line.user.uuid), line.user.get_full_name()) for line in lines]


def _notes(demande: Demande, today: date) -> list[Note]:
    """Each with its `texte`, None where it cannot be read for the moment (CNS-10.c)."""
    found = list(queries.notes_of(demande))
    for note in found:
        with suppress(NoKey):
            note.texte = note.open(today)
    return found


# --- acts ------------------------------------------------------------------------------------------------------------


def _call(form: Any, uuid: UUID, about: dict[str, Any]) -> str:
    joined = form.cleaned_data["joint"] == "oui"
    suivi.note_call(uuid, joined=joined, rappeler_on=form.cleaned_data["rappeler_on"], **about)
    return "C’est noté : la famille a été jointe." if joined else "C’est noté : la demande est à rappeler."


def _appointment(form: Any, uuid: UUID, about: dict[str, Any]) -> str:
    [demande] = queries.require_visible(about["by"], [uuid], about["now"])
    suivi.set_appointment(uuid, at=form.at(_clock(demande)), moyen=form.cleaned_data["moyen"], **about)
    return "Le rendez-vous est noté. Vous pouvez l’ajouter à votre agenda : le fichier ne dit rien de la famille."


def _assign(form: Any, uuid: UUID, about: dict[str, Any]) -> str:
    suivi.assign(uuid, to=form.cleaned_data["personne"], **about)
    return "C’est noté."


def _write(form: Any, uuid: UUID, about: dict[str, Any]) -> str:
    suivi.add_note(uuid, texte=form.cleaned_data["texte"], **about)
    return "La note est ajoutée."


ACTS: dict[str, Callable[[Any, UUID, dict[str, Any]], str]] = {
    "appel": _call,
    "rdv": _appointment,
    "confier": _assign,
    "note": _write,
}


def _about(request: HttpRequest) -> dict[str, Any]:
    return {"by": person_of_a_lieu(request), "now": clock.now(), "origin": origin_of(request)}


@require_POST
def acte(request: HttpRequest, uuid: UUID, nom: str) -> HttpResponse:
    """SUI-1.a to .c: one act on one demande; what is refused comes back beside its field."""
    about = _about(request)
    if nom not in ACTS:
        raise NotFound
    form = _form(nom, request.POST)
    if form.is_valid():
        try:
            messages.success(request, ACTS[nom](form, uuid, about))
            return redirect("demandes:detail", uuid=uuid)
        except Refused as refusal:
            add_refusal(form, refusal)
    return page(request, uuid, status=422, refused=nom, typed=form)


@require_POST
def cloture(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """SUI-1.d: what became of it closes it; the list that follows offers to undo that."""
    about, form = _about(request), ReponseForm(request.POST, label_suffix="", auto_id="reponse_%s")
    if not form.is_valid():
        return page(request, uuid, status=422, refused="reponse", typed=form)
    issue = form.cleaned_data["issue"]
    offer_undo(request, suivi.answer([uuid], issue=issue, traits=form.traits(), **about), issue)
    return redirect(back_to_list(request))


@require_POST
def annulation(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """The appointment is off."""
    suivi.set_appointment(uuid, at=None, **_about(request))
    messages.success(request, "Le rendez-vous est annulé.")
    return redirect("demandes:detail", uuid=uuid)


@require_POST
def retrait_note(request: HttpRequest, uuid: UUID, note: UUID) -> HttpResponse:
    """A note is taken away, for good."""
    suivi.remove_note(uuid, note=note, **_about(request))
    messages.success(request, "La note est retirée.")
    return redirect("demandes:detail", uuid=uuid)


@require_GET
def calendrier(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """The appointment as a file for one's calendar, where the family is not named."""
    user, now = person_of_a_lieu(request), clock.now()
    [demande] = queries.require_visible(user, [uuid], now)
    when = getattr(getattr(demande.dossier, "suivi", None), "rendez_vous_at", None)
    if when is None:
        raise NotFound
    link, local = settings.PUBLIC_URL + reverse("demandes:detail", args=[uuid]), when.astimezone(_clock(demande))
    content = agenda.write(identifier=uuid, reference=demande.reference, at=local, link=link, now=now)
    answer = HttpResponse(content, "text/calendar; charset=utf-8")
    return handed_over(answer, f"rendez-vous-{demande.reference}.ics")
