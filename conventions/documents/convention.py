"""The convention as PDF: parties, articles in the portal's own wording, annexe 1, places to sign (CON-1)."""

from datetime import datetime
from typing import Any

from django.template.loader import render_to_string

from conventions import queries, rules
from conventions.models import Acte, Partie
from extranet.core.dates import paris_date
from extranet.core.documents.pdf import convert, render

# Changes with each change of the articles; what was handed over is kept as it was.
TEXT_VERSION = "2026-4"


TEMPLATE = "conventions/pdf/convention.html"


def context_of(acte: Acte) -> dict[str, Any]:
    """What TEMPLATE names: the parties as they were on its day, the lines of annexe 1, the version of its text."""
    convention, day = acte.convention, paris_date(acte.prepared_at)
    caf = convention.lieu.caf
    gestionnaire, lieu = (queries.identity_on(owner, day) for owner in (convention.gestionnaire, convention.lieu))
    communes, personnes = queries.lines_of(acte)
    return {
        "convention": convention,
        "lieu": lieu,
        "gestionnaire": gestionnaire,
        "siren": convention.gestionnaire.siren,
        "caf": caf,
        "public": gestionnaire.nature in rules.PUBLIC_BODIES,
        "communes": communes,
        "personnes": personnes,
        "preparee_le": day,
        "caf_adresse": ", ".join(caf.lignes_adresse),
        "version": TEXT_VERSION,
        "lieu_courriel": lieu.courriel,
    }


def write(acte: Acte, now: datetime) -> bytes:
    """The paper of `acte` in the text of TEXT_VERSION, to be printed and signed in two copies."""
    return render(TEMPLATE, context_of(acte), title=f"Convention {acte.convention.numero}", now=now)


# Where the signatures of a piece go in the text kept for publication.
PLACE = "<!-- signatures : {} -->"


def write_publishable(acte: Acte) -> str:
    """CON-14: the text of the paper, made with it, in which no person of annexe 1 is named and no address of theirs is.

    Absent and not covered: what is not in this text can be in no file made from it.
    """
    context = context_of(acte)
    addresses = {line.courriel.lower() for line in context["personnes"]}
    hidden: dict[str, Any] = {
        "publiable": True,
        "nombre": len(addresses),
        "personnes": [],
        "lieu_courriel": "" if context["lieu"].courriel.lower() in addresses else context["lieu"].courriel,
    }
    return render_to_string(TEMPLATE, context | hidden)


def publish(acte: Acte, text: str, now: datetime) -> bytes:
    """CON-14: the copy fit for publication: the text kept, with who signed it and when."""
    lines = {(line.piece.nature, line.partie): line for line in queries.signatures_of(acte)}
    for piece in rules.PIECES[acte.nature]:
        said = [(partie.label, lines.get((piece, partie.value))) for partie in (Partie.CAF, Partie.GESTIONNAIRE)]
        block = render_to_string("conventions/pdf/_signees.html", {"signatures": said})
        text = text.replace(PLACE.format(piece), block)
    return convert(text, title=f"Convention {acte.convention.numero}", now=now)
