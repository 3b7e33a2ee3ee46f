"""The convention as PDF: parties, articles in the portal's own wording, annexe 1, places to sign (CON-1)."""

from datetime import datetime
from typing import Any

from conventions import queries, rules
from conventions.models import Acte
from extranet.core.dates import paris_date
from extranet.core.documents.pdf import render

# Changes with each change of the articles; what was handed over is kept as it was.
TEXT_VERSION = "2026-2"


TEMPLATE = "conventions/pdf/convention.html"


def context_of(acte: Acte) -> dict[str, Any]:
    """What TEMPLATE names: the parties as they were on its day, the lines of annexe 1, the version of its text."""
    convention, day = acte.convention, paris_date(acte.prepared_at)
    caf = convention.lieu.caf
    gestionnaire = queries.identity_on(convention.gestionnaire, day)
    communes, personnes = queries.lines_of(acte)
    return {
        "convention": convention,
        "lieu": queries.identity_on(convention.lieu, day),
        "gestionnaire": gestionnaire,
        "siren": convention.gestionnaire.siren,
        "caf": caf,
        "public": gestionnaire.nature in rules.PUBLIC_BODIES,
        "communes": communes,
        "personnes": personnes,
        "preparee_le": day,
        "caf_adresse": ", ".join(filter(None, map(str.strip, caf.adresse.splitlines()))),
        "version": TEXT_VERSION,
    }


def write(acte: Acte, now: datetime) -> bytes:
    """The paper of `acte` in the text of TEXT_VERSION, to be printed and signed in two copies."""
    return render(TEMPLATE, context_of(acte), title=f"Convention {acte.convention.numero}", now=now)
