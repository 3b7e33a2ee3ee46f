"""Agents see whose mails do not arrive, of their own Caf, with what to do, and nothing of families (NOT-2.b,
CTL-1.d).
"""

from datetime import timedelta

import pytest
from django.utils.html import escape

from extranet.core.outbox import kinds
from extranet.core.outbox import services as outbox
from extranet.core.outbox.models import Message
from extranet.portal import unreachable
from extranet.territory.models import Caf
from tests.factories import (
    NOW,
    AgentFactory,
    DemandeFactory,
    DemandeHabilitationFactory,
    HabilitationFactory,
    LieuFactory,
    PersonneInscriteFactory,
)

pytestmark = [pytest.mark.django_db, pytest.mark.rule("NOT-2.b"), pytest.mark.rule("CTL-1.d")]
URL = "/admin/courriels-non-distribues/"
GONE = "550 5.1.1 no such user"


class Case:
    """One of each kind of addressee in a Caf, none of whom a mail reaches."""

    def __init__(self, sink, name, caf, **situation):
        self.lieu = LieuFactory(
            nom=f"RPE {name}",
            courriel=f"rpe@{name}.test",
            gestionnaire__courriel_registre=f"mairie@{name}.test",
            gestionnaire__nom=f"Mairie {name}",
            **situation,
        )
        self.line = HabilitationFactory(lieu=self.lieu, user__email=f"personne@{name}.test")
        self.application = DemandeHabilitationFactory(version__lieu_courriel=f"candidat@{name}.test", **situation)
        self.demande = DemandeFactory(transmise=True, lieu=self.lieu, dossier__courriel=f"famille@{name}.test")
        self.agent = AgentFactory(user__email=f"agent@{name}.test", **situation)
        acte = self.lieu.conventions.get().actes.create(
            nature="avenant", rang=1, state="applique", prepared_at=NOW, effective_on=NOW.date()
        )
        self.gone = PersonneInscriteFactory(
            lieu=self.lieu, courriel=f"partie@{name}.test", until_on=NOW.date(), closed_by=acte
        )
        Caf.objects.filter(pk=caf).update(courriel_generique=f"boite@{name}.test")
        post = {
            f"user:{self.line.user_id}": "accounts.personnalise",
            f"user:{self.agent.user_id}": "accounts.personnalise",
            f"lieu:{self.lieu.uuid}": "accounts.personnalise",
            f"gestionnaire:{self.lieu.gestionnaire.uuid}": "accounts.personnalise",
            f"inscrite:{self.gone.uuid}": "accounts.personnalise",
            f"caf:{caf}": "accounts.personnalise",
            f"demande-habilitation:{self.application.uuid}": "habilitations.accuse",
        }
        for recipient, kind in post.items():
            outbox.post(kind, key=name, to=[recipient], now=NOW, demande=self.application.pk)
        for kind in ("demandes.accuse", "demandes.orientee"):
            outbox.post(kind, key=name, to=[f"demande:{self.demande.uuid}"], now=NOW, demande=self.demande.pk)
        names = ("rpe", "mairie", "personne", "candidat", "famille", "agent", "boite", "partie")
        self.addresses = [f"{one}@{name}.test" for one in names]
        sink.refuse |= dict.fromkeys(self.addresses, GONE)


@pytest.fixture
def cases(smtp_sink, time_machine):
    time_machine.move_to(NOW + timedelta(hours=1), tick=False)
    seine, essonne = Case(smtp_sink, "melun", "caf-77"), Case(smtp_sink, "evry", "caf-91", essonne=True)
    outbox.post("accounts.personnalise", key="good", to=[f"user:{AgentFactory().user_id}"], now=NOW)
    assert outbox.send_due(now=NOW) == (1, 0)
    return seine, essonne


@pytest.mark.rule("ACC-3.a")
@pytest.mark.parametrize("role", [{}, {"superviseur": True}, {"lecteur": True}])
def test_an_agent_sees_its_own_caf_s_and_what_to_do(client, cases, role):
    seine, essonne = cases
    client.force_login(AgentFactory(**role).user)
    page = client.get(URL).content.decode()
    for address in seine.addresses:
        assert (address in page) is (address != "famille@melun.test"), address
    for secret in (*essonne.addresses, essonne.lieu.nom, essonne.demande.reference):
        assert secret not in page
    for said in (seine.demande.reference, seine.lieu.nom, "réponse 550", "avenant", "Demandez "):
        assert escape(said) in page or said in page, said
    assert page.count(seine.demande.reference) == 1  # two of its mails failed
    desk = client.get("/admin/").content.decode()
    assert URL in desk
    [card] = [one for one in desk.split('<li class="attente-carte') if URL in one]
    assert ">8<" in card


def test_the_cnaf_sees_all(client, cases):
    client.force_login(AgentFactory(cnaf=True).user)
    page = client.get(URL).content.decode()
    assert all(case.lieu.nom in page and case.demande.reference in page for case in cases)


def test_a_line_goes_once_a_later_mail_is_accepted_the_family_has_withdrawn_or_a_month_is_over(
    client, cases, smtp_sink
):
    seine, _ = cases
    agent = AgentFactory()
    client.force_login(agent.user)
    smtp_sink.refuse.clear()
    later = NOW + timedelta(minutes=30)
    outbox.post("accounts.personnalise", key="2", to=[f"user:{seine.line.user_id}"], now=later)
    outbox.send_due(now=later)
    type(seine.demande).objects.filter(pk=seine.demande.pk).update(state="retiree")
    page = client.get(URL).content.decode()
    assert "personne@melun.test" not in page
    assert seine.demande.reference not in page
    assert "rpe@melun.test" in page
    assert unreachable.count(agent, NOW + timedelta(days=31)) == 0


def test_without_any_it_says_so(client):
    client.force_login(AgentFactory().user)
    assert "Aucun." in client.get(URL).content.decode()
    assert URL not in client.get("/admin/").content.decode()


@pytest.mark.parametrize(
    ("reply", "came_back", "words"),
    [
        ("450", False, "plus tard"),
        ("adresse", False, "faute de frappe"),
        ("550", False, "refuse cette adresse"),
        ("5.1.1", True, "n’existe pas"),
        ("5.2.2", True, "boîte est pleine"),
        ("4.4.7", True, "pas répondu à temps"),
        ("5.7.1", True, "refuse nos courriels"),
        ("550", True, "pas pu être remis"),
    ],
)
def test_why_is_said_in_words(reply, came_back, words):
    message = Message(cause="" if came_back else "destinataire", reply=reply, bounced_at=NOW if came_back else None)
    assert words in unreachable.reason(message)


@pytest.mark.rule("NOT-2.c")
def test_what_came_back_is_shown_until_a_later_mail_has_stayed_away_for_a_day(client, smtp_sink, time_machine):
    time_machine.move_to(NOW + timedelta(hours=1), tick=False)
    line, agent = HabilitationFactory(user__email="personne@melun.test"), AgentFactory()
    demande = DemandeFactory(transmise=True, lieu=line.lieu, dossier__courriel="famille@melun.test")
    outbox.post("accounts.personnalise", key="1", to=[f"user:{line.user_id}"], now=NOW)
    outbox.post("demandes.accuse", key="1", to=[f"demande:{demande.uuid}"], now=NOW, demande=demande.pk)
    outbox.send_due(now=NOW)
    assert unreachable.count(agent, NOW) == 0
    Message.objects.update(bounced_at=NOW, reply="5.7.1")
    client.force_login(agent.user)
    page = client.get(URL).content.decode()
    for words in ("personne@melun.test", "refuse nos courriels (réponse 5.7.1)", "accepte ", demande.reference):
        assert words in page, words
    assert "famille@melun.test" not in page
    later = NOW + timedelta(hours=1)
    outbox.post("accounts.personnalise", key="2", to=[f"user:{line.user_id}"], now=later)
    outbox.send_due(now=later)
    assert len(unreachable.professionals(agent, later + timedelta(hours=23))) == 1
    assert unreachable.professionals(agent, later + timedelta(hours=24)) == []
    Message.objects.filter(key="2").update(bounced_at=later, reply="5.1.1")
    [shown] = unreachable.professionals(agent, later + timedelta(days=2))
    assert "n’existe pas" in shown.raison


def test_a_person_is_one_line_under_whatever_name_it_was_written_to(smtp_sink):
    line, agent = HabilitationFactory(user__email="personne@melun.test"), AgentFactory()
    smtp_sink.refuse["personne@melun.test"] = GONE
    for key, recipient in (("1", f"personne:{line.personne.uuid}"), ("2", f"user:{line.user_id}")):
        outbox.post("accounts.personnalise", key=key, to=[recipient], now=NOW)
        outbox.send_due(now=NOW)
        assert [one.adresse for one in unreachable.professionals(agent, NOW)] == ["personne@melun.test"]


def test_every_kind_of_addressee_can_be_shown():
    assert set(kinds.RESOLVERS) == {*unreachable.READERS, unreachable.FAMILY.rstrip(":")}
