"""The gestionnaire hands in the signed copy by a one-time link; it counts once an agent has verified it (CON-15)."""

import contextlib
import re
import threading
from datetime import date, timedelta
from io import BytesIO

import pikepdf
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.urls import reverse

from conventions import queries
from conventions.models import Acte, Convention, CopieSignee, Signature
from conventions.services import avenants, copies, register, signature
from extranet.core.documents import store
from extranet.core.documents.models import StoredFile
from extranet.core.errors import Forbidden, Gone, Refused, WrongState
from extranet.core.journal.models import Entry
from extranet.core.outbox import services as outbox
from extranet.core.outbox.models import Message
from habilitations.services import applications
from tests.conftest import text_of
from tests.factories import NOW, AgentFactory, CommuneFactory, DemandeHabilitationFactory, LieuFactory, a_pdf

pytestmark = pytest.mark.django_db
CHANGE, ACT = "admin:conventions_convention_change", "admin:conventions_convention_acte"
LATER = NOW + timedelta(days=3)


@pytest.fixture(autouse=True)
def _now(time_machine):
    time_machine.move_to(LATER, tick=False)


@pytest.fixture
def agent():
    return AgentFactory(user__email="agent@caf77.test")


@pytest.fixture
def acte():
    lieu = LieuFactory(a_signer=True, convention__created_at=NOW, courriel="rpe@lieu.test")
    return queries.founding_acte(lieu.conventions.get())


@pytest.fixture
def copie(acte, agent):
    return copies.send_link(acte_uuid=acte.uuid, by=agent.user, now=NOW)


def page_of(copie, name="a-signer"):
    return reverse(f"conventions:{name}", args=[queries.copy_token(copie)])


def upload(content=None, name="signe.pdf"):
    return {"scan": SimpleUploadedFile(name, a_pdf() if content is None else content, "application/pdf")}


def hand_in(copie):
    return copies.hand_in(copie_uuid=copie.uuid, scan=BytesIO(a_pdf()), now=LATER)


def reading(acte, agent, **given):
    return {
        "acte_uuid": acte.uuid,
        "pieces": ["convention", "annexe1"],
        "signed_on": date(2026, 11, 25),
        "signataire": "Dominique Moreau",
        "qualite": "président",
        "by": agent.user,
        "now": LATER,
    } | given


@pytest.mark.rule("CON-15.a")
@pytest.mark.rule("CON-15.b")
def test_from_acceptance_to_the_verified_copy_by_mails_and_pages(client, agent, smtp_sink, run_bells, settings):
    settings.PUBLIC_URL = "http://testserver"
    demande = DemandeHabilitationFactory(version__lieu_courriel="rpe@lieu.test")
    applications.accept(demande_id=demande.pk, by=agent.user, now=NOW)
    run_bells()
    outbox.send_due(now=LATER)
    [asked] = [mail for mail in smtp_sink.to("rpe@lieu.test") if "à signer" in mail["Subject"]]
    words = text_of(asked)
    assert all(said in words for said in ("deux exemplaires", "annexe 1", "les deux originaux à la Caf"))
    address = re.search(r"http://testserver(/conventions/copie-signee/\S+)", words).group(1)
    before = list(Entry.objects.values_list("pk", flat=True))
    for _ in range(2):  # opening changes nothing, nor does reading the paper
        page = client.get(address)
        assert page.status_code == 200
        paper = client.get(f"{address}document/")
        assert b"".join(paper.streaming_content).startswith(b"%PDF-")
    assert list(Entry.objects.values_list("pk", flat=True)) == before
    copie = CopieSignee.objects.get()
    assert (copie.handed_at, copie.closed_at) == (None, None)
    assert client.post(address, upload()).status_code == 302
    assert "est arrivée à la Caf" in client.get(address).content.decode()
    assert not Signature.objects.exists()  # it counts only once verified

    outbox.send_due(now=LATER)
    [told] = [mail for mail in smtp_sink.to("agent@caf77.test") if "à vérifier" in mail["Subject"]]
    convention = Convention.objects.get()
    assert reverse(CHANGE, args=[convention.pk]) in text_of(told)
    client.force_login(agent.user)
    assert "copie signée à vérifier" in client.get("/admin/").content.decode()
    waiting = client.get(reverse("admin:conventions_convention_changelist"), {"copie": "a-verifier"}).content.decode()
    assert convention.numero in waiting
    shown = client.get(reverse(CHANGE, args=[convention.pk])).content.decode()
    act = reverse(ACT, args=[convention.pk, "verifier-copie"])
    assert act in shown
    copie.refresh_from_db()
    received = client.get(reverse("admin:conventions_convention_fichier", args=[convention.pk, copie.scan_id]))
    assert b"".join(received.streaming_content).startswith(b"%PDF-")
    typed = {
        "pieces": "convention,annexe1",
        "signed_on": "2026-11-25",
        "signataire": "Camille Martin",
        "qualite": "maire",
    }
    assert client.post(act, typed | {"signed_on": "2026-12-25"}).status_code == 422
    assert not Signature.objects.exists()
    assert client.post(act, typed).status_code == 302
    copie.refresh_from_db()
    assert copie.issue == "verifiee"
    assert "copie signée à vérifier" not in client.get("/admin/").content.decode()
    assert {line.scan for line in Signature.objects.all()} == {copie.scan}
    assert {line.partie for line in Signature.objects.all()} == {"gestionnaire"}
    assert client.post(act, typed).status_code == 409
    assert "est vérifiée" in client.get(address).content.decode()


@pytest.mark.rule("CON-15.a")
@pytest.mark.rule("CON-15.b")
@pytest.mark.rule("CON-7.d")
def test_an_avenant_is_sent_with_its_link_as_soon_as_it_is_prepared_and_its_copy_is_verified_on_its_page(
    client, agent, smtp_sink, settings
):
    settings.PUBLIC_URL = "http://testserver"
    CommuneFactory(melun=True)
    lieu = LieuFactory(courriel="rpe@lieu.test", caf__telephone="+33100000000")
    convention = lieu.conventions.get()
    acte = avenants.prepare(convention_uuid=convention.uuid, communes_added=["77288"], by=agent.user, now=NOW)
    outbox.send_due(now=LATER)
    [asked] = [mail for mail in smtp_sink.to("rpe@lieu.test") if "à signer" in mail["Subject"]]
    said = text_of(asked)
    assert asked["Subject"] == f"Avenant n° 1 à la convention {convention.numero} à signer"
    assert all(one in said for one in ("Melun (77) est ajoutée", "l’avenant et l’annexe 1, sur les deux exemplaires"))
    assert ", ".join(lieu.caf.lignes_adresse) in said
    address = re.search(r"http://testserver(/conventions/copie-signee/\S+)", said).group(1)
    assert "Avenant n° 1 à la convention" in client.get(address).content.decode()  # without an account
    assert b"".join(client.get(f"{address}document/").streaming_content).startswith(b"%PDF-")
    client.force_login(agent.user)
    page, act = (
        reverse(f"admin:conventions_avenant_{name}", args=[acte.pk, *more])
        for name, more in (("change", ()), ("acte", ("envoyer-lien",)))
    )
    assert "C’est au gestionnaire de le faire" in client.get(page).content.decode()
    assert client.post(act).status_code == 302
    assert client.get(address).status_code == 410
    copie = CopieSignee.objects.get(closed_at=None)
    assert client.post(page_of(copie), upload()).status_code == 302

    outbox.send_due(now=LATER)
    [told] = [mail for mail in smtp_sink.to("agent@caf77.test") if "à vérifier" in mail["Subject"]]
    assert page in text_of(told)
    shown = client.get(page).content.decode()
    assert "vérifier la copie signée que le gestionnaire a remise." in shown
    assert "Copie signée reçue par le lien" in shown
    waiting = client.get(reverse("admin:conventions_convention_changelist"), {"copie": "a-verifier"}).content.decode()
    assert convention.numero in waiting
    typed = {"pieces": "avenant,annexe1", "signed_on": "2026-11-25", "signataire": "A", "qualite": "maire"}
    refuse, verify = (
        reverse("admin:conventions_avenant_acte", args=[acte.pk, slug]) for slug in ("refuser-copie", "verifier-copie")
    )
    assert client.post(refuse, {"motif": "La page 2 manque."}).status_code == 302
    hand_in(CopieSignee.objects.get(closed_at=None))
    assert client.post(verify, typed | {"pieces": "convention,annexe1"}).status_code == 422
    assert client.post(verify, typed).status_code == 302
    assert {(line.piece.acte, line.partie) for line in Signature.objects.filter(recorded_at=LATER)} == {
        (acte, "gestionnaire")
    }
    assert "enregistrer la signature de la Caf." in client.get(page).content.decode()


@pytest.mark.rule("CON-15.a")
def test_the_link_of_an_avenant_ends_with_its_convention(client, agent):
    CommuneFactory(melun=True)
    convention = LieuFactory().conventions.get()
    acte = avenants.prepare(convention_uuid=convention.uuid, communes_added=["77288"], by=agent.user, now=NOW)
    copie = acte.copies.get()
    Convention.objects.update(ended_on=date(2026, 11, 25))
    assert client.post(page_of(copie), upload()).status_code == 410
    assert "La convention a pris fin" in client.get(page_of(copie)).content.decode()
    with pytest.raises(Gone):
        hand_in(copie)
    with pytest.raises(WrongState, match="a pris fin"):
        copies.send_link(acte_uuid=acte.uuid, by=agent.user, now=LATER)


def with_script():
    document, target = pikepdf.new(), BytesIO()
    document.add_blank_page()
    document.Root.OpenAction = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS="app.alert(1)")
    document.save(target)
    return target.getvalue()


def with_file_inside():
    document, target = pikepdf.new(), BytesIO()
    document.add_blank_page()
    document.attachments["liste.txt"] = b"x"
    document.save(target)
    return target.getvalue()


def with_password():
    document, target = pikepdf.new(), BytesIO()
    document.add_blank_page()
    document.save(target, encryption=pikepdf.Encryption(owner="a", user="b"))
    return target.getvalue()


@pytest.mark.rule("CON-15.a")
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (with_script, "contient un programme"),
        (with_file_inside, "fichier joint"),
        (with_password, "protégé par un mot de passe"),
        (lambda: a_pdf() + b"\0" * (11 * 1024 * 1024), "dépasse 10 Mo"),
        (lambda: b"PK\x03\x04 a document of a word processor", "pas un PDF"),
        (lambda: a_pdf()[:200], "abîmé"),
        (lambda: b"", "Ce fichier est vide"),
    ],
    ids=["script", "attachment", "password", "11 MB", "not a PDF", "cut", "empty"],
)
def test_what_is_no_plain_pdf_is_refused_in_words_and_the_link_still_serves(client, copie, content, words):
    answer = client.post(page_of(copie), upload(content()))
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not StoredFile.objects.filter(nature="scan").exists()
    assert not Message.objects.filter(kind="conventions.copie-remise").exists()
    assert client.post(page_of(copie), upload()).status_code == 302


@pytest.mark.rule("CON-15.a")
def test_nothing_chosen_is_said_beside_the_field_and_too_much_is_not_even_read(client, copie):
    answer = client.post(page_of(copie), {})
    assert answer.status_code == 422
    assert "Choisissez le fichier" in answer.content.decode()
    assert client.post(page_of(copie), upload(), CONTENT_LENGTH=str(41 * 1024 * 1024)).status_code == 413


@pytest.mark.rule("CON-15.a")
def test_a_form_sent_from_elsewhere_is_refused(copie):
    from django.test import Client

    assert Client(enforce_csrf_checks=True).post(page_of(copie), upload()).status_code == 403
    copie.refresh_from_db()
    assert copie.handed_at is None


@pytest.mark.rule("CON-15.a")
def test_a_link_serves_once_and_a_new_one_closes_it(client, acte, agent, copie):
    forged = page_of(copie)[:-5] + "AAAA/"
    assert client.get(forged).status_code == 404
    again = copies.send_link(acte_uuid=acte.uuid, by=agent.user, now=LATER)
    for name in ("a-signer", "document"):
        answer = client.get(page_of(copie, name))
        assert answer.status_code == 410
        assert "utilisez le dernier courriel" in answer.content.decode()
    assert client.post(page_of(copie), upload()).status_code == 410
    assert client.post(page_of(again), upload()).status_code == 302
    assert client.post(page_of(again), upload(a_pdf(2))).status_code == 200  # nothing more is taken
    assert StoredFile.objects.filter(nature="scan").count() == 1
    with pytest.raises(WrongState, match="vérifiez-la d’abord"):
        copies.send_link(acte_uuid=acte.uuid, by=agent.user, now=LATER)


@pytest.mark.rule("CON-15.a")
def test_a_flood_through_one_link_is_stopped(client, copie):
    answers = [client.post(page_of(copie), upload(b"no pdf")).status_code for _ in range(12)]
    assert answers == [422] * 10 + [429] * 2


@pytest.mark.rule("CON-15.b")
def test_a_copy_refused_is_said_with_its_reason_and_another_link(client, acte, agent, copie, smtp_sink, settings):
    settings.PUBLIC_URL = "http://testserver"
    hand_in(copie)
    client.force_login(agent.user)
    act = reverse(ACT, args=[acte.convention.pk, "refuser-copie"])
    preview = client.get(act).content.decode()
    assert "Ce qui ne va pas" in preview
    assert "la copie signée est à renvoyer" in preview  # the mail, before it goes
    assert client.post(act, {"motif": " "}).status_code == 422
    assert client.post(act, {"motif": "La page 3 manque."}).status_code == 302
    outbox.send_due(now=LATER)
    [mail] = [one for one in smtp_sink.to("rpe@lieu.test") if "à renvoyer" in one["Subject"]]
    assert "La page 3 manque." in text_of(mail)
    again = CopieSignee.objects.get(closed_at=None)
    assert page_of(again) in text_of(mail)
    assert client.get(page_of(copie)).status_code == 410
    assert client.post(page_of(again), upload()).status_code == 302
    assert not Signature.objects.exists()
    copie.refresh_from_db()
    assert (copie.issue, copie.motif, copie.closed_by) == ("refusee", "La page 3 manque.", agent.user)
    shown = client.get(reverse(CHANGE, args=[acte.convention.pk])).content.decode()
    assert "refusée le 26 nov. 2026" in shown
    with pytest.raises(Refused):
        copies.refuse(acte_uuid=acte.uuid, motif=" ", by=agent.user, now=LATER)


@pytest.mark.rule("CON-15.b")
def test_the_last_signature_by_a_verified_copy_puts_the_convention_in_force(acte, agent, copie):
    signature.record_signature(
        partie="caf", scan=BytesIO(a_pdf()), **reading(acte, agent, signed_on=date(2026, 11, 26))
    )
    hand_in(copie)
    copies.verify(**reading(acte, agent))
    assert Convention.objects.get().in_force_from == date(2026, 11, 26)
    with pytest.raises(WrongState):
        copies.send_link(acte_uuid=acte.uuid, by=agent.user, now=LATER)


@pytest.mark.rule("CON-15.a")
@pytest.mark.rule("CON-15.b")
def test_once_signed_or_abandoned_otherwise_the_link_is_over_and_its_mail_does_not_leave(client, acte, agent, copie):
    register.abandon(convention_uuid=acte.convention.uuid, motif="Sans suite.", by=agent.user, now=LATER)
    assert client.get(page_of(copie)).status_code == 410
    assert client.post(page_of(copie), upload()).status_code == 410
    with pytest.raises(Gone):
        hand_in(copie)
    with pytest.raises(WrongState):
        copies.verify(**reading(acte, agent))
    outbox.send_due(now=LATER)
    assert not Message.objects.filter(kind="conventions.a-signer", cancelled_at=None).exists()


@pytest.mark.rule("CON-15.b")
@pytest.mark.parametrize(("who", "status"), [({"lecteur": True}, 403), ({"essonne": True}, 404), ({"cnaf": True}, 403)])
def test_who_may_not_verify(client, acte, agent, copie, who, status):
    hand_in(copie)
    stranger = AgentFactory(**who)
    client.force_login(stranger.user)
    for slug in ("verifier-copie", "refuser-copie", "envoyer-lien"):
        assert client.post(reverse(ACT, args=[acte.convention.pk, slug]), {"motif": "x"}).status_code == status
    if status == 403:
        with pytest.raises(Forbidden):
            copies.verify(**reading(acte, stranger))
    assert not Signature.objects.exists()
    if "essonne" in who:
        file = reverse("admin:conventions_convention_fichier", args=[acte.convention.pk, copie.scan_id or acte.uuid])
        assert client.get(file).status_code == 404


@pytest.mark.rule("CON-15.a")
@pytest.mark.django_db(transaction=True)
def test_two_sendings_at_once_keep_one_copy():
    agent = AgentFactory()
    acte = Acte.objects.get(convention=LieuFactory(a_signer=True, convention__created_at=NOW).conventions.get())
    copie = copies.send_link(acte_uuid=acte.uuid, by=agent.user, now=NOW)
    meeting, inside, outcomes = threading.Barrier(2), threading.Barrier(2), []
    checked = store.checked_pdf

    def send():
        try:
            connection.ensure_connection()
            meeting.wait(timeout=60)
            hand_in(copie)
            outcomes.append("kept")
        except Gone:
            outcomes.append("gone")
        finally:
            connection.close()

    def slow(scan, *, field):
        """Each waits for the other here: with the row held, one never gets there."""
        with contextlib.suppress(threading.BrokenBarrierError):
            inside.wait(timeout=1)
        return checked(scan, field=field)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "checked_pdf", slow)
        threads = [threading.Thread(target=send) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(outcomes) == ["gone", "kept"]
    assert StoredFile.objects.filter(nature="scan").count() == 1
