"""The flux XML of a lieu's software: fetched, recorded, acknowledged; a token for one lieu and nothing else (TEL-4)."""

import gzip
import json
from datetime import date, timedelta

import pytest
import time_machine
from django.db import connection
from django.test import Client
from lxml import etree

from conventions.models import Engagement, Prestataire
from conventions.services import precaution
from demandes.documents.xml_reader import NAMESPACE, schema
from demandes.models import Attribution, Demande, Dossier, JetonLieu, Remise
from demandes.services import destruction, flux, handover, jetons
from demandes.workflow import Etat
from extranet.core.accounts import services as accounts
from extranet.core.accounts.models import Jeton
from extranet.core.documents import store
from extranet.core.journal.models import Entry
from extranet.core.outbox.models import Message
from habilitations.services import passwords, persons
from tests.factories import NOW, AgentFactory, DemandeFactory, HabilitationFactory, LieuFactory, a_pdf

FLUX, ACCUSES = "/api/v1/demandes.xml", "/api/v1/accuses"


@pytest.fixture(autouse=True)
def moved(db, settings, tmp_path):
    with time_machine.travel(NOW, tick=False) as clock:
        yield clock


@pytest.fixture
def line():
    """A person of a lieu."""
    return HabilitationFactory(lieu=LieuFactory(code="RPE-77-CHATELET"))


@pytest.fixture
def token(line):
    return made(line)


def made(line, nom="Logiciel", days=90, prestataire=None):
    return jetons.create(
        lieu=line.lieu.uuid, prestataire=prestataire and prestataire.uuid, nom=nom, days=days, by=line.user, now=NOW
    )


def engaged(lieu, accepted=True):
    """A prestataire of the lieu, with the engagement that it signed."""
    one = Prestataire.objects.create(lieu=lieu, nom=f"Logiciels {lieu.pk}", from_on=date(2025, 2, 1))
    agent = AgentFactory().user
    kept = store.keep(a_pdf(), media_type="application/pdf", nature="engagement", now=NOW)
    decided = {"decided_at": NOW, "decided_by": agent} if accepted else {}
    about = {"signed_on": date(2025, 2, 1), "received_at": NOW, "received_by": agent}
    Engagement.objects.create(prestataire=one, scan=kept, **about, **decided)
    return one


def get(token, query="", client=None, **headers):
    headers |= {"Authorization": f"Bearer {token}"} if token else {}
    return (client or Client()).get(FLUX + query, headers=headers)


def read(response):
    """The references of a good answer, which is valid by the schema."""
    assert response.status_code == 200, response.content
    content = b"".join(response.streaming_content)
    if response.get("Content-Encoding") == "gzip":
        content = gzip.decompress(content)
    root = etree.fromstring(content)
    assert schema().validate(root), schema().error_log
    return [node.get("reference") for node in root]


def acknowledge(token, references, **headers):
    headers |= {"Authorization": f"Bearer {token}"}
    return Client().post(ACCUSES, json.dumps(references), content_type="application/json", headers=headers)


def waiting(line, count):
    return [DemandeFactory(transmise=True, lieu=line.lieu) for _ in range(count)]


# --- fetch, acknowledge -----------------------------------------------------------------------------------------------


@pytest.mark.rule("TEL-4.a")
@pytest.mark.rule("TEL-4.e")
@pytest.mark.rule("TEL-3.a")
@pytest.mark.rule("ACC-2.b")
def test_what_is_fetched_is_on_record_and_comes_again_until_it_is_acknowledged(line, token, monkeypatch):
    monkeypatch.setattr(flux, "CHUNK", 2)
    first, second, third = waiting(line, 3)
    DemandeFactory(recuperee=True, lieu=line.lieu)
    response = get(token, **{"User-Agent": "Logiciel/1"})
    assert "no-store" in response["Cache-Control"]
    pieces = iter(response)
    head = next(pieces) + next(pieces)  # the first two: written, committed and on record before they are handed out
    assert Remise.objects.count() == 2
    assert second.reference.encode() in head
    assert third.reference.encode() not in head
    content = head + b"".join(pieces)
    root = etree.fromstring(content)
    assert schema().validate(root)
    [sent] = root.xpath(f"//n:demande[@reference='{first.reference}']/n:transmission", namespaces={"n": NAMESPACE})
    assert (sent.get("lieu"), sent.get("a-detruire-avant")) == ("RPE-77-CHATELET", str(first.last_day))
    rows = Remise.objects.order_by("pk").values_list("reference", "mode", "user_id", "lieu_id", "adresse_reseau")
    assert list(rows) == [
        (one.reference, "flux", line.user.pk, line.lieu.pk, "127.0.0.1") for one in (first, second, third)
    ]
    prefix = Jeton.objects.get().prefix
    assert set(Remise.objects.values_list("appareil", flat=True)) == {f"jeton {prefix}… Logiciel/1"}
    # Seen, not picked up: what was sent is attested whatever becomes of it.
    assert set(Demande.objects.filter(pk__in=[first.pk, second.pk]).values_list("state", flat=True)) == {"transmise"}
    assert set(Attribution.objects.filter(demande=first).values_list("seen_at", "picked_up_at")) == {(NOW, None)}

    assert acknowledge(token, [first.reference, first.reference]).json() == {"recuperees": 1, "deja": 0}
    there = Attribution.objects.get(demande=first)
    assert (there.picked_up_at, there.picked_up_by) == (NOW, line.user)
    told = Message.objects.get(kind="demandes.recuperee-famille")  # as after any other pick-up
    assert (told.recipient, told.key) == (f"demande:{first.uuid}", str(first.transmission.uuid))
    [entry] = Entry.objects.filter(event="demande.recuperee")
    assert (entry.object_id, entry.actor) == (str(first.uuid), f"user:{line.user.uuid}")
    assert read(get(token)) == [second.reference, third.reference]
    assert acknowledge(token, [first.reference, second.reference]).json() == {"recuperees": 1, "deja": 1}
    assert acknowledge(token, [first.reference, second.reference]).json() == {"recuperees": 0, "deja": 2}
    assert Entry.objects.filter(event="demande.recuperee").count() == 2


@pytest.mark.rule("TEL-4.a")
def test_pages_follow_each_other_whatever_is_acknowledged_in_between(line, token):
    demandes = waiting(line, 5)
    references = [one.reference for one in demandes]
    response = get(token, "?limite=2")
    assert read(response) == references[:2]
    following = response["Link"].split(">")[0].removeprefix("<http://testserver")
    assert following == f"{FLUX}?limite=2&apres={references[1]}"
    acknowledge(token, references[:2])
    destruction.withdraw(demandes[2], now=NOW)
    assert read(get(token, following.removeprefix(FLUX))) == references[3:]
    last = get(token, f"?limite=2&apres={references[2]}")
    assert "Link" not in last
    assert read(last) == references[3:]


@pytest.mark.rule("TEL-4.a")
def test_gzip_where_it_is_accepted_and_304_while_nothing_changes(line, token):
    [demande] = waiting(line, 1)
    packed = get(token, **{"Accept-Encoding": "br, gzip;q=0.5"})
    assert (packed["Content-Encoding"], read(packed)) == ("gzip", [demande.reference])
    plain = get(token, **{"Accept-Encoding": "gzip;q=0"})
    assert ("Content-Encoding" in plain, plain["ETag"]) == (False, packed["ETag"])
    read(plain)
    before = Remise.objects.count()
    same = get(token, **{"If-None-Match": f'"x", {packed["ETag"]}'})
    assert (same.status_code, same.content, same["ETag"]) == (304, b"", packed["ETag"])
    assert Remise.objects.count() == before  # nothing was given
    Dossier.objects.update(scelle=Dossier.sealed(demande.uuid, demande.dossier.open(NOW.date()), demande.last_day))
    assert get(token, **{"If-None-Match": packed["ETag"]}).status_code == 200  # sealed anew: it says something else
    acknowledge(token, [demande.reference])
    assert read(get(token, **{"If-None-Match": packed["ETag"]})) == []


@pytest.mark.rule("TEL-4.e")
@pytest.mark.rule("CNS-6.d")
def test_what_is_withdrawn_while_it_is_being_sent_is_left_out_of_a_document_that_is_whole(line, token, monkeypatch):
    monkeypatch.setattr(flux, "CHUNK", 1)
    first, second, third = waiting(line, 3)
    response = get(token)
    destruction.withdraw(second, now=NOW)
    assert read(response) == [first.reference, third.reference]
    assert not Remise.objects.filter(demande_uuid=second.uuid).exists()
    gone = acknowledge(token, [first.reference, third.reference])
    assert gone.json() == {"recuperees": 2, "deja": 0}


@pytest.mark.rule("TEL-4.a")
def test_one_whose_key_is_lost_holds_the_others_back_no_more_than_itself(line, token):
    first, second = waiting(line, 2)
    Dossier.objects.filter(demande=first).update(scelle=b"\x01" * 60)
    assert read(get(token)) == [second.reference]
    assert list(Remise.objects.values_list("reference", flat=True)) == [second.reference]


@pytest.mark.rule("TEL-4.a")
def test_queries_do_not_grow_with_the_demandes(line, token, django_assert_num_queries):
    def count():
        with connection.execute_wrapper(lambda execute, *args: (asked.append(args[0]), execute(*args))[1]):
            read(get(token))

    read(get(token))  # the use of the token is noted
    asked = []
    waiting(line, 1)
    count()
    one, asked = len(asked), []
    waiting(line, 20)
    count()
    assert len(asked) == one


# --- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.rule("ACC-1.b")
@pytest.mark.rule("TEL-4.c")
def test_a_token_opens_its_own_lieu_and_another_s_demandes_are_404_and_untouched(line, token):
    other = HabilitationFactory(lieu=LieuFactory())
    [mine], [foreign] = waiting(line, 1), waiting(other, 1)
    HabilitationFactory(user=line.user, lieu=(second := LieuFactory()))  # the same person acts for another lieu too
    elsewhere = DemandeFactory(transmise=True, lieu=second)
    assert read(get(token)) == [mine.reference]
    for reference in (foreign.reference, elsewhere.reference, "INCONNUE-1"):
        answer = acknowledge(token, [mine.reference, reference])
        assert (answer.status_code, answer.json()["references"]) == (404, [reference])
        xml = acknowledge(token, [reference], Accept="application/xml")
        assert (xml.status_code, xml["Content-Type"].split(";")[0]) == (404, "application/problem+xml")
        assert f"<i>{reference}</i>".encode() in xml.content
        assert get(token, f"?apres={reference}").status_code == 404
    assert set(Demande.objects.values_list("state", flat=True)) == {"transmise"}


@pytest.mark.rule("TEL-4.e")
def test_a_demande_that_was_never_sent_or_is_gone_is_not_acknowledged(line, token):
    first, second, third, fourth = waiting(line, 4)
    answer = acknowledge(token, [first.reference])
    assert (answer.status_code, answer.json()["references"]) == (409, [first.reference])
    read(get(token))
    destruction.withdraw(second, now=NOW)
    Demande.objects.filter(pk=third.pk).update(last_day=NOW.date() - timedelta(days=1))
    answer = acknowledge(token, [one.reference for one in (first, second, third, fourth)])
    assert (answer.status_code, answer.json()["references"]) == (410, sorted([second.reference, third.reference]))
    assert set(Demande.objects.exclude(pk=second.pk).values_list("state", flat=True)) == {"transmise"}
    assert acknowledge(token, [first.reference, fourth.reference]).json()["recuperees"] == 2


CAUSES = {
    "none": 401,
    "unknown": 401,
    "not a bearer": 401,
    "no token": 401,
    "two words": 401,
    "revoked": 401,
    "expired": 401,
    "revoked by the Caf": 401,
    "new passwords": 401,
    "person suspended": 401,
    "account closed": 401,
    "lieu suspended": 401,
    "convention ended": 401,
    "person named no more": 401,
    "prestataire gone": 401,
    "engagement refused": 401,
    "without its lieu": 401,
    "of the Cnaf": 403,
    "in the address": 400,
    "in the address only": 400,
}


def spoil(cause, line, moved):
    """(the text to call with, the query) once `cause` has happened."""
    with_one = cause in ("prestataire gone", "engagement refused")
    prestataire = engaged(line.lieu) if with_one else None
    text = made(line, prestataire=prestataire)
    assert get(text).status_code == 200
    agent, row = AgentFactory(superviseur=True).user, JetonLieu.objects.get()
    convention = line.lieu.conventions.get()
    acts = {
        "revoked": lambda: accounts.revoke_token(line.user, row.jeton_id, now=NOW),
        "expired": lambda: moved.move_to(NOW + timedelta(days=90), tick=False),
        "revoked by the Caf": lambda: jetons.revoke(jeton_id=row.pk, by=agent, now=NOW),
        "new passwords": lambda: passwords.renew(convention_uuid=convention.uuid, by=agent, now=NOW),
        "person suspended": lambda: persons.suspend(habilitation_id=line.pk, reason="départ", by=agent, now=NOW),
        "account closed": lambda: accounts.suspend(line.user, by="systeme", now=NOW),
        "lieu suspended": lambda: precaution.suspend(convention_uuid=convention.uuid, reason="r", by=agent, now=NOW),
        "convention ended": lambda: type(convention).objects.update(ended_on=NOW.date() - timedelta(days=1)),
        "person named no more": lambda: line.personne.inscriptions.update(until_on=NOW.date() - timedelta(days=1)),
        "prestataire gone": lambda: Prestataire.objects.update(until_on=NOW.date() - timedelta(days=1)),
        "engagement refused": lambda: Engagement.objects.update(motif_refus="illisible"),
        "without its lieu": row.delete,
    }
    acts.get(cause, lambda: None)()
    return text


@pytest.mark.rule("TEL-4.c")
@pytest.mark.rule("TEL-4.d")
@pytest.mark.rule("ACC-6.b")
@pytest.mark.rule("CON-5.c")
@pytest.mark.rule("CON-5.d")
@pytest.mark.rule("CON-6.b")
@pytest.mark.parametrize("cause", CAUSES)
def test_a_token_that_opens_nothing_more_gives_nothing(line, moved, cause):
    [demande] = waiting(line, 1)
    text, query = spoil(cause, line, moved), ""
    header = {
        "none": "",
        "unknown": f"Bearer {text}x",
        "not a bearer": f"Basic {text}",
        "no token": "Bearer ",
        "two words": f"Bearer {text} {text}",
        "in the address only": "",
    }.get(cause, f"Bearer {text}")
    if cause == "of the Cnaf":
        text = accounts.create_token(AgentFactory(cnaf=True).user, portee="cnaf", nom="Serveur", now=NOW)
        header = f"Bearer {text}"
    if cause.startswith("in the address"):
        query = f"?access_token={text}"
    before = Remise.objects.count()
    headers = {"Authorization": header} if header else {}
    fetched = Client().get(FLUX + query, headers=headers)
    body = {"data": json.dumps([demande.reference]), "content_type": "application/json"}
    sent = Client().post(ACCUSES + query, **body, headers=headers)
    expected = 401 if cause == "in the address" else CAUSES[cause]  # revoked by the call before
    assert (fetched.status_code, sent.status_code) == (CAUSES[cause], expected if not query else 400)
    for answer in (fetched, sent):
        assert answer["Content-Type"] == "application/problem+json"
        assert demande.reference not in answer.content.decode()
        assert text not in answer.content.decode()
        assert answer.status_code != 401 or answer["WWW-Authenticate"].startswith("Bearer")
    assert (Demande.objects.get().state, Remise.objects.count()) == (Etat.TRANSMISE, before)


@pytest.mark.rule("TEL-4.c")
def test_a_token_in_an_address_is_revoked_since_servers_write_addresses_down(line, token):
    assert get(token, f"?limite=1&jeton={token}").status_code == 400
    assert get(token).status_code == 401
    assert Entry.objects.get(event="jeton.revoque").details == {"cause": "adresse"}
    assert get(made(line, nom="Autre"), "?apres=ext_quelque-chose").status_code == 400  # it opened nothing
    assert Entry.objects.filter(event="jeton.revoque").count() == 1


@pytest.mark.rule("TEL-4.c")
def test_calls_are_braked_by_token_and_wrong_tokens_by_network(line, token, monkeypatch):
    monkeypatch.setattr("demandes.views.bearer.CALLS", [(2, 60)])
    monkeypatch.setattr("demandes.views.bearer.WRONG", [(2, 60)])
    assert [get(token).status_code for _ in range(3)] == [200, 200, 429]
    assert int(get(token)["Retry-After"]) <= 60
    assert get(made(line, nom="Autre")).status_code == 200
    assert [get("ext_faux").status_code for _ in range(3)] == [401, 401, 429]
    assert get(made(line, nom="Encore")).status_code == 200  # a right one of the same network


@pytest.mark.rule("TEL-4.c")
def test_a_second_reading_waits_for_the_first_of_the_same_token(line, token):
    waiting(line, 1)
    first = get(token)
    assert get(token).status_code == 429
    for close in first._resource_closers:  # as `first.close()`, which would close the connection of the test too
        close()
    assert get(token).status_code == 200


BAD_QUERIES = [
    "?limite=0",
    "?limite=10001",
    "?limite=-1",
    "?limite=deux",
    "?limite=",
    "?limite=²",
    "?limite=" + "9" * 99,
]
BAD_QUERIES += ["?apres=a%20b", "?apres=" + "x" * 65, "?apres=%C3%A9", "?apres='%20OR%201=1"]


@pytest.mark.rule("TEL-4.a")
@pytest.mark.parametrize("query", BAD_QUERIES)
def test_a_wrong_parameter_is_said_in_a_sentence(line, token, query):
    answer = get(token, query)
    assert answer.status_code == 400
    assert "paramètre" in answer.json()["detail"]


XML, JSON = "application/xml", "application/json"
BAD_BODIES = {
    "empty json": (b"", JSON, 415),
    "empty xml": (b"", XML, 415),
    "no json": (b"[", JSON, 400),
    "deep json": (b"[" * 100_000, JSON, 400),
    "json in latin-1": ('["é"]'.encode("latin-1"), JSON, 400),
    "an object": (b'{"references": []}', JSON, 422),
    "a text": (b'"ME-1"', JSON, 422),
    "numbers": (b"[1]", JSON, 422),
    "a list in a list": (b'[["ME-1"]]', JSON, 422),
    "nothing": (b"null", JSON, 422),
    "no reference": (b'["a b"]', JSON, 422),
    "markup": (b'["<script>"]', JSON, 422),
    "too long a reference": (json.dumps(["x" * 65]).encode(), JSON, 422),
    "an empty reference": (b'[""]', JSON, 422),
    "a line end": (b'["ME-1\\n"]', JSON, 422),
    "10,001 references": (json.dumps([f"ME-{n}" for n in range(10_001)]).encode(), JSON, 413),
    "too large": (b" " * (2 * 1024**2 + 1), JSON, 413),
    "no xml": (b"bonjour", XML, 400),
    "cut": (b"<accuses><reference>ME-1", XML, 400),
    "doctype": (b"<!DOCTYPE accuses><accuses/>", XML, 422),
    "entity": (b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><accuses>&x;</accuses>', XML, 422),
    "doctype in utf-16": ('<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE a><a/>'.encode("utf-16"), XML, 422),
    "other root": (b"<demandes/>", XML, 422),
    "other namespace": (b'<accuses xmlns="urn:autre"/>', XML, 422),
    "other child": (b"<accuses><demande/></accuses>", XML, 422),
    "deeper": (b"<accuses><reference><a/></reference></accuses>", XML, 422),
    "deep xml": (b"<accuses>" * 1_000 + b"</accuses>" * 1_000, XML, 400),
    "attribute": (b'<accuses><reference id="1">ME-1</reference></accuses>', XML, 422),
    "no text": (b"<accuses><reference/></accuses>", XML, 422),
    "form": (b"reference=ME-1", "application/x-www-form-urlencoded", 415),
    "plain text": (b"ME-1", "text/plain", 415),
}  # fmt: skip


@pytest.mark.rule("TEL-4.e")
@pytest.mark.parametrize("kind", BAD_BODIES)
def test_what_is_no_list_of_references_is_refused_and_changes_nothing(line, token, kind):
    content, media_type, status = BAD_BODIES[kind]
    headers = {"Authorization": f"Bearer {token}"}
    answer = Client().post(ACCUSES, content, content_type=media_type, headers=headers)
    assert answer.status_code == status, answer.content
    assert answer.json()["detail"]
    assert "passwd" not in answer.content.decode()
    assert not Entry.objects.filter(event="demande.recuperee").exists()


@pytest.mark.rule("TEL-4.e")
@pytest.mark.parametrize("namespace", ["", f' xmlns="{NAMESPACE}"'])
def test_references_may_come_as_xml_and_the_answer_as_well(line, token, namespace):
    [demande] = waiting(line, 1)
    read(get(token))
    body = f"<accuses{namespace}><!-- une --><reference> {demande.reference}\n</reference></accuses>"
    headers = {"Authorization": f"bearer {token}", "Accept": "application/xml"}
    answer = Client().post(ACCUSES, body, content_type="text/xml; charset=utf-8", headers=headers)
    assert answer.content.decode() == '<accuses recuperees="1" deja="0"/>\n'
    assert Client().post(ACCUSES, "[]", content_type=JSON, headers=headers).status_code == 200


@pytest.mark.rule("TEL-4.e")
@pytest.mark.rule("ACC-2.b")
def test_killed_before_it_is_committed_nothing_is_sent_or_acknowledged_unrecorded(line, token, monkeypatch):
    [demande] = waiting(line, 1)
    opened, origin = JetonLieu.objects.get(), handover.Origin()

    class Killed(BaseException):
        pass

    def die(*args, **kwargs):
        raise Killed

    page = flux.page_of(line.lieu, after="", most=10, now=NOW)
    pieces = flux.documents(page, opened, now=NOW, origin=origin)
    next(pieces)
    with monkeypatch.context() as patch:
        patch.setattr("demandes.documents.xml_writer.Piece.text", die)
        with pytest.raises(Killed):
            next(pieces)
    assert not Remise.objects.exists()
    read(get(token))
    with monkeypatch.context() as patch:
        patch.setattr("django.db.models.query.QuerySet.update", die)
        with pytest.raises(Killed):
            flux.acknowledge([demande.reference], opened, now=NOW)
    assert not Entry.objects.filter(event="demande.recuperee").exists()
    assert flux.acknowledge([demande.reference], opened, now=NOW).picked_up == 1
