"""A line of annexe 1 holds between two dates: what gives access asks them, both ends included (ACC-1, ACC-6, CON-6)."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import IntegrityError, transaction
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
    ConventionFactory,
    DemandeFactory,
    DossierFactory,
    HabilitationFactory,
    LieuFactory,
    PersonneInscriteFactory,
    SuspensionFactory,
    SuspensionHabilitationFactory,
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


def following(lieu, start):
    ConventionFactory(lieu=lieu, in_force_from=start, communes=[])


@pytest.fixture
def line(lieu):
    return HabilitationFactory(lieu=lieu, inscription__until_on=LAST)


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
    assert bool(queries.without_anybody([lieu.pk], now)) is not holds


TWO_LINES = [
    # first line, second line, day, function of that day ("" when the person may not act)
    (("2026-02-01", "2026-02-28"), ("2026-03-10", None), "2026-01-31", ""),  # the day before the first
    (("2026-02-01", "2026-02-28"), ("2026-03-10", None), "2026-02-01", "animatrice"),
    (("2026-02-01", "2026-02-28"), ("2026-03-10", None), "2026-02-28", "animatrice"),  # its last day
    (("2026-02-01", "2026-02-28"), ("2026-03-10", None), "2026-03-01", ""),  # the day after, in the gap
    (("2026-02-01", "2026-02-28"), ("2026-03-10", None), "2026-03-09", ""),
    (("2026-02-01", "2026-02-28"), ("2026-03-10", None), "2026-03-10", "responsable"),
    (("2026-02-01", "2026-02-28"), ("2026-03-01", None), "2026-02-28", "animatrice"),  # one after the other: no gap
    (("2026-02-01", "2026-02-28"), ("2026-03-01", None), "2026-03-01", "responsable"),
    (("2026-02-01", "2026-02-28"), ("2026-02-20", "2026-03-31"), "2026-02-25", "responsable"),  # both: the newer
    (("2026-02-01", "2026-02-28"), ("2026-02-20", "2026-03-31"), "2026-03-31", "responsable"),
    (("2026-02-01", "2026-02-28"), ("2026-02-20", "2026-03-31"), "2026-04-01", ""),
    (("2026-02-01", None), (None, None), "2026-11-23", "animatrice"),  # the second waits for its signatures
    ((None, None), (None, None), "2026-11-23", ""),
]


@pytest.mark.rule("ACC-1.a")
@pytest.mark.rule("CON-7.d")
@pytest.mark.parametrize(("first", "second", "day", "fonction"), TWO_LINES)
def test_the_right_of_a_person_is_found_by_its_lines_one_after_the_other(lieu, first, second, day, fonction):
    bounds = [{"from_on": begins, "until_on": ends} for begins, ends in (first, second)]
    line = HabilitationFactory(lieu=lieu, **{f"inscription__{name}": value for name, value in bounds[0].items()})
    named = {"personne": line.personne, "courriel": line.user.email, "fonction": "responsable"}
    PersonneInscriteFactory(lieu=lieu, **named, **bounds[1])
    now = datetime.fromisoformat(f"{day}T12:00:00+01:00")
    assert (line in queries.active(now)) is bool(fonction)
    assert (lieu in queries.lieux_of(line.user, now)) is bool(fonction)
    assert queries.qualite_of(line.user, lieu, now) == fonction
    assert [one.fonction for one in queries.with_fonction(queries.active(now), now)] == ([fonction] if fonction else [])
    assert not queries.to_activate(now).exists()


@pytest.mark.rule("ACC-1.a")
@pytest.mark.rule("CON-6.b")
@pytest.mark.parametrize(("day", "holds"), [("2026-06-30", True), ("2026-07-01", False)])
def test_a_line_ends_with_the_convention_of_its_acte_without_being_closed(lieu, day, holds):
    line = HabilitationFactory(lieu=lieu)
    lieu.conventions.update(ended_on=date(2026, 6, 30))
    now = datetime.fromisoformat(f"{day}T12:00:00+02:00")
    assert (line in queries.active(now)) is holds
    assert (lieu in queries.lieux_of(line.user, now)) is holds
    # Nor does it come back to life under the next one, which names whom it names.
    following(lieu, date(2026, 7, 1))
    assert (line in queries.bound(now)) is holds


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
    for form in ("xml", "pdf", "zip", "csv"):
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
    line = HabilitationFactory(lieu=lieu, inscription__until_on=until and date.fromisoformat(until))
    now = datetime(2026, 2, 1, 9, tzinfo=UTC)
    attestation = Attestation.objects.create(lieu=lieu, opened_at=now, due_on=date(2026, 2, 15))
    assert (attestation in attestations.attestations_of(line.user, now)) is signs
    assert (line in queries.signers_of(lieu.pk, now)) is signs
    assert bool(queries.qualite_of(line.user, lieu, now)) is signs
    assert lieu not in queries.lieux_of(line.user, now)


@pytest.mark.rule("CON-6.b")
def test_the_persons_of_a_former_convention_do_not_sign_under_the_next():
    lieu = LieuFactory(convention_finie=True)
    line = HabilitationFactory(lieu=lieu, inscription__until_on=date(2026, 1, 15))
    following(lieu, date(2026, 2, 1))
    assert lieu in queries.lieux_to_attest(line.user, datetime(2026, 1, 31, 9, tzinfo=UTC))
    assert lieu not in queries.lieux_to_attest(line.user, datetime(2026, 2, 1, 9, tzinfo=UTC))
    lieu.conventions.filter(ended_on=None).update(ended_on=date(2026, 3, 1))  # nor when that one is over
    assert lieu not in queries.lieux_to_attest(line.user, datetime(2026, 4, 1, 9, tzinfo=UTC))


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
    assert queries.active(now).filter(user=line.user).get() == made


def test_a_family_is_not_shown_to_a_colleague_only_named_later(client, lieu, time_machine):
    demande = DemandeFactory(transmise=True, lieu=lieu, dossier=None)
    DossierFactory(demande=demande)
    later = HabilitationFactory(lieu=lieu, inscription__from_on=date(2026, 11, 24))
    time_machine.move_to(LAST_SECOND, tick=False)
    client.force_login(later.user)
    assert client.get(reverse("demandes:detail", args=[demande.uuid])).status_code == 404
    time_machine.move_to(OVER, tick=False)
    assert client.get(reverse("demandes:detail", args=[demande.uuid])).status_code == 200


@pytest.mark.rule("ACC-6.a")
def test_a_suspension_holds_from_its_moment_to_that_of_its_end_and_one_at_a_time(lieu, line):
    begin, end = LAST_SECOND - timedelta(hours=2), LAST_SECOND - timedelta(hours=1)
    SuspensionHabilitationFactory(habilitation=line, from_at=begin, until_at=end)
    second = timedelta(seconds=1)
    for now, holds in [(begin - second, True), (begin, False), (end - second, False), (end, True)]:
        assert (line in queries.active(now)) is holds
        assert (line in queries.bound(now)) is holds
        assert (lieu in queries.lieux_of(line.user, now)) is holds
    SuspensionHabilitationFactory(habilitation=line, from_at=end)
    assert line not in queries.active(LAST_SECOND)
    with pytest.raises(IntegrityError, match="one_open_suspension_a_habilitation"), transaction.atomic():
        SuspensionHabilitationFactory(habilitation=line, from_at=LAST_SECOND)
    with pytest.raises(IntegrityError, match="lifted_after_its_start"), transaction.atomic():
        line.suspensions.filter(until_at=None).update(until_at=begin)


@pytest.mark.rule("CON-5.c")
@pytest.mark.rule("CON-6.b")
def test_a_suspended_lieu_keeps_its_persons_named_and_its_attestations_to_sign(lieu, line):
    SuspensionFactory(convention=lieu.conventions.get(), from_at=LAST_SECOND - timedelta(days=1))
    assert line in queries.active(LAST_SECOND)
    assert line not in queries.entering(LAST_SECOND)
    assert lieu in queries.lieux_to_attest(line.user, LAST_SECOND)
    assert lieu not in queries.lieux_of(line.user, LAST_SECOND)


@pytest.mark.rule("HAB-4.b")
def test_an_account_stands_once_for_a_person(line):
    with pytest.raises(IntegrityError, match="one_habilitation_a_person"):
        Habilitation.objects.create(user=line.user, personne=line.personne, activated_at=OVER)
