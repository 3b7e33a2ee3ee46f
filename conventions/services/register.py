"""Bringing a lieu into the register, keeping the paper handed over, and making its lines true once signed (CON-1)."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from types import MappingProxyType
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.shortcuts import get_object_or_404

from conventions import queries, rights, rules
from conventions.documents import convention as document
from conventions.models import (
    IN_EFFECT,
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
from conventions.rules import GestionnaireDonne, LieuDonne, PersonneDonnee
from conventions.workflow import ACTE, CONVENTION, EtatActe, EtatConvention
from extranet.core import bell
from extranet.core.accounts.models import User
from extranet.core.dates import paris_date
from extranet.core.documents import store
from extranet.core.documents.models import StoredFile
from extranet.core.errors import Refused, WrongState
from extranet.core.journal import services as journal
from extranet.territory.models import Caf, Commune
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
    signer, standing = _signer(caf, gestionnaire.siren)
    lieu_made = Lieu.objects.create(
        caf=locked, gestionnaire=signer, code=lieu_code or _free_code(lieu, caf), created_at=now
    )
    convention = Convention.objects.create(
        numero=_next_numero(caf, paris_date(now).year),
        lieu=lieu_made,
        gestionnaire=signer,
        created_at=now,
        accepted_by=by,
    )
    acte = _acte(convention, Acte.Nature.CONVENTION, by, now)
    identify(lieu_made, asdict(lieu), acte=acte, by=by, now=now)
    if not standing:
        identify(signer, _without(asdict(gestionnaire), "siren"), acte=acte, by=by, now=now)
    _open_lines(acte, lieu_made, communes, [(Personne.objects.create(lieu=lieu_made), line) for line in personnes])
    journal.record("convention.preparee", convention, by=by, at=now, numero=convention.numero, lieu=lieu_made.code)
    bell.ring("conventions.tasks.keep_pdf", acte.pk)
    return convention


def _acte(convention: Convention, nature: str, by: User, now: datetime) -> Acte:
    """The next acte of a convention, with the pieces that its nature asks for (rules.PIECES)."""
    acte = Acte.objects.create(
        convention=convention, nature=nature, rang=convention.actes.count(), prepared_at=now, prepared_by=by
    )
    Piece.objects.bulk_create(
        Piece(acte=acte, nature=piece, text_version=document.TEXT_VERSION) for piece in rules.PIECES[nature]
    )
    return acte


def _open_lines(
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


def _signer(caf: str, siren: str) -> tuple[Gestionnaire, bool]:
    """The gestionnaire of this SIREN, and whether a convention of it stands: then only avenants change it (CON-7)."""
    found, made = Gestionnaire.objects.get_or_create(caf_id=caf, siren=siren)
    stand = found.conventions.filter(state__in=[EtatConvention.PREPARATION, EtatConvention.SIGNEE], ended_on=None)
    return found, not made and stand.exists()


def _without(values: dict[str, str], name: str) -> dict[str, str]:
    return {key: value for key, value in values.items() if key != name}


def identify(
    owner: Lieu | Gestionnaire,
    values: Mapping[str, str],
    *,
    by: User,
    now: datetime,
    acte: Acte | None = None,
    source: str = "",
) -> None:
    """CON-8.b: what is said of `owner` from today, by an acte or as `source` gives it; what was said before stays.

    The only writer of these columns, and of the rows that they repeat. Values not given stay as they are.
    """
    kind, key = (IdentiteLieu, "lieu") if isinstance(owner, Lieu) else (IdentiteGestionnaire, "gestionnaire")
    locked = type(owner)._default_manager.select_for_update(of=("self",)).get(pk=owner.pk)
    whole = {name: getattr(locked, name) for name in kind.VALUES} | dict(values)
    day = paris_date(now)
    if (before := owner.identites.filter(until_on=None).first()) is not None:
        owner.identites.filter(pk=before.pk).update(until_on=rules.last_day_of_line(before.from_on, day))
    kind._default_manager.create(
        **{key: owner}, from_on=day, opened_by=acte, source=source, recorded_at=now, recorded_by=by, **whole
    )
    type(owner)._default_manager.filter(pk=owner.pk).update(**whole)
    for name, value in whole.items():
        setattr(owner, name, value)


def _free_code(lieu: LieuDonne, caf: str) -> str:
    taken = set(Lieu.objects.values_list("code", flat=True))
    return rules.lieu_code(lieu.nature, caf, search_key(lieu.ville).split(), taken)


def _next_numero(caf: str, year: int) -> str:
    stem = f"CONV-{caf.removeprefix('caf-').upper()}-{year}-"
    return f"{stem}{Convention.objects.filter(numero__startswith=stem).count() + 1:04}"


@transaction.atomic
def prepare_avenant(
    *,
    convention_uuid: UUID,
    communes_added: Collection[str] = (),
    communes_removed: Collection[str] = (),
    personnes_added: Collection[PersonneDonnee] = (),
    personnes_changed: Mapping[UUID, PersonneDonnee] = MappingProxyType({}),
    personnes_removed: Collection[UUID] = (),
    by: User,
    now: datetime,
) -> Acte:
    """CON-7: an avenant to be signed by both. Until then annexe 1 stays as it is: what the avenant brings has no dates,
    what it ends is marked. A person changed keeps its row, and so its right. Refused, beside its field, what cannot be.
    """
    visible = queries.conventions_visible_to(by).select_for_update(of=("self",))
    convention = get_object_or_404(visible, uuid=convention_uuid)
    rights.check(role_of(by), "prepare_avenant")
    if convention.state != EtatConvention.SIGNEE or convention.ended_on:
        raise WrongState("Un avenant ne modifie qu’une convention signée, dont aucune fin n’est enregistrée.")
    if not (communes_added or communes_removed or personnes_added or personnes_changed or personnes_removed):
        raise Refused({"": "Indiquez au moins un changement."})
    lieu, acte = convention.lieu, _acte(convention, Acte.Nature.AVENANT, by, now)
    _mark_closed(acte, lieu.couvertures.all(), "commune_id", communes_removed, "communes_removed")
    _mark_closed(acte, lieu.inscriptions.all(), "personne__uuid", personnes_removed, "personnes_removed")
    changed = _mark_closed(acte, lieu.inscriptions.all(), "personne__uuid", personnes_changed, "personnes_changed")
    named = [(line.personne, personnes_changed[line.personne.uuid]) for line in changed]
    named += [(Personne.objects.create(lieu=lieu), line) for line in personnes_added]
    _require_communes(acte, lieu, communes_added)
    _require_addresses(acte, lieu, [line.courriel.lower() for _, line in named])
    _open_lines(acte, lieu, communes_added, named)
    journal.record("convention.avenant-prepare", convention, by=by, at=now, acte=acte.rang)
    return acte


def _mark_closed(acte: Acte, lines: QuerySet, key: str, wanted: Collection, field: str) -> list:
    """The lines that hold and that no other avenant ends, now to be ended by `acte`."""
    held = lines.filter(IN_EFFECT, closed_by=None, opened_by__convention=acte.convention, **{f"{key}__in": set(wanted)})
    found = list(held)
    if len(found) < len(set(wanted)):
        raise Refused({field: "Une de ces lignes n’est pas en vigueur, ou un autre avenant la retire déjà."})
    lines.filter(pk__in=[line.pk for line in found]).update(closed_by=acte)
    return found


def _standing(acte: Acte, lines: QuerySet) -> QuerySet:
    """Lines that hold and `acte` does not end, and those that another acte, not yet signed, brings."""
    stay = IN_EFFECT & (Q(closed_by=None) | ~Q(closed_by=acte))
    return lines.filter(stay | Q(from_on=None, opened_by__state=EtatActe.PREPARE))


def _require_communes(acte: Acte, lieu: Lieu, codes: Collection[str]) -> None:
    own = Commune.objects.filter(pk__in=codes, caf=lieu.caf_id, actuelle=True).count()
    if own < len(set(codes)):
        raise Refused({"communes_added": "Choisissez des communes du territoire de cette Caf."})
    if _standing(acte, lieu.couvertures.all()).filter(commune__in=codes).exists():
        raise Refused({"communes_added": "Une de ces communes est déjà à l’annexe 1, ou dans un autre avenant."})


def _require_addresses(acte: Acte, lieu: Lieu, addresses: list[str]) -> None:
    taken = _standing(acte, lieu.inscriptions.all()).filter(courriel__in=addresses).exists()
    if taken or len(set(addresses)) < len(addresses):
        raise Refused({"personnes_added": "Deux personnes ne peuvent pas avoir la même adresse."})


def keep_pdf(acte: Acte, *, now: datetime) -> StoredFile:
    """CON-1: render the paper to be signed, once, all pieces in one file, which never changes. No lock meanwhile."""
    if (kept := queries.pieces_of(acte)[0].pdf) is None:
        content = document.write(acte, now)
        with transaction.atomic():
            pieces = list(acte.pieces.select_for_update(of=("self",)).select_related("pdf").order_by("pk"))
            if (kept := pieces[0].pdf) is None:
                kept = store.keep(content, media_type="application/pdf", nature="acte", now=now)
                acte.pieces.update(pdf=kept, pdf_sha256=kept.sha256, text_version=document.TEXT_VERSION)
                journal.record("convention.pdf", acte.convention, by="systeme", at=now, sha256=kept.sha256)
    return kept


def apply_acte(acte: Acte) -> None:
    """CON-7.d: close and open the lines of a signed acte at its effect, in the transaction of the last signature.

    Again after a correction of its date: what it opened and closed moves with it.
    """
    day = acte.effective_on
    assert day is not None
    for lines in (Couverture.objects, PersonneInscrite.objects):
        for pk, since in lines.filter(closed_by=acte).values_list("pk", "from_on"):
            assert since is not None
            lines.filter(pk=pk).update(until_on=rules.last_day_of_line(since, day))
        lines.filter(opened_by=acte).update(from_on=day)


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
