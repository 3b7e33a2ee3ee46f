"""A family that withdraws is told so by mail, and nothing of it is kept for that (DEM-4.d)."""

import time

import pytest
from django.contrib.messages import get_messages

from demandes.models import Demande, Dossier
from extranet.core.outbox.models import Message
from tests.conftest import text_of
from tests.core.relay import CLOSE, HANG, Relay
from tests.core.test_outbox_faults import relay  # noqa: F401 -- fixture
from tests.demandes.test_family import TYPED, lieu, send, today  # noqa: F401 -- fixtures
from tests.demandes.test_family_link import FREE, page_of
from tests.factories import picked_up

pytestmark = [pytest.mark.django_db, pytest.mark.rule("DEM-4.d")]


@pytest.fixture
def demande(client, lieu):  # noqa: F811
    assert send(client).status_code == 302
    return Demande.objects.get()


def withdraw(client, demande):
    answer = client.post(page_of(demande), {"courriel": TYPED["courriel"]})
    assert answer.status_code == 302
    assert not Dossier.objects.exists()
    return " ".join(str(one) for one in get_messages(answer.wsgi_request))


@pytest.mark.parametrize("copied", [False, True])
def test_one_mail_leaves_at_once_and_no_row_keeps_the_address(client, demande, relay, copied):  # noqa: F811
    if copied:
        picked_up()
    said = withdraw(client, demande)
    assert demande.reference in said
    assert "Un courriel vous le confirme" in said
    [mail] = relay.to(TYPED["courriel"])
    text = text_of(mail)
    assert demande.reference in mail["Subject"]
    assert ("de détruire ses copies" in text) is copied
    for word in FREE:
        assert word not in text + mail["Subject"] + mail.get_body(("html",)).get_content(), word
    assert not Message.objects.filter(kind="demandes.retrait-famille").exists()
    assert TYPED["courriel"] not in str(list(Message.objects.values()))


@pytest.mark.parametrize(
    ("word", "answer"),
    [("GREETING", HANG), ("AUTH", "535 no"), ("RCPT", "550 no such user"), ("TEXT", CLOSE), ("TEXT", HANG)],
)
def test_when_it_cannot_leave_the_page_says_so_and_the_data_are_destroyed_all_the_same(
    client,
    demande,
    relay: Relay,  # noqa: F811
    monkeypatch,
    word,
    answer,
):
    monkeypatch.setattr("extranet.core.outbox.services.AT_ONCE", 0.3)
    relay.says[word] = answer
    began = time.monotonic()
    said = withdraw(client, demande)
    assert time.monotonic() - began < 30  # seconds, on the busiest machine; silence lasts minutes
    assert demande.reference in said
    assert "Aucun courriel" in said
    assert not relay.mails
