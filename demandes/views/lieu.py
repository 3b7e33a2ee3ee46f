"""The space of a lieu's persons: demandes, downloads, attestations."""

from contextlib import nullcontext, suppress
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import FileResponse, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from demandes import queries, rules
from demandes.documents.reading import sections
from demandes.forms import AttestationForm, FiltreForm, TelechargementForm
from demandes.services import attestation as attestations
from demandes.services import handover
from demandes.workflow import ATTESTATION, DEMANDE, Etat
from extranet.core import clock
from extranet.core.accounts.confirmation import answered
from extranet.core.dates import paris_date
from extranet.core.documents import store
from extranet.core.errors import Forbidden, NoKey, Refused
from extranet.core.web.brakes import one_at_a_time
from extranet.core.words import echeance
from habilitations import queries as habilitations

PAGE = 25


def _origin(request: HttpRequest) -> handover.Origin:
    return handover.Origin(request.META.get("REMOTE_ADDR"), request.headers.get("User-Agent", ""))


def _require_person(request: HttpRequest) -> None:
    """Agents have the back office: families' data is not theirs to see (ACC-3)."""
    if request.user.is_staff:
        raise Forbidden("Cet espace est réservé aux personnes habilitées des lieux d’information.")


def _decorate(demandes, today):  # type: ignore[no-untyped-def]
    """Add what the list shows and works out from dates: the day to pick up by, late or not."""
    for demande in demandes:
        notified = demande.transmission.notified_at if demande.transmission else None
        demande.a_recuperer = rules.last_day_to_pick_up(notified, demande.last_day) if notified else None
        waiting = demande.state == Etat.TRANSMISE
        demande.en_retard = waiting and rules.is_late(notified, demande.last_day, today)
        demande.echeance = echeance(demande.a_recuperer, today) if waiting and demande.a_recuperer else ""
    return demandes


def _named(demandes, today):  # type: ignore[no-untyped-def]
    """Add what each family says, nothing where it cannot be read for the moment: the others are shown (CNS-10.c)."""
    for demande in demandes:
        with suppress(NoKey):
            demande.contenu = demande.dossier.open(today)
    return demandes


@require_http_methods(["GET", "POST"])
def liste(request: HttpRequest) -> HttpResponse:
    """What waits first, by deadline; filters by state, and by name or reference, which is posted: no name in an address (RGP-2)."""
    _require_person(request)
    return _liste(request, request.POST if request.method == "POST" else request.GET)


def _liste(request: HttpRequest, asked: QueryDict, *, status: int = 200) -> HttpResponse:
    """The list as `asked`; with 422, under what was refused, the choice of demandes kept."""
    now = clock.now()
    form = FiltreForm({"etat": asked.get("etat", ""), "q": request.POST.get("q", "")})
    visible = queries.demandes_visible_to(request.user, now)
    counts = queries.counts_for(request.user, now)
    filtre = form.cleaned_data if form.is_valid() else {}
    if filtre.get("etat"):
        visible = visible.filter(state=filtre["etat"])
    if filtre.get("q"):
        visible = queries.matching(visible, filtre["q"], paris_date(now))
    page = Paginator(visible, PAGE).get_page(asked.get("page"))
    demandes = _decorate(list(page.object_list), paris_date(now))
    handover.note_listed(_named(demandes, paris_date(now)), by=request.user, now=now, origin=_origin(request))
    context = {
        "page": page,
        "demandes": demandes,
        "cochees": set(request.POST.getlist("demande")),
        "form": form,
        "filtre": filtre,
        "onglets": [("", "Toutes", sum(counts.values()))]
        + [(e.value, e.label, counts.get(e.value, 0)) for e in (Etat.TRANSMISE, Etat.RECUPEREE, Etat.TRAITEE)],
        "a_recuperer": counts.get(Etat.TRANSMISE, 0),
        "lieux": habilitations.lieux_of(request.user, now),
        "a_signer": queries.attestations_of(request.user, now).filter(state="ouverte").count(),
    }
    return render(request, "demandes/lieu/liste.html", context, status=status)


@require_GET
def detail(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """One demande, read on screen (recorded; not a pick-up)."""
    _require_person(request)
    now = clock.now()
    demande = handover.show(uuid, by=request.user, now=now, origin=_origin(request))
    _decorate([demande], paris_date(now))
    contenu = demande.dossier.open(paris_date(now))
    return render(
        request,
        "demandes/lieu/detail.html",
        {
            "demande": demande,
            "contenu": contenu,
            "sections": sections(demande, contenu),
            "peut_clore": DEMANDE.may(demande, "close"),
        },
    )


@require_POST
def telechargement(request: HttpRequest) -> HttpResponse:
    """One or many demandes as a file; 405 on GET, 404 as a whole when one is foreign (TEL-1)."""
    _require_person(request)
    now = clock.now()
    form = TelechargementForm(request.POST)
    if not form.is_valid():
        return _refused(request, " ".join(m for errors in form.errors.values() for m in errors))
    wanted = form.cleaned_data["demande"]
    if form.cleaned_data["selection"]:
        waiting = queries.demandes_visible_to(request.user, now).filter(state=Etat.TRANSMISE)
        wanted = list(waiting.values_list("uuid", flat=True)[: handover.MOST + 1])
        if not wanted:
            return _refused(request, "Aucune demande n’attend d’être récupérée.")
    more, wanted = len(wanted) > handover.MOST and bool(form.cleaned_data["selection"]), wanted[: handover.MOST + 1]
    if more:
        wanted.pop()
    # One person's long downloads must not take every thread: the second waits for the first (TooMany, 429).
    turn = one_at_a_time(f"telechargement:{request.user.pk}") if len(wanted) > handover.FEW else nullcontext()
    try:
        with turn:
            handed = handover.fetch(
                wanted, form=form.cleaned_data["format"], by=request.user, now=now, origin=_origin(request)
            )
    except Refused as refusal:
        return _refused(request, refusal.sentence)
    count = len(set(wanted))
    messages.success(
        request,
        f"{count} demande{'s' if count > 1 else ''} téléchargée{'s' if count > 1 else ''}."
        + (f" C’étaient les {handover.MOST} plus urgentes : recommencez pour la suite." if more else ""),
    )
    response = HttpResponse(handed.content, content_type=handed.media_type)
    response["Content-Disposition"] = f'attachment; filename="{handed.name}"'
    response["Cache-Control"] = "no-store"
    return response


def _refused(request: HttpRequest, sentence: str) -> HttpResponse:
    messages.error(request, sentence)
    return _liste(request, QueryDict(), status=422)


@require_POST
def cloture(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """The family has its answer."""
    _require_person(request)
    demande = handover.close(uuid, by=request.user, now=clock.now())
    messages.success(request, f"La demande {demande.reference} est marquée comme traitée.")
    return redirect("demandes:detail", uuid=uuid)


@require_GET
def liste_attestations(request: HttpRequest) -> HttpResponse:
    """Attestations to sign, then signed."""
    _require_person(request)
    return render(
        request,
        "demandes/lieu/attestations.html",
        {
            "attestations": queries.attestations_of(request.user, clock.now()).order_by("state", "due_on"),
            "today": clock.today(),
        },
    )


@require_http_methods(["GET", "POST"])
def attestation(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Read the list, tick the four kinds of copies, give one's password again, sign."""
    _require_person(request)
    found = get_object_or_404(queries.attestations_of(request.user, clock.now()), uuid=uuid)
    form = AttestationForm(request.POST or None, request=request)
    status = 200
    if request.method == "POST":
        ATTESTATION.require(found, "sign")
        if form.is_valid():
            attestations.sign(
                uuid, copies=form.copies, visa=form.cleaned_data["visa_archives"], by=request.user, now=clock.now()
            )
            messages.success(request, "L’attestation est signée. La Caf peut la consulter.")
            return redirect("demandes:attestation", uuid=uuid)
        status = 422
    page = render(
        request,
        "demandes/lieu/attestation.html",
        {
            "attestation": found,
            "lignes": found.lignes.all(),
            "form": form,
            "signable": ATTESTATION.may(found, "sign"),
            "qualite": habilitations.qualite_of(request.user, found.lieu, clock.now()),
            "today": clock.today(),
        },
        status=status,
    )
    return answered(form, page)


@require_GET
def attestation_pdf(request: HttpRequest, uuid: UUID) -> FileResponse:
    """The sealed PDF, to the lieu's persons."""
    _require_person(request)
    found = get_object_or_404(queries.attestations_of(request.user, clock.now()), uuid=uuid, state="signee")
    response = FileResponse(
        store.open_file(found.pdf), as_attachment=True, filename="attestation.pdf", content_type="application/pdf"
    )
    response["Content-Security-Policy"] = "sandbox"
    return response
