"""The convention as PDF: parties, articles in the portal's own wording, annexe 1, places to sign (CON-1)."""

from datetime import datetime

from conventions import queries, rules
from conventions.models import Acte
from extranet.core.dates import paris_date
from extranet.core.documents.pdf import render

# Changes with each change of the articles; what was handed over is kept as it was.
TEXT_VERSION = "2026-1"


def write(acte: Acte, now: datetime) -> bytes:
    """The paper of `acte`, to be printed and signed in two copies."""
    convention = acte.convention
    lieu = convention.lieu
    communes, personnes = queries.lines_of(acte)
    context = {
        "acte": acte,
        "convention": convention,
        "lieu": lieu,
        "gestionnaire": lieu.gestionnaire,
        "caf": lieu.caf,
        "public": lieu.gestionnaire.nature in rules.PUBLIC_BODIES,
        "communes": communes,
        "personnes": personnes,
        "preparee_le": paris_date(acte.prepared_at),
    }
    return render("conventions/pdf/convention.html", context, title=f"Convention {convention.numero}", now=now)
