"""The lieu attests that its copies are gone: with its deadline, signed once by the right one, sealed (CNS-3 to -5)."""

import io
import re
import threading
from datetime import UTC, date, datetime, timedelta

import pypdf
import pytest
from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import ProtectedError
from django.urls import reverse

from conventions.models import Convention
from demandes.attestations.models import Attestation, LigneAttestation
from demandes.attestations.services import copies as attestations
from demandes.models import Demande
from demandes.services import destruction, handover
from extranet.core.documents import seal, store
from extranet.core.documents.models import StoredFile
from extranet.core.errors import WrongState
from extranet.core.journal.models import Entry
from extranet.core.outbox import services as outbox
from habilitations.models import Habilitation
from tests.conftest import text_of
from tests.factories import AgentFactory, DemandeFactory, HabilitationFactory, LieuFactory

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
PASSWORD = "Demonstration-2026"
COPIES = ("logiciel", "messagerie", "papier", "prestataires")
TICKED = dict.fromkeys(COPIES, "on")


@pytest.fixture(autouse=True)
def data_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(settings, "DATA_DIR", tmp_path)


@pytest.fixture
def lieu(db, time_machine):
    time_machine.move_to(NOW, tick=False)
    return LieuFactory(nom="RPE des Tilleuls")


@pytest.fixture
def person(lieu):
    return HabilitationFactory(
        lieu=lieu,
        user__email="ana@tilleuls.test",
        user__prenom="Ana",
        user__nom="Petit",
        inscription__fonction="responsable",
    ).user


@pytest.fixture
def page(client, person):
    client.force_login(person)
    return client


def moment(day):
    return datetime.fromisoformat(f"{day}T10:00").replace(tzinfo=UTC)


def opened(lieu, now=NOW, **about):
    """The attestation about one demande of six months ago."""
    DemandeFactory(recuperee=True, lieu=lieu, at=datetime(2026, 5, 22, 10, tzinfo=UTC), **about)
    destruction.destroy_due(now=now)
    attestations.open_due(now=now)
    return Attestation.objects.get(lieu=lieu, state="ouverte")


def address(attestation, pdf=False):
    return reverse("attestations:pdf" if pdf else "attestations:attestation", args=[attestation.uuid])


def sign(page, attestation, **changes):
    data = TICKED | {"mot_de_passe": PASSWORD, "visa_archives": "n° 12 du 3 juin"} | changes
    return page.post(address(attestation), {name: value for name, value in data.items() if value is not None})


# --- opened -------------------------------------------------------------------------------------------------------


@pytest.mark.rule("CNS-3.a")
@pytest.mark.parametrize(
    ("given", "job", "due"),
    [
        *[(f"2025-08-{day}", "2026-03-01", "2026-03-28") for day in (29, 30, 31)],  # not seven months: the 29th to 31st
        ("2026-05-10", "2026-11-23", "2026-12-10"),  # a job that ran late gives no more time
    ],
)
def test_its_deadline_is_one_month_after_the_end_of_the_six(lieu, given, job, due):
    DemandeFactory(transmise=True, lieu=lieu, at=moment(given))
    destruction.destroy_due(now=moment(job))
    assert attestations.open_due(now=moment(job)) == 1
    line = LigneAttestation.objects.get()
    assert line.attestation.due_on == date.fromisoformat(due)
    assert (line.transmitted_on, line.destroyed_on) == (date.fromisoformat(given), date.fromisoformat(job))


@pytest.mark.rule("CNS-3.b")
def test_it_covers_what_was_destroyed_since_the_last_one_and_nothing_else(lieu, person, page):
    first = opened(lieu)
    other = opened(LieuFactory())
    DemandeFactory(echue=True, lieu=lieu)
    DemandeFactory(at=NOW - timedelta(days=200))  # never assigned: no lieu ever had it
    DemandeFactory(transmise=True, lieu=lieu)  # still alive
    DemandeFactory(recuperee=True, lieu=lieu, at=moment("2026-05-10"))
    destruction.destroy_due(now=NOW)
    assert attestations.open_due(now=NOW) == 2
    assert attestations.open_due(now=NOW) == 0
    first.refresh_from_db()
    assert first.due_on == date(2026, 12, 10)  # that of the oldest
    assert (first.lignes.count(), other.lignes.count()) == (3, 1)
    assert [line.picked_up_by != "" for line in first.lignes.order_by("transmitted_on", "pk")] == [True, True, False]
    assert sign(page, first).status_code == 302
    opened(lieu)
    second = Attestation.objects.get(lieu=lieu, state="ouverte")
    assert (second.lignes.count(), first.lignes.count()) == (1, 3)
    words = page.get(reverse("attestations:liste")).content.decode()
    assert -1 < words.index(address(second)) < words.index(address(first))  # what is to sign comes first
    assert LigneAttestation.objects.count() == LigneAttestation.objects.values("attribution").distinct().count() == 5
    line = first.lignes.first()
    with pytest.raises(IntegrityError), transaction.atomic():
        LigneAttestation.objects.filter(pk=second.lignes.get().pk).update(attribution=line.attribution)


@pytest.mark.rule("CNS-3.a")
@pytest.mark.rule("CNS-3.c")
def test_a_withdrawn_demande_is_attested_at_the_end_of_its_six_months_if_the_lieu_had_a_copy(lieu, person):
    copied, unread = (DemandeFactory(transmise=True, lieu=lieu, at=moment("2026-06-10")) for _ in range(2))
    handover.fetch([copied.uuid], form="xml", by=person, now=moment("2026-06-11"), origin=handover.Origin())
    for demande in (copied, unread):
        destruction.withdraw(demande, now=moment("2026-06-12"))
    assert attestations.open_due(now=moment("2026-12-10")) == 0
    assert attestations.open_due(now=moment("2026-12-11")) == 1
    line = LigneAttestation.objects.get()
    assert (line.attribution.demande, line.retiree, line.picked_up_by) == (copied, True, "Ana Petit")
    assert line.destroyed_on == date(2026, 6, 12)
    assert line.attestation.due_on == date(2027, 1, 10)


@pytest.mark.rule("CNS-5.a")
def test_the_lieu_is_told_at_opening_day_15_and_day_25_and_the_caf_once_it_is_late(lieu, person, smtp_sink):
    AgentFactory(user__email="agent@caf77.test")
    AgentFactory(essonne=True, user__email="agent@caf91.test")
    attestation = opened(lieu)
    assert attestation.due_on == date(2026, 12, 22)
    left = []
    for rank in (*range(40), 100, 200):
        for _ in range(2):
            now = NOW + timedelta(days=rank)
            attestations.remind(now=now)
            outbox.send_due(now=now)
            outbox.forget_old(now=now)
            left += [(rank, mail["To"]) for mail in smtp_sink.mails]
            assert not any("Famille" in mail.as_string() for mail in smtp_sink.mails)
            smtp_sink.mails.clear()
    lieu_told = [(rank, "ana@tilleuls.test") for rank in (0, 15, 25)]
    assert left == [*lieu_told, (30, "agent@caf77.test")]


@pytest.mark.rule("CNS-5.a")
@pytest.mark.rule("NOT-2.e")
def test_mails_that_waited_for_days_leave_as_one_and_not_at_all_once_it_is_signed(lieu, person, page, smtp_sink):
    attestation = opened(lieu)
    attestations.remind(now=NOW + timedelta(days=15))
    outbox.send_due(now=NOW + timedelta(days=15))
    [mail] = smtp_sink.mails
    assert "Rappel" in mail["Subject"]
    assert "22 décembre 2026" in text_of(mail)
    attestations.remind(now=NOW + timedelta(days=25))
    sign(page, attestation)
    assert outbox.send_due(now=NOW + timedelta(days=25)) == (0, 0)
    assert len(smtp_sink.mails) == 1


# --- signed -------------------------------------------------------------------------------------------------------


@pytest.mark.rule("ACC-2.d")
@pytest.mark.rule("CNS-3.c")
@pytest.mark.rule("CNS-4.a")
@pytest.mark.rule("CNS-4.b")
@pytest.mark.rule("CNS-4.c")
def test_signed_it_is_a_sealed_pdf_that_says_what_was_attested_and_by_whom(page, person, lieu):
    attestation = opened(lieu, dossier__nom="Secrète")
    assert sign(page, attestation).status_code == 302
    attestation.refresh_from_db()
    assert (attestation.state, attestation.signed_by, attestation.signed_at) == ("signee", person, NOW)
    assert (attestation.signataire, attestation.qualite) == ("Ana Petit", "responsable")
    assert all(getattr(attestation, name) for name in COPIES)
    assert attestation.list_sha256 == attestations.list_digest(attestation)
    answer = page.get(address(attestation, pdf=True))
    data = b"".join(answer.streaming_content)
    assert answer["Content-Security-Policy"].startswith("sandbox")
    assert attestation.pdf_sha256 == attestation.pdf.sha256
    assert data == store.read(attestation.pdf)
    document = pypdf.PdfReader(io.BytesIO(data))
    words = " ".join(" ".join(sheet.extract_text() for sheet in document.pages).split())
    line = attestation.lignes.get()
    said = [
        line.reference,
        "22 mai 2026",
        "23 novembre 2026",
        line.picked_up_by,
        "Ana Petit",
        "responsable",
        "n° 12 du 3 juin",
    ]
    assert [text for text in [*said, "RPE des Tilleuls"] if text not in words] == []
    assert attestation.list_sha256 in words.replace(" ", "")
    assert "Secrète" not in words
    assert seal.is_intact(data)
    for place in (0, len(data) // 3, len(data) // 2, 2 * len(data) // 3, len(data) - 2):
        changed = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        assert not seal.is_intact(changed), place
    assert not seal.is_intact(data + b"\n%")
    [act] = Entry.objects.filter(event="attestation.signee")
    assert (act.actor, act.caf) == (f"user:{person.uuid}", lieu.caf_id)


@pytest.mark.rule("CNS-4.a")
@pytest.mark.rule("CNS-4.b")
@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"mot_de_passe": "pas le bon"}, "Ce mot de passe n’est pas le bon."),
        ({"mot_de_passe": PASSWORD.lower()}, "Ce mot de passe n’est pas le bon."),
        ({"mot_de_passe": ""}, "Saisissez votre mot de passe pour signer."),
        ({"visa_archives": "x" * 201}, "200"),
        *[({name: None}, "Cochez cette ligne une fois ces copies détruites") for name in COPIES],
    ],
)
def test_what_is_missing_is_said_and_what_was_typed_is_kept(page, lieu, changes, sentence):
    attestation = opened(lieu)
    answer = sign(page, attestation, **changes)
    words = answer.content.decode()
    assert answer.status_code == 422
    assert sentence in words
    assert words.count(" checked") == sum(changes.get(name, "on") is not None for name in COPIES)
    assert changes.get("visa_archives", "n° 12 du 3 juin") in words
    assert PASSWORD not in words
    assert "pas le bon" not in re.sub("ce mot de passe n’est pas le bon.", "", words, flags=re.IGNORECASE)
    attestation.refresh_from_db()
    assert (attestation.state, attestation.pdf, StoredFile.objects.count()) == ("ouverte", None, 0)


@pytest.mark.rule("CNS-4.e")
def test_once_signed_it_is_locked(page, person, lieu):
    attestation = opened(lieu)
    sign(page, attestation)
    before = Attestation.objects.values().get(pk=attestation.pk)
    assert sign(page, attestation, visa_archives="autre").status_code == 409
    with pytest.raises(WrongState):
        attestations.sign(attestation.uuid, copies=frozenset(COPIES), visa="", by=person, now=NOW)
    assert "mot_de_passe" not in page.get(address(attestation)).content.decode()
    assert Attestation.objects.values().get(pk=attestation.pk) == before
    for row in (attestation.lignes.get().attribution, attestation, attestation.pdf or StoredFile.objects.get()):
        with pytest.raises(ProtectedError):
            row.delete()
    agent = AgentFactory(superviseur=True).user
    page.force_login(agent)
    admin = reverse("admin:attestations_attestation_change", args=[attestation.pk])
    page.post(admin, {"state": "ouverte", "signataire": "Autre"})
    page.post(reverse("admin:attestations_attestation_delete", args=[attestation.pk]), {"post": "yes"})
    assert Attestation.objects.values().get(pk=attestation.pk) == before


@pytest.mark.rule("ACC-1.a")
@pytest.mark.rule("CNS-3.a")
@pytest.mark.parametrize("who", ["of another lieu", "suspended", "agent", "nobody"])
def test_nobody_else_signs_or_reads_it_in_the_space_of_lieux(client, lieu, who):
    attestation = opened(lieu)
    expected = 404
    if who == "agent":
        client.force_login(AgentFactory().user)
        expected = 403
    elif who == "nobody":
        expected = 302
    else:
        about = {"lieu": lieu, "suspendue": True} if who == "suspended" else {}
        client.force_login(HabilitationFactory(**about).user)
        assert attestation.lieu.nom not in client.get(reverse("attestations:liste")).content.decode()
    assert client.get(address(attestation)).status_code == expected
    assert sign(client, attestation).status_code == expected
    assert client.get(address(attestation, pdf=True)).status_code == expected
    attestation.refresh_from_db()
    assert attestation.state == "ouverte"


@pytest.mark.rule("CNS-4.c")
def test_agents_of_its_own_caf_read_it_and_no_others(client, page, lieu):
    attestation = opened(lieu)
    change = reverse("admin:attestations_attestation_change", args=[attestation.pk])
    download = reverse("admin:attestations_attestation_pdf", args=[attestation.pk])
    client.force_login(AgentFactory().user)
    assert (client.get(change).status_code, client.get(download).status_code) == (200, 404)
    client.force_login(Habilitation.objects.get(personne__lieu=lieu).user)
    sign(client, attestation)
    for agent in (AgentFactory().user, AgentFactory(lecteur=True).user):
        client.force_login(agent)
        assert attestation.lignes.get().reference in client.get(change).content.decode()
        assert seal.is_intact(b"".join(client.get(download).streaming_content))
    client.force_login(AgentFactory(essonne=True).user)
    assert client.get(change).status_code in (302, 404)
    assert client.get(download).status_code == 404


@pytest.mark.rule("CON-6.b")
def test_after_the_convention_s_end_it_can_still_be_signed_and_nothing_else_be_seen(page, lieu, person):
    attestation = opened(lieu)
    demande = DemandeFactory(recuperee=True, lieu=lieu)
    Convention.objects.filter(lieu=lieu).update(ended_on=date(2026, 11, 20))
    assert page.get(reverse("demandes:detail", args=[demande.uuid])).status_code == 404
    assert page.get(address(attestation)).status_code == 200
    assert sign(page, attestation).status_code == 302
    attestation.refresh_from_db()
    assert (attestation.state, attestation.qualite) == ("signee", "responsable")
    assert page.get(address(attestation, pdf=True)).status_code == 200


@pytest.mark.rule("CNS-4.e")
@pytest.mark.django_db(transaction=True)
def test_two_signatures_at_once_make_one(lieu):
    persons = [HabilitationFactory(lieu=lieu).user for _ in range(2)]
    for _ in range(5):
        attestation, start, answers = opened(lieu), threading.Barrier(2), []

        def attest(person, attestation=attestation, start=start, answers=answers):
            try:
                connection.ensure_connection()
                start.wait(timeout=60)
                attestations.sign(attestation.uuid, copies=frozenset(COPIES), visa="", by=person, now=NOW)
                answers.append(person)
            except WrongState:
                answers.append(None)
            finally:
                connection.close()

        threads = [threading.Thread(target=attest, args=[person]) for person in persons]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        [signer] = [person for person in answers if person]
        assert len(answers) == 2
        attestation.refresh_from_db()
        assert (attestation.signed_by, attestation.signataire) == (signer, signer.get_full_name())
        [act] = Entry.objects.filter(event="attestation.signee", object_id=str(attestation.uuid))
        assert act.actor == f"user:{signer.uuid}"
        assert StoredFile.objects.count() == Attestation.objects.count()
    assert not Demande.objects.exclude(state="purgee").exists()
