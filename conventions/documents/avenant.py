"""An avenant as PDF: what changes, article by article, and the annexe 1 that results, each with its places to sign
(CON-7.c).
"""

from datetime import datetime
from typing import Any

from conventions import queries
from conventions.documents import convention as founding
from conventions.models import Acte
from extranet.core.documents.pdf import render

# Changes with each change of the articles; what was handed over is kept as it was.
TEXT_VERSION = "avenant 2026-2"

TEMPLATE = "conventions/pdf/avenant.html"


def context_of(acte: Acte) -> dict[str, Any]:
    """What TEMPLATE names. The parties sign as this avenant says them: a new représentant légal signs it already."""
    context = founding.context_of(acte)
    for owner, said in acte.identite.items():
        for field, (_, after) in said.items():
            setattr(context[owner], field, after)
    changes = queries.changes_of(acte)
    communes, personnes = queries.resulting_annexe(acte)
    parts = {
        "communes": changes.communes_added or changes.communes_removed,
        "personnes": changes.personnes_added or changes.personnes_removed or changes.personnes_changed,
        "identite": changes.identite,
        "annexe": True,
        "effet": True,
    }
    return context | {
        "acte": acte,
        "changements": changes,
        "numeros": {name: rank for rank, name in enumerate((name for name, there in parts.items() if there), 2)},
        "communes": communes,
        "personnes": personnes,
        "version": TEXT_VERSION,
    }


def write(acte: Acte, now: datetime) -> bytes:
    """The paper of `acte` in the text of TEXT_VERSION, to be printed and signed in two copies."""
    title = f"{acte.titre.capitalize()} à la convention {acte.convention.numero}"
    return render(TEMPLATE, context_of(acte), title=title, now=now)
