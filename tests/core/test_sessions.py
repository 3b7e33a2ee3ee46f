"""A session ends when nobody is there any more, and in the evening whatever happens (ACC-5)."""

from datetime import timedelta

import pytest

from tests.factories import NOW, UserFactory

pytestmark = pytest.mark.django_db
PAGE = "/compte/mot-de-passe/"


@pytest.mark.rule("ACC-5.a")
def test_a_session_ends_after_thirty_minutes_idle_and_after_ten_hours(client, time_machine):
    client.force_login(UserFactory())

    def open_at(minutes):
        time_machine.move_to(NOW + timedelta(minutes=minutes), tick=False)
        return client.get(PAGE).status_code == 200

    time_machine.move_to(NOW, tick=False)
    assert [open_at(minutes) for minutes in (0, 30, 60, 91)] == [True, True, True, False]
    time_machine.move_to(NOW, tick=False)
    client.force_login(UserFactory())
    assert all(open_at(minutes) for minutes in range(0, 600, 25))
    assert not open_at(601)
