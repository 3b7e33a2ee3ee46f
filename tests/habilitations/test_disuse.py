"""Accesses that nobody uses: shown, warned about, suspended; and opened again for who comes back."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from extranet.core.accounts.models import User
from extranet.core.errors import Forbidden, WrongState
from extranet.core.journal.models import Entry
from extranet.core.outbox import services as outbox
from extranet.core.outbox.models import Message
from extranet.portal.desk import waiting_for
from habilitations import queries, rules
from habilitations.models import Habilitation
from habilitations.services import disuse, persons
from tests.conftest import text_of
from tests.factories import AgentFactory, HabilitationFactory, LieuFactory

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)


@pytest.mark.rule("ACC-6.c")
@pytest.mark.rule("ACC-6.d")
@pytest.mark.parametrize(
    ("used_on", "today", "state"),
    [
        ("2026-01-01", "2026-01-01", ""),
        ("2026-01-01", "2026-03-31", ""),  # 89 days
        ("2026-01-01", "2026-04-01", "montree"),  # 90
        ("2026-01-01", "2026-06-14", "montree"),  # 164
        ("2026-01-01", "2026-06-15", "prevenue"),  # 165
        ("2026-01-01", "2026-06-29", "prevenue"),  # 179
        ("2026-01-01", "2026-06-30", "suspendue"),  # 180
        ("2026-01-01", "2027-06-30", "suspendue"),
        ("2023-09-01", "2024-02-28", "suspendue"),  # over a leap year: 180 days, not six months
        ("2023-09-02", "2024-02-28", "prevenue"),
    ],
)
def test_days_without_use(used_on: str, today: str, state: str) -> None:
    assert rules.disuse(date.fromisoformat(used_on), date.fromisoformat(today)) == state
    closing = rules.closes_on(date.fromisoformat(used_on))
    assert (date.fromisoformat(today) >= closing) is (state == "suspendue")


def days_ago(days: int, hour: int = 12) -> datetime:
    return (NOW - timedelta(days=days)).replace(hour=hour)


def person(login: int | None, opened: int = 400, **about: Any) -> Habilitation:
    return HabilitationFactory(
        activated_at=days_ago(opened), user__last_login=days_ago(login) if login is not None else None, **about
    )


@pytest.mark.rule("ACC-6.c")
def test_a_person_unused_for_90_days_is_shown_to_its_caf(client: Any, db: None, time_machine: Any) -> None:
    time_machine.move_to(NOW, tick=False)
    lieu = LieuFactory()
    shown = [person(login=90, lieu=lieu), person(login=None, opened=120, lieu=lieu)]
    used = [person(login=89, lieu=lieu), person(login=None, opened=30, lieu=lieu)]
    person(login=200, lieu__essonne=True)
    agent = AgentFactory().user
    client.force_login(agent)
    [card] = [card for card in waiting_for(agent, NOW) if "inutilisé" in card.un]
    assert card.nombre == 2
    listed = client.get(card.lien).content.decode()
    for line in shown:
        assert line.user.email in listed
    for line in used:
        assert line.user.email not in listed
    page = client.get(f"/admin/habilitations/habilitation/{shown[0].pk}/change/").content.decode()
    assert "inutilisé : suspension le" in page


@pytest.mark.rule("ACC-6.d")
def test_who_does_not_log_in_is_warned_then_suspended_and_all_are_told(
    db: None, smtp_sink: Any, time_machine: Any
) -> None:
    time_machine.move_to(NOW, tick=False)
    line = person(login=170)
    agent = AgentFactory(caf=line.lieu.caf).user
    for _ in range(2):
        disuse.warn(now=NOW)
    assert disuse.suspend(now=NOW) == 0
    outbox.send_due(now=NOW)
    [warning] = smtp_sink.to(line.user.email)
    assert "il suffit de vous connecter une fois" in text_of(warning)
    assert "3 décembre 2026" in text_of(warning)

    late = NOW + timedelta(days=10)
    assert disuse.suspend(now=late) == 1
    assert disuse.suspend(now=late) == 0, "once"
    assert not queries.active(late).filter(pk=line.pk).exists()
    assert not User.objects.get(pk=line.user_id).is_active, "it was its last right"
    act = Entry.objects.get(event="habilitation.suspendue")
    assert (act.actor, act.details) == ("systeme", {"raison": "inutilisee"})
    outbox.send_due(now=late)
    assert "faute d’usage" in smtp_sink.to(line.user.email)[-1]["Subject"]
    assert "vous pouvez lever la suspension" in text_of(smtp_sink.to(agent.email)[-1])


@pytest.mark.rule("ACC-6.d")
def test_logging_in_is_enough(db: None, smtp_sink: Any, time_machine: Any) -> None:
    time_machine.move_to(NOW, tick=False)
    line = person(login=179)
    disuse.warn(now=NOW)
    User.objects.filter(pk=line.user_id).update(last_login=NOW)
    assert disuse.suspend(now=NOW + timedelta(days=3)) == 0
    outbox.send_due(now=NOW + timedelta(days=3))
    assert not smtp_sink.mails, "the warning is no longer true"
    disuse.warn(now=NOW + timedelta(days=165))
    assert Message.objects.filter(kind="habilitations.inutilisee").count() == 2, "a new stretch, a new warning"


@pytest.mark.rule("ACC-6.d")
def test_only_the_lieu_of_an_unused_opening_is_closed(db: None) -> None:
    old = person(login=None, opened=200)
    recent = HabilitationFactory(activated_at=days_ago(20), user=old.user)
    closed = HabilitationFactory(activated_at=days_ago(300), suspendue=True)
    assert disuse.suspend(now=NOW) == 1
    assert list(queries.active(NOW)) == [recent]
    assert User.objects.get(pk=old.user_id).is_active
    assert closed.suspensions.count() == 1


@pytest.mark.rule("ACC-6.b")
@pytest.mark.rule("ACC-6.d")
def test_an_agent_lifts_a_suspension_and_the_person_comes_in_again(
    client: Any, db: None, smtp_sink: Any, time_machine: Any
) -> None:
    time_machine.move_to(NOW, tick=False)
    line = person(login=181)
    disuse.suspend(now=NOW)
    with pytest.raises(Forbidden):
        persons.lift(habilitation_id=line.pk, by=AgentFactory(role="lecteur", caf=line.lieu.caf).user, now=NOW)
    agent = AgentFactory(caf=line.lieu.caf).user
    client.force_login(agent)
    page = f"/admin/habilitations/habilitation/{line.pk}/"
    assert "Lever la suspension" in client.get(f"{page}change/").content.decode()
    assert client.post(f"{page}acte/lever/").status_code == 302
    assert queries.active(NOW).filter(pk=line.pk).exists()
    suspension = line.suspensions.get()
    assert (suspension.until_at, suspension.lifted_by) == (NOW, agent)
    assert disuse.suspend(now=NOW + timedelta(days=179)) == 0, "days count from the lifting"
    smtp_sink.mails.clear()
    outbox.send_due(now=NOW)
    assert "Votre mot de passe provisoire" in text_of(smtp_sink.to(line.user.email)[-1])
    with pytest.raises(WrongState):
        persons.lift(habilitation_id=line.pk, by=agent, now=NOW)


@pytest.mark.rule("ACC-6.a")
def test_who_has_left_annexe_1_is_not_let_in_again(db: None) -> None:
    line = HabilitationFactory(suspendue=True, inscription__until_on=date(2026, 11, 1))
    with pytest.raises(WrongState, match="annexe 1"):
        persons.lift(habilitation_id=line.pk, by=AgentFactory(caf=line.lieu.caf).user, now=NOW)
