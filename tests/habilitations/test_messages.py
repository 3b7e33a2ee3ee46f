"""A lieu writes to its Caf from the portal, the Caf answers, and nothing changes by it (CTL-5)."""

import hashlib
import uuid
from datetime import date, timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from conventions.models import Couverture, PersonneInscrite
from conventions.services import avenants
from extranet.core.documents.models import StoredFile
from extranet.core.outbox import services as outbox
from extranet.core.outbox.models import Message
from extranet.territory.models import Caf
from habilitations.models import Echange, MessageEchange
from habilitations.services import echanges
from tests.conftest import text_of
from tests.factories import (
    NOW,
    AgentFactory,
    CommuneFactory,
    HabilitationFactory,
    LieuFactory,
    SuspensionFactory,
    a_pdf,
)
from tests.habilitations.test_activation_races import together

pytestmark = [pytest.mark.django_db, pytest.mark.rule("CTL-5.a")]
LIST, NEW = "/espace/messages/", "/espace/messages/nouveau/"
SECRET = "Camille part le 1er mars, merci de fermer son accès."


@pytest.fixture(autouse=True)
def _now(time_machine, settings, tmp_path):
    settings.DATA_DIR = tmp_path
    time_machine.move_to(NOW, tick=False)


@pytest.fixture
def lieu():
    made = LieuFactory(nom="RPE des Tilleuls")
    Caf.objects.filter(pk=made.caf_id).update(telephone="+33100000000")
    return made


@pytest.fixture
def person(lieu):
    return HabilitationFactory(lieu=lieu).user


def typed(to, **changes):
    return {"lieu": to.uuid, "sujet": "depart", "texte": SECRET, "nonce": uuid.uuid4()} | changes


def pdf(name="plan.pdf", content=None):
    return SimpleUploadedFile(name, a_pdf() if content is None else content, "application/pdf")


def _elsewhere():
    lieu = LieuFactory()
    return HabilitationFactory(lieu=lieu).user, lieu


def write(client, person, lieu, **changes):
    client.force_login(person)
    client.post(NEW, typed(lieu, **changes))
    return Echange.objects.latest("pk")


def test_it_is_written_read_answered_followed_and_closed_and_the_annexe_stays(client, person, lieu, smtp_sink):
    colleague, agent = HabilitationFactory(lieu=lieu).user, AgentFactory(caf=lieu.caf).user
    before = list(PersonneInscrite.objects.values()), list(Couverture.objects.values())
    client.force_login(person)
    assert "tel:+33100000000" in client.get(NEW).content.decode()  # a lost device: by telephone first
    sent = client.post(NEW, typed(lieu, fichiers=[pdf("L’acte.pdf"), pdf()]), follow=True)
    page, echange = sent.content.decode(), Echange.objects.get()
    assert sent.redirect_chain == [(f"{LIST}{echange.uuid}/", 302)]
    assert all(words in page for words in (SECRET, "la Caf doit répondre", "L’acte.pdf", "23 novembre 2026"))

    # Its Caf is told, without a word of it, and answers from its desk.
    client.force_login(agent)
    assert "message de lieu à lire" in client.get("/admin/").content.decode()
    change = reverse("admin:habilitations_echange_change", args=[echange.pk])
    page = client.get(change).content.decode()
    assert SECRET in page
    assert "le lieu écrit" in page
    [stored] = StoredFile.objects.filter(pk__in=echange.messages.get().pieces.values("fichier")[:1])
    fetched = client.get(change.removesuffix("change/") + f"fichier/{stored.pk}/")
    assert hashlib.sha256(b"".join(fetched.streaming_content)).hexdigest() == stored.sha256
    answer = {"texte": "Un avenant est en préparation.", "nonce": uuid.uuid4()}
    acte = reverse("admin:habilitations_echange_acte", args=[echange.pk, "repondre"])
    for _ in range(2):  # the button twice
        assert client.post(acte, answer).status_code == 302
    assert echange.messages.count() == 2
    outbox.send_due(now=NOW)
    told = {mail["To"]: text_of(mail) for mail in smtp_sink.mails}
    assert set(told) == {agent.email, person.email, colleague.email}
    assert reverse("habilitations:echange", args=[echange.uuid]) in told[colleague.email]
    assert change in told[agent.email]
    assert not [mail for mail in told.values() if "Camille" in mail or "avenant est en" in mail]

    # A colleague sees the answer; writing again after the end opens it again.
    assert client.post(reverse("admin:habilitations_echange_acte", args=[echange.pk, "terminer"])).status_code == 302
    client.force_login(colleague)
    page = client.get(f"{LIST}{echange.uuid}/").content.decode()
    assert "Un avenant est en préparation." in page
    assert "terminé" in page
    client.post(f"{LIST}{echange.uuid}/", {"texte": "Merci, encore un mot.", "nonce": uuid.uuid4()})
    echange.refresh_from_db()
    assert echange.state == "a-repondre"
    assert [line.partie for line in echange.messages.all()] == ["gestionnaire", "caf", "gestionnaire"]
    assert (list(PersonneInscrite.objects.values()), list(Couverture.objects.values())) == before


def test_nobody_else_reads_it(client, person, lieu):
    echange = write(client, person, lieu, fichiers=[pdf()])
    piece = echange.messages.get().pieces.get()
    address = f"{LIST}{echange.uuid}/"
    other = write(client, *_elsewhere())
    stranger = HabilitationFactory(lieu=LieuFactory()).user
    client.force_login(stranger)
    assert SECRET not in client.get(LIST).content.decode()
    for url in (address, f"{address}fichier/{piece.fichier_id}/"):
        assert client.get(url).status_code == 404
    assert client.post(address, {"texte": "à moi", "nonce": uuid.uuid4()}).status_code == 404
    assert client.post(NEW, typed(lieu)).status_code == 422  # a lieu that is not hers
    client.force_login(person)
    assert client.get(f"{LIST}{other.uuid}/fichier/{piece.fichier_id}/").status_code == 404
    change = reverse("admin:habilitations_echange_change", args=[echange.pk])
    for agent, status in ((AgentFactory(essonne=True).user, 404), (AgentFactory(lecteur=True).user, 200)):
        client.force_login(agent)
        assert client.get(change).status_code == status
        assert client.get(NEW).status_code == 403  # an agent writes from the back office
    acte = reverse("admin:habilitations_echange_acte", args=[echange.pk, "repondre"])
    assert client.post(acte, {"texte": "non", "nonce": uuid.uuid4()}).status_code == 403
    lieu.conventions.update(ended_on=date(2026, 11, 22))
    client.force_login(person)
    assert client.get(address).status_code == 404
    assert client.get(NEW).status_code == 403
    assert echange.messages.count() == 1


@pytest.mark.rule("CON-5.c")
def test_the_persons_of_a_suspended_lieu_read_why_and_their_convention_and_still_write_to_the_caf(client, person, lieu):
    echange = write(client, person, lieu)
    SuspensionFactory(convention=lieu.conventions.get())
    for page in ("/espace/demandes/", "/espace/statistiques/", "/espace/convention/", "/espace/votre-lieu/", LIST):
        said = client.get(page).content.decode()
        assert "Votre lieu RPE des Tilleuls est suspendu par la Caf" in said, page
        assert "depuis le 21 novembre 2026" in said
        assert "tel:+33100000000" in said
        assert "Aucune convention en vigueur" not in said
    assert "15 janvier 2025" in client.get("/espace/convention/").content.decode()
    address = f"{LIST}{echange.uuid}/"
    assert SECRET in client.get(address).content.decode()
    assert client.post(address, {"texte": "Un mot.", "nonce": uuid.uuid4()}).status_code == 302
    assert client.post(NEW, typed(lieu)).status_code == 302
    assert client.get(f"/espace/votre-lieu/{lieu.uuid}/").status_code == 404


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"texte": "  "}, "Écrivez votre message."),
        ({"sujet": ""}, "Choisissez pourquoi vous écrivez."),
        ({"sujet": "autre"}, "Sélectionnez un choix valide"),
        ({"texte": "x" * 5_001}, "5"),
        ({"fichiers": [pdf("photo.pdf", b"\x89PNG")]}, "Ce fichier n’est pas un PDF."),
        ({"fichiers": [pdf("gros.pdf", b"%PDF-" + b"0" * 10 * 1024 * 1024)]}, "dépasse 10"),
        ({"fichiers": [pdf(f"{rank}.pdf") for rank in range(4)]}, "Joignez 3 fichiers au plus."),
    ],
)
def test_what_cannot_be_sent_is_said_beside_it_and_nothing_is_kept(client, person, lieu, changes, said):
    client.force_login(person)
    answer = client.post(NEW, typed(lieu, **changes))
    page = answer.content.decode()
    assert answer.status_code == 422
    assert said in page
    assert "<title>Erreur" in page
    assert changes.get("texte", SECRET) in page
    assert not [kept for kept in (Echange, StoredFile, Message) if kept.objects.exists()]


def test_a_person_of_two_lieux_says_which(client, person, lieu):
    second = LieuFactory(nom="Guichet des Ormes")
    HabilitationFactory(user=person, lieu=second)
    client.force_login(person)
    assert "Pour quel lieu" in client.get(NEW).content.decode()
    assert client.post(NEW, typed(lieu, lieu="")).status_code == 422
    assert write(client, person, second).lieu == second


@pytest.mark.django_db(transaction=True)
def test_a_form_sent_fifty_times_at_once_is_one_message(person, lieu):
    nonce = uuid.uuid4()
    about = {"lieu": lieu.uuid, "sujet": "question", "texte": "Bonjour", "fichiers": [], "nonce": nonce}
    assert together(*[lambda: echanges.open_echange(**about, by=person, now=NOW)] * 50) == []
    assert MessageEchange.objects.count() == Echange.objects.count() == 1


def test_exchanges_stay_with_the_lieu_whoever_leaves(client, person, lieu):
    echange = write(client, person, lieu)
    later = HabilitationFactory(lieu=lieu, activated_at=NOW + timedelta(hours=1)).user
    PersonneInscrite.objects.filter(personne__in=lieu.personnes.all(), courriel=person.email).update(
        until_on=date(2026, 11, 23)
    )
    client.force_login(later)
    assert SECRET in client.get(f"{LIST}{echange.uuid}/").content.decode()


@pytest.mark.rule("HAB-5.b")
def test_a_change_is_asked_for_in_writing_and_answered_by_an_avenant(client, person, lieu):
    CommuneFactory(melun=True)
    agent, convention = AgentFactory().user, lieu.conventions.get()
    client.force_login(person)
    page = client.get("/espace/convention/").content.decode()
    asked = f"{NEW}?sujet=changement"
    assert asked in page
    assert 'value="changement" required id="id_sujet_0" checked' in client.get(asked).content.decode()
    client.post(asked, typed(lieu, sujet="changement", texte="Nous aimerions couvrir Melun."))
    assert not convention.actes.filter(nature="avenant").exists()
    made = avenants.prepare(convention_uuid=convention.uuid, communes_added=["77288"], by=agent, now=NOW)
    assert made.couvertures_ouvertes.get().commune_id == "77288"
    page = client.get("/espace/convention/").content.decode()
    assert reverse("habilitations:avenant", args=[made.uuid]) in page
