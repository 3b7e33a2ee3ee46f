"""Late in Paris and at the lieu: lists, filters, mails and pages say the same of a lieu overseas (NOT-4.i)."""

from datetime import datetime

import pytest
from django.urls import reverse

from demandes import queries
from demandes.attestations import queries as attestations
from demandes.attestations.models import Attestation
from demandes.models import Suivi
from demandes.services import reminders
from extranet.core.outbox import services as outbox
from extranet.core.outbox.models import Message
from tests.conftest import text_of
from tests.factories import AgentFactory, CafFactory, DemandeFactory, HabilitationFactory, LieuFactory

pytestmark = pytest.mark.django_db
NOTIFIED = datetime.fromisoformat("2026-11-23T12:00Z")
STILL = datetime.fromisoformat("2026-12-09T02:30Z")  # 9 December in Paris, the evening of the 8th in Cayenne
OVER = datetime.fromisoformat("2026-12-09T03:00Z")


@pytest.fixture
def cayenne():
    return LieuFactory(caf=CafFactory(code="caf-973", nom="Caf de Guyane"), code_postal="97300", ville="Cayenne")


@pytest.mark.rule("NOT-4.i")
@pytest.mark.rule("NOT-4.d")
def test_queries_and_rule_agree_on_who_is_late(cayenne):
    here, there = (DemandeFactory(transmise=True, lieu=lieu, at=NOTIFIED) for lieu in (LieuFactory(), cayenne))
    for now, late in ((STILL, [here]), (OVER, [here, there])):
        assert list(queries.late_at(now).order_by("pk")) == late
        assert [one for one in (here, there) if one.delay(now).days_late] == late
    due = {"opened_at": NOTIFIED, "due_on": here.pick_up_day}
    signs, owes = (Attestation.objects.create(lieu=lieu, **due) for lieu in (here.lieu, cayenne))
    assert list(attestations.overdue(STILL)) == [signs]
    assert set(attestations.overdue(OVER)) == {signs, owes}
    assert [one.is_late(now) for one in (signs, owes) for now in (STILL, OVER)] == [True, True, False, True]


@pytest.mark.rule("NOT-4.i")
def test_nobody_is_told_before_the_day_is_over_at_the_lieu_and_all_see_both_times(
    client, time_machine, cayenne, smtp_sink
):
    line = HabilitationFactory(lieu=cayenne)
    demande = DemandeFactory(transmise=True, lieu=cayenne, at=NOTIFIED)
    agent = AgentFactory(caf=cayenne.caf)
    assert reminders.tell_late(now=STILL) == 0
    time_machine.move_to(STILL, tick=False)
    words = "8 décembre 2026 à minuit, heure de Guyane (le lendemain à 4 h, heure de Paris)"
    client.force_login(line.user)
    for name, args in (("demandes:liste", []), ("demandes:detail", [demande.uuid])):
        page = client.get(reverse(name, args=args)).content.decode().replace("\xa0", " ")
        assert words in page
        assert "aujourd’hui" in page
        assert "en retard" not in page
    client.force_login(agent.user)
    late = reverse("admin:demandes_demande_changelist") + "?delai=retard"
    assert demande.reference not in client.get(late).content.decode()
    time_machine.move_to(OVER, tick=False)
    assert demande.reference in client.get(late).content.decode()
    assert reminders.tell_late(now=OVER) == 1
    outbox.send_due(now=OVER)
    assert Message.objects.filter(kind="demandes.retard-caf").exists()
    [mail] = smtp_sink.to(line.user.email)
    assert words in text_of(mail).replace("\xa0", " ")


@pytest.mark.rule("SUI-1.a")
def test_an_appointment_and_a_call_are_at_the_hour_and_on_the_day_of_the_lieu(client, time_machine):
    lieu = LieuFactory(caf=CafFactory(code="caf-971", nom="Caf de la Guadeloupe"), code_postal="97110")
    client.force_login(HabilitationFactory(lieu=lieu).user)
    time_machine.move_to(datetime.fromisoformat("2026-11-23T13:30Z"), tick=False)  # 9:30 there
    demande = DemandeFactory(recuperee=True, lieu=lieu, at=datetime.fromisoformat("2026-11-20T12:00Z"))
    detail = reverse("demandes:detail", args=[demande.uuid])

    def note(name, **typed):
        return client.post(reverse("demandes:acte", args=[demande.uuid, name]), typed)

    assert note("rdv", jour="2026-11-23", heure="09:00", moyen="lieu").status_code == 422
    assert note("rdv", jour="2026-11-23", heure="11:00", moyen="lieu").status_code == 302
    assert Suivi.objects.get().rendez_vous_at == datetime.fromisoformat("2026-11-23T15:00Z")
    for address in (detail, reverse("demandes:liste")):
        assert "Rendez-vous aujourd’hui à 11 h," in client.get(address).content.decode().replace("\xa0", " ")
    calendar = client.get(reverse("demandes:calendrier", args=[demande.uuid])).content
    assert b"DTSTART:20261123T110000\r\n" in calendar
    time_machine.move_to(datetime.fromisoformat("2026-11-24T00:30Z"), tick=False)  # still the evening of the 23rd there
    client.force_login(HabilitationFactory(lieu=lieu).user)
    assert note("appel", joint="non", rappeler_on="2026-11-23").status_code == 302
    for address in (detail, reverse("demandes:liste")):
        assert "À rappeler aujourd’hui" in client.get(address).content.decode()
