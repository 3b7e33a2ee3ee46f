"""An act shows the mail that it will send before it sends it, written by the code that sends it."""

import html
import re

import pytest

from extranet.core.journal.models import Entry
from extranet.core.outbox.models import Message
from extranet.core.outbox.services import send_due
from tests.conftest import text_of
from tests.factories import NOW, AgentFactory, DemandeHabilitationFactory

pytestmark = pytest.mark.django_db


def shown(answer):
    """The texts of the mails on an act's page."""
    texts = re.findall(r'apercu__texte">(.*?)</div>', answer.content.decode(), re.S)
    return [html.unescape(text) for text in texts]


def lines(text):
    return [line for line in text.splitlines() if line.strip() and "http" not in line]


def address(demande, act):
    return f"/admin/habilitations/demandehabilitation/{demande.pk}/acte/{act}/"


@pytest.mark.rule("HAB-6.c")
def test_the_mail_is_shown_before_and_is_the_one_that_leaves(client, smtp_sink, time_machine):
    time_machine.move_to(NOW, tick=False)
    demande = DemandeHabilitationFactory()
    client.force_login(AgentFactory().user)
    url = address(demande, "complement")
    [before] = shown(client.get(url))
    assert "[Ce que vous demandez au lieu]" in before

    assert "au plus tard le 23 décembre 2026" in before
    typed = {"texte": "Précisez l’adresse & la <commune>.", "attendu_le": "2026-12-15"}
    seen = client.post(url, typed | {"apercu": "1"})
    assert seen.status_code == 200
    [draft] = shown(seen)
    assert typed["texte"] in draft
    assert html.escape(typed["texte"]) in seen.content.decode().split("</textarea>")[0]
    assert not Message.objects.exists()
    assert not Entry.objects.exists()
    demande.refresh_from_db()
    assert (demande.state, demande.complements.count()) == ("deposee", 0)

    assert client.post(url, typed).status_code == 302
    send_due(now=NOW)
    [mail] = smtp_sink.to(demande.version.lieu_courriel)
    assert lines(draft) == lines(text_of(mail))


def test_what_cannot_be_done_is_not_shown_as_if_it_could(client, time_machine):
    time_machine.move_to(NOW, tick=False)
    demande = DemandeHabilitationFactory()
    client.force_login(AgentFactory().user)
    assert shown(client.get(address(demande, "transferer"))) == []
    time_machine.move_to(NOW, tick=True)  # as clocks do between two readings
    assert len(shown(client.get(address(demande, "refuser")))) == 1
    answer = client.post(address(demande, "transferer"), {"motif": "", "caf": "caf-77", "apercu": "1"})
    assert (answer.status_code, shown(answer)) == (422, [])
