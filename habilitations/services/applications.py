"""A lieu's application: sent once, decided once (HAB-3, HAB-6, HAB-7)."""

import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.shortcuts import get_object_or_404

from conventions.rules import GestionnaireDonne, LieuDonne, PersonneDonnee
from conventions.services import register
from extranet.core.dates import paris_date
from extranet.core.errors import Refused
from extranet.core.journal import services as journal
from extranet.core.outbox import services as outbox
from extranet.territory.models import Commune
from extranet.territory.queries import alerted, role_of
from habilitations import queries, rights
from habilitations.models import CommuneDemandee, DemandeHabilitation, PersonneDemandee
from habilitations.workflow import DEMANDE_HABILITATION

ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"


@transaction.atomic
def submit(
    *,
    values: Mapping[str, str],
    communes: Iterable[str],
    personnes: Iterable[Mapping[str, str]],
    nonce: str,
    now: datetime,
) -> DemandeHabilitation:
    """HAB-3: keep the application, acknowledge it, tell the Caf's agents. The same nonce is the same application.

    Raises Refused when a commune is not of the Caf (HAB-2) or two persons share an address (HAB-4).
    """
    if known := DemandeHabilitation.objects.filter(nonce=nonce).first():
        return known
    codes = list(dict.fromkeys(communes))
    own = set(Commune.objects.filter(pk__in=codes, caf=values["caf_id"], actuelle=True).values_list("pk", flat=True))
    if not codes or set(codes) - own:
        raise Refused({"communes": "Choisissez des communes du territoire de cette Caf."})
    people = [dict(line) | {"courriel": line["courriel"].strip().lower()} for line in personnes]
    if len({line["courriel"] for line in people}) < len(people):
        raise Refused({"personnes": "Deux personnes ont la même adresse : chacune a besoin de la sienne."})
    reference = f"H-{paris_date(now).year}-" + "".join(secrets.choice(ALPHABET) for _ in range(6))
    try:
        with transaction.atomic():
            made = DemandeHabilitation.objects.create(reference=reference, nonce=nonce, submitted_at=now, **values)
    except IntegrityError:
        return DemandeHabilitation.objects.get(nonce=nonce)
    CommuneDemandee.objects.bulk_create(CommuneDemandee(demande=made, commune_id=code) for code in codes)
    PersonneDemandee.objects.bulk_create(PersonneDemandee(demande=made, **line) for line in people)
    journal.record("demande-habilitation.deposee", made, by="lieu", at=now)
    about = {"demande": made.pk}
    if outbox.may_acknowledge(made.lieu_courriel, now):
        to = [f"demande-habilitation:{made.uuid}"]
        outbox.post("habilitations.accuse", key=made.reference, to=to, now=now, **about)
    outbox.post("habilitations.a-examiner", key=made.reference, to=alerted(made.caf_id), now=now, **about)
    return made


@transaction.atomic
def accept(*, demande_id: int, by: Any, now: datetime) -> DemandeHabilitation:
    """HAB-7: gestionnaire, lieu, convention and annexe 1, in one transaction, once. 404 outside the agent's Caf."""
    demande = _held(demande_id, by)
    rights.check(role_of(by), "accept")
    DEMANDE_HABILITATION.require(demande, "accept")
    convention = register.prepare(
        caf=demande.caf_id,
        gestionnaire=GestionnaireDonne(
            **_columns(demande, "gestionnaire_"), **_columns(demande, "representant_", keep=True)
        ),
        lieu=LieuDonne(**_columns(demande, "lieu_")),
        communes=demande.communes.order_by("pk").values_list("commune_id", flat=True),
        personnes=[
            PersonneDonnee(**line)
            for line in demande.personnes.order_by("pk").values(
                "civilite", "nom", "prenom", "courriel", "service", "fonction"
            )
        ],
        by=by,
        now=now,
    )
    DEMANDE_HABILITATION.apply(demande, "accept", by=by, now=now, convention=convention, decided_at=now, decided_by=by)
    return demande


def _columns(demande: DemandeHabilitation, prefix: str, keep: bool = False) -> dict[str, str]:
    names = [field.name for field in demande._meta.concrete_fields if field.name.startswith(prefix)]
    return {name if keep else name.removeprefix(prefix): getattr(demande, name) for name in names}


@transaction.atomic
def refuse(*, demande_id: int, motif: str, by: Any, now: datetime) -> DemandeHabilitation:
    """HAB-6: with a reason that the lieu is told."""
    demande = _held(demande_id, by)
    rights.check(role_of(by), "refuse")
    DEMANDE_HABILITATION.require(demande, "refuse")
    DEMANDE_HABILITATION.apply(demande, "refuse", by=by, now=now, motif=motif, decided_at=now, decided_by=by)
    to = [f"demande-habilitation:{demande.uuid}"]
    outbox.post("habilitations.refusee", key=demande.reference, to=to, now=now, demande=demande.pk)
    return demande


def _held(demande_id: int, by: Any) -> DemandeHabilitation:
    visible = queries.applications_visible_to(by).select_for_update(of=("self",))
    return get_object_or_404(visible, pk=demande_id)
