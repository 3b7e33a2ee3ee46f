"""A lieu's application: sent once, completed when asked, passed on, decided once (HAB-3, HAB-6, HAB-7)."""

import secrets
from collections.abc import Iterable
from dataclasses import asdict, replace
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction
from django.shortcuts import get_object_or_404

from conventions.rules import GestionnaireDonne, LieuDonne, PersonneDonnee
from conventions.services import register
from extranet.core.accounts.models import User
from extranet.core.dates import paris_date
from extranet.core.errors import Gone, Refused, WrongState
from extranet.core.journal import services as journal
from extranet.core.outbox import services as outbox
from extranet.territory.models import Caf, Commune
from extranet.territory.queries import alerted, role_of
from habilitations import queries, rights
from habilitations.models import (
    CommuneDemandee,
    Complement,
    DemandeHabilitation,
    PersonneDemandee,
    TransfertDemande,
    VersionDemande,
)
from habilitations.workflow import DEMANDE_HABILITATION

ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"


@transaction.atomic
def submit(
    *,
    caf: str,
    lieu: LieuDonne,
    gestionnaire: GestionnaireDonne,
    communes: Iterable[str],
    personnes: Iterable[PersonneDonnee],
    nonce: str,
    now: datetime,
) -> DemandeHabilitation:
    """HAB-3: keep the application, acknowledge it, tell the Caf's agents. The same nonce is the same application.

    Raises Refused when a commune is not of the Caf (HAB-2) or two persons share an address (HAB-4).
    """
    if known := DemandeHabilitation.objects.filter(versions__nonce=nonce).first():
        return known
    codes, people = _checked(caf, communes, personnes)
    reference = f"H-{paris_date(now).year}-" + "".join(secrets.choice(ALPHABET) for _ in range(6))
    try:
        with transaction.atomic():
            made = DemandeHabilitation.objects.create(reference=reference, caf_id=caf, submitted_at=now)
            version = _keep(made, lieu, gestionnaire, codes, people, nonce=nonce, now=now)
    except IntegrityError:
        return DemandeHabilitation.objects.get(versions__nonce=nonce)
    DemandeHabilitation.objects.filter(pk=made.pk).update(version=version)
    made.version = version
    journal.record("demande-habilitation.deposee", made, by="lieu", at=now)
    if outbox.may_acknowledge(lieu.courriel, now):
        outbox.post("habilitations.accuse", key=made.reference, to=_lieu(made), now=now, demande=made.pk)
    _tell_agents("habilitations.a-examiner", made, key=made.reference, now=now)
    return made


def _checked(
    caf: str, communes: Iterable[str], personnes: Iterable[PersonneDonnee]
) -> tuple[list[str], list[PersonneDonnee]]:
    """What was typed, each commune once; Refused when a commune is not of the Caf or two persons share an address."""
    codes = list(dict.fromkeys(communes))
    own = set(Commune.objects.filter(pk__in=codes, caf=caf, actuelle=True).values_list("pk", flat=True))
    if not codes or set(codes) - own:
        raise Refused({"communes": "Choisissez des communes du territoire de cette Caf."})
    people = [replace(one, courriel=one.courriel.strip().lower()) for one in personnes]
    if len({one.courriel for one in people}) < len(people):
        raise Refused({"personnes": "Deux personnes ont la même adresse : chacune a besoin de la sienne."})
    return codes, people


def _keep(
    demande: DemandeHabilitation,
    lieu: LieuDonne,
    gestionnaire: GestionnaireDonne,
    codes: list[str],
    people: list[PersonneDonnee],
    *,
    nonce: str,
    now: datetime,
) -> VersionDemande:
    """The next version of an application that this transaction has made or locked."""
    made = VersionDemande.objects.create(
        demande=demande,
        numero=demande.versions.count() + 1,
        nonce=nonce,
        sent_at=now,
        lieu_nom=lieu.nom,
        lieu_nature=lieu.nature,
        lieu_adresse=lieu.adresse,
        lieu_code_postal=lieu.code_postal,
        lieu_ville=lieu.ville,
        lieu_telephone=lieu.telephone,
        lieu_courriel=lieu.courriel,
        lieu_site=lieu.site,
        gestionnaire_nom=gestionnaire.nom,
        gestionnaire_nature=gestionnaire.nature,
        gestionnaire_siren=gestionnaire.siren,
        gestionnaire_adresse=gestionnaire.adresse,
        gestionnaire_code_postal=gestionnaire.code_postal,
        gestionnaire_ville=gestionnaire.ville,
        representant_civilite=gestionnaire.representant_civilite,
        representant_nom=gestionnaire.representant_nom,
        representant_prenom=gestionnaire.representant_prenom,
        representant_qualite=gestionnaire.representant_qualite,
    )
    CommuneDemandee.objects.bulk_create(CommuneDemandee(version=made, commune_id=code) for code in codes)
    PersonneDemandee.objects.bulk_create(PersonneDemandee(version=made, **asdict(one)) for one in people)
    return made


def _lieu(demande: DemandeHabilitation) -> list[str]:
    """The lieu, as an addressee."""
    return [f"demande-habilitation:{demande.uuid}"]


def _tell_agents(kind: str, demande: DemandeHabilitation, *, key: str, now: datetime) -> None:
    """HAB-3.f: the agents of its Caf; what has not left when it goes to another Caf does not leave any more."""
    outbox.post(kind, key=key, to=alerted(demande.caf_id), now=now, demande=demande.pk, caf=demande.caf_id)


@transaction.atomic
def ask_complement(*, demande_id: int, texte: str, by: User, now: datetime) -> Complement:
    """HAB-6.c: ask the lieu to add or correct something, in the words that are mailed. One asked before is replaced."""
    demande = _held(demande_id, by)
    rights.check(role_of(by), "ask_complement")
    DEMANDE_HABILITATION.require(demande, "ask_complement")
    _close_complement(demande, now)
    made = Complement.objects.create(demande=demande, texte=texte, asked_at=now, asked_by=by)
    DEMANDE_HABILITATION.apply(demande, "ask_complement", by=by, now=now)
    outbox.post("habilitations.complement", key=str(made.uuid), to=_lieu(demande), now=now, complement=made.pk)
    return made


def _close_complement(demande: DemandeHabilitation, now: datetime) -> None:
    """Its link opens nothing any more."""
    demande.complements.filter(closed_at=None).update(closed_at=now)


@transaction.atomic
def complete(
    *,
    complement_uuid: UUID,
    lieu: LieuDonne,
    gestionnaire: GestionnaireDonne,
    communes: Iterable[str],
    personnes: Iterable[PersonneDonnee],
    nonce: str,
    now: datetime,
) -> VersionDemande:
    """HAB-6.d: what the lieu sends by the link of a complement is the next version; what was there stays. Once.

    The same nonce is the same sending. Raises Refused as `submit`, Gone when the link has served or been replaced.
    """
    asked = get_object_or_404(Complement, uuid=complement_uuid)
    demande = DemandeHabilitation.objects.select_for_update(of=("self",)).get(pk=asked.demande_id)
    asked.refresh_from_db()
    if asked.closed_at:
        if asked.version and asked.version.nonce == nonce:
            return asked.version
        raise Gone(queries.LINK_SERVED if asked.version else queries.LINK_REPLACED)
    codes, people = _checked(demande.caf_id, communes, personnes)
    version = _keep(demande, lieu, gestionnaire, codes, people, nonce=nonce, now=now)
    Complement.objects.filter(pk=asked.pk).update(closed_at=now, version=version)
    DEMANDE_HABILITATION.apply(demande, "complete", by="lieu", now=now, version=version)
    _tell_agents("habilitations.completee", demande, key=f"{demande.reference}:{version.numero}", now=now)
    return version


@transaction.atomic
def transfer(*, demande_id: int, caf: Caf, motif: str, by: User, now: datetime) -> DemandeHabilitation:
    """HAB-3.g: to the Caf that it should have been sent to; its agents and the lieu are told, the first Caf sees it no
    more. Its communes are not changed: those elsewhere hold acceptance back until a complement mends them.
    """
    demande = _held(demande_id, by)
    rights.check(role_of(by), "transfer")
    DEMANDE_HABILITATION.require(demande, "transfer")
    if caf.pk == demande.caf_id:
        raise Refused({"caf": "Cette demande est déjà adressée à cette Caf."})
    _close_complement(demande, now)
    made = TransfertDemande.objects.create(
        demande=demande, from_caf_id=demande.caf_id, to_caf=caf, motif=motif, transferred_at=now, transferred_by=by
    )
    DEMANDE_HABILITATION.apply(demande, "transfer", by=by, now=now, caf=caf)
    key = f"{demande.reference}:transfert-{made.pk}"
    outbox.post("habilitations.transferee", key=key, to=_lieu(demande), now=now, transfert=made.pk)
    _tell_agents("habilitations.a-examiner", demande, key=key, now=now)
    return demande


def acceptance_obstacle(demande: DemandeHabilitation) -> WrongState | None:
    """HAB-2.a: communes of the last version that are not of its Caf's territory; None when all are."""
    elsewhere = queries.communes_elsewhere(demande)
    if not elsewhere:
        return None
    names = ", ".join(str(commune) for commune in elsewhere)
    return WrongState(f"Hors du territoire de la {demande.caf.nom} : {names}. Demandez un complément au lieu.")


@transaction.atomic
def accept(*, demande_id: int, by: User, now: datetime) -> DemandeHabilitation:
    """HAB-7: gestionnaire, lieu, convention and annexe 1, in one transaction, once. 404 outside the agent's Caf.

    What counts is the last version. 409 while one of its communes is not of the Caf.
    """
    demande = _held(demande_id, by)
    rights.check(role_of(by), "accept")
    DEMANDE_HABILITATION.require(demande, "accept")
    if fault := acceptance_obstacle(demande):
        raise fault
    version = demande.latest
    convention = register.prepare(
        caf=demande.caf_id,
        gestionnaire=version.gestionnaire,
        lieu=version.lieu,
        communes=version.communes.order_by("pk").values_list("commune_id", flat=True),
        personnes=[one.donnee for one in version.personnes.order_by("pk")],
        by=by,
        now=now,
    )
    _close_complement(demande, now)
    DEMANDE_HABILITATION.apply(demande, "accept", by=by, now=now, convention=convention, decided_at=now, decided_by=by)
    return demande


@transaction.atomic
def refuse(*, demande_id: int, motif: str, by: User, now: datetime) -> DemandeHabilitation:
    """HAB-6: with a reason that the lieu is told."""
    demande = _held(demande_id, by)
    rights.check(role_of(by), "refuse")
    DEMANDE_HABILITATION.require(demande, "refuse")
    _close_complement(demande, now)
    DEMANDE_HABILITATION.apply(demande, "refuse", by=by, now=now, motif=motif, decided_at=now, decided_by=by)
    outbox.post("habilitations.refusee", key=demande.reference, to=_lieu(demande), now=now, demande=demande.pk)
    return demande


def _held(demande_id: int, by: User) -> DemandeHabilitation:
    visible = queries.applications_visible_to(by).select_for_update(of=("self",)).select_related("caf")
    return get_object_or_404(visible, pk=demande_id)
