"""Signed copies by link, and files that are kept."""

from datetime import date
from uuid import UUID

from django.db.models import QuerySet

from conventions.models import Acte, Convention, CopieSignee, Piece, Signature
from conventions.workflow import EtatActe
from extranet.core import signed
from extranet.core.documents.models import StoredFile
from extranet.core.errors import NotFound

LINK = "copie-signee"


def copy_token(copie: CopieSignee) -> str:
    """The token of its one-time link: nothing to store, nothing to steal from a table."""
    return signed.token(LINK, copie.uuid)


def copy_by_token(token: str) -> CopieSignee:
    """CON-15.a: what the link is for, whatever has become of it; 404 when the token is not ours."""
    rows = CopieSignee.objects.select_related("acte__convention__lieu__caf", "acte__convention__gestionnaire", "scan")
    if (name := signed.read(LINK, token)) is None or (found := rows.filter(uuid=name).first()) is None:
        raise NotFound
    return found


def leads_to_paper(copie: CopieSignee, today: date) -> bool:
    """CON-15.a: the link still opens the paper: nothing has come in its place, and there is something left to sign."""
    acte = copie.acte
    return copie.closed_at is None and acte.state == EtatActe.PREPARE and not acte.convention.is_over(today)


def copies_of(convention: Convention) -> QuerySet[CopieSignee]:
    """CON-15: every link sent for the papers of the convention itself, with what became of it."""
    sent = CopieSignee.objects.filter(acte__convention=convention, acte__nature=Acte.Nature.CONVENTION)
    return sent.select_related("scan", "closed_by").order_by("asked_at", "pk")


def copy_to_verify(acte: Acte) -> CopieSignee | None:
    """CON-15.b: the copy handed in that no agent has verified or refused yet."""
    return acte.copies.filter(closed_at=None, handed_at__isnull=False).select_related("scan").first()


def copies_to_verify() -> QuerySet[CopieSignee]:
    """CON-15.b: copies handed in that wait for an agent of their Caf."""
    return CopieSignee.objects.filter(closed_at=None, handed_at__isnull=False, acte__state=EtatActe.PREPARE)


def kept_file(convention: Convention, file_id: UUID) -> tuple[StoredFile, str] | None:
    """A kept file of this convention and the name that it is handed over by: signed papers, copies handed in, what
    allowed the gestionnaire to sign, papers that a correction replaced.
    """
    number = convention.numero
    of_scan = Signature.objects.filter(piece__acte__convention=convention, scan=file_id)
    if (line := of_scan.select_related("scan").first()) and line.scan:
        return line.scan, f"{number}-signe-{line.signed_on:%Y-%m-%d}.pdf"
    of_copy = CopieSignee.objects.filter(acte__convention=convention, scan=file_id)
    if (copie := of_copy.select_related("scan").first()) and copie.scan:
        return copie.scan, f"{number}-copie-remise.pdf"
    of_act = convention.actes.filter(deliberation_scan=file_id).select_related("deliberation_scan")
    if (acte := of_act.first()) and acte.deliberation_scan:
        return acte.deliberation_scan, f"{number}-acte-autorisant.pdf"
    of_paper = Piece.objects.filter(acte__convention=convention, pdf=file_id).select_related("pdf", "acte")
    if (piece := of_paper.first()) and piece.pdf:
        return piece.pdf, f"{number}-document-{piece.acte.rang}.pdf"
    return None
