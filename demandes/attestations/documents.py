"""PDF of an attestation: PDF/A-3 and PDF/UA-1 (CNS-4)."""

from datetime import datetime

from demandes.attestations.models import Attestation
from extranet.core.dates import paris_date
from extranet.core.documents.pdf import render
from extranet.core.languages import date_longue


def write(attestation: Attestation, now: datetime) -> bytes:
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
    return render("attestations/pdf/attestation.html", values, title=f"Attestation de destruction – {attestation.lieu}")
