"""Deliveries of monenfant.fr: refused whole, set aside one by one, taken in exactly once (ING)."""

import gzip
import io
import json
import logging
from datetime import UTC, datetime, timedelta

import pytest
from django.db.models import Count

from bench.deliveries import HEAD, delivery, record
from demandes.documents.motifs import refusal, said
from demandes.models import Attribution, Demande, Dossier, Livraison, Rejet, Transmission
from demandes.services import applying, deliveries, destruction, handover, transmission
from demandes.workflow import Etat
from extranet.core.journal.models import Entry
from extranet.core.outbox import services as outbox
from extranet.core.outbox.models import Message
from tests.factories import HabilitationFactory, LieuFactory, contenu_of

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@pytest.fixture
def person(db):
    """A person of the only lieu of Le Châtelet-en-Brie."""
    return HabilitationFactory(lieu=LieuFactory(code="RPE-77-CHATELET")).user


def take(content, nom="livraison.xml", now=NOW):
    data = content if isinstance(content, bytes) else "".join(content).encode()
    livraison = deliveries.register(io.BytesIO(data), nom=nom, origine=Livraison.Origine.DEPOT, now=now, ring=False)
    return applying.ingest(livraison.pk, now=now)


def file_of(*records, now=NOW):
    return "".join(delivery(iter(records), now))


def counts(livraison):
    livraison.refresh_from_db()
    return (livraison.lues, livraison.creees, livraison.mises_a_jour, livraison.inchangees, livraison.ecartees)


def day(days):
    return (NOW + timedelta(days=days)).date()


def child(tag, days):
    return f"<enfant><{tag}>{day(days)}</{tag}></enfant>"


def at(days):
    return (NOW + timedelta(days=days)).isoformat()


FAULTS = {
    "unknown element": {"tail": "\n<autre/>"},
    "unknown attribute": {"extra": ' couleur="bleue"'},
    "name too long": {"nom": "x" * 101},
    "blank name": {"nom": "   "},
    "control character": {"nom": "Fic&#x85;tion"},
    "text that turns the reading order": {"nom": "Fic\u202etion"},
    "no contact": {"contact": ""},
    "address impossible": {"contact": "\n<courriel>pas une adresse</courriel>"},
    "telephone impossible": {"contact": "\n<telephone>12</telephone>"},
    "unknown commune": {"commune": "77999"},
    "territory without a Caf": {"commune": "98818"},
    "child of six": {"enfants": child("date-naissance", -2300)},
    "birth after the demande": {"enfants": child("date-naissance", 3)},
    "due date too far": {"enfants": child("date-prevue", 700)},
    "start too far": {"start": day(2000)},
    "no mode": {"modes": ""},
    "a mode twice": {"modes": "<mode>creche-collective</mode><mode>creche-collective</mode>"},
    "hours that overlap": {
        "horaires": '<horaires><jour nom="lundi" de="08:00" a="12:00"/>'
        '<jour nom="lundi" de="11:00" a="15:00"/></horaires>'
    },
    "in the future": {"at": at(1)},
    "older than six months": {"at": at(-190), "enfants": child("date-naissance", -400), "start": day(-150)},
    "transmission inbound": {
        "tail": f'\n<transmission lieu="X" transmise-le="{at(0)}" a-detruire-avant="{day(100)}"/>'
    },
}


@pytest.mark.rule("ING-3.b")
@pytest.mark.rule("ING-3.c")
@pytest.mark.rule("ING-3.d")
@pytest.mark.rule("ING-4.a")
@pytest.mark.rule("ING-4.c")
@pytest.mark.rule("ING-4.d")
@pytest.mark.rule("ING-6.a")
@pytest.mark.rule("NOT-1.a")
def test_a_thousand_records_with_twenty_kinds_of_faults_are_counted_exactly_and_twice_changes_nothing(person):
    changes = {10 + 40 * rank: fault for rank, fault in enumerate(FAULTS.values())}
    assert len(FAULTS) >= 20
    records = [record(rank, NOW, **changes.get(rank, {})) for rank in range(1, 1001)]
    first = take(file_of(*records))
    bad = len(FAULTS)
    assert counts(first) == (1000, 1000 - bad, 0, 0, bad)
    aside = Rejet.objects.filter(livraison=first, issue=Rejet.Issue.ECARTEE)
    assert aside.count() == bad
    lines = file_of(*records).split("\n")
    for rejet in aside:
        assert "<demande reference" in lines[rejet.ligne - 1], rejet
        assert said(rejet.motifs)
        assert "Fic" not in json.dumps(rejet.motifs)
    assert Dossier.objects.count() == Demande.objects.filter(state=Etat.TRANSMISE).count() == 1000 - bad
    assert Transmission.objects.count() == Message.objects.filter(kind="demandes.transmission").count() == 1

    again = take(file_of(*records))
    assert again.pk == first.pk
    other = take(file_of(*records) + "\n")  # other bytes, same records
    assert other.pk != first.pk
    assert counts(other) == (1000, 0, 0, 1000 - bad, bad)
    assert Demande.objects.count() == 1000 - bad
    assert Transmission.objects.count() == 1


WHOLE = {
    "empty": b"",
    "not xml": b"bonjour",
    "truncated": file_of(record(1, NOW))[:-30].encode(),
    "doctype": b'<?xml version="1.0"?><!DOCTYPE demandes [<!ENTITY a "b">]>' + file_of().split("\n", 1)[1].encode(),
    "other root": b"<autres/>",
    "other namespace": file_of().replace("demandes:1", "demandes:9").encode(),
    "other version": file_of().replace('version="1.0" emis', 'version="2.0" emis').encode(),
    "no moment of emission": file_of().replace("emis-le", "emis").encode(),
    "utf-16": file_of(record(1, NOW)).encode("utf-16"),
    "latin-1": file_of(record(1, NOW)).replace("UTF-8", "ISO-8859-1").encode("latin-1"),
    "xml 1.1": file_of().replace('version="1.0" enc', 'version="1.1" enc').encode(),
    "too deep": file_of("<demande>" + "<a>" * 12 + "</a>" * 12 + "</demande>").encode(),
    "gzip cut": gzip.compress(file_of(*[record(n, NOW) for n in range(50)]).encode())[:-20],
    "gzip bomb": gzip.compress(HEAD.format(at=at(0)).encode() + b" " * 40_000_000),
    "ten megabytes of text": file_of(record(1, NOW, nom="x" * 10_500_000)).encode(),
}


@pytest.mark.rule("ING-2.b")
@pytest.mark.rule("ING-3.a")
@pytest.mark.parametrize("kind", WHOLE)
def test_a_file_that_is_not_sound_is_refused_whole(person, kind):
    livraison = take(WHOLE[kind])
    assert livraison.state == "refusee"
    assert refusal(livraison.motifs)
    assert counts(livraison) == (0, 0, 0, 0, 0)
    assert not Demande.objects.exists()


@pytest.mark.rule("ING-2.b")
def test_entities_are_not_expanded(person, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("secret-of-the-machine")
    head = f'<!DOCTYPE d [<!ENTITY x SYSTEM "file://{secret}">]>'
    livraison = take(head + file_of(record(1, NOW, nom="&x;")).split("\n", 1)[1])
    assert livraison.state == "refusee"
    assert not Dossier.objects.exists()


def test_gzip_is_recognised_by_content_and_an_empty_delivery_is_valid(person):
    assert counts(take(gzip.compress(file_of(record(1, NOW)).encode()), nom="livraison.xml"))[1] == 1
    assert take(file_of()).state == "traitee"


@pytest.mark.rule("ING-4.b")
def test_other_content_updates_until_it_is_picked_up_and_is_set_aside_afterwards(person):
    take(file_of(record(1, NOW)))
    demande = Demande.objects.get()
    assert counts(take(file_of(record(1, NOW, nom="Corrigée"))))[2] == 1
    assert contenu_of().nom == "Corrigée"
    assert Transmission.objects.count() == 1  # no new fifteen days
    handover.fetch([demande.uuid], form="xml", by=person, now=NOW, origin=handover.Origin())
    assert counts(take(file_of(record(1, NOW, nom="Encore"))))[4] == 1
    assert contenu_of().nom == "Corrigée"


@pytest.mark.rule("ING-4.c")
def test_what_was_destroyed_or_withdrawn_never_comes_back(person):
    take(file_of(record(1, NOW), record(2, NOW)))
    destruction.withdraw(Demande.objects.get(reference="ME-0000001"), now=NOW)
    assert counts(take(file_of(record(1, NOW, nom="Retour"))))[4] == 1
    late = NOW + timedelta(days=183)
    assert destruction.destroy_due(now=late) == 1
    assert counts(take(file_of(record(2, NOW, nom="Retour"), now=late), now=late))[4] == 1
    assert not Dossier.objects.exists()


@pytest.mark.rule("ING-5.a")
def test_killed_at_a_batch_it_goes_on_and_nothing_is_lost_or_doubled(person, monkeypatch):
    records = file_of(*[record(rank, NOW) for rank in range(1, 1201)])
    livraison = deliveries.register(
        io.BytesIO(records.encode()), nom="l.xml", origine=Livraison.Origine.DOSSIER, now=NOW, ring=False
    )

    class Killed(BaseException):
        pass

    def die(livraison):
        raise Killed

    with pytest.raises(Killed):
        applying.ingest(livraison.pk, now=NOW, progress=die)
    livraison.refresh_from_db()
    assert 0 < livraison.checkpoint < 1200
    # None transmitted without its notification, which waits for the others.
    assert {demande.transmission for demande in Demande.objects.all()} == {batch := Transmission.objects.get()}
    message = Message.objects.get(kind="demandes.transmission", key=str(batch.uuid))
    assert (outbox.send_due(now=NOW), message.due_at) == ((0, 0), NOW + transmission.HELD)
    done = applying.ingest(livraison.pk, now=NOW)
    assert counts(done) == (1200, 1200, 0, 0, 0)
    assert Demande.objects.filter(state=Etat.TRANSMISE, transmission=batch).count() == 1200
    assert Attribution.objects.filter(transmission=batch, ended_at=None).count() == 1200
    acts = Entry.objects.filter(object_kind="demandes.demande").values_list("event").annotate(Count("pk"))
    assert dict(acts) == {"demande.recue": 1200, "demande.transmise": 1200}
    assert Message.objects.get(kind="demandes.transmission").due_at == NOW
    assert outbox.send_due(now=NOW) == (1, 0)


@pytest.mark.rule("ING-5.a")
@pytest.mark.rule("NOT-3.a")
def test_a_delivery_that_stands_still_past_the_waiting_of_its_mail_tells_the_rest_apart(person, monkeypatch):
    records = file_of(*[record(rank, NOW) for rank in range(1, 1201)])
    livraison = deliveries.register(
        io.BytesIO(records.encode()), nom="l.xml", origine=Livraison.Origine.DOSSIER, now=NOW, ring=False
    )

    class Killed(BaseException):
        pass

    def die(livraison):
        raise Killed

    with pytest.raises(Killed):
        applying.ingest(livraison.pk, now=NOW, progress=die)
    assert outbox.send_due(now=NOW + transmission.HELD) == (1, 0)
    later = NOW + timedelta(hours=2)
    applying.ingest(livraison.pk, now=later)
    first, second = Transmission.objects.order_by("pk")
    assert [batch.demandes.count() for batch in (first, second)] == [1000, 200]
    assert second.notified_at is None
    assert outbox.send_due(now=later) == (1, 0)
    second.refresh_from_db()
    assert second.notified_at == later


@pytest.mark.rule("ING-5.c")
def test_files_of_families_go_24_hours_after_success_and_15_days_after_refusal(person):
    good, bad = take(file_of(record(1, NOW))), take(b"bonjour")
    paths = [deliveries.path_of(one) for one in (good, bad)]
    deliveries.destroy_old_files(now=NOW + timedelta(hours=23))
    assert [path.exists() for path in paths] == [True, True]
    deliveries.destroy_old_files(now=NOW + timedelta(hours=25))
    assert [path.exists() for path in paths] == [False, True]
    deliveries.destroy_old_files(now=NOW + timedelta(days=15, hours=1))
    assert [path.exists() for path in paths] == [False, False]


@pytest.mark.rule("ING-6.a")
def test_one_lieu_gets_it_several_or_none_wait_unless_one_is_named(person):
    HabilitationFactory(lieu=LieuFactory(code="GU-77-CHATELET"))
    named = '<lieu code="GU-77-CHATELET"/>'
    take(file_of(record(1, NOW), record(2, NOW, lieu=named), record(3, NOW, commune="77288")))
    found = {row.reference[-1]: (row.state, row.lieu and row.lieu.code) for row in Demande.objects.all()}
    assert found == {"1": ("a-orienter", None), "2": ("transmise", "GU-77-CHATELET"), "3": ("a-orienter", None)}


@pytest.mark.rule("RGP-2.a")
def test_no_name_or_address_of_a_family_reaches_the_logs(person, caplog):
    caplog.set_level(logging.DEBUG)
    mail = "\n<courriel>introuvable@famille.test</courriel>"
    take(file_of(record(1, NOW, nom="Nomrare", contact=mail), record(2, NOW, nom="Nomrare", commune="00000")))
    assert "Nomrare" not in caplog.text
    assert "introuvable" not in caplog.text
