"""PDF of an attestation (CNS-4) and of a yearly statement (SUI-3): PDF/A-3 and PDF/UA-1."""

from datetime import datetime

from demandes.attestations.models import Attestation, Bilan
from demandes.attestations.queries import Faits
from demandes.attestations.rules import DECLARATIONS
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
            "fin_convention": line.fin_convention,
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


def write_bilan(bilan: Bilan, faits: Faits, now: datetime) -> bytes:
    """The statement as it is about to be confirmed."""
    values = {
        "bilan": bilan,
        "lieu": bilan.lieu,
        "gestionnaire": bilan.lieu.gestionnaire,
        "faits": faits,
        "declarations": declared(bilan),
        "le": date_longue(paris_date(now)),
    }
    title = f"Bilan {bilan.annee} des obligations – {bilan.lieu}"
    return render("attestations/pdf/bilan.html", values, title=title, now=now)


def declared(bilan: Bilan) -> list[tuple[str, bool]]:
    """Each sentence, and whether the lieu says that it keeps it."""
    return [(sentence, bool(bilan.tenues[name])) for name, sentence in DECLARATIONS.items() if name in bilan.tenues]
