"""A lieu's figures, on screen and as a yearly sheet (SUI-2). Exact: it reads of nobody but itself."""

from datetime import datetime
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from conventions.models import Lieu
from demandes import figures
from demandes.documents import fiche
from demandes.views.lieu import chosen
from extranet.core import clock
from extranet.core.accounts.person import person_of_a_lieu
from extranet.core.dates import paris_date
from extranet.core.documents import barres, ods
from extranet.core.errors import NotFound
from extranet.core.web.files import handed_over
from habilitations import queries as habilitations

DRAWN = 12  # lines of a drawing; the table beside it has all


@require_GET
def statistiques(request: HttpRequest) -> HttpResponse:
    """Of the lieu that the person works for, or of all its lieux together; by year or over the twelve last months."""
    user, now = person_of_a_lieu(request), clock.now()
    today = paris_date(now)
    lieux = list(habilitations.lieux_of(user, now).order_by("nom", "pk"))
    lieu = chosen(request, lieux)
    shown = [lieu.pk] if lieu else [one.pk for one in lieux]
    periods = figures.periods(shown, today)
    asked = request.GET.get("periode", "")
    periode = next((one for one in periods if one.code == asked), periods[0])
    chiffres = figures.of(shown, periode, today)
    tables = [(table, barres.draw(_bars(table)[:DRAWN])) for table in fiche.tables(chiffres) if table.lignes]
    context = {
        "lieux": lieux,
        "lieu": lieu,
        "periodes": periods,
        "periode": periode,
        "en_mots": fiche.period_in_words(chiffres, today),
        "chiffres": chiffres,
        "titres": fiche.titles(chiffres),
        "median": fiche.MEDIAN,
        "tables": tables,
        "annee": periode.last.year,
        "fiches": [lieu] if lieu else lieux,
    }
    return render(request, "demandes/lieu/statistiques.html", context)


def _bars(table: fiche.Table) -> list[tuple[str, list[int]]]:
    return [(name, [int(numbers[rank]) for rank in table.parts]) for name, numbers in table.lignes]


@require_GET
def fiche_pdf(request: HttpRequest, uuid: UUID, annee: int) -> HttpResponse:
    """The activity sheet of one of this person's lieux for a year. It holds nothing of a family."""
    lieu, chiffres, now = _of_year(request, uuid, annee)
    response = HttpResponse(fiche.write_pdf(lieu, chiffres, now), content_type="application/pdf")
    return handed_over(response, f"activite-{annee}.pdf")


@require_GET
def fiche_ods(request: HttpRequest, uuid: UUID, annee: int) -> HttpResponse:
    """The same for a spreadsheet."""
    lieu, chiffres, now = _of_year(request, uuid, annee)
    response = HttpResponse(fiche.write_ods(lieu, chiffres, now), content_type=ods.MEDIA_TYPE)
    return handed_over(response, f"activite-{annee}.ods")


def _of_year(request: HttpRequest, uuid: UUID, annee: int) -> tuple[Lieu, figures.Chiffres, datetime]:
    user, now = person_of_a_lieu(request), clock.now()
    lieu = get_object_or_404(habilitations.lieux_of(user, now).select_related("caf"), uuid=uuid)
    today = paris_date(now)
    if str(annee) not in {one.code for one in figures.periods([lieu.pk], today)}:
        raise NotFound
    return lieu, figures.of([lieu.pk], figures.year_of(annee), today), now
