"""The yearly statement: prepared in January, confirmed once with what is not kept, kept for the Caf (SUI-3)."""

import io
from datetime import UTC, datetime

import pypdf
import pytest
from django.conf import settings
from django.core import mail
from django.urls import reverse

from demandes.attestations.models import Attestation, Bilan
from demandes.attestations.rules import DECLARATIONS
from demandes.attestations.services import bilans
from extranet.core.documents import store
from extranet.core.documents.models import StoredFile
from extranet.core.journal.models import Entry
from extranet.core.outbox import services as outbox
from extranet.core.outbox.models import Message
from tests.factories import AgentFactory, DemandeFactory, HabilitationFactory, LieuFactory

JANUARY = datetime(2027, 1, 4, 9, tzinfo=UTC)
PASSWORD = "Demonstration-2026"
KEPT = dict.fromkeys(DECLARATIONS, "oui")


@pytest.fixture
def person(db, time_machine, tmp_path, monkeypatch):
    monkeypatch.setattr(settings, "DATA_DIR", tmp_path)
    time_machine.move_to(JANUARY, tick=False)
    return HabilitationFactory(lieu__nom="RPE des Tilleuls", user__prenom="Ana", user__nom="Petit")


def of_2026(lieu):
    """Three demandes of 2026: in time, late, and one of 2027; an attestation signed late."""
    for day, picked in ((3, 9), (3, 28)):
        at = datetime(2026, 11, day, 9, tzinfo=UTC)
        DemandeFactory(recuperee=True, lieu=lieu, at=at, attribution__picked_up_at=at.replace(day=picked))
    DemandeFactory(transmise=True, lieu=lieu, at=JANUARY)
    due = datetime(2026, 6, 1, tzinfo=UTC).date()
    signed = datetime(2026, 6, 3, tzinfo=UTC)
    Attestation.objects.create(lieu=lieu, opened_at=JANUARY, due_on=due, state="signee", signed_at=signed)


@pytest.mark.rule("SUI-3.a")
def test_it_is_prepared_in_january_said_once_and_reminded_once(person):
    for month in (11, 12):
        assert bilans.open_due(now=datetime(2026, month, 30, tzinfo=UTC)) == 0  # of 2025: past its day
    LieuFactory(a_signer=True)
    assert bilans.open_due(now=JANUARY) == 1
    assert bilans.open_due(now=JANUARY) == 0
    made = Bilan.objects.get()
    assert (made.lieu, made.annee, str(made.due_on)) == (person.lieu, 2026, "2027-03-31")
    for day in ((2, 28), (3, 1), (3, 15), (4, 1)):
        bilans.remind(now=datetime(2027, *day, 9, tzinfo=UTC))
    late = Bilan.objects.create(
        lieu=LieuFactory(), annee=2026, opened_at=datetime(2027, 3, 20, tzinfo=UTC), due_on=made.due_on
    )
    assert bilans.remind(now=datetime(2027, 3, 25, tzinfo=UTC)) == 0  # announced five days before
    late.delete()
    sent = Message.objects.filter(kind__startswith="attestations.bilan")
    assert sorted(sent.values_list("kind", flat=True)) == ["attestations.bilan", "attestations.bilan-rappel"]
    assert set(sent.values_list("recipient", flat=True)) == {f"user:{person.user.pk}"}
    outbox.send_due(now=JANUARY)
    [invitation] = [one for one in mail.outbox if "Bilan annuel" in one.subject]
    assert "31 mars 2027" in invitation.body
    assert str(made.uuid) in invitation.body


@pytest.mark.rule("SUI-3.a")
def test_it_is_confirmed_once_with_what_the_portal_knows_and_what_is_not_kept(person, client):
    of_2026(person.lieu)
    bilans.open_due(now=JANUARY)
    made = Bilan.objects.get()
    address = reverse("attestations:bilan", args=[made.uuid])
    client.force_login(person.user)
    home = client.get("/espace/demandes/").content.decode()
    assert "1 bilan de vos obligations à confirmer" in home
    page = client.get(address)
    assert page.context["faits"][0][1][:4] == [
        ("Reçues", "2"),
        ("Récupérées dans les quinze jours", "1"),
        ("Récupérées plus tard", "1"),
        ("Jamais récupérées dans les quinze jours, ni depuis", "0"),
    ]
    assert ("Signées en retard", "1") in page.context["faits"][1][1]
    honest = KEPT | {"registre": "non"}
    refused = [
        KEPT | {"mot_de_passe": "autre chose"},
        {"secret": "oui", "mot_de_passe": PASSWORD},
        honest | {"mot_de_passe": PASSWORD},  # without a word of why
    ]
    assert [client.post(address, data).status_code for data in refused] == [422, 422, 422]
    assert not StoredFile.objects.exists()
    done = client.post(address, honest | {"precisions": "Registre en cours <b>", "mot_de_passe": PASSWORD})
    assert done.status_code == 302
    assert client.post(address, KEPT | {"mot_de_passe": PASSWORD}).status_code == 409
    made.refresh_from_db()
    assert (made.state, made.confirmed_by, made.tenues["registre"]) == ("confirme", person.user, False)
    assert made.pdf is not None
    assert (made.pdf.sha256, made.signataire) == (made.pdf_sha256, "Ana Petit")
    assert Entry.objects.filter(event="bilan.confirme").exclude(actor="systeme").count() == 1
    words = text_of_pdf(store.read(made.pdf))
    for said in ("Bilan 2026", "Reçues 2", "Récupérées plus tard 1", "Pas entièrement : Le gestionnaire", "cours <b>"):
        assert said in words
    assert client.get(f"{address}pdf/")["Content-Type"] == "application/pdf"
    assert "Voir les bilans" not in client.get("/espace/demandes/").content.decode()


@pytest.mark.rule("SUI-3.a")
def test_the_lieu_and_its_caf_see_it_and_nobody_else(person, client):
    bilans.open_due(now=JANUARY)
    made = Bilan.objects.get()
    bilans.confirm(made.uuid, tenues=dict.fromkeys(DECLARATIONS, True), precisions="", by=person.user, now=JANUARY)
    pages = [reverse("attestations:bilan", args=[made.uuid]), reverse("attestations:bilan-pdf", args=[made.uuid])]
    client.force_login(HabilitationFactory().user)
    assert [client.get(page).status_code for page in pages] == [404, 404]
    desk = [reverse(f"admin:attestations_bilan_{door}", args=[made.pk]) for door in ("change", "pdf")]
    client.force_login(AgentFactory(essonne=True).user)
    assert [client.get(page).status_code for page in desk] == [404, 404]
    client.force_login(AgentFactory(lecteur=True).user)
    assert [client.get(page).status_code for page in desk] == [200, 200]
    assert "RPE des Tilleuls" in client.get(reverse("admin:attestations_bilan_changelist")).content.decode()


def text_of_pdf(data):
    return " ".join(" ".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(data)).pages).split())
