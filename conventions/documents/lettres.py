"""Registered letters of the Caf made ready to be printed, signed and posted (CON-4, CON-5). Nothing of them is kept:
what was posted comes back as a scan.
"""

from datetime import datetime

from conventions import queries, rules
from conventions.models import Convention, Courrier
from extranet.core.dates import paris_date
from extranet.core.documents.pdf import render

TITLES = {
    Courrier.Objet.PREAVIS: "Résiliation à l’échéance",
    Courrier.Objet.MANQUEMENT: "Résiliation pour manquement",
    Courrier.Objet.MISE_EN_DEMEURE: "Mise en demeure",
}


def write(convention: Convention, nature: str, *, texte: str, delai: int | None = None, now: datetime) -> bytes:
    """The letter of the Caf to the gestionnaire, by the identities that hold today."""
    day, start = paris_date(now), convention.in_force_from
    assert start is not None
    term = rules.next_anniversary(start, day)
    if day > rules.last_day_of_notice(term):
        term = rules.notice(start, day).following
    objet = Courrier.Objet(nature)
    values = {
        "objet": objet,
        "titre": TITLES[objet],
        "convention": convention,
        "caf": convention.lieu.caf,
        "caf_adresse": convention.lieu.caf.lignes_adresse,
        "gestionnaire": queries.identity_on(convention.gestionnaire, day),
        "lieu": queries.identity_on(convention.lieu, day),
        "jour": day,
        "term": term,
        "last_day": rules.last_day_of_notice(term),
        "paragraphes": [part.strip() for part in texte.splitlines() if part.strip()],
        "delai": delai,
    }
    return render("conventions/pdf/lettre.html", values, title=f"{TITLES[objet]} – {convention.numero}", now=now)
