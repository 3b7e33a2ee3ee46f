"""Files that a worker makes while a page waits: nobody's before they are handed over, gone with what they hold."""

import io
import zipfile
from datetime import UTC, datetime, timedelta

import pypdf
import pytest
from django.conf import settings

from demandes.models import Demande, Remise, Telechargement
from demandes.services import destruction, files, handover
from demandes.workflow import Etat
from extranet.core.documents.models import StoredFile
from tests.factories import DemandeFactory, HabilitationFactory, LieuFactory, contenu_of, rewrite

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
ADDRESS = "/espace/demandes/telechargement/"


@pytest.fixture(autouse=True)
def few(monkeypatch, tmp_path):
    """As if one were many, and each test with its own kept files."""
    monkeypatch.setattr(files, "IN_PLACE", 1)
    monkeypatch.setattr(settings, "DATA_DIR", tmp_path)


@pytest.fixture
def page(client, db, time_machine):
    time_machine.move_to(NOW, tick=False)
    habilitation = HabilitationFactory()
    client.force_login(habilitation.user)
    client.demandes = [DemandeFactory(transmise=True, lieu=habilitation.lieu) for _ in range(2)]
    client.user = habilitation.user
    return client


def ask(page, form="pdf"):
    answer = page.post(ADDRESS, {"format": form, "demande": [str(one.uuid) for one in page.demandes]})
    assert answer.status_code == 302
    return answer["Location"]


def kept(tmp_path):
    return [path.read_bytes() for path in tmp_path.glob("fichiers/*/*")]


@pytest.mark.rule("TEL-1.a")
@pytest.mark.rule("TEL-1.c")
@pytest.mark.rule("TEL-1.f")
def test_many_are_made_by_a_worker_and_picked_up_when_they_are_handed_over(page, run_bells, tmp_path, time_machine):
    address = ask(page)
    assert ask(page) == address  # twice asked, once made
    waits = page.get(address).content.decode()
    assert "Il attend son tour" in waits
    assert 'http-equiv="refresh"' in waits
    assert page.post(address)["Location"] == address
    run_bells()
    assert "Votre fichier est prêt" in page.get(address).content.decode()
    assert "est prêt, jusqu’à" in page.get("/espace/demandes/").content.decode()
    assert not Remise.objects.filter(mode="pdf").exists()
    assert set(Demande.objects.values_list("state", flat=True)) == {Etat.TRANSMISE}
    [sealed] = kept(tmp_path)
    assert b"%PDF" not in sealed
    handed = page.post(address)
    words = "".join(sheet.extract_text() for sheet in pypdf.PdfReader(io.BytesIO(handed.content)).pages)
    assert all(contenu_of(one).nom in words for one in page.demandes)
    assert handed["Content-Disposition"].endswith('.pdf"')
    assert Remise.objects.filter(mode="pdf", user_id=page.user.pk).count() == 2
    assert set(Demande.objects.values_list("state", flat=True)) == {Etat.RECUPEREE}
    read = page.get(address).content.decode()
    assert "2 demandes sont téléchargées" in read
    assert "Téléchargé à <strong>10 h 00</strong>" in read
    assert "vous l’avez reçu à 10 h 00" in page.get("/espace/demandes/").content.decode()
    time_machine.move_to(NOW + timedelta(hours=1), tick=False)
    page.logout()  # half an hour without use ends a session
    page.force_login(page.user)
    assert [page.get(address).status_code, page.post(address).status_code] == [410, 410]
    assert files.forget_over(now=NOW + timedelta(hours=1)) == 1
    assert not StoredFile.objects.exists()
    assert not Telechargement.objects.exists()


@pytest.mark.rule("TEL-6.a")
def test_a_file_fetched_a_second_time_needs_the_reason_and_records_it(page, run_bells):
    address = ask(page)
    run_bells()
    assert 'name="encore"' not in page.get(address).content.decode()
    handed = page.post(address, {"encore": ""})
    assert handed["Content-Type"] == "application/pdf"
    for why in ({}, {"encore": ""}, {"encore": "parce-que"}):
        refused = page.post(address, why)
        assert (refused.status_code, 'name="encore"' in refused.content.decode()) == (422, True)
        assert "<title>Erreur : " in refused.content.decode()
    assert Remise.objects.filter(mode="pdf").count() == 2
    assert page.post(address, {"encore": "perdue"}).content == handed.content
    assert list(Remise.objects.filter(mode="pdf").values_list("encore", flat=True).order_by("pk")) == [
        None,
        None,
        "perdue",
        "perdue",
    ]


@pytest.mark.rule("ACC-1.a")
@pytest.mark.rule("TEL-1.a")
def test_a_file_is_its_persons_alone_and_made_of_its_own_demandes_only(page, run_bells, client):
    address = ask(page, "zip")
    run_bells()
    assert Telechargement.objects.get().faits == 2
    assert len(zipfile.ZipFile(io.BytesIO(page.post(address).content)).namelist()) == 4
    colleague = HabilitationFactory(lieu=page.demandes[0].lieu).user
    client.force_login(colleague)
    assert [client.get(address).status_code, client.post(address).status_code] == [404, 404]
    foreign = DemandeFactory(transmise=True, lieu=LieuFactory())
    names = [str(foreign.uuid), str(page.demandes[0].uuid)]
    assert client.post(ADDRESS, {"format": "pdf", "demande": names}).status_code == 404
    assert Telechargement.objects.count() == 1


@pytest.mark.rule("TEL-1.f")
@pytest.mark.rule("CNS-6.d")
def test_what_changed_since_makes_it_anew_and_what_is_withdrawn_ends_it_with_its_bytes(page, run_bells):
    address = ask(page)
    run_bells()
    rewrite(page.demandes[0], nom="Autrement")
    assert page.post(address)["Location"] == address
    assert not StoredFile.objects.exists()
    assert not Remise.objects.filter(mode="pdf").exists()
    run_bells()
    handed = page.post(address).content
    assert "Autrement" in "".join(sheet.extract_text() for sheet in pypdf.PdfReader(io.BytesIO(handed)).pages)
    destruction.withdraw(page.demandes[1], now=NOW)
    assert not StoredFile.objects.exists()
    assert [page.get(address).status_code, page.post(address).status_code] == [410, 410]
    ask_of_one_left = page.post(ADDRESS, {"format": "pdf", "demande": [str(one.uuid) for one in page.demandes]})
    assert ask_of_one_left.status_code == 410


@pytest.mark.rule("CNS-6.d")
def test_a_demande_withdrawn_while_it_is_made_leaves_nothing(page, run_bells, monkeypatch):
    address = ask(page)
    real = handover.made

    def slow(demandes, **about):
        content = real(demandes, **about)
        destruction.withdraw(page.demandes[0], now=NOW)
        return content

    monkeypatch.setattr(handover, "made", slow)
    run_bells()
    assert not StoredFile.objects.exists()
    assert page.get(address).status_code == 410


@pytest.mark.rule("TEL-1.a")
def test_a_worker_that_dies_is_replaced_and_one_that_wakes_up_overwrites_nothing(page, bells, monkeypatch):
    name = ask(page).split("/")[-2]
    bells.clear()  # lost
    later = NOW + timedelta(minutes=2)
    assert files.ring_waiting(now=NOW) == 0
    assert files.ring_waiting(now=later) == 1
    assert bells.pop() == (files.ASKED, [name])
    real = handover.made

    def asleep(demandes, **about):
        """Past its lease: the other takes over, finishes first."""
        monkeypatch.setattr(handover, "made", real)
        assert not files.make(name, now=later)  # somebody is at it
        late = later + files.LEASE + timedelta(seconds=1)
        assert files.ring_waiting(now=late) == 1
        assert files.make(name, now=late)
        return real(demandes, **about)

    monkeypatch.setattr(handover, "made", asleep)
    assert files.make(name, now=later)
    assert StoredFile.objects.count() == 1
    assert Telechargement.objects.get().ready_at > later
    assert not files.make(name, now=later)


@pytest.mark.rule("TEL-1.a")
def test_with_no_worker_the_page_says_that_it_waits(page, time_machine):
    address = ask(page)
    time_machine.move_to(NOW + timedelta(minutes=1), tick=False)
    assert "ne répond pas pour le moment" in page.get(address).content.decode()
