"""What a family has afterwards: an acknowledgement and a private link, which shows and withdraws (DEM-4)."""

import base64
from datetime import timedelta

import pytest
from django.urls import reverse
from lxml import html

from demandes import queries
from demandes.models import Demande, Dossier
from extranet.core.journal.models import Entry
from extranet.core.outbox.models import Message
from extranet.core.outbox.services import send_due
from tests.conftest import text_of
from tests.demandes.test_family import TYPED, URL, lieu, send, today  # noqa: F401 -- fixtures
from tests.factories import NOW, picked_up

pytestmark = pytest.mark.django_db
FREE = ["Zibeline", "Kanari", "29253", "Batz", "traite", "privée", "Ornella", "98 76 12 34", "98761234", "zibeline@"]
PAGES = ("demandes:suivi", "demandes:envoyee")


@pytest.fixture
def demande(client, lieu):  # noqa: F811
    assert send(client).status_code == 302
    return Demande.objects.get()


def page_of(demande, name="demandes:suivi"):
    return reverse(name, args=[queries.link_token(demande.uuid)])


def stored():
    kept = [list(model.objects.order_by("pk").values()) for model in (Demande, Dossier, Message)]
    return kept, Entry.objects.count()


@pytest.mark.rule("DEM-4.b")
@pytest.mark.rule("DEM-4.f")
@pytest.mark.rule("RGP-2.a")
def test_the_acknowledgement_has_the_reference_and_the_link_and_nothing_that_was_typed(client, demande, smtp_sink):
    send_due(now=NOW)
    [mail] = smtp_sink.to(TYPED["courriel"])
    text, rich = text_of(mail), mail.get_body(("html",)).get_content()
    for part in (text, rich):
        for said in (demande.reference, page_of(demande), demande.lieu.nom, "/confidentialite/"):
            assert said in part, said
    [told] = smtp_sink.to("animatrice@lieu.test")
    assert demande.reference in text_of(told)
    for word in FREE:
        assert word not in text + rich + mail["Subject"], word
        assert word not in text_of(told) + told.get_body(("html",)).get_content() + told["Subject"], word


@pytest.mark.rule("DEM-4.f")
def test_an_address_gets_three_acknowledgements_a_day_in_any_case(client, lieu, smtp_sink):  # noqa: F811
    for rank in range(5):
        assert send(client, {"courriel": ("Zibeline" if rank % 2 else "zibeline") + "@famille.test"}).status_code == 302
        made = Demande.objects.latest("pk")
        if rank < 2:  # withdrawing does not begin the count again
            send_due(now=NOW)
            client.post(page_of(made), {"courriel": TYPED["courriel"]})
    send_due(now=NOW)
    told = [mail for mail in smtp_sink.mails if mail["To"].lower() == TYPED["courriel"]]
    assert len(told) == 3  # the confirmation of a withdrawal counts too
    assert Dossier.objects.count() == 3


@pytest.mark.rule("RGP-2.a")
def test_no_address_holds_anything_about_the_family(client, lieu):  # noqa: F811
    sent = send(client)
    link = client.get(sent["Location"]).content.decode()
    left = client.post(page_of(Demande.objects.get()), {"courriel": TYPED["courriel"]})
    for address in (sent["Location"], left["Location"], *link.split('href="')[1:]):
        assert not [word for word in (*FREE, "77100") if word in address.split('"')[0]]
    raw = base64.urlsafe_b64decode(sent["Location"].split("/")[-2] + "=")
    assert not [word for word in FREE if word.encode() in raw]


@pytest.mark.rule("DEM-4.b")
@pytest.mark.rule("DEM-4.e")
def test_opening_the_link_changes_nothing(client, demande):
    before = stored()
    for name in PAGES:
        for _ in range(2):
            answer = client.get(page_of(demande, name))
            assert answer.status_code == 200
            assert "no-store" in answer["Cache-Control"]
        assert client.head(page_of(demande, name)).status_code == 200
    assert client.get(f"{page_of(demande)}?courriel={TYPED['courriel']}&retirer=1").status_code == 200
    assert stored() == before
    page = client.get(page_of(demande)).content.decode()
    for said in (demande.reference, "Zibeline O’Kanari-Lefèvre", "23 mai 2027", "noindex"):
        assert said in page
    assert "<b>très</b>" not in page


@pytest.mark.rule("DEM-4.e")
@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("", "Écrivez l’adresse de courriel de votre demande."),
        ("autre@famille.test", "pas l’adresse de cette demande"),
        ("zibeline@famille.test\x00", "nul"),
        ("x" * 300, "254 caractères"),
        ("Zibeline", "pas l’adresse"),
    ],
)
def test_withdrawing_needs_the_address_of_the_demande(client, demande, typed, words):
    before = stored()
    answer = client.post(page_of(demande), {"courriel": typed}, follow=True)
    [(address, status)] = answer.redirect_chain
    assert (answer.status_code, status, address.endswith("#erreurs")) == (200, 302, True)
    assert not typed.strip() or typed not in address
    card = html.document_fromstring(answer.content.decode()).xpath("//section[@id='retirer']")[0]
    assert words in card.xpath("string(.//*[@role='alert']//a[@href='#id_courriel'])") + card.text_content()
    assert card.xpath("string(.//input[@name='courriel']/@value)") == typed.replace("\x00", "\ufffd")
    assert "<title>Erreur : " in answer.content.decode()
    assert stored() == before


@pytest.mark.rule("DEM-4.d")
@pytest.mark.parametrize("state", ["transmise", "recuperee", "traitee"])
def test_withdrawing_destroys_the_dossier_at_once_and_tells_a_lieu_that_has_a_copy(client, demande, smtp_sink, state):
    send_due(now=NOW)
    if state != "transmise":
        picked_up(state)
    done = client.post(page_of(demande), {"courriel": " ZIBELINE@famille.test "})
    assert (done.status_code, done["Location"]) == (302, "/demandes/retiree/")
    assert "Vos données sont détruites" in client.get(done["Location"]).content.decode()
    demande.refresh_from_db()
    assert (demande.state, demande.destroyed_at, demande.content) == ("retiree", NOW, "")
    assert not Dossier.objects.exists()
    for name in PAGES:
        assert client.get(page_of(demande, name)).status_code == 410
    assert client.post(page_of(demande), {"courriel": TYPED["courriel"]}).status_code == 410
    send_due(now=NOW + timedelta(minutes=1))
    told = [mail["Subject"].strip() for mail in smtp_sink.to("animatrice@lieu.test")[1:]]
    assert told == ([] if state == "transmise" else [f"Demande {demande.reference} retirée : détruisez votre copie"])
    assert [mail["Subject"] for mail in smtp_sink.to(TYPED["courriel"])[1:]] == [
        f"Votre demande {demande.reference} est retirée"
    ]


@pytest.mark.rule("CNS-1.b")
def test_from_the_day_after_the_last_one_the_link_is_gone_whether_or_not_a_job_has_run(client, demande, time_machine):
    time_machine.move_to("2027-05-23T21:59:59Z")
    assert client.get(page_of(demande)).status_code == 200
    time_machine.move_to("2027-05-23T22:00:00Z")
    for name in PAGES:
        assert client.get(page_of(demande, name)).status_code == 410
    assert client.post(page_of(demande), {"courriel": TYPED["courriel"]}).status_code == 410
    assert Dossier.objects.exists()


@pytest.mark.rule("DEM-4.b")
def test_a_token_that_is_not_ours_finds_nothing(client, demande):
    good = queries.link_token(demande.uuid)
    bare = base64.urlsafe_b64encode(demande.uuid.bytes).decode().rstrip("=")
    other = queries.link_token(type(demande.uuid)(int=1))
    wrong = [good[:-3], good + "AAAA", good[:30] + ("A" if good[30] != "A" else "B") + good[31:], bare, other]
    for token in [*wrong, bare + "A" * 21, demande.reference, str(demande.uuid), "é", "A" * 5000]:
        for name in PAGES:
            address = page_of(demande, name).replace(good, token)
            assert client.get(address).status_code == 404, token
            assert client.post(address, {"courriel": TYPED["courriel"]}).status_code in (404, 405)
    assert Dossier.objects.exists()
