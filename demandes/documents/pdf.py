"""PDF of demandes (with their XML inside) and of attestations: PDF/A-3 and PDF/UA-1 (TEL-2)."""

from collections.abc import Sequence
from datetime import datetime

from demandes.documents import xml_writer
from demandes.documents.reading import sections
from demandes.models import Attestation, Demande
from extranet.core.dates import paris_date
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
    return {
        "feuilles": [
            {
                "demande": demande,
                "sections": sections(demande, demande.dossier.open(paris_date(now))),
                "a_detruire": date_longue(demande.last_day),
                "deposee": date_longue(paris_date(demande.deposee_le)),
                "transmise": date_longue(paris_date(demande.transmitted_at or demande.received_at)),
            }
            for demande in demandes
        ],
        "edite_le": date_longue(paris_date(now)),
    }


def write_attestation(attestation: Attestation, now: datetime) -> bytes:
    """The attestation as it is about to be signed."""
    lignes = [
        {
            "reference": line.reference,
            "transmise": date_longue(line.transmitted_on),
            "recuperee": date_longue(line.picked_up_on) or "non récupérée",
            "par": line.picked_up_by,
            "detruite": date_longue(line.destroyed_on),
            "retiree": line.retiree,
        }
        for line in attestation.lignes.all()
    ]
    values = {
        "attestation": attestation,
        "lieu": attestation.lieu,
        "gestionnaire": attestation.lieu.gestionnaire,
        "lignes": lignes,
        "signee_le": date_longue(paris_date(now)),
    }
    return render("demandes/pdf/attestation.html", values, title=f"Attestation de destruction – {attestation.lieu}")
