"""The end of the proof of a contract: five years after its last day all of it goes (ACC-2.e).

A lieu may have had several conventions, and a gestionnaire several lieux: with one convention goes what was over before
the first day of the oldest one that is still kept; with the last one all the rest. A lieu that demandes were sent to
stays for the statistics, with its gestionnaire, by name and address alone.
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Min, ProtectedError, Q, QuerySet

from conventions import queries
from conventions.models import (
    Acte,
    Convention,
    CopieSignee,
    Courrier,
    Couverture,
    DemandeEngagement,
    Engagement,
    Fermeture,
    Gestionnaire,
    Lieu,
    Personne,
    PersonneInscrite,
    Piece,
    Prestataire,
    Reprise,
    Resiliation,
    Signature,
    Suspension,
    TentativeAmiable,
)
from demandes.attestations.models import Attestation, Bilan, LigneAttestation
from demandes.models import Attribution
from demandes.services import destruction
from extranet.core import apart
from extranet.core.accounts.models import User
from extranet.core.dates import paris_date, start_of_day
from extranet.core.documents import store
from extranet.core.documents.models import StoredFile
from extranet.core.journal import services as journal
from habilitations.models import (
    DemandeHabilitation,
    Echange,
    Habilitation,
    MessageEchange,
    PieceJointe,
    SuspensionHabilitation,
)

DESTROYED = "convention.preuve-detruite"
# What a lieu or a gestionnaire without any convention no longer says: how somebody is reached, and who signed.
EMPTIED = {
    "telephone",
    "courriel",
    "site",
    "courriel_registre",
    "representant_civilite",
    "representant_nom",
    "representant_prenom",
    "representant_qualite",
}
SHOWN = ("horaires", "site_annonce", "courriel_annonce")  # to families, by the lieu itself


@dataclass
class _Named:
    """What the rows that are gone named: kept files by key, accounts by key."""

    files: set[UUID] = field(default_factory=set)
    users: set[int] = field(default_factory=set)

    def delete(self, rows: QuerySet[Any], *, files: Iterable[str] = (), users: Iterable[str] = ()) -> None:
        """Delete `rows`, and note what they name in these columns."""
        for column in files:
            self.files |= set(rows.exclude(**{column: None}).order_by().values_list(column, flat=True))
        for column in users:
            self.note(rows, column)
        rows.delete()

    def note(self, rows: QuerySet[Any], column: str) -> None:
        """Only the accounts."""
        self.users |= set(rows.exclude(**{column: None}).order_by().values_list(column, flat=True).distinct())


def needed_since() -> datetime | None:
    """Since when the journal may speak of a convention, or of its application, that is still kept."""
    made = Convention.objects.aggregate(first=Min("created_at"))["first"]
    asked = DemandeHabilitation.objects.aggregate(first=Min("submitted_at"))["first"]
    return min((one for one in (made, asked) if one), default=None)


def let_go(*, now: datetime) -> int:
    """ACC-2.e: destroy each convention whose proof is over, with all that proves it; returns how many.

    Each by itself: one that fails is left for the next run. None while a clock has leapt (CNS-6.c): what is gone does
    not come back with the right date.
    """
    if destruction.clock_leapt():
        return 0
    over = queries.past_proof(paris_date(now))
    return apart.each(over, lambda pk: _let_go(pk, now), what="proof of convention")


def _let_go(pk: int, now: datetime) -> int:
    convention = Convention.objects.select_for_update(of=("self",)).filter(pk=pk).first()
    if convention is None or not queries.proof_over(convention, paris_date(now)):
        return 0
    lieu = Lieu.objects.select_for_update(of=("self",)).get(pk=convention.lieu_id)
    said = Q(identites__opened_by__convention=convention)  # of one whom a correction has replaced, too (CON-12)
    known = Gestionnaire.objects.filter(said | Q(pk__in=[convention.gestionnaire_id, lieu.gestionnaire_id]))
    signers = Gestionnaire.objects.filter(pk__in=known.values("pk"))
    owners: list[Lieu | Gestionnaire] = [lieu, *signers.select_for_update(of=("self",)).order_by("pk")]
    journal.record(DESTROYED, convention, by="systeme", at=now, numero=convention.numero)
    named, since = _Named(), queries.first_day(lieu.conventions.exclude(pk=convention.pk))
    _what_the_lieu_wrote(lieu, convention, since, named)
    for owner in owners:
        _forget_what_it_was(owner, convention)
    _forget_convention(convention, named)
    for owner in owners:
        _forget_owner(owner)
    for user in User.objects.select_for_update().filter(pk__in=named.users, is_staff=False).order_by("pk"):
        _forget_account(user)
    for stored in StoredFile.objects.filter(pk__in=named.files):
        store.destroy(stored)
    return 1


def _what_the_lieu_wrote(lieu: Lieu, convention: Convention, since: date | None, named: _Named) -> None:
    """Attestations, yearly statements, messages, prestataires of before `since`, all of them without; and the
    application.
    """
    before = start_of_day(since) if since else None

    def until(rows: QuerySet[Any], column: str, end: date | datetime | None = before) -> QuerySet[Any]:
        mine = rows.filter(lieu=lieu)
        return mine.filter(**{f"{column}__lt": end}) if end else mine

    attestations = until(Attestation.objects.all(), "opened_at")
    named.delete(LigneAttestation.objects.filter(attestation__in=attestations))
    named.delete(attestations, files=["pdf"], users=["signed_by"])
    Attestation.objects.filter(convention=convention).update(convention=None)  # opened under the one that followed
    named.delete(until(Bilan.objects.all(), "opened_at"), files=["pdf"], users=["confirmed_by"])
    received = until(Attribution.objects.all(), "ended_at")
    named.note(received, "picked_up_by")
    received.update(picked_up_by=None, attest_from=None)

    echanges = until(Echange.objects.all(), "written_at")
    named.delete(PieceJointe.objects.filter(message__echange__in=echanges), files=["fichier"])
    named.delete(MessageEchange.objects.filter(echange__in=echanges), users=["by"])
    named.delete(echanges)

    prestataires = until(Prestataire.objects.all(), "until_on", since)
    engagements = Engagement.objects.filter(prestataire__in=prestataires)
    named.delete(engagements, files=["scan"], users=["received_by"])
    named.delete(DemandeEngagement.objects.filter(prestataire__in=prestataires))
    named.delete(prestataires)
    named.delete(until(Fermeture.objects.all(), "au", since), users=["declared_by"])
    named.delete(DemandeHabilitation.objects.filter(convention=convention))


def _forget_what_it_was(owner: Lieu | Gestionnaire, convention: Convention) -> None:
    """What was said of it before the conventions that are still kept; what holds today no longer names this one."""
    since = queries.first_day(owner.conventions.exclude(pk=convention.pk))
    closed = owner.identites.exclude(until_on=None)
    (closed.filter(until_on__lt=since) if since else closed).delete()
    said = f"convention {convention.numero}, dont la preuve n’est plus gardée"
    owner.identites.filter(opened_by__convention=convention).update(opened_by=None, source=said)


def _forget_convention(convention: Convention, named: _Named) -> None:
    """Its own rows, with the persons whom no other convention names."""
    actes = Acte.objects.filter(convention=convention)
    for lines in (Couverture, PersonneInscrite):
        named.delete(lines._default_manager.filter(opened_by__in=actes))
    persons = Personne.objects.filter(lieu=convention.lieu_id, inscriptions=None)
    rights = Habilitation.objects.filter(personne__in=persons)
    named.delete(SuspensionHabilitation.objects.filter(habilitation__in=rights))
    named.delete(rights, users=["user"])
    named.delete(persons)
    named.delete(Signature.objects.filter(piece__acte__in=actes), files=["scan"])
    named.delete(CopieSignee.objects.filter(acte__in=actes), files=["scan"])
    named.delete(Piece.objects.filter(acte__in=actes), files=["pdf", "publiable"])
    named.delete(actes, files=["deliberation_scan"])
    named.delete(Resiliation.objects.filter(convention=convention), files=["withdrawal"])
    named.delete(Courrier.objects.filter(convention=convention), files=["scan", "avis"])
    for rows in (TentativeAmiable, Suspension, Reprise):
        named.delete(rows._default_manager.filter(convention=convention))
    convention.delete()


def _forget_owner(owner: Lieu | Gestionnaire) -> None:
    """A lieu or gestionnaire without any convention goes; where demandes were sent to it, all but name and address."""
    if owner.conventions.exists():
        return
    with suppress(ProtectedError), transaction.atomic():
        owner.identites.all().delete()
        owner.delete()
        return
    emptied: dict[str, Any] = dict.fromkeys(EMPTIED.intersection(owner.identites.model.VALUES), "")
    shown = dict.fromkeys(SHOWN, "") if isinstance(owner, Lieu) else {}
    type(owner)._default_manager.filter(pk=owner.pk).update(**emptied, **shown)
    owner.identites.update(recorded_by=None, **emptied)


def _forget_account(user: User) -> None:
    """An account that no lieu and no proof names any more: the keys that point to it refuse, where one does."""
    with suppress(ProtectedError), transaction.atomic():
        user.delete()
