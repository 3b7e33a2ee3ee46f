"""Demandes as a table for spreadsheets, a line each (TEL-1.b)."""

from collections.abc import Sequence
from datetime import datetime

from demandes.documents.reading import sections
from demandes.models import Demande
from extranet.core.dates import paris_date
from extranet.core.documents import sheet

FRENCH = "%d/%m/%Y"


def write(demandes: Sequence[Demande], now: datetime) -> bytes:
    """The same lines as on screen and in the PDF, side by side; a line that no demande has is no column."""
    today, columns = paris_date(now), dict[str, None]()
    lines = []
    for demande in demandes:
        said = {
            "Référence": demande.reference,
            "Déposée le": paris_date(demande.deposee_le).strftime(FRENCH),
            "À détruire au plus tard le": demande.last_day.strftime(FRENCH),
        }
        for section in sections(demande, demande.dossier.open(today)):
            if section.titre == "Les enfants":
                said[section.titre] = " ; ".join(f"{name} : {when}" for name, when in section.lignes)
            else:
                said |= {label or section.titre: value for label, value in section.lignes}
        columns |= dict.fromkeys(said)
        lines.append(said)
    return sheet.write(list(columns), [[said.get(name, "") for name in columns] for said in lines])
