"""What an agent sees of an application, and what its decision makes (HAB-6, HAB-7)."""

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.http import Http404
from lxml import html

from conventions.models import Convention, Couverture, Gestionnaire, Lieu, PersonneInscrite
from extranet.core.errors import WrongState
from extranet.core.journal.models import Entry
from extranet.core.outbox.services import send_due
from habilitations import queries
from habilitations.services import applications
from tests.conftest import text_of
from tests.factories import NOW, AgentFactory, DemandeHabilitationFactory, HabilitationFactory, LieuFactory

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(minutes=5)
MADE = (Gestionnaire, Lieu, Convention, Couverture, PersonneInscrite)


def admin_of(demande, act=""):
    base = f"/admin/habilitations/demandehabilitation/{demande.pk}/"
    return f"{base}acte/{act}/" if act else f"{base}change/"


@pytest.mark.rule("HAB-7.a")
@pytest.mark.rule("HAB-7.b")
def test_accepting_makes_the_whole_register_entry_once(client):
    demande, agent = DemandeHabilitationFactory(), AgentFactory()
    client.force_login(agent.user)
    first = client.post(admin_of(demande, "accepter"), follow=True)
    assert "la convention est prête à signer" in first.content.decode()
    assert client.post(admin_of(demande, "accepter")).status_code == 409
    assert [model.objects.count() for model in MADE] == [1, 1, 1, 1, 1]
    convention = Convention.objects.get()
    assert (convention.state, convention.in_force_from, convention.accepted_by) == ("preparation", None, agent.user)
    assert (convention.lieu.nom, convention.lieu.gestionnaire.siren) == (
        demande.version.lieu_nom,
        demande.version.gestionnaire_siren,
    )
    assert PersonneInscrite.objects.get().courriel == demande.version.personnes.get().courriel
    demande.refresh_from_db()
    assert (demande.state, demande.convention) == ("acceptee", convention)
    assert Entry.objects.filter(event="demande-habilitation.acceptee", actor=f"user:{agent.user.uuid}").count() == 1


@pytest.mark.rule("HAB-7.a")
def test_a_fault_in_the_middle_leaves_nothing(monkeypatch):
    demande, agent = DemandeHabilitationFactory(), AgentFactory()
    monkeypatch.setattr(PersonneInscrite.objects.__class__, "bulk_create", lambda *args, **kwargs: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        applications.accept(demande_id=demande.pk, by=agent.user, now=LATER)
    assert [model.objects.count() for model in MADE] == [0] * 5
    demande.refresh_from_db()
    assert demande.state == "deposee"


@pytest.mark.rule("HAB-7.b")
@pytest.mark.django_db(transaction=True)
def test_two_agents_at_once_make_one_convention():
    demande, agents = DemandeHabilitationFactory(), [AgentFactory() for _ in range(4)]
    start, outcomes = threading.Barrier(len(agents)), []

    def accept(agent):
        try:
            start.wait()
            applications.accept(demande_id=demande.pk, by=agent.user, now=LATER)
            outcomes.append("accepted")
        except WrongState:
            outcomes.append("too late")
        finally:
            connection.close()

    threads = [threading.Thread(target=accept, args=[agent]) for agent in agents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["accepted", "too late", "too late", "too late"]
    assert [model.objects.count() for model in MADE] == [1, 1, 1, 1, 1]


@pytest.mark.rule("CTL-6.c")
@pytest.mark.rule("HAB-6.a")
@pytest.mark.parametrize(
    ("who", "seen", "act"),
    [({}, 200, 200), ({"superviseur": True}, 200, 200), ({"lecteur": True}, 200, 403), ({"essonne": True}, 404, 404)],
)
def test_only_agents_of_the_addressed_caf_see_it_and_only_some_decide(client, who, seen, act):
    demande, agent = DemandeHabilitationFactory(), AgentFactory(**who)
    client.force_login(agent.user)
    assert client.get(admin_of(demande)).status_code == seen
    for slug in ("accepter", "refuser"):
        assert client.get(admin_of(demande, slug)).status_code == act
        if act != 200:
            assert client.post(admin_of(demande, slug), {"motif": "non"}).status_code == act
    listed = client.get("/admin/habilitations/demandehabilitation/").content.decode()
    assert (demande.reference in listed) is (seen == 200)
    if seen == 404:
        with pytest.raises(Http404):
            applications.accept(demande_id=demande.pk, by=agent.user, now=LATER)
    demande.refresh_from_db()
    assert demande.state == "deposee"


@pytest.mark.rule("HAB-6.e")
def test_a_refusal_needs_its_reason_and_is_told_to_the_lieu(client, smtp_sink):
    demande, agent = DemandeHabilitationFactory(), AgentFactory()
    client.force_login(agent.user)
    empty = client.post(admin_of(demande, "refuser"), {"motif": "  "})
    assert empty.status_code in (200, 422)
    assert "obligatoire" in empty.content.decode()
    assert client.post(admin_of(demande, "refuser"), {"motif": "Hors <b>territoire</b>."}).status_code == 302
    demande.refresh_from_db()
    assert (demande.state, demande.motif) == ("refusee", "Hors <b>territoire</b>.")
    assert client.post(admin_of(demande, "accepter")).status_code == 409
    send_due(now=demande.decided_at)
    (mail,) = smtp_sink.to(demande.version.lieu_courriel)
    assert "Hors <b>territoire</b>." in text_of(mail)
    assert "Hors &lt;b&gt;territoire" in mail.get_body(("html",)).get_content()
    assert not Lieu.objects.exists()


@pytest.mark.rule("HAB-4.b")
@pytest.mark.rule("HAB-6.b")
def test_what_to_look_at_is_worked_out_and_shown(client, time_machine):
    time_machine.move_to(NOW)
    other = LieuFactory(nom="Guichet du Châtelet", convention__communes=["77100", "77288"])
    HabilitationFactory(lieu=other, user__email="alix@orange.fr")
    demande = DemandeHabilitationFactory(
        version__gestionnaire_siren="217701003", version__lieu_courriel="rpe@gmail.com"
    )
    demande.version.personnes.update(courriel="alix@orange.fr")
    demande.version.communes.create(commune_id="77288")
    checks = queries.warnings_about(demande, NOW)
    assert checks == [
        "La clé du SIREN n’est pas bonne.",
        "Guichet du Châtelet couvre déjà Le Châtelet-en-Brie, Melun.",
        "rpe@gmail.com est une messagerie grand public.",
        "alix@orange.fr est une messagerie grand public.",
        "alix@orange.fr est déjà habilitée pour Guichet du Châtelet.",
    ]
    client.force_login(AgentFactory().user)
    page = html.document_fromstring(client.get(admin_of(demande)).content.decode())
    assert page.xpath("//div[contains(@class, 'field-a_verifier')]//li/text()") == checks
    sound = DemandeHabilitationFactory(version__lieu_courriel="rpe@commune.test")
    sound.version.communes.update(commune="77487")
    assert queries.warnings_about(sound, NOW) == []
