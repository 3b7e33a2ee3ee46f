"""The file of a breach: facts, letters, amicable attempts, outcome, in one file; nothing of a family (CTL-8)."""

import io
import zipfile
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pikepdf
import pytest
from django.urls import reverse
from pypdf import PdfReader

from conventions.models import Courrier, DemandeEngagement, Prestataire, Resiliation
from demandes.attestations.models import Attestation
from demandes.models import Dossier, Remise
from extranet.core.documents import store
from extranet.portal import breach
from tests.factories import (
    NOW,
    AgentFactory,
    DemandeFactory,
    HabilitationFactory,
    LieuFactory,
    SuspensionFactory,
    SuspensionHabilitationFactory,
    a_pdf,
    contenu_of,
)

pytestmark = pytest.mark.django_db
PARIS = ZoneInfo("Europe/Paris")


def at(day):
    return datetime.combine(date.fromisoformat(day), datetime.min.time(), PARIS) + timedelta(hours=10)


def text(pdf):
    return " ".join(" ".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages).split())


@pytest.fixture
def convention():
    return LieuFactory().conventions.get()


@pytest.mark.rule("CTL-8.a")
@pytest.mark.rule("NOT-4.h")
@pytest.mark.parametrize(
    ("code_postal", "notified", "now", "days"),
    [
        ("77820", "2026-03-20", "2026-04-07", []),  # ended on Saturday 4 April: not before Tuesday has passed
        ("77820", "2026-03-20", "2026-04-08", [4]),
        ("77820", "2026-11-23", "2026-12-08", []),
        ("77820", "2026-11-23", "2026-12-09", [1]),
        ("67000", "2026-03-19", "2026-04-07", []),  # on Good Friday, and it is in Strasbourg
        ("77820", "2026-03-19", "2026-04-07", [4]),
    ],
)
def test_a_delay_is_counted_once_the_next_working_day_has_passed(convention, code_postal, notified, now, days):
    convention.lieu.code_postal = code_postal
    DemandeFactory(transmise=True, lieu=convention.lieu, at=at(notified))
    assert [one.jours for one in breach.retards(convention, at(now))] == days


@pytest.mark.rule("CTL-8.a")
@pytest.mark.rule("CTL-8.b")
def test_one_file_has_the_facts_the_letters_the_attempts_and_the_outcome(client, time_machine, convention):
    time_machine.move_to(NOW, tick=False)
    lieu, agent = convention.lieu, AgentFactory().user
    line = HabilitationFactory(lieu=lieu)
    late = DemandeFactory(transmise=True, lieu=lieu, at=at("2026-10-20"))
    left = DemandeFactory(recuperee=True, lieu=lieu, at=at("2026-09-01"), attribution__picked_up_at=at("2026-09-20"))
    other = DemandeFactory(en_retard=True, lieu=LieuFactory())
    Attestation.objects.create(lieu=lieu, opened_at=at("2026-09-01"), due_on=date(2026, 10, 1))
    subcontractor = Prestataire.objects.create(lieu=lieu, nom="Logiciels du Lac", from_on=date(2026, 1, 5))
    asked = {"asked_at": at("2026-09-01"), "asked_by": agent, "due_on": date(2026, 10, 1)}
    DemandeEngagement.objects.create(prestataire=subcontractor, **asked)
    SuspensionFactory(convention=convention, reason="Fuite signalée.")
    SuspensionHabilitationFactory(habilitation=line, reason="Départ.")
    Remise.objects.create(
        at=NOW, user_id=line.user_id, demande_uuid=left.uuid, reference="x", lieu_id=lieu.pk, mode="pdf"
    )
    convention.tentatives_amiables.create(
        tried_on=date(2026, 11, 2),
        description="Rencontre en mairie.",
        suite="Rien.",
        recorded_at=NOW,
        recorded_by=agent,
    )
    scan, avis = (store.keep(a_pdf(), media_type="application/pdf", nature="courrier", now=NOW) for _ in range(2))
    letter = Courrier.objects.create(
        convention=convention,
        objet="manquement",
        partie="caf",
        numero="1A23456789012",
        posted_on=date(2026, 11, 10),
        delivered_on=date(2026, 11, 12),
        issue="remise",
        scan=scan,
        avis=avis,
        recorded_at=NOW,
        recorded_by=agent,
    )
    Resiliation.objects.create(
        convention=convention,
        courrier=letter,
        nature="manquement",
        motif="Délais jamais tenus.",
        ends_on=date(2026, 11, 12),
        recorded_at=NOW,
        recorded_by=agent,
    )
    client.force_login(agent)
    answer = client.get(reverse("admin:dossier-de-manquement", args=[convention.pk]))
    assert answer["Content-Disposition"].endswith(f'dossier-de-manquement-{convention.numero}.zip"')
    with zipfile.ZipFile(io.BytesIO(answer.content)) as bundle:
        names = bundle.namelist()
        facts = bundle.read("dossier-de-manquement.pdf")
        assert bundle.read("lettres/01-2026-11-10-manquement.pdf") == store.read(scan)
        everything = answer.content + b"".join(bundle.read(name) for name in names)
    assert "lettres/01-2026-11-10-manquement-avis-de-reception.pdf" in names
    said = text(facts)
    for words in (
        f"{late.reference} 20 oct. 2026 4 nov. 2026 19 attend encore",
        f"{left.reference} 1 sept. 2026 16 sept. 2026 4 récupérée le 20 sept. 2026",
        "manquantes ou tardives (1)",
        "non signée",
        "Logiciels du Lac : aucun engagement signé",
        "Logiciels du Lac : engagement demandé par la Caf le 1er septembre 2026",
        "Fuite signalée.",
        "Départ.",
        "1A23456789012",
        "Rencontre en mairie.",
        "Délais jamais tenus.",
        "dernier jour le 12 novembre 2026",
    ):
        assert words in said, words
    assert other.reference not in said
    for dossier in Dossier.objects.filter(demande__lieu=lieu):
        contenu = contenu_of(dossier.demande)
        for personal in (contenu.nom, contenu.courriel, contenu.telephone):
            assert personal.encode() not in everything
            assert personal not in said
    with pikepdf.open(io.BytesIO(facts)) as pdf:
        assert pdf.Root.MarkInfo.Marked


@pytest.mark.rule("CTL-8.a")
def test_another_caf_and_a_convention_never_in_force_have_none(client):
    convention = LieuFactory().conventions.get()
    client.force_login(AgentFactory(essonne=True).user)
    assert client.get(reverse("admin:dossier-de-manquement", args=[convention.pk])).status_code == 404
    client.force_login(AgentFactory().user)
    pending = LieuFactory(a_signer=True).conventions.get()
    assert client.get(reverse("admin:dossier-de-manquement", args=[pending.pk])).status_code == 404


@pytest.mark.rule("CON-4.a")
@pytest.mark.rule("CON-5.a")
@pytest.mark.parametrize(
    ("nature", "words"),
    [
        ("preavis", ["y met fin à l’échéance", "15 janvier 2028", "vaut mise en demeure"]),
        ("manquement", ["des manquements suivants", "Retards répétés.", "vaut notification"]),
        ("mise-en-demeure", ["15 jours", "Retards répétés.", "règlement amiable"]),
    ],
)
def test_a_letter_is_made_ready_with_the_caf_s_address_and_its_director_and_nothing_is_kept(
    client, time_machine, convention, nature, words
):
    time_machine.move_to(NOW, tick=False)
    caf = convention.lieu.caf
    caf.adresse, caf.directeur_civilite, caf.directeur_prenom = "21 avenue de Meaux\n77000 Melun", "Mme", "Claire"
    caf.directeur_nom, caf.directeur_qualite = "Dubois", "directrice"
    caf.save()
    client.force_login(AgentFactory().user)
    page = reverse("admin:conventions_convention_lettre", args=[convention.pk, nature])
    assert client.get(page).status_code == 200
    if nature != "preavis":
        assert client.post(page, {"texte": "", "delai": "15"}).status_code == 422
    answer = client.post(page, {"texte": "Retards répétés.", "delai": "15"})
    assert answer["Content-Type"] == "application/pdf"
    said = text(answer.content)
    for one in [*words, "21 avenue de Meaux", "Madame Claire Dubois, directrice", convention.gestionnaire.nom]:
        assert one in said, one
    assert not Courrier.objects.exists()
