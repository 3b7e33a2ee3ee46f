"""The Caf asks the lieu for more, and the lieu answers once by its link: each version is kept (HAB-6.c, HAB-6.d)."""

import re
import threading
from datetime import timedelta

import pytest
import time_machine
from django.db import IntegrityError, connection, transaction
from django.test import Client
from lxml import html

from conventions.models import Couverture, PersonneInscrite
from extranet.core.errors import Gone
from extranet.core.journal.models import Entry
from extranet.core.outbox.models import Message
from extranet.core.outbox.services import send_due
from habilitations import queries
from habilitations.models import (
    CommuneDemandee,
    Complement,
    DemandeHabilitation,
    PersonneDemandee,
    TransfertDemande,
    VersionDemande,
)
from habilitations.services import applications
from tests.conftest import text_of
from tests.factories import NOW, AgentFactory, ComplementFactory, DemandeHabilitationFactory, VersionDemandeFactory
from tests.habilitations.test_application import PERSONNE, communes_of, form_of, people, press, said, shown

pytestmark = pytest.mark.django_db
ASKED = "Donnez la fonction de chacun.\nEt le <b>site</b> du lieu."


@pytest.fixture(autouse=True)
def _now():
    with time_machine.travel(NOW, tick=False):
        yield


def page_of(demande, act=""):
    base = f"/admin/habilitations/demandehabilitation/{demande.pk}/"
    return f"{base}acte/{act}/" if act else f"{base}change/"


def link_of(complement):
    return f"/habilitations/complement/{queries.complement_token(complement.uuid)}/"


def opened(client, complement):
    """The first page of the form that the link opens again."""
    answer = client.post(link_of(complement))
    assert answer.status_code == 302
    return client.get(answer["Location"])


def walked(client, page, **changes):
    """From the first page to the summary by the real forms, with `changes` typed on the way."""
    for _ in range(4):
        page = client.get(client.post(form_of(page).action, shown(page) | changes)["Location"])
    return page


def send(client, summary):
    return client.post(form_of(summary).action, shown(summary) | {"valider": "1"})


@pytest.mark.rule("HAB-6.c")
@pytest.mark.rule("HAB-6.d")
def test_asked_by_mail_answered_by_the_link_and_shown_with_what_has_changed(client, smtp_sink):
    demande, agent = DemandeHabilitationFactory(), AgentFactory(user__email="agent@caf77.test")
    client.force_login(agent.user)
    assert client.post(page_of(demande, "complement"), {"texte": " "}).status_code == 422
    assert client.post(page_of(demande, "complement"), {"texte": ASKED, "attendu_le": "2026-12-15"}).status_code == 302
    send_due(now=NOW)
    (mail,) = smtp_sink.to("rpe@lieu.test")
    assert ASKED.splitlines()[0] in text_of(mail)
    assert "&lt;b&gt;site&lt;/b&gt;" in mail.get_body(("html",)).get_content()
    link = re.search(r"https?://[^/\s]+(/habilitations/complement/\S+)", text_of(mail)).group(1)

    lieu = Client()
    before = list(VersionDemande.objects.values())
    assert ASKED.splitlines()[0] in lieu.get(link).content.decode()
    page = lieu.get(lieu.post(link)["Location"])
    assert "caf" not in shown(page)
    assert shown(page)["lieu_nom"] == "RPE du Châtelet"
    page = lieu.get(lieu.post(form_of(page).action, shown(page) | {"lieu_nom": "RPE corrigé"})["Location"])
    page = lieu.get(lieu.post(form_of(page).action, shown(page))["Location"])
    assert communes_of(page) == {"77100"}
    page = lieu.get(lieu.post(form_of(page).action, {"ajouter": "77288"})["Location"])
    page = lieu.get(lieu.post(form_of(page).action)["Location"])
    assert shown(page)["personnes-0-nom"] == "Petit"
    page = lieu.get(lieu.post(form_of(page).action, shown(page) | {"personnes-0-fonction": "directrice"})["Location"])
    assert "Envoyer le complément" in page.content.decode()
    answer = send(lieu, page)
    assert answer["Location"] == link
    assert "Votre complément est envoyé" in lieu.get(link).content.decode()

    demande.refresh_from_db()
    assert (demande.state, demande.version.numero, demande.version.lieu_nom) == ("deposee", 2, "RPE corrigé")
    assert list(VersionDemande.objects.filter(numero=1).values()) == before
    first = demande.versions.get(numero=1)
    assert [line.commune_id for line in first.communes.all()] == ["77100"]
    assert first.personnes.get().fonction == "animatrice"
    send_due(now=NOW)
    [told] = [mail for mail in smtp_sink.to("agent@caf77.test") if "complétée" in mail["Subject"]]
    assert page_of(demande) in text_of(told)
    shown_to_agent = html.document_fromstring(client.get(page_of(demande)).content.decode())
    marks = shown_to_agent.xpath("//div[@class='demande-parties']//dd[ins or del]")
    assert [re.sub(r"\s+", " ", mark.text_content()).strip() for mark in marks] == [
        "RPE corrigé (avant : RPE du Châtelet)",
        "Melun (77) (ajouté)",
        "Madame Alix Petit, directrice, Petite enfance (avant : Madame Alix Petit, animatrice, Petite enfance)",
    ]
    assert "Demande complétée" in shown_to_agent.xpath("string(//ol[@class='historique'])")
    events = Entry.objects.filter(event__in=["demande-habilitation.complement", "demande-habilitation.completee"])
    assert list(events.order_by("pk").values_list("actor", flat=True)) == [f"user:{agent.user.uuid}", "lieu"]


@pytest.mark.rule("HAB-6.d")
@pytest.mark.rule("HAB-7.a")
def test_the_decision_reads_the_last_version(client):
    complement = ComplementFactory()
    page = press(client, 4, form_of(walked(client, opened(client, complement))).action.partition("?")[2],
                 people(PERSONNE, PERSONNE | {"courriel": "b@tilleuls.test"}))  # fmt: skip
    send(client, page)
    demande = complement.demande
    applications.accept(demande_id=demande.pk, by=AgentFactory().user, now=NOW)
    assert set(PersonneInscrite.objects.values_list("courriel", flat=True)) == {"alix@tilleuls.test", "b@tilleuls.test"}
    assert Couverture.objects.count() == 1


@pytest.mark.rule("HAB-6.d")
def test_opening_the_link_changes_nothing_and_what_is_filled_lies_sealed(client):
    complement = ComplementFactory()
    for method in (client.get, client.head):
        assert method(link_of(complement)).status_code == 200
    page = opened(client, complement)
    assert not re.search("Châtelet|lieu.test", form_of(page).action + str(client.cookies))
    complement.refresh_from_db()
    assert (complement.closed_at, VersionDemande.objects.count()) == (None, 1)
    assert Client().get(form_of(page).action).status_code == 410


@pytest.mark.rule("HAB-6.d")
def test_the_link_serves_once_however_often_it_is_pressed_and_another_window_is_told(client):
    complement = ComplementFactory()  # its agent is told
    one, two = walked(client, opened(client, complement)), walked(client, opened(client, complement), lieu_nom="Autre")
    answers = [send(client, one), send(client, one)]
    assert [answer["Location"] for answer in answers] == [link_of(complement)] * 2
    late = send(client, two)
    assert (late.status_code, "a déjà servi" in late.content.decode()) == (410, True)
    assert client.get(form_of(two).action)["Location"] == link_of(complement)
    assert client.post(link_of(complement)).status_code == 200  # the same page: nothing opens again
    assert VersionDemande.objects.count() == 2
    assert Message.objects.filter(kind="habilitations.completee").count() == 1


@pytest.mark.rule("HAB-6.d")
@pytest.mark.django_db(transaction=True)
def test_sent_several_times_at_once_it_is_one_version():
    complement, client = ComplementFactory(), Client()
    summary, answers, start = walked(client, opened(client, complement)), [], threading.Barrier(3)

    def again():
        same = Client()
        same.cookies = client.cookies
        start.wait(timeout=60)
        answers.append(send(same, summary)["Location"])
        connection.close()

    threads = [threading.Thread(target=again) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [link_of(complement)] * 3
    assert VersionDemande.objects.count() == 2


CLOSING = {
    "accept": {},
    "refuse": {"motif": "Hors du territoire."},
    "ask_complement": {"texte": "Autre chose."},
}


@pytest.mark.rule("HAB-6.d")
@pytest.mark.parametrize("act", CLOSING)
def test_what_comes_in_its_place_closes_the_link_even_for_a_form_under_way(client, smtp_sink, act):
    complement = ComplementFactory()
    summary = walked(client, opened(client, complement))
    service = getattr(applications, act)
    service(demande_id=complement.demande_id, by=AgentFactory().user, now=NOW, **CLOSING[act])
    for answer in (client.get(link_of(complement)), client.post(link_of(complement)), send(client, summary)):
        assert (answer.status_code, "ne sert plus" in answer.content.decode()) == (410, True)
    version = complement.demande.version
    with pytest.raises(Gone):
        applications.complete(
            complement_uuid=complement.uuid,
            lieu=version.lieu,
            gestionnaire=version.gestionnaire,
            communes=["77100"],
            personnes=[],
            nonce="n",
            now=NOW,
        )
    assert VersionDemande.objects.count() == 1


@pytest.mark.rule("HAB-6.c")
def test_a_mail_that_has_not_left_when_its_complement_is_closed_does_not_leave(smtp_sink):
    demande, by = DemandeHabilitationFactory(), AgentFactory().user
    applications.ask_complement(demande_id=demande.pk, texte="Une chose.", by=by, now=NOW)
    applications.ask_complement(demande_id=demande.pk, texte="Une autre.", by=by, now=NOW)
    send_due(now=NOW)
    (mail,) = smtp_sink.to("rpe@lieu.test")
    assert "Une autre." in text_of(mail)


@pytest.mark.rule("HAB-3.b")
@pytest.mark.rule("HAB-6.d")
def test_a_form_opened_by_the_link_and_lost_is_begun_again_from_the_link_and_never_becomes_another_application(client):
    page = opened(client, ComplementFactory())
    key = form_of(page).action
    with time_machine.travel(NOW + timedelta(hours=3), tick=False):
        for answer in (client.get(key), client.post(key, shown(page))):
            assert answer.status_code == 410
            assert "Ouvrez de nouveau le lien" in answer.content.decode()
    assert DemandeHabilitation.objects.count() == 1


@pytest.mark.rule("HAB-2.a")
@pytest.mark.rule("HAB-6.d")
def test_what_is_wrong_in_a_complement_is_said_beside_the_field(client):
    page = opened(client, ComplementFactory())
    page = client.get(client.post(form_of(page).action, shown(page) | {"lieu_telephone": "12"})["Location"])
    assert "dix chiffres" in said(page)
    forged = press(client, 3, form_of(page).action.partition("?")[2], {"ajouter": "91228"})
    assert communes_of(forged) == {"77100"}


def test_versions_are_numbered_once_one_complement_is_open_and_all_go_with_the_application():
    complement = ComplementFactory()
    demande = complement.demande
    with pytest.raises(IntegrityError, match="a_version_numbered_once"), transaction.atomic():
        VersionDemandeFactory(demande=demande, numero=1)
    with pytest.raises(IntegrityError, match="one_open_complement"), transaction.atomic():
        ComplementFactory(demande=demande)
    second = VersionDemandeFactory(demande=demande)
    Complement.objects.update(closed_at=NOW, version=second)
    DemandeHabilitation.objects.filter(pk=demande.pk).update(version=second)
    other, essonne = DemandeHabilitationFactory(), AgentFactory(essonne=True).caf
    applications.transfer(demande_id=other.pk, caf=essonne, motif="x", by=AgentFactory().user, now=NOW)
    DemandeHabilitation.objects.all().delete()
    for model in (VersionDemande, CommuneDemandee, PersonneDemandee, Complement, TransfertDemande):
        assert not model.objects.exists()


def test_lists_take_as_many_queries_for_many_applications(client, django_assert_max_num_queries):
    client.force_login(AgentFactory().user)
    DemandeHabilitationFactory()
    with django_assert_max_num_queries(100) as few:
        client.get("/admin/habilitations/demandehabilitation/")
    for _ in range(5):
        DemandeHabilitationFactory()
    with django_assert_max_num_queries(len(few)):
        client.get("/admin/habilitations/demandehabilitation/")
