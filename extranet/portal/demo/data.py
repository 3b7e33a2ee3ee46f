"""Made-up data that show every situation (docs: README, accounts). Dates count back from the portal's today."""

import random
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

from django.contrib.auth.hashers import make_password

from conventions.models import Acte, Convention, Lieu
from conventions.services import register
from conventions.services import signature as signatures
from demandes import rules
from demandes.contenu import Contenu
from demandes.models import Demande, Dossier, Livraison, Transmission
from demandes.services import attestation, deliveries, destruction, dossiers
from demandes.workflow import Etat
from extranet.core.accounts.models import User
from extranet.core.dates import add_months, paris_date, start_of_day
from extranet.core.outbox.models import Message
from extranet.territory.models import Agent
from habilitations.models import Habilitation
from habilitations.services import applications

PASSWORD = "Demonstration-2026"
EPCI = "200070779"
AGENTS = [
    ("cnaf@demo.test", "Andréa", "Cnaf", None, "cnaf"),
    ("agent.77@demo.test", "Camille", "Agent", "caf-77", "instructeur"),
    ("agent2.77@demo.test", "Alix", "Second", "caf-77", "instructeur"),
    ("superviseur.77@demo.test", "Sacha", "Superviseur", "caf-77", "superviseur"),
    ("lecteur.77@demo.test", "Lou", "Lecteur", "caf-77", "lecteur"),
    ("agent.91@demo.test", "Camille", "Essonne", "caf-91", "instructeur"),
]


@dataclass(frozen=True, slots=True)
class LieuDemo:
    """A lieu, its gestionnaire and its persons."""

    code: str
    caf: str
    nom: str
    nature: str
    ville: str
    code_postal: str
    siren: str
    gestionnaire: str
    communes: tuple[str, ...]
    personnes: tuple[tuple[str, str, str], ...]
    months_ago: int


def lieux(epci: Iterable[str]) -> list[LieuDemo]:
    """The four lieux of the demonstration, one more that awaits its signatures."""
    return [
        LieuDemo(
            "RPE-77-CHATELET", "caf-77", "RPE Le Châtelet-en-Brie", "rpe", "Le Châtelet-en-Brie", "77820", "200070779",
            "CC Brie des Rivières et Châteaux", tuple(epci),
            (("animatrice@demo.test", "Dominique", "Animatrice"), ("guichet@demo.test", "Maxime", "Guichet")), 20,
        ),
        LieuDemo(
            "RPE-77-MELUN", "caf-77", "RPE de Melun", "rpe", "Melun", "77000", "217702885",
            "Ville de Melun", ("77288", "77152", "77285", "77487"), (("rpe.melun@demo.test", "Charlie", "Melun"),), 14,
        ),
        LieuDemo(
            "GU-77-CHATELET", "caf-77", "Guichet unique du Châtelet", "guichet-unique", "Le Châtelet-en-Brie", "77820",
            "217701002", "Commune du Châtelet-en-Brie", ("77100",), (("gu.chatelet@demo.test", "Noa", "Guichet"),), 9,
        ),
        LieuDemo(
            "RPE-91-EVRY", "caf-91", "RPE d’Évry-Courcouronnes", "rpe", "Évry-Courcouronnes", "91000", "200059228",
            "CA Grand Paris Sud", ("91228",), (("rpe.evry@demo.test", "Eden", "Évry"),), 11,
        ),
        LieuDemo(
            "RPE-77-FONTAINEBLEAU", "caf-77", "RPE de Fontainebleau", "rpe", "Fontainebleau", "77300", "217701861",
            "Ville de Fontainebleau", ("77186",), (("rpe.fontainebleau@demo.test", "Ange", "Forêt"),), 0,
        ),
    ]  # fmt: skip


def load(*, now: datetime, epci: Iterable[str], size: str) -> dict[str, int]:
    """Everything, once; returns counts. Call in one transaction."""
    dossiers.prepare(now=now)
    rng = random.Random(77)
    password = make_password(PASSWORD)
    agents = {row[0]: _agent(*row, password=password, now=now) for row in AGENTS}
    made = [_lieu(spec, agents, password, now) for spec in lieux(epci)]
    _application(now)
    signed = made[:4]
    count = 60 if size == "small" else 5_000
    _demandes(rng, signed, count, now)
    _delivery(now)
    destruction.destroy_due(now=now, confirmed=True)
    attestation.open_due(now=now)
    # What these past acts would have told is not news: their mails are taken as sent.
    Transmission.objects.filter(notified_at=None).update(notified_at=now)
    Message.objects.filter(sent_at=None).update(cancelled_at=now)
    models = {"lieux": Lieu, "demandes": Demande, "livraisons": Livraison, "users": User}
    return {what: model._default_manager.count() for what, model in models.items()}


def _user(email: str, prenom: str, nom: str, password: str, now: datetime, **fields: Any) -> User:
    user = User(email=email, prenom=prenom, nom=nom, password=password, password_chosen_at=now, **fields)
    user.save()
    return user


def _agent(email: str, prenom: str, nom: str, caf: str | None, role: str, *, password: str, now: datetime) -> User:
    user = _user(email, prenom, nom, password, now, is_staff=True)
    Agent.objects.create(user=user, caf_id=caf, role=role)
    return user


def a_scan() -> BytesIO:
    """A real PDF of one blank page, as the paper signed."""
    import pikepdf

    target = BytesIO()
    with pikepdf.new() as document:
        document.add_blank_page()
        document.save(target)
    target.seek(0)
    return target


def _lieu(spec: LieuDemo, agents: dict[str, User], password: str, now: datetime) -> Lieu:
    agent = agents["agent.91@demo.test" if spec.caf == "caf-91" else "agent.77@demo.test"]
    signed_on = add_months(paris_date(now), -spec.months_ago)
    prepared_at = start_of_day(signed_on - timedelta(days=14)) + timedelta(hours=10)
    convention = register.prepare(
        caf=spec.caf,
        gestionnaire={
            "nom": spec.gestionnaire,
            "nature": "epci" if spec.gestionnaire.startswith("C") and spec.siren.startswith("2000") else "commune",
            "siren": spec.siren,
            "adresse": "1 place de la Mairie",
            "code_postal": spec.code_postal,
            "ville": spec.ville,
            "representant_civilite": "Mme",
            "representant_nom": "Signataire",
            "representant_prenom": "Morgan",
            "representant_qualite": "présidente",
        },
        lieu={
            "nom": spec.nom,
            "nature": spec.nature,
            "adresse": "12 rue des Écoles",
            "code_postal": spec.code_postal,
            "ville": spec.ville,
            "telephone": "+33600000090",
            "courriel": f"{spec.code.lower()}@demo.test",
        },
        communes=spec.communes,
        personnes=[
            {"civilite": "Mme", "nom": nom, "prenom": prenom, "courriel": email, "service": "Petite enfance", "fonction": "animatrice"}
            for email, prenom, nom in spec.personnes
        ],
        by=agent,
        now=prepared_at,
        lieu_code=spec.code,
    )  # fmt: skip
    acte = Acte.objects.get(convention=convention)
    register.keep_pdf(acte, now=prepared_at)
    if spec.months_ago:
        _sign(acte, signed_on, agent)
        register.correct_official_address(
            gestionnaire_uuid=convention.lieu.gestionnaire.uuid,
            courriel=f"officiel.{spec.code.lower()}@demo.test",
            source="Annuaire de l’administration",
            by=agent,
            now=now,
        )
        _habilitate(convention, password, agent, now)
    return convention.lieu


def _sign(acte: Acte, signed_on: date, agent: User) -> None:
    for partie, who, quality in (
        ("gestionnaire", "Morgan Signataire", "présidente"),
        ("caf", "Alex Directeur", "directeur"),
    ):
        signatures.record_signature(
            acte_uuid=acte.uuid,
            partie=partie,
            pieces=["convention", "annexe1"],
            signed_on=signed_on,
            signataire=who,
            qualite=quality,
            scan=a_scan(),
            by=agent,
            now=start_of_day(signed_on) + timedelta(hours=15),
        )


def _habilitate(convention: Convention, password: str, agent: User, now: datetime) -> None:
    for line in convention.lieu.personnes.all():
        user = _user(line.courriel, line.prenom, line.nom, password, now, civilite=line.civilite)
        Habilitation.objects.create(
            user=user, lieu=convention.lieu, personne=line, activated_at=now, activated_by=agent
        )


def _application(now: datetime) -> None:
    applications.submit(
        values={
            "caf_id": "caf-77",
            "lieu_nom": "RPE de Nemours",
            "lieu_nature": "rpe",
            "lieu_adresse": "3 rue du Château",
            "lieu_code_postal": "77140",
            "lieu_ville": "Nemours",
            "lieu_telephone": "+33600000091",
            "lieu_courriel": "rpe.nemours@demo.test",
            "gestionnaire_nom": "Ville de Nemours",
            "gestionnaire_nature": "commune",
            "gestionnaire_siren": "217703339",
            "gestionnaire_adresse": "39 rue du Docteur-Chopy",
            "gestionnaire_code_postal": "77140",
            "gestionnaire_ville": "Nemours",
            "representant_civilite": "M.",
            "representant_nom": "Élu",
            "representant_prenom": "Gabriel",
            "representant_qualite": "maire",
        },
        communes=["77333"],
        personnes=[
            {
                "civilite": "Mme",
                "nom": "Nouvelle",
                "prenom": "Jade",
                "courriel": "jade.nouvelle@demo.test",
                "service": "Petite enfance",
                "fonction": "responsable",
            }
        ],
        nonce="demonstration",
        now=now - timedelta(days=2),
    )


PRENOMS = ("Alma", "Basile", "Chloé", "Diego", "Élise", "Farid", "Gaëlle", "Hugo", "Inès", "Jules")
NOMS = ("Invention", "Exemple", "Modèle", "Fiction", "Imaginaire", "Essai", "Maquette", "Conte")
# (age in days of the transmission, state): near and past the 15 days, near the six months, past them.
SITUATIONS = [
    (1, Etat.TRANSMISE), (12, Etat.RETIREE), (8, Etat.TRANSMISE), (13, Etat.TRANSMISE), (15, Etat.TRANSMISE),
    (18, Etat.TRANSMISE), (25, Etat.TRANSMISE), (4, Etat.RECUPEREE), (20, Etat.RECUPEREE), (60, Etat.RECUPEREE),
    (90, Etat.TRAITEE), (170, Etat.TRAITEE), (178, Etat.RECUPEREE), (200, Etat.TRAITEE), (2, Etat.A_ORIENTER),
]  # fmt: skip


def _demandes(rng: random.Random, signed: list[Lieu], count: int, now: datetime) -> None:
    communes = {lieu.pk: list(lieu.couvertures.values_list("commune_id", flat=True)) for lieu in signed}
    persons = {lieu.pk: Habilitation.objects.filter(lieu=lieu).first() for lieu in signed}
    batches: dict[tuple[int, int], Transmission] = {}
    written: list[tuple[Demande, Contenu]] = []
    withdrawn = []
    for rank in range(count):
        age, state = SITUATIONS[rank % len(SITUATIONS)]
        lieu = signed[(rank // len(SITUATIONS)) % len(signed)]
        sent = now - timedelta(days=age, hours=rng.randrange(1, 6))
        waits = state == Etat.A_ORIENTER
        if not waits and (lieu.pk, age) not in batches:
            batches[lieu.pk, age] = Transmission.objects.create(
                lieu=lieu, transmitted_at=sent, notified_at=sent + timedelta(minutes=1)
            )
        batch = None if waits else batches[lieu.pk, age]
        at = batch.transmitted_at if batch else sent
        taken = at + timedelta(days=2) if state in (Etat.RECUPEREE, Etat.TRAITEE) else None
        demande = Demande.objects.create(
            source=Demande.Source.MONENFANT,
            reference=f"DEMO-{rank + 1:05}",
            state=Etat.TRANSMISE if state == Etat.RETIREE else state,
            caf_id="caf-77" if waits else lieu.caf_id,
            commune_id="77100" if waits else rng.choice(communes[lieu.pk]),
            lieu=None if waits else lieu,
            transmission=batch,
            deposee_le=at - timedelta(hours=3),
            received_at=at,
            transmitted_at=batch and at,
            last_day=rules.last_day_of_dossier(at - timedelta(hours=3), at),
            assistante_maternelle=rng.random() < 0.6,
            creche_collective=True,
            picked_up_at=taken,
            picked_up_by=persons[lieu.pk].user if taken else None,
            closed_at=at + timedelta(days=10) if state == Etat.TRAITEE else None,
        )
        contenu = _contenu(rng, rank, paris_date(at))
        if demande.last_day >= paris_date(now):  # the others are destroyed at once
            written.append((demande, contenu))
        if state == Etat.RETIREE:
            withdrawn.append(demande)
    dossiers.ensure({demande.last_day for demande, _ in written})
    rows = [
        Dossier(
            demande=demande,
            jour=demande.last_day,
            scelle=Dossier.sealed(demande.uuid, contenu, demande.last_day),
        )
        for demande, contenu in written
    ]
    Dossier.objects.bulk_create(rows, batch_size=1_000)
    for demande in withdrawn:
        destruction.withdraw(demande, now=demande.received_at + timedelta(days=1))


def _contenu(rng: random.Random, rank: int, day: date) -> Contenu:
    prenom, nom = rng.choice(PRENOMS), f"{rng.choice(NOMS)}"
    born = day - timedelta(days=rng.randrange(60, 1_500))
    return Contenu(
        nom=nom,
        prenom=prenom,
        courriel=f"famille{rank + 1}@famille.test",
        telephone=f"+336000000{rank % 90:02}",
        code_postal="77820",
        ville="Le Châtelet-en-Brie",
        allocataire=rng.choice([True, False, None]),
        contact_prefere=rng.choice(["", "courriel", "telephone"]),
        creneau=rng.choice(["", "le matin", "après 17 h"]),
        enfants=[{"prenom": rng.choice(PRENOMS), "date_naissance": born.isoformat()}],
        besoin={
            "a_partir_du": add_months(day, 2).isoformat(),
            "regularite": "regulier",
            "horaires": [["lundi", "08:30", "17:30"], ["mardi", "08:30", "17:30"], ["jeudi", "08:30", "17:30"]],
            "atypiques": [],
        },
        rendez_vous="",
        message=rng.choice(["", "Nous arrivons dans la commune au printemps.", "Est-il possible de visiter ?"]),
    )


def _delivery(now: datetime) -> None:
    """A delivery of this morning, as monenfant.fr writes them: one taken in, one with a remark, three set aside."""
    today = paris_date(now)
    text = Path(__file__).with_name("livraison.xml").read_text(encoding="utf-8")
    text = text.format(
        matin=(now - timedelta(hours=2)).isoformat(timespec="seconds"),
        hier=(now - timedelta(days=1)).isoformat(timespec="seconds"),
        naissance=add_months(today, -14),
        ecolier=add_months(today, -90),
        debut=add_months(today, 2),
    )
    livraison = deliveries.register(
        BytesIO(text.encode()), nom="monenfant.xml", origine=Livraison.Origine.DOSSIER, now=now, ring=False
    )
    deliveries.ingest(livraison.pk, now=now)
