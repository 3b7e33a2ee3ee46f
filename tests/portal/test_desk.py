"""What waits for an agent, on the first page of the desk (CTL-1)."""

from datetime import date

import pytest

from demandes.attestations.models import Attestation
from tests.factories import NOW, AgentFactory, DemandeFactory, DemandeHabilitationFactory, LieuFactory

pytestmark = pytest.mark.django_db


@pytest.mark.rule("CTL-1.a")
@pytest.mark.rule("CTL-1.f")
def test_the_desk_shows_what_is_late_and_what_was_applied_for_in_its_own_caf(client, time_machine):
    time_machine.move_to(NOW, tick=False)
    for trait in ({}, {"essonne": True}):
        lieu = LieuFactory(**trait)
        DemandeFactory(en_retard=True, lieu=lieu)
        Attestation.objects.create(lieu=lieu, opened_at=NOW, due_on=date(2026, 11, 22))
        DemandeHabilitationFactory(**trait)
    client.force_login(AgentFactory().user)
    cards = {card.lien: card for card in client.get("/admin/").context["attente"]}
    for lien in (
        "/admin/demandes/demande/?delai=retard",
        "/admin/attestations/attestation/?echeance=retard",
        "/admin/habilitations/demandehabilitation/?state__exact=deposee",
    ):
        assert cards[lien].nombre == 1, lien
        assert client.get(lien).context["cl"].result_count == 1, lien
