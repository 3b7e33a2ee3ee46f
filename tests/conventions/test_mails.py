"""Where mails to a lieu and to a gestionnaire go."""

from uuid import uuid4

import pytest

from extranet.core.outbox.kinds import addresses_of
from tests.factories import NOW, GestionnaireFactory, LieuFactory

pytestmark = pytest.mark.django_db


def test_a_lieu_is_written_to_in_its_own_mailbox():
    lieu = f"lieu:{LieuFactory(courriel='rpe@lieu.test').uuid}"
    assert addresses_of([lieu, f"lieu:{uuid4()}"], NOW) == {lieu: "rpe@lieu.test"}


@pytest.mark.rule("ACT-1.e")
@pytest.mark.parametrize(
    ("official", "given", "address"),
    [
        ("registre@ville.test", "saisie@ville.test", "registre@ville.test"),
        ("", "saisie@ville.test", "saisie@ville.test"),
        ("", "", None),
    ],
)
def test_a_gestionnaire_is_written_to_at_its_official_address_first(official, given, address):
    gestionnaire = f"gestionnaire:{GestionnaireFactory(courriel_registre=official, courriel=given).uuid}"
    assert addresses_of([gestionnaire], NOW).get(gestionnaire) == address
