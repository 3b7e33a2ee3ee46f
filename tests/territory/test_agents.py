import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command

from extranet.core.journal.models import Entry
from extranet.territory.models import Agent

pytestmark = pytest.mark.django_db


def test_creating_an_agent_again_changes_nothing(capsys):
    call_command("create_agent", "Agent.Neuf@caf77.test", "--caf", "caf-77", "--role", "lecteur")
    call_command("create_agent", "agent.neuf@CAF77.test", "--caf", "caf-77", "--role", "lecteur")
    assert capsys.readouterr().out.splitlines() == ["lecteur of caf-77: done", "lecteur of caf-77: unchanged"]
    agent = Agent.objects.get(user__email="agent.neuf@caf77.test")
    assert (agent.role, agent.caf_id, agent.user.is_staff, agent.user.is_superuser) == (
        "lecteur",
        "caf-77",
        True,
        False,
    )
    assert not agent.user.has_usable_password()
    assert Entry.objects.filter(event="agent.nomme").count() == 1


def test_another_role_moves_the_same_agent():
    call_command("create_agent", "a@caf77.test", "--caf", "caf-77", "--role", "lecteur")
    call_command("create_agent", "a@caf77.test", "--caf", "caf-91", "--role", "superviseur")
    assert list(Agent.objects.values_list("role", "caf")) == [("superviseur", "caf-91")]


def test_a_member_of_the_cnaf_has_no_caf():
    call_command("create_cnaf_user", "nationale@cnaf.test")
    call_command("create_cnaf_user", "nationale@cnaf.test")
    assert list(Agent.objects.values_list("role", "caf")) == [("cnaf", None)]


def test_wrong_use_is_refused_and_creates_nobody():
    with pytest.raises(SystemExit) as stopped:
        call_command("create_agent", "a@caf77.test", "--caf", "caf-00", "--role", "lecteur")
    assert stopped.value.code == 2
    with pytest.raises(CommandError):
        call_command("create_agent", "a@caf77.test", "--caf", "caf-77", "--role", "cnaf")
    get_user_model().objects.create_user(email="animatrice@lieu.test")
    with pytest.raises(SystemExit):
        call_command("create_agent", "animatrice@lieu.test", "--caf", "caf-77", "--role", "lecteur")
    assert not Agent.objects.exists()
