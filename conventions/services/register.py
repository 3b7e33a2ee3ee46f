"""Bringing a lieu into the register, keeping the paper handed over, and making its lines true once signed (CON-1)."""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.shortcuts import get_object_or_404

from conventions import queries, rights, rules
from conventions.documents import convention as document
from conventions.models import Acte, Convention, Couverture, Gestionnaire, Lieu, PersonneInscrite
from conventions.rules import GestionnaireDonne, LieuDonne, PersonneDonnee
from conventions.workflow import CONVENTION, EtatConvention
from extranet.core import bell
from extranet.core.accounts.models import User
from extranet.core.dates import paris_date
from extranet.core.documents import store
from extranet.core.errors import Refused, WrongState
from extranet.core.journal import services as journal
from extranet.territory.models import Caf
from extranet.territory.queries import role_of, search_key

SIGNED = "Les deux parties ont signé cette convention : elle ne peut plus être abandonnée."


@transaction.atomic
def prepare(
    *,
    caf: str,
    gestionnaire: GestionnaireDonne,
    lieu: LieuDonne,
    communes: Iterable[str],
    personnes: Iterable[PersonneDonnee],
    by: User,
    now: datetime,
    lieu_code: str = "",
) -> Convention:
    """HAB-7: the gestionnaire, the lieu and its convention to be signed, with annexe 1. Communes by code.

    Called inside the transaction that accepts an application, which has checked scope, right and state.
    """
    locked = Caf.objects.select_for_update().get(pk=caf)  # one at a time in a Caf: codes and numbers follow each other
    signer = _gestionnaire(caf, gestionnaire)
    lieu_made = Lieu.objects.create(
        caf=locked, gestionnaire=signer, code=lieu_code or _free_code(lieu, caf), created_at=now, **asdict(lieu)
    )
    convention = Convention.objects.create(
        numero=_next_numero(caf, paris_date(now).year), lieu=lieu_made, created_at=now, accepted_by=by
    )
    acte = Acte.objects.create(
        convention=convention, nature=Acte.Nature.CONVENTION, text_version=document.TEXT_VERSION, prepared_at=now
    )
    Couverture.objects.bulk_create(
        Couverture(acte=acte, lieu=lieu_made, commune_id=code) for code in dict.fromkeys(communes)
    )
    PersonneInscrite.objects.bulk_create(
        PersonneInscrite(acte=acte, lieu=lieu_made, **asdict(line) | {"courriel": line.courriel.lower()})
        for line in personnes
    )
    journal.record("convention.preparee", convention, by=by, at=now, numero=convention.numero, lieu=lieu_made.code)
    bell.ring("conventions.tasks.keep_pdf", acte.pk)
    return convention


def _gestionnaire(caf: str, given: GestionnaireDonne) -> Gestionnaire:
    """The gestionnaire of this SIREN. Under a convention that stands, its identity changes by avenant only (CON-7)."""
    key = {"caf_id": caf, "siren": given.siren}
    found = Gestionnaire.objects.filter(**key).first()
    if found is None:
        return Gestionnaire.objects.create(caf_id=caf, **asdict(given))
    bound = Convention.objects.filter(
        lieu__gestionnaire=found, state__in=[EtatConvention.PREPARATION, EtatConvention.SIGNEE], ended_on=None
    )
    if not bound.exists():
        Gestionnaire.objects.filter(pk=found.pk).update(**asdict(given))
        found.refresh_from_db()
    return found


def _free_code(lieu: LieuDonne, caf: str) -> str:
    taken = set(Lieu.objects.values_list("code", flat=True))
    return rules.lieu_code(lieu.nature, caf, search_key(lieu.ville).split(), taken)


def _next_numero(caf: str, year: int) -> str:
    stem = f"CONV-{caf.removeprefix('caf-').upper()}-{year}-"
    return f"{stem}{Convention.objects.filter(numero__startswith=stem).count() + 1:04}"


def keep_pdf(acte: Acte, *, now: datetime) -> Acte:
    """CON-1: render the paper to be signed, once; what is kept never changes. Rendering holds no lock."""
    if acte.pdf_id is None:
        content = document.write(acte, now)
        with transaction.atomic():
            locked = Acte.objects.select_for_update(of=("self",)).get(pk=acte.pk)
            if locked.pdf_id is None:
                kept = store.keep(content, media_type="application/pdf", nature="acte", now=now)
                Acte.objects.filter(pk=acte.pk).update(
                    pdf=kept, pdf_sha256=kept.sha256, text_version=document.TEXT_VERSION
                )
                journal.record("convention.pdf", acte.convention, by="systeme", at=now, sha256=kept.sha256)
        acte.refresh_from_db()
    return acte


def apply_acte(acte: Acte, effective_on: date) -> None:
    """Make the lines of a signed acte true from its effective date, in the transaction of the last signature."""
    Acte.objects.filter(pk=acte.pk).update(effective_on=effective_on)
    acte.couvertures.update(from_on=effective_on)
    acte.personneinscrites.update(from_on=effective_on)
    acte.effective_on = effective_on


@transaction.atomic
def abandon(*, convention_uuid: UUID, motif: str, by: Any, now: datetime) -> Convention:
    """CON-12.b: a convention in preparation comes to nothing, with a reason; its lieu may apply again.

    Signatures of one party do not hold it (CON-12.c); once both have signed it is in force: 409.
    """
    visible = queries.conventions_visible_to(by).select_for_update(of=("self",))
    convention = get_object_or_404(visible, uuid=convention_uuid)
    rights.check(role_of(by), "abandon")
    if not motif.strip():
        raise Refused({"motif": "Indiquez pourquoi cette convention est abandonnée."})
    if not CONVENTION.apply(convention, "abandon", by=by, now=now, motif_abandon=motif.strip()):
        signed = convention.state == EtatConvention.SIGNEE
        raise WrongState(SIGNED if signed else "Cette convention est déjà abandonnée.")
    return convention


@transaction.atomic
def correct_official_address(
    *, gestionnaire_uuid: UUID, courriel: str, source: str, by: Any, now: datetime
) -> Gestionnaire:
    """ACT-1: the gestionnaire's address as a public register or the signed act gives it, and where it was read."""
    visible = queries.gestionnaires_visible_to(by).select_for_update(of=("self",))
    gestionnaire = get_object_or_404(visible, uuid=gestionnaire_uuid)
    rights.check(role_of(by), "correct_official_address")
    before, gestionnaire.courriel_registre = gestionnaire.courriel_registre, courriel
    gestionnaire.save(update_fields=["courriel_registre"])
    journal.record(
        "gestionnaire.courriel-officiel",
        gestionnaire,
        by=by,
        at=now,
        caf=gestionnaire.caf_id,
        avant=before,
        apres=courriel,
        source=source,
    )
    return gestionnaire
