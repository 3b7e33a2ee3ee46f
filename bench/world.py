"""A portal of any size, by COPY: 101 Cafs, up to 5,000 lieux with one person each, live demandes over all of them."""

import random
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db import connection

from bench.emptying import empty
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
)
from conventions.workflow import EtatActe, EtatConvention
from demandes import rules
from demandes.contenu import Contenu
from demandes.models import Attribution, Demande, Dossier, Transmission
from demandes.services import dossiers
from demandes.workflow import Etat
from extranet.core import bulk
from extranet.core.accounts.models import User
from extranet.territory.models import Commune
from habilitations.models import Habilitation

CHUNK = 10_000
# One lieu has as many demandes at every size: its list is what is measured, the others are what is around it.
LARGE_LIEU, ITS_DEMANDES = "RPE-77-BENCH", 5_000
STATES = [Etat.TRANSMISE] * 2 + [Etat.RECUPEREE] * 5 + [Etat.TRAITEE] * 3


def clear() -> None:
    """Forget what a run wrote; reference data stays."""
    kept = ("django_", "auth_", "territory_")
    tables = [name for name in connection.introspection.table_names() if not name.startswith(kept)]
    empty([*tables, "territory_agent"])


def lieux(count: int, now: datetime) -> list[Lieu]:
    """`count` more lieux under a convention in force, each with a commune and a person; first LARGE_LIEU."""
    start, have = date(2025, 1, 15), Lieu.objects.count()
    communes = list(Commune.objects.filter(caf__isnull=False).order_by("-population")[: have + count])[have:]
    if not have:
        communes[0] = Commune.objects.get(pk="77100")
    signers = [
        Gestionnaire(
            caf_id=commune.caf_id, nom=f"Commune {rank}", nature="commune", siren=f"{rank:09}",
            adresse="1 place de la Mairie", code_postal="00000", ville=commune.nom,
            representant_civilite="Mme", representant_nom="Fictive", representant_prenom="Maire",
            representant_qualite="maire",
        )
        for rank, commune in enumerate(communes, start=have)
    ]  # fmt: skip
    bulk.insert(signers)
    made = [
        Lieu(
            code=f"BENCH-{rank}" if rank else LARGE_LIEU, caf_id=commune.caf_id, gestionnaire=signer,
            nom=f"RPE {commune.nom}", nature="rpe", adresse="1 rue", code_postal="00000", ville=commune.nom,
            telephone="+33100000000", courriel=f"lieu{rank}@bench.test", created_at=now,
        )
        for rank, (commune, signer) in enumerate(zip(communes, signers, strict=True), start=have)
    ]  # fmt: skip
    bulk.insert(made)
    bulk.insert([IdentiteGestionnaire(gestionnaire=one, **_said(one, IdentiteGestionnaire, start)) for one in signers])
    bulk.insert([IdentiteLieu(lieu=one, **_said(one, IdentiteLieu, start)) for one in made])
    held = [
        Convention(
            numero=f"BENCH-{rank}", lieu=lieu, gestionnaire=lieu.gestionnaire, state=EtatConvention.SIGNEE,
            created_at=now, in_force_from=start,
        )
        for rank, lieu in enumerate(made, start=have)
    ]  # fmt: skip
    bulk.insert(held)
    actes = [
        Acte(
            convention=one, nature=Acte.Nature.CONVENTION, state=EtatActe.APPLIQUE, prepared_at=now, effective_on=start
        )
        for one in held
    ]
    bulk.insert(actes)
    bulk.insert(
        [
            Couverture(opened_by=acte, lieu=lieu, commune=commune, from_on=start)
            for acte, lieu, commune in zip(actes, made, communes, strict=True)
        ]
    )
    users = [
        User(email=f"personne{rank}@bench.test", password="!", nom=f"Personne {rank}", prenom="Bench", date_joined=now)
        for rank in range(have, have + count)
    ]
    bulk.insert(users)
    named = [Personne(lieu=lieu) for lieu in made]
    bulk.insert(named)
    bulk.insert([
        PersonneInscrite(
            opened_by=acte, lieu=lieu, personne=one, from_on=start, civilite="Mme", nom=user.nom, prenom="Bench",
            courriel=user.email, service="Petite enfance", fonction="animatrice",
        )
        for acte, lieu, one, user in zip(actes, made, named, users, strict=True)
    ])  # fmt: skip
    bulk.insert(
        [Habilitation(user=user, personne=one, activated_at=now) for user, one in zip(users, named, strict=True)]
    )
    return made


def _said(
    owner: Lieu | Gestionnaire, kind: type[IdentiteLieu] | type[IdentiteGestionnaire], day: date
) -> dict[str, Any]:
    about = {"from_on": day, "source": "bench", "recorded_at": datetime.combine(day, datetime.min.time(), tzinfo=UTC)}
    return about | {name: getattr(owner, name) for name in kind.VALUES}


def fill(size: int, now: datetime) -> None:
    """Bring the portal to `size` live demandes, LARGE_LIEU with its own number of them among these."""
    have = Demande.objects.count()
    goal = max(10, min(5_000, size // 200))
    if (missing := goal - Lieu.objects.count()) > 0:
        lieux(missing, now)
    places = list(Couverture.objects.values_list("lieu", "lieu__caf", "commune").order_by("lieu"))
    rng, ranks = random.Random(size), iter(range(have, size))
    batches: dict[tuple[int, int], Transmission] = {}
    while chunk := [rank for _, rank in zip(range(CHUNK), ranks, strict=False)]:
        _demandes(chunk, places, batches, rng, now)
    analyze()


def analyze() -> None:
    """As autovacuum leaves a portal that has been in use."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def _demandes(
    ranks: list[int],
    places: list[tuple[int, str, str]],
    batches: dict[tuple[int, int], Transmission],
    rng: random.Random,
    now: datetime,
) -> None:
    chosen = [
        (rank, places[0] if rank < ITS_DEMANDES else rng.choice(places[1:]), rng.randrange(1, 170)) for rank in ranks
    ]
    new = [
        Transmission(lieu_id=lieu, transmitted_at=(at := now - timedelta(days=days)), notified_at=at)
        for lieu, days in sorted({(place[0], days) for _, place, days in chosen} - batches.keys())
    ]
    bulk.insert(new)
    batches |= {(one.lieu_id, (now - one.transmitted_at).days): one for one in new}
    demandes = []
    for rank, (lieu, caf, commune), days in chosen:
        batch = batches[lieu, days]
        # What is not picked up after its fifteen days is the exception it is in life.
        state = rng.choice(STATES) if days <= 15 or rng.random() < 0.01 else rng.choice(STATES[2:])
        demandes.append(
            Demande(
                source="monenfant", reference=f"B-{rank:08}", content=f"{rank:064x}", state=state, caf_id=caf,
                commune_id=commune, lieu_id=lieu, transmission=batch, deposee_le=batch.transmitted_at,
                received_at=batch.transmitted_at, pick_up_day=rules.fifteenth_day(batch.transmitted_at),
                last_day=rules.last_day_of_dossier(batch.transmitted_at, batch.transmitted_at),
                assistante_maternelle=True,
            )
        )  # fmt: skip
    bulk.insert(demandes)
    dossiers.ensure({demande.last_day for demande in demandes})
    bulk.insert(
        [
            Attribution(
                demande=one, lieu_id=one.lieu_id, transmission_id=one.transmission_id, transmitted_at=one.received_at,
                picked_up_at=None if one.state == Etat.TRANSMISE else one.received_at, seen_at=one.received_at,
                issue="",
            )
            for one in demandes
        ]
    )  # fmt: skip
    bulk.insert(
        [
            Dossier(demande=demande, jour=demande.last_day, scelle=_sealed(demande, rank))
            for demande, (rank, _, _) in zip(demandes, chosen, strict=True)
        ]
    )


def _sealed(demande: Demande, rank: int) -> bytes:
    said = Contenu(
        nom=f"Fiction {rank % 5_000}", prenom="Famille", telephone="+33600000000",
        enfants=[{"date_naissance": "2025-03-01"}], besoin={"a_partir_du": "2027-03-01"},
    )  # fmt: skip
    return Dossier.sealed(demande.uuid, said, demande.last_day)
