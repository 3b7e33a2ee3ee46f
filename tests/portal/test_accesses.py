"""The superviseur and the DPO of a Caf read who has seen or downloaded which dossier of their Caf (ACC-2.g)."""

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest

from demandes.models import Remise
from extranet.core.errors import Forbidden
from extranet.core.journal.models import Entry
from extranet.territory import services as territory
from tests.factories import NOW, AgentFactory, DemandeFactory, HabilitationFactory, LieuFactory

pytestmark = [pytest.mark.django_db, pytest.mark.rule("ACC-2.g")]
URL = "/admin/acces/"


def access(line, at=NOW, **about):
    demande = DemandeFactory(recuperee=True, lieu=line.lieu, dossier__nom="Nomrarissime")
    facts = {"adresse_reseau": "192.0.2.7", "appareil": "Firefox", "mode": "pdf"} | about
    return Remise.objects.create(
        at=at,
        user_id=line.user_id,
        demande_uuid=demande.uuid,
        reference=demande.reference,
        lieu_id=line.lieu.pk,
        **facts,
    )


@pytest.fixture
def case(time_machine):
    time_machine.move_to(NOW, tick=False)
    lieu, other = LieuFactory(nom="RPE des Tilleuls"), LieuFactory(nom="RPE de Melun")
    lines = [HabilitationFactory(lieu=lieu), HabilitationFactory(lieu=lieu), HabilitationFactory(lieu=other)]
    mine = [access(line) for line in lines]
    stranger = access(HabilitationFactory(lieu__essonne=True))
    return lines, mine, stranger


def references(page):
    return {line.remise.reference for line in page.context["lignes"]}


def test_who_may_read_it(client, case):
    _, mine, stranger = case
    dpo = AgentFactory(role="lecteur")
    for agent, status in (
        (AgentFactory(), 403),
        (AgentFactory(role="lecteur"), 403),
        (AgentFactory(cnaf=True), 403),
        (dpo, 403),
        (AgentFactory(role="superviseur"), 200),
    ):
        client.force_login(agent.user)
        assert client.get(URL).status_code == status, agent.role
    assert URL in client.get("/admin/").content.decode()
    with pytest.raises(Forbidden):
        territory.set_dpo(agent_id=dpo.pk, dpo=True, by=AgentFactory().user, now=NOW)
    assert client.post(f"/admin/territory/agent/{dpo.pk}/acte/dpo/").status_code == 302
    assert Entry.objects.filter(event="agent.dpo").count() == 1
    client.force_login(dpo.user)
    page = client.get(URL)
    assert references(page) == {one.reference for one in mine}
    words = page.content.decode()
    assert stranger.reference not in words
    assert "Nomrarissime" not in words
    client.force_login(HabilitationFactory().user)
    assert client.get(URL).status_code == 403


def test_it_is_narrowed_by_lieu_person_and_period(client, case):
    lines, mine, _ = case
    old = access(lines[0], at=NOW - timedelta(days=40))
    midnight = access(lines[0], at=datetime(2026, 11, 20, 22, 59, tzinfo=UTC))  # still the 20th in Paris
    client.force_login(AgentFactory(role="superviseur").user)
    for query, wanted in (
        ({}, [*mine, midnight]),
        ({"lieu": lines[2].lieu.pk}, [mine[2]]),
        ({"personne": lines[1].user_id}, [mine[1]]),
        ({"depuis": "2026-10-01", "jusque": "2026-10-31"}, [old]),
        ({"depuis": "2026-11-20", "jusque": "2026-11-20"}, [midnight]),
        ({"depuis": "2026-11-21", "personne": lines[0].user_id}, [mine[0]]),
    ):
        assert references(client.get(URL, query)) == {one.reference for one in wanted}, query
    stranger = HabilitationFactory(lieu__essonne=True)
    for query in (
        {"lieu": stranger.lieu.pk},
        {"personne": stranger.user_id},
        {"depuis": "hier"},
        {"depuis": "2026-11-22", "jusque": "2026-11-21"},
        {"jusque": "9999-12-31"},
    ):
        page = client.get(URL, query)
        assert page.status_code == 422, query
        assert not references(page)


def test_the_file_is_safe_in_a_spreadsheet_and_its_making_is_noted(client, case):
    lines, mine, stranger = case
    danger = access(lines[0], appareil='=HYPERLINK("http://ailleurs.test")')
    supervisor = AgentFactory(role="superviseur").user
    client.force_login(supervisor)
    answer = client.post(URL + f"?lieu={lines[0].lieu.pk}")
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text), delimiter=";"))
    assert {row["demande"] for row in rows} == {mine[0].reference, mine[1].reference, danger.reference}
    assert rows[0]["appareil"].startswith("'=HYPERLINK")
    assert rows[0]["date"] == "23/11/2026"
    assert rows[0]["heure"] == "10:00:00"
    assert rows[0]["courriel"] == lines[0].user.email
    assert "Nomrarissime" not in text
    act = Entry.objects.get(event="acces.exportes")
    assert (act.actor, act.caf) == (f"user:{supervisor.uuid}", lines[0].lieu.caf_id)
    assert client.post(URL + "?depuis=hier").status_code == 422
    assert Entry.objects.filter(event="acces.exportes").count() == 1


def test_the_list_costs_the_same_whatever_its_length(client, case, django_assert_max_num_queries):
    lines, _, _ = case
    for _ in range(20):
        access(lines[0])
    client.force_login(AgentFactory(role="superviseur").user)
    with django_assert_max_num_queries(16):
        client.get(URL)
