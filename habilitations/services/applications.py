"""A lieu's application: sent once, completed when asked, passed on, decided once (HAB-3, HAB-6, HAB-7)."""

import secrets
from collections.abc import Iterable
from dataclasses import asdict, replace
from datetime import date, datetime
from uuid import UUID

from django.db import IntegrityError, transaction
from django.shortcuts import get_object_or_404

from conventions.queries import founding_acte
from conventions.rules import GestionnaireDonne, LieuDonne, PersonneDonnee
from conventions.services import links, register
from extranet.core.accounts.models import User
from extranet.core.dates import paris_date
from extranet.core.errors import Moved, Refused, WrongState
from extranet.core.journal import services as journal
from extranet.core.outbox import services as outbox
from extranet.territory.models import Caf, Commune
from extranet.territory.queries import alerted, cafs_reachable, role_of
from habilitations import queries, rights, rules
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

    Raises Refused when the Caf cannot be reached (HAB-3.d), a commune is not of it (HAB-2) or two persons share an
    address (HAB-4).
    """
    if known := DemandeHabilitation.objects.filter(versions__nonce=nonce).first():
        return known
    if not cafs_reachable().filter(pk=caf).exists():
        raise Refused({"caf": "Cette Caf ne reçoit pas encore de demandes d’habilitation ici : contactez-la."})
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
def ask_complement(
    *, demande_id: int, texte: str, by: User, now: datetime, attendu_le: date | None = None
) -> Complement:
    """HAB-6.c: ask the lieu to add or correct something, in the words that are mailed, by a day: in a month, unless
    said otherwise. One asked before is replaced. Refused beside the day when it is not to come, or too far.
    """
    demande = _held(demande_id, by)
    rights.check(role_of(by), "ask_complement")
    DEMANDE_HABILITATION.require(demande, "ask_complement")
    today = paris_date(now)
    awaited_on = attendu_le or rules.usually_awaited_on(today)
    if not today < awaited_on <= rules.last_awaited_on(today):
        raise Refused({"attendu_le": "Choisissez un jour à venir, dans les six mois."})
    _close_complement(demande, now)
    made = Complement.objects.create(demande=demande, texte=texte, asked_at=now, asked_by=by, awaited_on=awaited_on)
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
        raise Moved(queries.LINK_SERVED if asked.version else queries.LINK_REPLACED)
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
    """HAB-2.a: communes of the last version that are not of its Caf's territory, or nobody left to habilitate
    (HAB-8.b); None when neither.
    """
    if not demande.latest.personnes.exists():
        return WrongState("Plus aucune personne à habiliter n’y est nommée. Demandez un complément au lieu.")
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
    outbox.post("habilitations.acceptee", key=demande.reference, to=_lieu(demande), now=now, demande=demande.pk)
    links.invite(founding_acte(convention), by=by, now=now)
    return demande


def refusal_obstacle(demande: DemandeHabilitation) -> WrongState | None:
    """HAB-6.f: a lieu that is refused is told which court it may turn to; None when its Caf has named one."""
    if demande.caf.tribunal:
        return None
    return WrongState("La page de votre Caf n’indique pas encore le tribunal compétent : un superviseur l’y écrit.")


@transaction.atomic
def refuse(*, demande_id: int, motif: str, by: User, now: datetime) -> DemandeHabilitation:
    """HAB-6.e, HAB-6.f: with a reason, remedies and court, all told to the lieu. 409 while its Caf names no court."""
    demande = _held(demande_id, by)
    rights.check(role_of(by), "refuse")
    DEMANDE_HABILITATION.require(demande, "refuse")
    if fault := refusal_obstacle(demande):
        raise fault
    recours = f"{demande.caf.recours}\n\nTribunal compétent :\n{demande.caf.tribunal}"
    _close_complement(demande, now)
    DEMANDE_HABILITATION.apply(
        demande, "refuse", by=by, now=now, motif=motif, recours=recours, decided_at=now, decided_by=by
    )
    outbox.post("habilitations.refusee", key=demande.reference, to=_lieu(demande), now=now, demande=demande.pk)
    return demande


def _held(demande_id: int, by: User) -> DemandeHabilitation:
    visible = queries.applications_visible_to(by).select_for_update(of=("self",)).select_related("caf")
    return get_object_or_404(visible, pk=demande_id)
