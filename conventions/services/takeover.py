"""Running conventions taken over from paper, one or a thousand at once (CON-13)."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import Any, BinaryIO
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.shortcuts import get_object_or_404

from conventions import queries, rights, rules
from conventions.models import (
    Acte,
    Convention,
    Couverture,
    Gestionnaire,
    IdentiteGestionnaire,
    IdentiteLieu,
    Lieu,
    Partie,
    Personne,
    PersonneInscrite,
    Piece,
    Reprise,
    Signature,
)
from conventions.rules import ConventionReprise
from conventions.services import register
from conventions.workflow import ACTE, CONVENTION, EtatActe, EtatConvention
from extranet.core import bulk, signed
from extranet.core.accounts.models import User
from extranet.core.dates import paris_date
from extranet.core.documents import store
from extranet.core.errors import Refused, WrongState
from extranet.core.journal import services as journal
from extranet.territory.models import Caf, Commune
from extranet.territory.queries import cafs_visible_to, role_of, search_key

SOURCE = "Reprise d’une convention en cours"
UNCHANGED = "Déjà reprise : rien n’a changé."
CHANGED = (
    "Déjà reprise sous ce numéro, avec d’autres indications : rien n’est modifié. Un changement passe par un avenant."
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of one convention given: taken, known already (the same or another), or not taken and why.

    `convention`: the one that was made, or that is known under this number.
    """

    numero: str
    fate: str  # "reprise", "inchangee", "modifiee", "refusee"
    why: str = ""
    field: str = ""
    convention: Convention | None = None

    @property
    def is_taken(self) -> bool:
        """It is new and can be taken over."""
        return self.fate == "reprise"


def examine(caf: str, given: Sequence[ConventionReprise], today: date) -> list[Verdict]:
    """CON-13.c, CON-13.d: what would become of each, in the order given. Reads only."""
    known = {
        row.numero: row
        for row in Reprise.objects.select_related("convention").filter(
            caf=caf, numero__in={one.numero for one in given}
        )
    }
    own = set(Commune.objects.filter(caf=caf, actuelle=True).values_list("pk", flat=True))
    held, numbers = _lieux_held(caf), set[str]()
    standing = {row.siren: row for row in _standing(caf)}
    verdicts = []
    for one in given:
        if (row := known.get(one.numero)) is not None:
            same = row.empreinte == _digest(one)
            fate, why = ("inchangee", UNCHANGED) if same else ("modifiee", CHANGED)
            verdict = Verdict(one.numero, fate, why, convention=row.convention)
        elif fault := _fault(one, own, held, numbers, today):
            verdict = Verdict(one.numero, "refusee", fault[1], fault[0])
        else:
            verdict = Verdict(one.numero, "reprise", _remark(one, standing.get(one.gestionnaire.siren)))
            held.add(_lieu_key(one.gestionnaire.siren, one.lieu.code_postal, one.lieu.nom))
        numbers.add(one.numero)
        verdicts.append(verdict)
    return verdicts


def _standing(caf: str) -> QuerySet[Gestionnaire]:
    """Gestionnaires of which a convention stands: only an avenant changes what is said of them (CON-7)."""
    stand = Convention.objects.filter(gestionnaire=OuterRef("pk"), ended_on=None).exclude(
        state=EtatConvention.ABANDONNEE
    )
    return Gestionnaire.objects.filter(Exists(stand), caf=caf)


def _remark(one: ConventionReprise, known: Gestionnaire | None) -> str:
    given = asdict(one.gestionnaire)
    if known is None or all(getattr(known, name) == value for name, value in given.items()):
        return ""
    return "Ce gestionnaire est déjà connu du portail : ses coordonnées restent celles qu’il a."


def _fault(
    one: ConventionReprise, own: set[str], held: set[tuple[str, ...]], numbers: set[str], today: date
) -> tuple[str, str] | None:
    """Field and sentence of the first thing that keeps this one from being taken over."""
    if dates := rules.takeover_faults(one, today):
        return next(iter(dates.items()))
    if one.numero in numbers:
        return "numero", "Ce numéro est déjà celui d’une autre convention de ce fichier."
    if not rules.siren_is_valid(one.gestionnaire.siren):
        return "gestionnaire_siren", "Ce SIREN n’est pas valable : vérifiez ses neuf chiffres."
    if not one.communes or set(one.communes) - own:
        return "communes", "Indiquez des communes du territoire de cette Caf."
    if not one.personnes:
        return "personnes", "Indiquez au moins une personne habilitée."
    if len({person.courriel.lower() for person in one.personnes}) < len(one.personnes):
        return "personnes", "Deux personnes ont la même adresse : chacune a besoin de la sienne."
    if _lieu_key(one.gestionnaire.siren, one.lieu.code_postal, one.lieu.nom) in held:
        return (
            "lieu_nom",
            "Ce lieu a déjà une convention en cours dans le portail, ou sous un autre numéro de ce fichier.",
        )
    return None


def _lieu_key(siren: str, code_postal: str, nom: str) -> tuple[str, ...]:
    return siren, code_postal, search_key(nom)


def _lieux_held(caf: str) -> set[tuple[str, ...]]:
    """The lieux that have an open convention: a second one of the same gestionnaire, name and town is the same lieu."""
    open_ones = Convention.objects.filter(lieu__caf=caf, ended_on=None).exclude(state=EtatConvention.ABANDONNEE)
    rows = open_ones.values_list("gestionnaire__siren", "lieu__code_postal", "lieu__nom")
    return {_lieu_key(*row) for row in rows}


def _digest(one: ConventionReprise) -> str:
    """Of all that was given, in whatever order communes and persons stand: keyed, since it lies in a table."""
    given = asdict(one) | {
        "communes": sorted(set(one.communes)),
        "personnes": sorted((asdict(person) for person in one.personnes), key=lambda person: person["courriel"]),
    }
    return signed.digest("conventions.reprise", json.dumps(given, default=str, sort_keys=True))


@transaction.atomic
def take_over(
    *, caf: str, given: Sequence[ConventionReprise], by: User | None, now: datetime, whole: bool = False
) -> list[Verdict]:
    """CON-13: the running conventions of a Caf, in force since their true dates; their access is opened as any other's.

    What cannot be taken stops no other, unless `whole`: then nothing is taken. The same again changes nothing (13.e).
    By None: an operator. 404 outside the agent's Caf.
    """
    visible = cafs_visible_to(by) if by else Caf.objects.all()
    get_object_or_404(visible.select_for_update(of=("self",)), pk=caf)  # one at a time in a Caf, as `register.prepare`
    if by:
        rights.check(role_of(by), "take_over")
    verdicts = examine(caf, given, paris_date(now))
    if whole and any(verdict.fate in ("refusee", "modifiee") for verdict in verdicts):
        return verdicts
    taken = [one for one, verdict in zip(given, verdicts, strict=True) if verdict.is_taken]
    made = dict(zip((one.numero for one in taken), _insert(caf, taken, by, now), strict=True)) if taken else {}
    return [replace(verdict, convention=made[verdict.numero]) if verdict.is_taken else verdict for verdict in verdicts]


def _insert(caf: str, taken: list[ConventionReprise], by: User | None, now: datetime) -> list[Convention]:
    """The rows of all, table by table."""
    signers, new = _signers(caf, taken, by, now)
    codes = set(Lieu.objects.values_list("code", flat=True))
    lieux = []
    for one in taken:
        code = rules.lieu_code(one.lieu.nature, caf, search_key(one.lieu.ville).split(), codes)
        codes.add(code)
        signer = signers[one.gestionnaire.siren]
        lieux.append(Lieu(caf_id=caf, gestionnaire=signer, code=code, created_at=now, **asdict(one.lieu)))
    bulk.insert(lieux)
    numeros = register.next_numeros(caf, paris_date(now).year, len(taken))
    conventions = [
        Convention(
            numero=numero,
            lieu=lieu,
            gestionnaire=lieu.gestionnaire,
            state=EtatConvention.SIGNEE,
            created_at=now,
            accepted_by=by,
            in_force_from=one.in_force_from,
        )
        for one, lieu, numero in zip(taken, lieux, numeros, strict=True)
    ]
    bulk.insert(conventions)
    actes = [
        Acte(
            convention=convention,
            nature=Acte.Nature.CONVENTION,
            state=EtatActe.APPLIQUE,
            prepared_at=now,
            prepared_by=by,
            effective_on=convention.in_force_from,
        )
        for convention in conventions
    ]
    bulk.insert(actes)
    _identify(taken, actes, new, by, now)
    _sign(taken, actes, by, now)
    _annexes(taken, actes)
    _record(caf, taken, actes, by, now)
    return conventions


def _signers(
    caf: str, taken: list[ConventionReprise], by: User | None, now: datetime
) -> tuple[dict[str, Gestionnaire], set[str]]:
    """The gestionnaires by SIREN, and those that are new. One of which a convention stands stays as it is said, but for
    an official address that it lacks; one whose conventions are over is brought up to date, as by `register.prepare`.
    """
    first = {one.gestionnaire.siren: one for one in reversed(taken)}
    found = {row.siren: row for row in Gestionnaire.objects.filter(caf=caf, siren__in=first)}
    standing = set(_standing(caf).filter(siren__in=first).values_list("siren", flat=True))
    for siren, row in found.items():
        one = first[siren]
        said = {} if siren in standing else asdict(one.gestionnaire)
        said.pop("siren", None)
        if one.courriel_officiel and not row.courriel_registre:
            said["courriel_registre"] = one.courriel_officiel
        if said:
            register.identify(row, said, source=SOURCE, by=by, now=now)
    made = [
        Gestionnaire(caf_id=caf, courriel_registre=one.courriel_officiel, **asdict(one.gestionnaire))
        for siren, one in first.items()
        if siren not in found
    ]
    bulk.insert(made)
    return found | {row.siren: row for row in made}, {row.siren for row in made}


def _identify(taken: list[ConventionReprise], actes: list[Acte], new: set[str], by: User | None, now: datetime) -> None:
    """CON-8.b: what is said of lieux and gestionnaires holds since their convention does."""
    about: dict[str, Any] = {"recorded_at": now, "recorded_by": by}
    lieux, since = [], dict[str, tuple[date, Acte]]()
    for one, acte in zip(taken, actes, strict=True):
        lieu, day = acte.convention.lieu, one.in_force_from
        lieux.append(IdentiteLieu(lieu=lieu, from_on=day, opened_by=acte, **about, **_said(lieu, IdentiteLieu)))
        siren = acte.convention.gestionnaire.siren
        if siren not in since or day < since[siren][0]:
            since[siren] = day, acte
    bulk.insert(lieux)
    signers = []
    for siren, (day, acte) in since.items():
        signer = acte.convention.gestionnaire
        if siren in new:
            said = _said(signer, IdentiteGestionnaire)
            signers.append(IdentiteGestionnaire(gestionnaire=signer, from_on=day, opened_by=acte, **about, **said))
        else:
            _known_since(signer, day)
    bulk.insert(signers)


def _known_since(signer: Gestionnaire, day: date) -> None:
    """A gestionnaire known already: the first that is said of it holds since this earlier convention too."""
    first = signer.identites.order_by("from_on", "pk").first()
    if first is not None and day < first.from_on:
        signer.identites.filter(pk=first.pk).update(from_on=day)


def _said(owner: Any, kind: type[IdentiteLieu] | type[IdentiteGestionnaire]) -> dict[str, str]:
    return {name: getattr(owner, name) for name in kind.VALUES}


def _sign(taken: list[ConventionReprise], actes: list[Acte], by: User | None, now: datetime) -> None:
    """Both parties' signatures on both papers, at their true dates; the file may follow. Their text is not ours."""
    pieces = [
        Piece(acte=acte, nature=nature, text_version="") for acte in actes for nature in rules.PIECES[acte.nature]
    ]
    bulk.insert(pieces)
    given = {acte.pk: one for one, acte in zip(taken, actes, strict=True)}
    bulk.insert(
        [
            Signature(
                piece=piece,
                partie=partie,
                signed_on=getattr(given[piece.acte_id], f"signed_{partie.value}_on"),
                signataire=getattr(given[piece.acte_id], f"signataire_{partie.value}"),
                qualite=getattr(given[piece.acte_id], f"qualite_{partie.value}"),
                recorded_at=now,
                recorded_by=by,
            )
            for piece in pieces
            for partie in Partie
        ]
    )


def _annexes(taken: list[ConventionReprise], actes: list[Acte]) -> None:
    """Communes and persons of each, since the day of the convention."""
    pairs = list(zip(taken, actes, strict=True))
    bulk.insert(
        [
            Couverture(opened_by=acte, lieu=acte.convention.lieu, commune_id=code, from_on=one.in_force_from)
            for one, acte in pairs
            for code in dict.fromkeys(one.communes)
        ]
    )
    named = [(one, acte, person) for one, acte in pairs for person in one.personnes]
    persons = [Personne(lieu=acte.convention.lieu) for _, acte, _ in named]
    bulk.insert(persons)
    bulk.insert(
        [
            PersonneInscrite(
                opened_by=acte,
                lieu=acte.convention.lieu,
                personne=person,
                from_on=one.in_force_from,
                **asdict(line) | {"courriel": line.courriel.lower()},
            )
            for (one, acte, line), person in zip(named, persons, strict=True)
        ]
    )


def _record(caf: str, taken: list[ConventionReprise], actes: list[Acte], by: User | None, now: datetime) -> None:
    who: journal.Actor = by or "systeme"
    bulk.insert(
        [
            Reprise(
                convention=acte.convention,
                caf_id=caf,
                numero=one.numero,
                empreinte=_digest(one),
                effective_on=one.effective_on,
                recorded_at=now,
                recorded_by=by,
            )
            for one, acte in zip(taken, actes, strict=True)
        ]
    )
    journal.record_many(
        journal.entry(
            "convention.reprise",
            acte.convention,
            by=who,
            at=now,
            caf=caf,
            numero=acte.convention.numero,
            effet=str(acte.effective_on),
        )
        for acte in actes
    )
    CONVENTION.note_entered(Convention, "sign", [(acte.convention.uuid, caf) for acte in actes], by=who, now=now)
    ACTE.note_entered(Acte, "apply", [(acte.uuid, caf) for acte in actes], by=who, now=now)


@transaction.atomic
def attach_signed(
    *, convention_uuid: UUID, pieces: Iterable[str], scan: BinaryIO, by: User, now: datetime
) -> Convention:
    """CON-13.a: the signed document of a convention taken over follows; the PDF checks of CON-2.b. Once a paper."""
    visible = queries.conventions_visible_to(by).select_for_update(of=("self",))
    convention = get_object_or_404(visible, uuid=convention_uuid)
    rights.check(role_of(by), "take_over")
    waiting = queries.signatures_without_file(convention)
    if not waiting.exists():
        raise WrongState("Les documents signés de cette convention sont déjà là.")
    waiting = waiting.filter(piece__nature__in=list(pieces))
    if not waiting.exists():
        raise Refused({"pieces": "Ce document est déjà joint : choisissez l’autre."})
    kept = store.keep(store.checked_pdf(scan, field="scan"), media_type="application/pdf", nature="scan", now=now)
    natures = sorted(set(waiting.values_list("piece__nature", flat=True)))
    Signature.objects.filter(pk__in=list(waiting.values_list("pk", flat=True))).update(scan=kept)
    journal.record("convention.document-joint", convention, by=by, at=now, pieces=natures, sha256=kept.sha256)
    return convention
