"""The private link of an application: where it stands, for the lieu alone; opening it changes nothing (HAB-3.h)."""

import re
from datetime import timedelta

import pytest
from django.apps import apps
from django.test import Client
from lxml import html

from conventions.models import Convention
from extranet.core.outbox.services import send_due
from extranet.territory.models import Caf
from habilitations.models import DemandeHabilitation
from habilitations.queries import complement_token, link_token
from habilitations.services import applications
from tests.conftest import text_of
from tests.factories import NOW, AgentFactory, CafFactory, DemandeHabilitationFactory
from tests.habilitations.test_application import kept, send

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(days=3)


@pytest.fixture(autouse=True)
def _now(time_machine):
    time_machine.move_to(LATER, tick=False)


def link_of(demande):
    return f"/habilitations/suivi/{link_token(demande.uuid)}/"


def words_of(demande):
    answer = Client().get(link_of(demande))
    assert answer.status_code == 200
    return " ".join(html.document_fromstring(answer.content.decode()).xpath("string(//main)").split())


@pytest.mark.rule("HAB-3.c")
@pytest.mark.rule("HAB-3.h")
def test_the_acknowledgement_and_the_page_after_sending_lead_to_it(client, smtp_sink):
    Caf.objects.filter(pk="caf-77").update(adresse="1 rue de la Caf, 77000 Melun", telephone="+33160000077")
    sent = client.get(send(client, kept(client))["Location"])
    page = html.document_fromstring(sent.content.decode())
    demande = DemandeHabilitation.objects.get()
    words = " ".join(page.xpath("string(//main)").split())
    service = ("Caf de Seine-et-Marne", "1 rue de la Caf", "01 60 00 00 77")
    for said in (demande.reference, "Reçue le 26 novembre 2026", *service):
        assert said in words.replace("\xa0", " ")
    assert page.xpath("//main//a[text()='Suivre ma demande']/@href") == [link_of(demande)]
    send_due(now=LATER)
    [mail] = smtp_sink.to("rpe@tilleuls.test")
    assert re.search(r"https?://[^/\s]+(/habilitations/suivi/\S+)", text_of(mail)).group(1) == link_of(demande)
    assert "Suivre la demande" in mail.get_body(("html",)).get_content()
    assert "RPE des Tilleuls" in words_of(demande)  # what it sent


@pytest.mark.rule("HAB-3.h")
def test_it_says_at_each_stage_what_happened_and_what_is_waited_for():
    demande, by = DemandeHabilitationFactory(submitted_at=NOW), AgentFactory().user
    words = words_of(demande)
    assert "Votre demande est à la Caf de Seine-et-Marne, qui l’examine." in words
    assert "Vous n’avez rien à faire pour le moment." in words
    assert "23 novembre 2026 : Demande reçue." in words
    assert "sera effacée après le 23 mai 2027" in words
    asked = applications.ask_complement(demande_id=demande.pk, texte="Donnez le <b>site</b>.", by=by, now=LATER)
    words = words_of(demande)
    assert "vous a demandé un complément le 26 novembre 2026" in words
    assert "Donnez le <b>site</b>." in words
    assert "sera effacée après le 26 mai 2027" in words
    answer = Client().get(link_of(demande)).content.decode()
    assert f'href="/habilitations/complement/{complement_token(asked.uuid)}/"' in answer
    applications.transfer(demande_id=demande.pk, caf=CafFactory(essonne=True), motif="Évry.", by=by, now=LATER)
    words = words_of(demande)
    assert "Demande transmise par la Caf de Seine-et-Marne à la Caf de l'Essonne" in words
    assert "Votre demande est à la Caf de l'Essonne, qui l’examine." in words
    other = AgentFactory(essonne=True).user
    applications.refuse(demande_id=demande.pk, motif="Déjà un lieu.", by=other, now=LATER)
    words = words_of(demande)
    assert "La Caf de l'Essonne n’a pas retenu votre demande." in words
    assert "Demande refusée.Déjà un lieu." in words


@pytest.mark.rule("HAB-3.h")
def test_once_accepted_it_says_where_the_convention_stands():
    demande, by = DemandeHabilitationFactory(submitted_at=NOW), AgentFactory().user
    applications.accept(demande_id=demande.pk, by=by, now=LATER)
    words = words_of(demande)
    assert "La Caf de Seine-et-Marne a accepté votre demande." in words
    assert "est à signer par votre représentant légal et par la Caf" in words
    assert "effacée" not in words
    rows = Convention.objects.all()
    rows.update(state="signee", in_force_from=LATER.date())
    assert "est en vigueur depuis le 26 novembre 2026" in words_of(demande)
    rows.update(ended_on=LATER.date() + timedelta(days=10))
    assert "a pour dernier jour le 6 décembre 2026" in words_of(demande)
    rows.update(state="abandonnee", in_force_from=None, ended_on=None)
    assert "Adressez-vous à la Caf pour la suite." in words_of(demande)


@pytest.mark.rule("HAB-3.h")
def test_opening_it_changes_nothing_whatever_opens_it(client):
    demande = DemandeHabilitationFactory(complement=True)
    demande.complements.create(texte="Un mot.", asked_at=NOW, asked_by=AgentFactory().user)
    tables = [model for model in apps.get_models() if model._meta.managed and not model._meta.proxy]
    before = {model: list(model.objects.order_by("pk").values()) for model in tables}
    for method in ("get", "head", "options"):
        getattr(client, method)(link_of(demande))
    for method in ("post", "put", "delete"):
        assert getattr(client, method)(link_of(demande)).status_code == 405
    assert {model: list(model.objects.order_by("pk").values()) for model in tables} == before
    assert not client.cookies


@pytest.mark.rule("HAB-3.h")
@pytest.mark.rule("HAB-5.a")
@pytest.mark.rule("RGP-2.a")
def test_its_address_holds_nothing_personal_and_its_page_is_to_be_read_only(client):
    demande = DemandeHabilitationFactory(version__lieu_nom="<script>alert(1)</script> O’Neill")
    assert re.fullmatch(r"/habilitations/suivi/[A-Za-z0-9_-]{43,52}/", link_of(demande))
    answer = client.get(link_of(demande))
    page = html.document_fromstring(answer.content.decode())
    assert "<script>alert" not in answer.content.decode()
    assert not page.xpath("//main//form | //main//input | //main//button")
    assert page.xpath("//meta[@name='robots']/@content") == ["noindex"]
    assert "no-store" in answer["Cache-Control"]
    assert "écrivez à la Caf" in page.xpath("string(//main)")


@pytest.mark.rule("HAB-3.h")
def test_a_token_that_is_not_ours_opens_nothing(client):
    demande, other = DemandeHabilitationFactory(), DemandeHabilitationFactory()
    token = link_token(demande.uuid)
    asked = complement_token(demande.uuid)
    mixed = token[:22] + link_token(other.uuid)[22:]
    forged = [token[:-4] + "AAAA", token + "A", token.lower(), mixed, asked, "x", "é", "-"]
    for text in forged:
        assert client.get(f"/habilitations/suivi/{text}/").status_code == 404, text
    for text in forged[:-1]:
        assert client.get(f"/habilitations/envoyee/{text}/").status_code == 404, text
    # and neither link is the other's, nor that of a family
    assert client.get(f"/habilitations/complement/{token}/").status_code == 404
    assert client.get(f"/demandes/suivi/{token}/").status_code == 404
