"""Bringing a lieu into the register, keeping the paper handed over, and making its lines true once signed (CON-1)."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.shortcuts import get_object_or_404

from conventions import queries, rights, rules
from conventions.documents import avenant as avenant_paper
from conventions.documents import convention as convention_paper
from conventions.models import (
    Acte,
    Convention,
    Couverture,
    Gestionnaire,
    IdentiteGestionnaire,
    IdentiteLieu,
    Lieu,
    Personne,
    PersonneInscrite,
    Piece,
)
from conventions.queries import standing
from conventions.rules import GestionnaireDonne, LieuDonne, PersonneDonnee
from conventions.workflow import ACTE, CONVENTION, EtatConvention
from extranet.core import bell
from extranet.core.accounts.models import User
from extranet.core.dates import paris_date
from extranet.core.documents import store
from extranet.core.documents.models import StoredFile
from extranet.core.errors import Refused, WrongState
from extranet.core.journal import services as journal
from extranet.territory.models import Caf
from extranet.territory.queries import role_of, search_key

PAPERS: dict[str, Any] = {Acte.Nature.CONVENTION: convention_paper, Acte.Nature.AVENANT: avenant_paper}
SIGNED = "Les deux parties ont signé cette convention : elle ne peut plus être abandonnée."

TAKEN_OVER = "Cette convention a été reprise : son texte est celui du document que les deux parties ont signé."


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
    signer, stands = _signer(caf, gestionnaire.siren, paris_date(now))
    lieu_made = Lieu.objects.create(
        caf=locked, gestionnaire=signer, code=lieu_code or _free_code(lieu, caf), created_at=now
    )
    convention = Convention.objects.create(
        numero=next_numeros(caf, paris_date(now).year, 1)[0],
        lieu=lieu_made,
        gestionnaire=signer,
        created_at=now,
        accepted_by=by,
    )
    acte = open_acte(convention, Acte.Nature.CONVENTION, by, now)
    identify(lieu_made, asdict(lieu), acte=acte, by=by, now=now)
    if not stands:
        identify(signer, _without(asdict(gestionnaire), "siren"), acte=acte, by=by, now=now)
    open_lines(acte, lieu_made, communes, [(Personne.objects.create(lieu=lieu_made), line) for line in personnes])
    journal.record("convention.preparee", convention, by=by, at=now, numero=convention.numero, lieu=lieu_made.code)
    bell.ring("conventions.tasks.keep_pdf", acte.pk)
    return convention


def open_acte(convention: Convention, nature: str, by: User, now: datetime) -> Acte:
    """The next acte of a convention, with the pieces that its nature asks for (rules.PIECES)."""
    acte = Acte.objects.create(
        convention=convention, nature=nature, rang=convention.actes.count(), prepared_at=now, prepared_by=by
    )
    Piece.objects.bulk_create(
        Piece(acte=acte, nature=piece, text_version=PAPERS[nature].TEXT_VERSION) for piece in rules.PIECES[nature]
    )
    return acte


def open_lines(
    acte: Acte, lieu: Lieu, communes: Iterable[str], personnes: Iterable[tuple[Personne, PersonneDonnee]]
) -> None:
    """The lines that `acte` brings into annexe 1, without dates until it is signed."""
    Couverture.objects.bulk_create(
        Couverture(opened_by=acte, lieu=lieu, commune_id=code) for code in dict.fromkeys(communes)
    )
    PersonneInscrite.objects.bulk_create(
        PersonneInscrite(
            opened_by=acte, lieu=lieu, personne=personne, **asdict(line) | {"courriel": line.courriel.lower()}
        )
        for personne, line in personnes
    )


def _signer(caf: str, siren: str, today: date) -> tuple[Gestionnaire, bool]:
    """The gestionnaire of this SIREN, and whether a convention of it stands: then only avenants change it (CON-7)."""
    found, made = Gestionnaire.objects.get_or_create(caf_id=caf, siren=siren)
    return found, not made and standing(found, today).exists()


def _without(values: dict[str, str], name: str) -> dict[str, str]:
    return {key: value for key, value in values.items() if key != name}


def identify(
    owner: Lieu | Gestionnaire,
    values: Mapping[str, str],
    *,
    by: User | None,
    now: datetime,
    acte: Acte | None = None,
    source: str = "",
) -> None:
    """CON-8.b: what is said of `owner` from today, or from the effect of `acte`; what was said before stays.

    The only writer of these columns, and of the rows that they repeat. Values not given stay as they are; what was said
    of later days in the meantime keeps its own, and says these too.
    """
    kind, key = (IdentiteLieu, "lieu") if isinstance(owner, Lieu) else (IdentiteGestionnaire, "gestionnaire")
    locked = type(owner)._default_manager.select_for_update(of=("self",)).get(pk=owner.pk)
    day = (acte.effective_on if acte else None) or paris_date(now)
    held = owner.identites.filter(Q(until_on=None) | Q(until_on__gte=day)).order_by("from_on", "pk")
    rows = {row.from_on: row for row in held}  # of two of one day the later holds
    whole = {name: getattr(locked, name) for name in kind.VALUES} | dict(values)
    common = {key: owner, "opened_by": acte, "source": source, "recorded_at": now, "recorded_by": by}
    if not rows:
        kind._default_manager.create(from_on=day, **common, **whole)
    for row in rows.values():
        start, until = max(day, row.from_on), row.until_on
        whole = {name: getattr(row, name) for name in kind.VALUES} | dict(values)
        owner.identites.filter(pk=row.pk).update(until_on=rules.last_day_of_line(row.from_on, start))
        kind._default_manager.create(from_on=start, until_on=until, **common, **whole)
    type(owner)._default_manager.filter(pk=owner.pk).update(**whole)
    for name, value in whole.items():
        setattr(owner, name, value)


def _take_back(owner: Lieu | Gestionnaire, acte: Acte) -> None:
    """What `acte` said of `owner` is no more, and what it took the place of stands again: its date was a mistake."""
    for row in owner.identites.filter(opened_by=acte).order_by("-from_on", "-pk"):
        others = owner.identites.filter(from_on__lte=row.from_on, pk__lt=row.pk).exclude(opened_by=acte)
        before = others.latest("from_on", "pk")
        row.delete()
        owner.identites.filter(pk=before.pk).update(until_on=row.until_on)


def _free_code(lieu: LieuDonne, caf: str) -> str:
    taken = set(Lieu.objects.values_list("code", flat=True))
    return rules.lieu_code(lieu.nature, caf, search_key(lieu.ville).split(), taken)


def next_numeros(caf: str, year: int, count: int) -> list[str]:
    """The next numbers of conventions of a Caf, in the year in which they come into the portal. The Caf is locked."""
    stem = f"CONV-{caf.removeprefix('caf-').upper()}-{year}-"
    have = Convention.objects.filter(numero__startswith=stem).count()
    return [f"{stem}{have + rank:04}" for rank in range(1, count + 1)]


def keep_pdf(acte: Acte, *, now: datetime) -> StoredFile:
    """CON-1: render the paper to be signed, once, all pieces in one file, which never changes. No lock meanwhile.

    The paper of a convention taken over is what both signed: the portal has no text of it (CON-13).
    """
    if queries.reprise_of(acte):
        raise WrongState(TAKEN_OVER)
    if (kept := queries.pieces_of(acte)[0].pdf) is None:
        paper = PAPERS[acte.nature]
        content = paper.write(acte, now)
        text = convention_paper.write_publishable(acte) if acte.nature == Acte.Nature.CONVENTION else None
        with transaction.atomic():
            pieces = list(acte.pieces.select_for_update(of=("self",)).select_related("pdf").order_by("pk"))
            if (kept := pieces[0].pdf) is None:
                kept = store.keep(content, media_type="application/pdf", nature="acte", now=now)
                public = store.keep(text.encode(), media_type="text/html", nature="acte", now=now) if text else None
                acte.pieces.update(pdf=kept, pdf_sha256=kept.sha256, text_version=paper.TEXT_VERSION, publiable=public)
                journal.record("convention.pdf", acte.convention, by="systeme", at=now, sha256=kept.sha256)
    return kept


def apply_acte(acte: Acte, *, by: User, now: datetime) -> None:
    """CON-7.d: what a signed acte changes becomes true at its effect, in the transaction of the last signature.

    Again after a correction of its date: what it opened, closed and said moves with it.
    """
    day = acte.effective_on
    assert day is not None
    for lines in (Couverture.objects, PersonneInscrite.objects):
        for pk, since in lines.filter(closed_by=acte).values_list("pk", "from_on"):
            assert since is not None
            lines.filter(pk=pk).update(until_on=rules.last_day_of_line(since, day))
        lines.filter(opened_by=acte).update(from_on=day)
    owners: dict[str, Lieu | Gestionnaire] = {
        "lieu": acte.convention.lieu,
        "gestionnaire": acte.convention.gestionnaire,
    }
    for name, said in acte.identite.items():
        _take_back(owners[name], acte)
        identify(owners[name], {field: after for field, (_, after) in said.items()}, acte=acte, by=by, now=now)


@transaction.atomic
def abandon(*, convention_uuid: UUID, motif: str, by: User, now: datetime) -> Convention:
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
    ACTE.apply(queries.founding_acte(convention), "abandon", by=by, now=now)
    return convention


@transaction.atomic
def correct_official_address(
    *, gestionnaire_uuid: UUID, courriel: str, source: str, by: User, now: datetime
) -> Gestionnaire:
    """ACT-1: the gestionnaire's address as a public register or the signed act gives it, and where it was read."""
    visible = queries.gestionnaires_visible_to(by).select_for_update(of=("self",))
    gestionnaire = get_object_or_404(visible, uuid=gestionnaire_uuid)
    rights.check(role_of(by), "correct_official_address")
    if not source.strip():
        raise Refused({"source": "Indiquez où vous avez lu cette adresse."})
    before = gestionnaire.courriel_registre
    identify(gestionnaire, {"courriel_registre": courriel}, source=source.strip(), by=by, now=now)
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
