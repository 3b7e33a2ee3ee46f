"""Made-up data that show every situation (docs: README, accounts). Dates count back from the portal's today."""

import random
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import UUID

from django.contrib.auth.hashers import make_password

from conventions.models import Acte, Convention, Lieu
from conventions.rules import GestionnaireDonne, LieuDonne, PersonneDonnee
from conventions.services import copies, presentation, prestataires, register
from conventions.services import signature as signatures
from demandes import rules
from demandes.attestations.services import bilans
from demandes.attestations.services import copies as attestations
from demandes.contenu import Contenu
from demandes.models import Attribution, Demande, Dossier, Livraison, Transmission
from demandes.services import applying, deliveries, destruction, dossiers, jetons
from demandes.workflow import Etat
from extranet.core.accounts.models import User
from extranet.core.dates import add_months, paris_date, start_of_day
from extranet.core.outbox import services as outbox
from extranet.core.outbox.models import Message
from extranet.portal.demo import suivi
from extranet.territory.models import Agent, Caf
from habilitations.models import Habilitation
from habilitations.services import applications, echanges

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


CAFS = {
    "caf-77": {
        "service": "Service petite enfance",
        "tribunal": "Tribunal administratif de Melun, 43 rue du Général-de-Gaulle, 77000 Melun",
        "directeur_civilite": "M.",
        "directeur_prenom": "Alex",
        "directeur_nom": "Directeur",
        "directeur_qualite": "directeur",
    },
    "caf-91": {
        "adresse": "1 place de la Démonstration\n91000 Évry-Courcouronnes",
        "telephone": "3230",
        "tribunal": "Tribunal administratif de Versailles, 56 avenue de Saint-Cloud, 78000 Versailles",
    },
}


def load(*, now: datetime, epci: Iterable[str], size: str) -> dict[str, int]:
    """Everything, once; returns counts. Call in one transaction."""
    dossiers.prepare(now=now)
    rng = random.Random(77)
    password = make_password(PASSWORD)
    for code, values in CAFS.items():
        Caf.objects.filter(pk=code).update(**values)
    agents = {row[0]: _agent(*row, password=password, now=now) for row in AGENTS}
    made = [_lieu(spec, agents, password, now) for spec in lieux(epci)]
    _application(now)
    _messages(agents["agent.77@demo.test"], now)
    _prestataires(made[0], agents["agent.77@demo.test"], now)
    signed = made[:4]
    _presentations(signed, now)
    count = 60 if size == "small" else 5_000
    _demandes(rng, signed, count, now)
    suivi.load(signed, now)
    _delivery(now)
    destruction.destroy_due(now=now, confirmed=True)
    attestations.open_due(now=now)
    for lieu in made[:2]:
        bilans.open_one(lieu.pk, paris_date(now).year - 1, now=now)
    # What these past acts would have told is not news: their mails are taken as sent.
    Transmission.objects.filter(notified_at=None).update(notified_at=now)
    Demande.objects.filter(state=Etat.TRANSMISE, pick_up_day=None).update(pick_up_day=rules.fifteenth_day(now))
    Message.objects.filter(sent_at=None).update(cancelled_at=now)
    _came_back(made[1], now)
    models = {"lieux": Lieu, "demandes": Demande, "livraisons": Livraison, "users": User}
    return {what: model._default_manager.count() for what, model in models.items()}


def _came_back(lieu: Lieu, now: datetime) -> None:
    """NOT-2.c: a mail to this lieu was returned, for the Caf's list of those whom mails do not reach."""
    at = now - timedelta(days=2)
    outbox.post("accounts.personnalise", key="demonstration", to=[f"lieu:{lieu.uuid}"], now=at)
    Message.objects.filter(key="demonstration").update(sent_at=at, bounced_at=at + timedelta(minutes=4), reply="5.2.2")


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
        gestionnaire=GestionnaireDonne(
            nom=spec.gestionnaire,
            nature="epci" if spec.gestionnaire.startswith("C") and spec.siren.startswith("2000") else "commune",
            siren=spec.siren,
            adresse="1 place de la Mairie",
            code_postal=spec.code_postal,
            ville=spec.ville,
            representant_civilite="Mme",
            representant_nom="Signataire",
            representant_prenom="Morgan",
            representant_qualite="présidente",
        ),
        lieu=LieuDonne(
            nom=spec.nom,
            nature=spec.nature,
            adresse="12 rue des Écoles",
            code_postal=spec.code_postal,
            ville=spec.ville,
            telephone="+33600000090",
            courriel=f"{spec.code.lower()}@demo.test",
            site="",
        ),
        communes=spec.communes,
        personnes=[
            PersonneDonnee("Mme", nom, prenom, email, "Petite enfance", "animatrice")
            for email, prenom, nom in spec.personnes
        ],
        by=agent,
        now=prepared_at,
        lieu_code=spec.code,
    )
    acte = Acte.objects.get(convention=convention)
    register.keep_pdf(acte, now=prepared_at)
    if not spec.months_ago:
        copies.send_link(acte_uuid=acte.uuid, by=agent, now=prepared_at)
    else:
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
    afternoon = start_of_day(signed_on) + timedelta(hours=15)
    signatures.record_deliberation(
        acte_uuid=acte.uuid,
        nature="deliberation",
        numero=f"{signed_on.year}-041",
        deliberation_on=signed_on - timedelta(days=12),
        deliberation_received_on=signed_on - timedelta(days=8),
        deliberation_published_on=signed_on - timedelta(days=7),
        scan=a_scan(),
        by=agent,
        now=afternoon,
    )
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
            now=afternoon,
        )
    signatures.record_originals(
        acte_uuid=acte.uuid, originaux="Service juridique, armoire des conventions", by=agent, now=afternoon
    )


def _habilitate(convention: Convention, password: str, agent: User, now: datetime) -> None:
    for line in convention.lieu.inscriptions.select_related("personne"):
        user = _user(line.courriel, line.prenom, line.nom, password, now, civilite=line.civilite)
        Habilitation.objects.create(user=user, personne=line.personne, activated_at=now, activated_by=agent)


def _prestataires(lieu: Lieu, agent: User, now: datetime) -> None:
    """One whose engagement is there, one of which it is demanded."""
    [convention] = lieu.conventions.all()
    since = add_months(paris_date(now), -6)
    at = now - timedelta(days=3)
    known, asked = (
        prestataires.add(convention_uuid=convention.uuid, nom=nom, from_on=since, by=agent, now=at)
        for nom in ("Logiciels de la Petite Enfance", "Secrétariat à distance Exemple")
    )
    prestataires.record(prestataire_uuid=known.uuid, signed_on=since, scan=a_scan(), by=agent, now=at)
    due_on = paris_date(now) + timedelta(days=12)
    prestataires.demand(prestataire_uuid=asked.uuid, due_on=due_on, by=agent, now=at)
    person = User.objects.get(email="animatrice@demo.test")
    # Nobody reads this one: who wants to try makes another on the page.
    jetons.create(lieu=lieu.uuid, prestataire=known.uuid, nom="Logiciel du relais", days=365, by=person, now=at)


def _presentations(signed: list[Lieu], now: datetime) -> None:
    """Two lieux that say their hours and site; one of them closes for a week in twelve days."""
    chatelet, melun, *_ = signed
    today, everywhere = paris_date(now), Lieu.objects.all()
    for lieu, horaires in (
        (chatelet, "Lundi et jeudi de 9 h à 12 h 30\nMardi et vendredi de 14 h à 18 h\nMercredi sur rendez-vous"),
        (melun, "Du lundi au vendredi de 9 h à 17 h"),
    ):
        person = Habilitation.objects.filter(personne__lieu=lieu).earliest("pk").user
        presentation.present(
            lieu=lieu.uuid,
            own=everywhere,
            horaires=horaires,
            site=f"https://{lieu.code.lower()}.exemple.fr",
            courriel=lieu.courriel,
            by=person,
            now=now,
        )
    presentation.declare_closure(
        lieu=chatelet.uuid,
        own=everywhere,
        du=today + timedelta(days=12),
        au=today + timedelta(days=19),
        motif="conges",
        by=Habilitation.objects.filter(personne__lieu=chatelet).earliest("pk").user,
        now=now,
    )


def _application(now: datetime) -> None:
    applications.submit(
        caf="caf-77",
        lieu=LieuDonne(
            nom="RPE de Nemours",
            nature="rpe",
            adresse="3 rue du Château",
            code_postal="77140",
            ville="Nemours",
            telephone="+33600000091",
            courriel="rpe.nemours@demo.test",
            site="",
        ),
        gestionnaire=GestionnaireDonne(
            nom="Ville de Nemours",
            nature="commune",
            siren="217703339",
            adresse="39 rue du Docteur-Chopy",
            code_postal="77140",
            ville="Nemours",
            representant_civilite="M.",
            representant_nom="Élu",
            representant_prenom="Gabriel",
            representant_qualite="maire",
        ),
        communes=["77333"],
        personnes=[
            PersonneDonnee("Mme", "Nouvelle", "Jade", "jade.nouvelle@demo.test", "Petite enfance", "responsable")
        ],
        nonce="demonstration",
        now=now - timedelta(days=2),
    )


def _messages(agent: User, now: datetime) -> None:
    """Two exchanges of a lieu with its Caf: one answered, one that waits."""
    lieu = Lieu.objects.get(code="RPE-77-CHATELET")
    person = Habilitation.objects.filter(personne__lieu=lieu).earliest("pk").user
    about: dict[str, Any] = {"fichiers": [], "by": person}
    first = echanges.open_echange(
        lieu=lieu.uuid,
        sujet="question",
        texte="Bonjour,\n\nUne demande récupérée la semaine dernière a été imprimée deux fois. Faut-il le signaler "
        "dans l’attestation ?\n\nMerci",
        nonce=UUID(int=1),
        now=now - timedelta(days=9),
        **about,
    )
    echanges.answer(
        echange=first.uuid,
        texte="Bonjour,\n\nNon : il suffit de détruire les deux exemplaires avant de signer l’attestation.",
        fichiers=[],
        nonce=UUID(int=2),
        by=agent,
        now=now - timedelta(days=8),
    )
    echanges.open_echange(
        lieu=lieu.uuid,
        sujet="changement",
        texte="Bonjour,\n\nNous aimerions couvrir une commune de plus à partir de janvier. Que devons-nous "
        "vous envoyer ?",
        nonce=UUID(int=3),
        now=now - timedelta(days=1),
        **about,
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
    persons = {lieu.pk: Habilitation.objects.filter(personne__lieu=lieu)[0] for lieu in signed}
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
            pick_up_day=rules.fifteenth_day(at + timedelta(minutes=1)) if batch else None,
            last_day=rules.last_day_of_dossier(at - timedelta(hours=3), at),
            assistante_maternelle=rng.random() < 0.6,
            creche_collective=True,
            closed_at=at + timedelta(days=10) if state == Etat.TRAITEE else None,
        )
        contenu = _contenu(rng, rank, paris_date(at))
        if demande.last_day >= paris_date(now):  # the others are destroyed at once
            written.append((demande, contenu))
        if batch:
            Attribution.objects.create(
                demande=demande,
                lieu=lieu,
                transmission=batch,
                transmitted_at=at,
                picked_up_at=taken,
                picked_up_by=persons[lieu.pk].user if taken else None,
                seen_at=taken,
            )
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
            "horaires": [["lundi", "08:30", "17:30"], ["mardi", "08:30", "17:30"], ["jeudi", "08:30", "12:00"]],
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
    applying.ingest(livraison.pk, now=now)
