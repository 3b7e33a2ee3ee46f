"""A line of annexe 1 holds between two dates: whatever gives access asks them, both ends included (ACC-1, ACC-6, CON-6)."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.urls import reverse

from demandes.attestations import queries as attestations
from demandes.attestations.models import Attestation
from demandes.models import Remise
from demandes.services import destruction, reminders
from extranet.core.errors import WrongState
from extranet.core.outbox import services as outbox
from habilitations import queries
from habilitations.models import Habilitation
from habilitations.services import activation, persons
from tests.factories import (
    AgentFactory,
    DemandeFactory,
    DossierFactory,
    HabilitationFactory,
    LieuFactory,
    PersonneInscriteFactory,
    picked_up,
)

pytestmark = pytest.mark.django_db

# The line runs from 15 January 2025 through 23 November 2026, in Paris.
LAST = date(2026, 11, 23)
LAST_SECOND = datetime(2026, 11, 23, 22, 59, 59, tzinfo=UTC)
OVER = datetime(2026, 11, 23, 23, 0, tzinfo=UTC)
MOMENTS = [
    (datetime(2025, 1, 14, 22, 59, 59, tzinfo=UTC), False),  # the day before the first, one second to midnight
    (datetime(2025, 1, 14, 23, 0, tzinfo=UTC), True),  # its first second
    (datetime(2026, 6, 1, 9, tzinfo=UTC), True),
    (LAST_SECOND, True),
    (OVER, False),  # still the 23rd in UTC
]


@pytest.fixture
def lieu():
    return LieuFactory()


@pytest.fixture
def line(lieu):
    return HabilitationFactory(lieu=lieu, personne__until_on=LAST)


@pytest.mark.rule("ACC-1.a")
@pytest.mark.rule("ACC-6.a")
@pytest.mark.parametrize(("now", "holds"), MOMENTS)
def test_every_question_about_a_person_asks_the_dates_of_its_line(lieu, line, now, holds):
    waiting = PersonneInscriteFactory(lieu=lieu, until_on=LAST)
    lieu.conventions.update(in_force_from=date(2024, 1, 1))
    assert (lieu in queries.lieux_of(line.user, now)) is holds
    assert (lieu in queries.lieux_to_attest(line.user, now)) is holds
    assert (line in queries.persons_of(lieu.pk, now)) is holds
    assert queries.qualite_of(line.user, lieu, now) == ("animatrice" if holds else "")
    assert (waiting in queries.to_activate(now)) is holds
    assert (lieu in queries.lieux_without_anybody(now)) is not holds


@pytest.mark.rule("ACC-1.a")
@pytest.mark.rule("ACC-6.b")
def test_an_open_session_and_its_downloads_end_with_the_line(client, lieu, line, time_machine):
    demande = DemandeFactory(transmise=True, lieu=lieu)
    attestation = Attestation.objects.create(lieu=lieu, opened_at=LAST_SECOND, due_on=date(2026, 12, 22))
    detail = reverse("demandes:detail", args=[demande.uuid])
    signature = reverse("attestations:attestation", args=[attestation.uuid])
    time_machine.move_to(LAST_SECOND, tick=False)
    client.force_login(line.user)
    assert client.get(detail).status_code == 200
    assert client.get(signature).status_code == 200
    before = Remise.objects.count()
    time_machine.move_to(OVER, tick=False)
    assert client.get(detail).status_code == 404
    assert client.get(signature).status_code == 404
    assert demande.reference not in client.get("/espace/demandes/").content.decode()
    for form in ("xml", "pdf", "zip"):
        answer = client.post("/espace/demandes/telechargement/", {"format": form, "demande": str(demande.uuid)})
        assert answer.status_code == 404
    demande.refresh_from_db()
    assert (demande.state, Remise.objects.count()) == ("transmise", before)


@pytest.mark.rule("ACC-6.a")
@pytest.mark.django_db(transaction=True)
def test_no_mail_reaches_a_person_whose_line_is_over(lieu, line, smtp_sink):
    stays = HabilitationFactory(lieu=lieu)
    demande = DemandeFactory(transmise=True, lieu=lieu, at=OVER - timedelta(days=13))
    assert reminders.remind(now=LAST_SECOND - timedelta(hours=12)) == 1  # posted while both were there
    outbox.send_due(now=OVER)
    assert [one["To"] for one in smtp_sink.mails] == [stays.user.email]
    picked_up(at=LAST_SECOND)
    demande.refresh_from_db()
    destruction.withdraw(demande, now=OVER)
    outbox.send_due(now=OVER)
    assert {one["To"] for one in smtp_sink.mails} == {stays.user.email}
    assert len(smtp_sink.mails) == 2


@pytest.mark.rule("CON-6.b")
@pytest.mark.parametrize(
    ("until", "signs"),
    [(None, True), ("2026-01-15", True), ("2026-01-14", False), ("2026-03-01", True)],
)
def test_who_was_named_until_the_end_of_the_convention_still_signs_its_attestation(until, signs):
    lieu = LieuFactory(convention_finie=True)  # ended on 15 January 2026
    line = HabilitationFactory(lieu=lieu, personne__until_on=until and date.fromisoformat(until))
    now = datetime(2026, 2, 1, 9, tzinfo=UTC)
    attestation = Attestation.objects.create(lieu=lieu, opened_at=now, due_on=date(2026, 2, 15))
    assert (attestation in attestations.attestations_of(line.user, now)) is signs
    assert (line in queries.signers_of(lieu.pk, now)) is signs
    assert bool(queries.qualite_of(line.user, lieu, now)) is signs
    assert lieu not in queries.lieux_of(line.user, now)


@pytest.mark.rule("CON-6.b")
def test_the_persons_of_a_former_convention_do_not_sign_under_the_next():
    lieu = LieuFactory(convention_finie=True)
    line = HabilitationFactory(lieu=lieu, personne__until_on=date(2026, 1, 15))
    lieu.conventions.create(numero="CONV-77-2026-9999", created_at=OVER, state="signee", in_force_from=date(2026, 2, 1))
    assert lieu in queries.lieux_to_attest(line.user, datetime(2026, 1, 31, 9, tzinfo=UTC))
    assert lieu not in queries.lieux_to_attest(line.user, datetime(2026, 2, 1, 9, tzinfo=UTC))


@pytest.mark.rule("ACC-6.a")
@pytest.mark.django_db(transaction=True)
def test_no_password_is_sent_once_the_line_is_over(lieu, line, smtp_sink):
    type(line.user).objects.filter(pk=line.user_id).update(password_chosen_at=None)
    agent = AgentFactory().user
    persons.resend(habilitation_id=line.pk, by=agent, now=LAST_SECOND)
    with pytest.raises(WrongState, match="annexe 1"):
        persons.resend(habilitation_id=line.pk, by=agent, now=OVER)
    outbox.send_due(now=OVER)
    assert smtp_sink.mails == []


@pytest.mark.rule("ACT-1.a")
def test_a_person_named_again_after_its_line_had_ended_is_opened_again(lieu, line):
    again = PersonneInscriteFactory(lieu=lieu, courriel=line.user.email, from_on=date(2026, 12, 1))
    now = datetime(2026, 12, 1, 9, tzinfo=UTC)
    made = activation.activate(personne_id=again.pk, by=AgentFactory().user, now=now)
    assert made.user == line.user
    assert lieu in queries.lieux_of(line.user, now)
    line.refresh_from_db()
    assert line.suspended_at == now
    assert Habilitation.objects.filter(user=line.user, suspended_at=None).get() == made


def test_a_family_is_not_shown_to_a_colleague_only_named_later(client, lieu, time_machine):
    demande = DemandeFactory(transmise=True, lieu=lieu, dossier=None)
    DossierFactory(demande=demande)
    later = HabilitationFactory(lieu=lieu, personne__from_on=date(2026, 11, 24))
    time_machine.move_to(LAST_SECOND, tick=False)
    client.force_login(later.user)
    assert client.get(reverse("demandes:detail", args=[demande.uuid])).status_code == 404
    time_machine.move_to(OVER, tick=False)
    assert client.get(reverse("demandes:detail", args=[demande.uuid])).status_code == 200
