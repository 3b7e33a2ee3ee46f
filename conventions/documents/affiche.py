"""The poster of a lieu: what it offers families, and a code that opens their form."""

from datetime import datetime

import segno
from django.utils.safestring import mark_safe

from conventions.models import Lieu
from extranet.core.documents.pdf import render

TITLE = "Trouver un mode d’accueil pour votre enfant"


def write(lieu: Lieu, *, address: str, size: str, now: datetime) -> bytes:
    """One page of `size` (a4 or a5) whose code is `address`, still read where a fourth of it is damaged."""
    code = segno.make(address, error="q", micro=False)
    drawing = code.svg_inline(border=4, omitsize=True, dark="#000", light="#fff", title=f"Code à scanner : {address}")
    context = {
        "lieu": lieu,
        "taille": size,
        "serre": lieu.horaires.count("\n") > 4 or len(lieu.horaires) > 200,
        "titre": TITLE,
        "code": mark_safe(drawing),  # segno escapes the title; the rest is numbers
        "adresse": address.partition("?")[0].removeprefix("https://").rstrip("/"),
    }
    return render("conventions/pdf/affiche.html", context, title=f"{TITLE} : {lieu.nom}", now=now)
