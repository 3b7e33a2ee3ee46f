"""Deliveries handed in by people and by programs: upload in the back office, tokens, API (ING-1)."""

import csv
import io
from datetime import timedelta

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DatabaseError, connection
from django.test import Client

from bench.deliveries import delivery, record
from demandes.models import Livraison
from demandes.services import applying, deliveries, delivery_files, inbox
from extranet.core.accounts import services as accounts
from extranet.core.accounts.models import Jeton
from extranet.core.journal.models import Entry
from tests.factories import NOW, AgentFactory, HabilitationFactory, LieuFactory

PAGE, API, ADD = "/compte/jetons/", "/api/v1/livraisons", "/admin/demandes/livraison/add/"
PASSWORD = "Demonstration-2026"


@pytest.fixture(autouse=True)
def moved(db, settings, tmp_path):
    settings.DATA_DIR = tmp_path
    with time_machine.travel(NOW, tick=False) as clock:
        yield clock


@pytest.fixture
def cnaf():
    return AgentFactory(cnaf=True).user


def logged_in(user):
    client = Client()
    client.force_login(user)
    return client


def file_of(*records):
    return "".join(delivery(iter(records), NOW)).encode()


def post(token, content=None):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return Client().post(
        API, file_of(record(1, NOW)) if content is None else content, content_type="application/xml", headers=headers
    )


def make(client, nom="Serveur d’envoi", jours=90):
    """Through the page and the password; the answer that shows the token."""
    response = client.post(PAGE, {"nom": nom, "jours": jours})
    assert response.status_code == 302
    assert response["Location"].startswith("/compte/confirmation/?next=")
    assert not Jeton.objects.exists()
    return client.post("/compte/confirmation/", {"password": PASSWORD, "next": PAGE})


# --- the page -------------------------------------------------------------------------------------------------------


@pytest.mark.rule("ING-1.d")
@pytest.mark.rule("ING-1.c")
def test_a_token_made_on_the_page_opens_the_api_and_is_shown_once(cnaf):
    client = logged_in(cnaf)
    response = make(client)
    assert response.status_code == 200
    jeton = Jeton.objects.get()
    text = response.context["created"]
    assert text in response.content.decode()
    assert "no-store" in response["Cache-Control"]
    assert (jeton.user, jeton.portee, jeton.expires_at) == (cnaf, "cnaf", NOW + timedelta(days=90))
    assert text not in client.get(PAGE).content.decode()
    assert text not in str(list(Jeton.objects.values()) + list(Entry.objects.values()))
    assert "jamais" in client.get(PAGE).content.decode()
    assert post(text).status_code == 202
    assert "23/11/2026 à 10:00" in client.get(PAGE).content.decode()  # its last use


@pytest.mark.rule("ING-1.d")
def test_no_token_without_the_right_password(cnaf):
    client = logged_in(cnaf)
    client.post(PAGE, {"nom": "Serveur", "jours": 90})
    refused = client.post("/compte/confirmation/", {"password": "autre", "next": PAGE})
    assert "bon" in refused.content.decode()
    assert not Jeton.objects.exists()


@pytest.mark.rule("ING-1.d")
@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"nom": "", "jours": 90}, "obligatoire"),
        ({"nom": "x" * 101, "jours": 90}, "100"),
        ({"nom": "Serveur", "jours": 4000}, "choix"),
    ],
)
def test_what_is_wrong_is_said_beside_the_field_and_kept(cnaf, typed, words):
    response = logged_in(cnaf).post(PAGE, typed)
    assert response.status_code == 422
    assert words in response.content.decode()
    assert not Jeton.objects.exists()


@pytest.mark.rule("ING-1.d")
def test_two_living_tokens_of_one_person_have_two_names(cnaf):
    client = logged_in(cnaf)
    make(client)
    again = client.post(PAGE, {"nom": "Serveur d’envoi", "jours": 30})  # a reload sends the form again
    assert again.status_code == 422
    assert "déjà un jeton" in again.content.decode()
    accounts.revoke_token(cnaf, Jeton.objects.get().pk, now=NOW)
    assert client.post(PAGE, {"nom": "Serveur d’envoi", "jours": 30}).status_code == 200
    assert Jeton.objects.count() == 2


@pytest.mark.rule("ING-1.d")
def test_revoked_on_the_page_it_opens_nothing_more_and_another_s_cannot_be(cnaf):
    client = logged_in(cnaf)
    text = accounts.create_token(cnaf, portee="cnaf", nom="Serveur", now=NOW)
    path = f"{PAGE}{Jeton.objects.get().pk}/revocation/"
    assert logged_in(AgentFactory(cnaf=True).user).post(path).status_code == 404
    assert post(text).status_code == 202
    assert client.post(path).status_code == 302
    assert client.post(path).status_code == 302
    assert "révoqué le 23/11/2026" in client.get(PAGE).content.decode()
    assert post(text).status_code == 401
    assert list(Entry.objects.filter(event__startswith="jeton.").values_list("event", flat=True)) == [
        "jeton.cree",
        "jeton.utilise",
        "jeton.revoque",
    ]


# --- the API --------------------------------------------------------------------------------------------------------


@pytest.mark.rule("ING-1.c")
@pytest.mark.rule("ING-1.e")
def test_a_good_file_is_202_and_the_same_bytes_200_with_one_address(cnaf, bells, run_bells):
    HabilitationFactory(lieu=LieuFactory())
    token = accounts.create_token(cnaf, portee="cnaf", nom="Serveur", now=NOW)
    first = post(token)
    livraison = Livraison.objects.get()
    assert (first.status_code, first["Location"]) == (202, f"{API}/{livraison.uuid}")
    assert (livraison.origine, livraison.received_by) == ("api", cnaf)
    again = post(token)
    assert (again.status_code, again["Location"]) == (200, first["Location"])
    assert bells.count(("demandes.tasks.ingest", [str(livraison.pk)])) == 1
    run_bells()
    state = Client().get(first["Location"], headers={"Authorization": f"Bearer {token}"}).json()
    assert (state["state"], state["counts"]["created"]) == ("traitee", 1)
    assert post(token).status_code == 200
    assert Livraison.objects.count() == 1


@pytest.mark.rule("ING-1.c")
def test_a_file_in_a_form_is_taken_under_its_own_name(cnaf):
    token = accounts.create_token(cnaf, portee="cnaf", nom="Serveur", now=NOW)
    upload = SimpleUploadedFile("du jour.xml", file_of(record(1, NOW)))
    response = Client().post(API, {"fichier": upload}, headers={"Authorization": f"Bearer {token}"})
    assert (response.status_code, response.json()["name"]) == (202, "du jour.xml")


@pytest.mark.rule("ING-1.d")
@pytest.mark.parametrize("cause", ["none", "unknown", "revoked", "expired", "closed account", "narrow", "agent"])
def test_a_token_that_does_not_open_deliveries_leaves_nothing(cnaf, moved, cause):
    text, status = accounts.create_token(cnaf, portee="cnaf", nom="Serveur", now=NOW, days=30), 401
    match cause:
        case "none":
            text = ""
        case "unknown":
            text += "x"
        case "revoked":
            accounts.revoke_token(cnaf, Jeton.objects.get().pk, now=NOW)
        case "expired":
            moved.move_to(NOW + timedelta(days=30), tick=False)
        case "closed account":
            accounts.suspend(cnaf, by="systeme", now=NOW)
        case "narrow":
            text, status = accounts.create_token(cnaf, portee="lieu", nom="Logiciel", now=NOW), 403
        case "agent":
            text, status = accounts.create_token(AgentFactory().user, portee="cnaf", nom="Serveur", now=NOW), 403
    assert post(text).status_code == status
    assert not Livraison.objects.exists()
    assert not list(deliveries.folder("en-cours").iterdir())


@pytest.mark.rule("ING-1.c")
def test_too_large_a_file_is_413_and_leaves_nothing(cnaf, monkeypatch):
    monkeypatch.setattr(deliveries, "LARGEST", 100)
    token = accounts.create_token(cnaf, portee="cnaf", nom="Serveur", now=NOW)
    assert post(token).status_code == 413
    assert not Livraison.objects.exists()
    assert not list(deliveries.folder("en-cours").iterdir())


# --- the back office ------------------------------------------------------------------------------------------------


def upload(client, content, name="livraison.xml"):
    return client.post(ADD, {"depot": SimpleUploadedFile(name, content)})


@pytest.mark.rule("ING-1.b")
@pytest.mark.rule("ING-1.e")
def test_an_upload_is_recorded_with_its_author_and_leads_to_its_page(cnaf, run_bells):
    HabilitationFactory(lieu=LieuFactory())
    client = logged_in(cnaf)
    response = upload(client, file_of(record(1, NOW)), "été 2026.xml")
    livraison = Livraison.objects.get()
    assert response["Location"] == f"/admin/demandes/livraison/{livraison.pk}/change/"
    assert (livraison.nom, livraison.origine, livraison.received_by) == ("été 2026.xml", "depot", cnaf)
    page = client.get(response["Location"]).content.decode()
    assert "va être traitée" in page
    assert cnaf.email in page
    run_bells()
    assert inbox.take_inbox(now=NOW) == []  # nothing is left to come in a second time
    page = client.get(response["Location"]).content.decode()
    assert "Aucun enregistrement à signaler" in page
    assert "None" not in page
    again = upload(client, file_of(record(1, NOW)), "autre.xml")
    assert again["Location"] == response["Location"]
    assert "déjà été reçu" in client.get(again["Location"]).content.decode()
    assert Livraison.objects.count() == 1


@pytest.mark.rule("ING-1.b")
@pytest.mark.parametrize(("content", "words"), [(None, "Choisissez un fichier"), (b"", "vide"), (b"x" * 200, "2 Gio")])
def test_an_upload_that_cannot_be_taken_is_said_beside_the_field_and_leaves_nothing(cnaf, monkeypatch, content, words):
    monkeypatch.setattr(deliveries, "LARGEST", 100)
    client = logged_in(cnaf)
    response = client.post(ADD, {}) if content is None else upload(client, content)
    assert response.status_code == 422
    assert words in response.content.decode()
    assert not Livraison.objects.exists()
    assert not list(deliveries.folder("en-cours").iterdir())


@pytest.mark.rule("ING-1.b")
def test_an_upload_whose_row_cannot_be_written_leaves_no_bytes(cnaf):
    def broken(execute, sql, params, many, context):
        if "journal_entry" in sql and sql.startswith("INSERT"):
            raise DatabaseError("no line")
        return execute(sql, params, many, context)

    client = logged_in(cnaf)
    with connection.execute_wrapper(broken), pytest.raises(DatabaseError):
        upload(client, file_of(record(1, NOW)))
    assert not list(delivery_files.folder("en-cours").iterdir())
    assert not Livraison.objects.exists()


@pytest.mark.rule("ING-1.f")
def test_the_report_is_on_the_page_and_downloads_as_csv(cnaf, monkeypatch):
    HabilitationFactory(lieu=LieuFactory())
    content = file_of(record(1, NOW), *[record(rank, NOW, commune="77999") for rank in range(2, 5)])
    livraison = deliveries.register(io.BytesIO(content), nom="l.xml", origine="depot", by=cnaf, now=NOW, ring=False)
    applying.ingest(livraison.pk, now=NOW)
    client = logged_in(cnaf)
    monkeypatch.setattr("demandes.admin.REPORT_SHOWN", 2)
    page = client.get(f"/admin/demandes/livraison/{livraison.pk}/change/").content.decode()
    first = livraison.rejets.order_by("ligne").first()
    for shown in (str(first.ligne), "ME-0000002", "Commune inconnue.", "les 2 premiers"):
        assert shown in page
    assert "ME-0000004" not in page
    path = f"{API}/{livraison.uuid}/rapport"
    assert f'href="{path}"' in page
    rows = list(csv.reader(client.get(path).content.decode().splitlines()))
    assert rows[0] == ["line", "reference", "outcome", "reason"]
    assert [row[1] for row in rows[1:]] == ["ME-0000002", "ME-0000003", "ME-0000004"]
