"""PDF of demandes, with their XML inside: PDF/A-3 and PDF/UA-1 (TEL-2)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from demandes.documents import xml_writer
from demandes.documents.reading import sections
from demandes.models import Demande
from extranet.core.dates import paris_date
from extranet.core.documents import letters
from extranet.core.documents.pdf import render
from extranet.core.languages import date_longue

MOST_LINES = 20_000


def write(demandes: Sequence[Demande], now: datetime, *, apart: bool = False) -> bytes:
    """One PDF of `demandes`, one after the other, with their XML attached; made `apart` when they are many."""
    titre = f"Demande {demandes[0].reference}" if len(demandes) == 1 else f"{len(demandes)} demandes d’information"
    xml = xml_writer.write(demandes, now)
    values, attached = context(demandes, now), [attachment(xml)]
    return render("demandes/pdf/demandes.html", values, title=titre, attachments=attached, apart=apart)


def attachment(xml: bytes) -> tuple[str, bytes, str, str, str]:
    """The XML as the PDF carries it."""
    return ("demandes.xml", xml, "application/xml", "Les mêmes données au format XML", "Data")


def context(demandes: Sequence[Demande], now: datetime) -> dict[str, object]:
    """What the template shows."""
    feuilles = [_feuille(demande, now) for demande in demandes]
    said = (value for one in feuilles for section in one["sections"] for line in section.lignes for value in line)
    return {
        "feuilles": feuilles,
        "illisibles": letters.are_missing(said),
        "edite_le": date_longue(paris_date(now)),
    }


def _feuille(demande: Demande, now: datetime) -> dict[str, Any]:
    contenu = demande.dossier.open(paris_date(now))
    return {
        "demande": demande,
        "sections": sections(demande, contenu),
        "vers_la_gauche": letters.reads_leftwards(contenu.message),
        "a_detruire": date_longue(demande.last_day),
        "deposee": date_longue(paris_date(demande.deposee_le)),
        "transmise": date_longue(paris_date(_given_at(demande))),
    }


def _given_at(demande: Demande) -> datetime:
    return demande.transmission.transmitted_at if demande.transmission else demande.received_at
