"""A lieu's persons read their convention and its annexe 1 as they stand (ACC-1)."""

from datetime import date

import pytest
from django.urls import reverse

from tests.factories import NOW, AgentFactory, HabilitationFactory, LieuFactory, PersonneInscriteFactory

pytestmark = [pytest.mark.django_db, pytest.mark.rule("ACC-1.a")]
PAGE = "habilitations:convention"


def test_each_sees_its_own_with_what_holds_today_and_an_agent_is_sent_to_the_back_office(client, time_machine):
    time_machine.move_to(NOW, tick=False)
    lieu, other = LieuFactory(nom="RPE des Tilleuls"), LieuFactory(nom="RPE des Ormes")
    person = HabilitationFactory(lieu=lieu, inscription__fonction="responsable").user
    HabilitationFactory(lieu=other)
    PersonneInscriteFactory(lieu=lieu, nom="Partie", until_on=date(2026, 11, 22))
    PersonneInscriteFactory(lieu=lieu, nom="Attendue", from_on=None)
    client.force_login(person)
    page = client.get(reverse(PAGE)).content.decode()
    assert "ayant pour représentant légal" in page  # agrees with « Commune » as with « Syndicat »
    assert all(words in page for words in ("RPE des Tilleuls", "responsable", "15 janvier 2025", "Châtelet"))
    assert not [words for words in ("RPE des Ormes", "Partie", "Attendue", "jusqu’au") if words in page]
    lieu.conventions.update(ended_on=date(2027, 1, 15))
    page = client.get(reverse(PAGE)).content.decode()
    assert "jusqu’au 15 janvier 2027" in page
    assert "renouvelée" not in page
    client.force_login(AgentFactory().user)
    assert client.get(reverse(PAGE)).status_code == 403
