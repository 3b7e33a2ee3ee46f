"""The private link by which the gestionnaire reads the paper to sign and hands in the signed copy, without account."""

from django.contrib.auth.decorators import login_not_required
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_safe

from conventions import queries, rules
from conventions.forms.copies import CopyForm
from conventions.models import Acte, CopieSignee
from conventions.services import copies, register
from extranet.core import clock
from extranet.core.errors import Gone, Refused, TooMany
from extranet.core.web import brakes
from extranet.core.web.brakes import DAY, HOUR
from extranet.core.web.files import attachment
from extranet.core.web.middleware import answer
from extranet.core.web.network import neighbourhood

# By network, for a town hall that signs for several lieux; by link, so that one link fills no disk.
NETWORK, LINK = [(20, HOUR), (60, DAY)], [(10, HOUR), (20, DAY)]
# Read to the end to be answered in words beside the field; a longer one is refused unread.
LONGEST = 40 * 1024 * 1024


@csrf_exempt  # not before the length is known: checking reads the whole of what is sent
@never_cache
@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def a_signer(request: HttpRequest, token: str) -> HttpResponse:
    """CON-15.a: what to do, the paper, and the field for the signed copy. Opening it changes nothing."""
    length = request.META.get("CONTENT_LENGTH") or ""
    if request.method == "POST" and length.isdecimal() and int(length) > LONGEST:
        return answer(request, 413, "")
    return _page(request, token)


@csrf_protect
def _page(request: HttpRequest, token: str) -> HttpResponse:
    copie = queries.copy_by_token(token)
    if request.method != "POST" or not _is_open(copie):
        return _show(request, copie, token, CopyForm())
    _brake(request, token)
    form = CopyForm(request.POST, request.FILES)
    if form.is_valid():
        try:
            copies.hand_in(copie_uuid=copie.uuid, scan=form.cleaned_data["scan"], now=clock.now())
        except Refused as refused:
            form.add_error("scan", refused.sentence)
        except Gone:
            return redirect("conventions:a-signer", token)
        else:
            return redirect("conventions:a-signer", token)
    return _show(request, copie, token, form, 422)


def _brake(request: HttpRequest, token: str) -> None:
    seconds = brakes.wait("copie.network", neighbourhood(request.META.get("REMOTE_ADDR", "")), NETWORK)
    if seconds := seconds or brakes.wait("copie.link", token, LINK):
        sentence = f"Trop d’envois en peu de temps. Recommencez dans {brakes.in_words(seconds)}."
        raise TooMany(sentence, retry_after=seconds)


def _is_open(copie: CopieSignee) -> bool:
    """A signed copy may be handed in by this link."""
    return _leads_to_paper(copie) and copie.handed_at is None


def _leads_to_paper(copie: CopieSignee) -> bool:
    return queries.leads_to_paper(copie, clock.today())


def _show(request: HttpRequest, copie: CopieSignee, token: str, form: CopyForm, status: int = 200) -> HttpResponse:
    convention = copie.acte.convention
    context = {
        "copie": copie,
        "convention": convention,
        "caf": convention.lieu.caf,
        "caf_adresse": ", ".join(convention.lieu.caf.lignes_adresse),
        "avenant": copie.acte.nature == Acte.Nature.AVENANT,
        "terminee": convention.is_over(clock.today()),
        "ouvert": _is_open(copie),
        "lisible": _leads_to_paper(copie),
        "public": convention.gestionnaire.nature in rules.PUBLIC_BODIES,
        "token": token,
        "form": form,
    }
    over = not _leads_to_paper(copie) and copie.issue != CopieSignee.Issue.VERIFIEE
    return render(request, "conventions/a_signer.html", context, status=410 if over else status)


@never_cache
@login_not_required
@require_safe
def document(request: HttpRequest, token: str) -> HttpResponse | FileResponse:
    """CON-15.a: the paper to print, as it was made; 410 once the link is over."""
    copie = queries.copy_by_token(token)
    if not _leads_to_paper(copie):
        return _show(request, copie, token, CopyForm())
    kept = register.keep_pdf(copie.acte, now=clock.now())
    name = f"{copie.acte.convention.numero}-a-signer.pdf"
    return attachment(kept, name)
