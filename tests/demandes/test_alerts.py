"""Who is told of lateness, once and never out of order, and what one bad item costs the others (NOT-4, NOT-5)."""

from datetime import timedelta

import pytest
from django.db import DataError, connection

from demandes.attestations.models import Attestation
from demandes.attestations.services import copies as attestations
from demandes.models import Demande, Transmission
from demandes.services import destruction, reminders
from extranet.core.apart import Incomplete
from extranet.core.outbox import services as outbox
from extranet.core.outbox.models import Message
from extranet.portal import sweep
from extranet.territory.models import Caf
from tests.conftest import text_of
from tests.demandes.test_notification import NOW, agent, day, give, lieu, persons, told, work  # noqa: F401 -- fixtures
from tests.factories import AgentFactory, DemandeFactory, HabilitationFactory, LieuFactory

pytestmark = pytest.mark.django_db
BOX = "petite.enfance@caf77.test"


@pytest.fixture
def caf(agent):  # noqa: F811
    """Everybody whom a Caf's alerts are for, and others whom they are not for."""
    AgentFactory(superviseur=True, user__email="superviseur@caf77.test")
    AgentFactory(superviseur=True, user__ferme=True, user__email="parti@caf77.test")
    AgentFactory(cnaf=True, user__email="cnaf@caf.test")
    Caf.objects.filter(pk="caf-77").update(courriel_generique=BOX)
    Caf.objects.filter(pk="caf-91").update(courriel_generique="boite@caf91.test")
    return sorted(["agent@caf77.test", "superviseur@caf77.test", BOX])


@pytest.mark.rule("NOT-4.e")
@pytest.mark.rule("NOT-4.f")
@pytest.mark.rule("NOT-4.d")
def test_instructeurs_superviseurs_and_the_mailbox_are_told_that_a_lieu_is_late(lieu, persons, caf, smtp_sink):  # noqa: F811
    give(lieu)
    outbox.send_due(now=NOW)
    smtp_sink.mails.clear()
    for _ in range(2):
        work(day("2026-12-09", "00:00"))
    alerts = [mail for mail in smtp_sink.mails if mail["Subject"] == "Demandes en retard de récupération"]
    assert sorted(mail["To"] for mail in alerts) == caf
    assert "/admin/demandes/demande/?delai=retard" in text_of(alerts[0])


@pytest.mark.rule("NOT-4.e")
@pytest.mark.rule("NOT-4.f")
@pytest.mark.rule("NOT-3.b")
def test_so_they_are_of_a_lieu_that_no_mail_could_reach(lieu, persons, caf, smtp_sink):  # noqa: F811
    give(lieu)
    smtp_sink.refuse = {person.email: "550 no such user" for person in persons}
    work(NOW)
    work(day("2026-11-24"))
    alerts = [mail for mail in smtp_sink.mails if mail["Subject"] == "Un lieu n’a pas pu être prévenu"]
    assert sorted(mail["To"] for mail in alerts) == caf
    assert "/admin/courriels-non-distribues/" in text_of(alerts[0])


@pytest.mark.rule("NOT-4.e")
@pytest.mark.rule("NOT-4.f")
@pytest.mark.rule("CNS-5.a")
def test_so_they_are_of_an_attestation_that_is_late(lieu, persons, caf, smtp_sink):  # noqa: F811
    DemandeFactory(purgee=True, lieu=lieu)
    attestations.open_due(now=NOW)
    due = Attestation.objects.get().due_on
    work(day(str(due + timedelta(days=1))))
    assert sorted(mail["To"] for mail in smtp_sink.mails if "n’est pas signée" in mail["Subject"]) == caf


def test_a_family_is_not_told_what_nobody_knows(lieu, persons, smtp_sink):  # noqa: F811
    give(lieu, dossier__courriel="attend@famille.test")
    outbox.send_due(now=NOW)
    work(day("2026-12-09"))
    words = text_of(smtp_sink.to("attend@famille.test")[0])
    assert "n’a pas encore récupéré" in words
    assert "pris connaissance" not in words  # it may have been read on screen


# --- a clock that goes back --------------------------------------------------------------------------------------


@pytest.mark.rule("NOT-5.a")
def test_after_a_jump_back_of_the_clock_nothing_earlier_follows_en_retard(lieu, persons, smtp_sink):  # noqa: F811
    give(lieu)
    outbox.send_due(now=NOW)
    smtp_sink.mails.clear()
    work(day("2026-12-09"))
    for text in ("2026-11-30", "2026-12-01", "2026-12-04", "2026-12-08"):
        work(day(text))
    assert told(smtp_sink, "ana@tilleuls.test") == ["En retard : 1 demande à récupérer"]
    assert not Message.objects.filter(kind="demandes.rappel").exists()


@pytest.mark.rule("NOT-5.a")
def test_a_reminder_that_waited_does_not_leave_after_a_later_word(lieu, persons, smtp_sink):  # noqa: F811
    give(lieu)
    outbox.send_due(now=NOW)
    smtp_sink.mails.clear()
    assert reminders.remind(now=day("2026-11-30")) == 1
    assert reminders.tell_late(now=day("2026-12-09")) == 1
    outbox.send_due(now=day("2026-12-01"))  # the reminder's own day
    assert told(smtp_sink, "ana@tilleuls.test") == []
    outbox.send_due(now=day("2026-12-09"))
    assert told(smtp_sink, "ana@tilleuls.test") == ["En retard : 1 demande à récupérer"]


@pytest.mark.rule("NOT-5.a")
def test_after_a_jump_back_an_attestation_said_late_is_not_recalled(lieu, persons, agent, smtp_sink):  # noqa: F811
    DemandeFactory(purgee=True, lieu=lieu)
    attestations.open_due(now=NOW)
    due = Attestation.objects.get().due_on
    work(day(str(due + timedelta(days=1))))
    smtp_sink.mails.clear()
    for days in (10, 5, 1):
        work(day(str(due - timedelta(days=days))))
    assert told(smtp_sink, "ana@tilleuls.test") == []


# --- one bad item ------------------------------------------------------------------------------------------------


class Breaking:
    """Refuses, as a database would, each statement that carries one value."""

    def __init__(self, table, value):
        self.table, self.value = table, value

    def __call__(self, execute, sql, params, many, context):
        if f'INSERT INTO "{self.table}"' in sql and any(self.value in str(one) for one in params or ()):
            raise DataError("value out of range")
        return execute(sql, params, many, context)


@pytest.fixture
def three(smtp_sink):
    """Three lieux with a demande each, notified at NOW; the second is the bad one."""
    batches = []
    for rank in range(3):
        lieu = LieuFactory(nom=f"Lieu {rank}")  # noqa: F811
        HabilitationFactory(lieu=lieu, user__email=f"p{rank}@lieu.test")
        batches.append(give(lieu)[0])
    outbox.send_due(now=NOW)
    smtp_sink.mails.clear()
    return batches


@pytest.mark.rule("NOT-4.a")
@pytest.mark.parametrize(
    ("service", "on"), [(reminders.remind, "2026-11-30"), (reminders.tell_late, "2026-12-09")], ids=["remind", "late"]
)
def test_one_transmission_that_fails_holds_back_no_other_and_is_seen(three, smtp_sink, service, on):
    with connection.execute_wrapper(Breaking("outbox_message", str(three[1].uuid))):
        with pytest.raises(Incomplete):
            service(now=day(on))
        done = sweep.run(now=day(on))
    assert -1 in done.values()  # no heartbeat: red after two periods
    outbox.send_due(now=day(on))
    assert [len(smtp_sink.to(f"p{rank}@lieu.test")) for rank in range(3)] == [1, 0, 1]
    assert service(now=day(on)) == 1  # its turn, once it can
    outbox.send_due(now=day(on))
    assert len(smtp_sink.to("p1@lieu.test")) == 1


@pytest.mark.rule("NOT-3.b")
def test_so_it_is_of_alerts_about_lieux_that_nobody_could_tell(three, agent, smtp_sink):  # noqa: F811
    Transmission.objects.update(notified_at=None)
    with connection.execute_wrapper(Breaking("outbox_message", str(three[1].uuid))), pytest.raises(Incomplete):
        reminders.tell_unnotified(now=day("2026-11-24"))
    assert Message.objects.filter(kind="demandes.non-notifiee").count() == 2


@pytest.mark.rule("CNS-3.a")
@pytest.mark.rule("CNS-5.a")
def test_one_lieu_whose_attestation_fails_holds_back_no_other_and_the_pass_ends(three, smtp_sink):
    Demande.objects.update(last_day=NOW - timedelta(days=1))
    assert destruction.destroy_due(now=NOW) == 3
    bad = three[1].lieu
    reference = Demande.objects.get(lieu=bad).reference
    with connection.execute_wrapper(Breaking("attestations_ligneattestation", reference)), pytest.raises(Incomplete):
        attestations.open_due(now=NOW)
    assert set(Attestation.objects.values_list("lieu__nom", flat=True)) == {"Lieu 0", "Lieu 2"}
    assert attestations.open_due(now=NOW) == 1
    first = Attestation.objects.get(lieu=bad)
    later = NOW + timedelta(days=15)
    with connection.execute_wrapper(Breaking("outbox_message", str(first.uuid))), pytest.raises(Incomplete):
        attestations.remind(now=later)
    assert Message.objects.filter(kind="attestations.rappel").count() == 2


@pytest.mark.rule("NOT-3.c")
def test_when_every_mail_of_a_transmission_has_come_back_the_caf_is_told_once_and_the_date_stands(
    lieu,  # noqa: F811
    persons,  # noqa: F811
    caf,
    smtp_sink,
):
    HabilitationFactory(lieu=lieu, user__email="cleo@tilleuls.test")
    batch, _ = give(lieu)
    smtp_sink.refuse["cleo@tilleuls.test"] = "451 later"
    outbox.send_due(now=NOW)
    announced, later = Message.objects.filter(kind="demandes.transmission"), NOW + timedelta(minutes=20)
    # Two come back one after the other; the third is still to leave, until it is given up.
    acts = [
        announced.filter(pk=pk).update for pk in announced.filter(sent_at__isnull=False).values_list("pk", flat=True)
    ]
    for act in (dict, *acts):
        act(**({} if act is dict else {"bounced_at": later, "reply": "5.1.1"}))
        assert reminders.tell_returned(now=later) == 0
    announced.filter(sent_at=None).update(failed_at=later, cause="destinataire")
    assert [reminders.tell_returned(now=now) for now in (later, later, later + timedelta(days=2))] == [1, 0, 0]
    smtp_sink.mails.clear()
    outbox.send_due(now=later)
    assert sorted(mail["To"] for mail in smtp_sink.mails) == caf
    words = text_of(smtp_sink.mails[0])
    assert "dernier jour le 8 décembre 2026" in words
    assert "RPE des Tilleuls" in words
    batch.refresh_from_db()
    assert batch.notified_at == NOW
