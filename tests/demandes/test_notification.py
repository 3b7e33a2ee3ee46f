"""The lieu is told, then reminded, then late: by mails that a real server accepted or refused (NOT-1 to NOT-5)."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import transaction
from django.urls import reverse

from conventions.models import Lieu
from demandes import queries, rules
from demandes.models import Demande, Transmission
from demandes.services import destruction, handover, reminders
from demandes.services.transmission import transmit
from extranet.core.dates import PARIS, paris_date
from extranet.core.outbox import services as outbox
from extranet.core.outbox.kinds import KINDS
from extranet.core.outbox.models import Message
from extranet.portal import sweep
from tests.conftest import text_of
from tests.factories import AgentFactory, DemandeFactory, HabilitationFactory, LieuFactory, rewrite

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
TELEPHONE = "01\u00a060\u00a000\u00a000\u00a009"
FAMILY = ("Secrète", "Zébulon", "famille-secrete@famille.test", "+33611223344", "06 11 22 33 44", "Mot très privé")


@pytest.fixture
def lieu(db):
    return LieuFactory(nom="RPE des Tilleuls", telephone="+33160000009")


@pytest.fixture
def persons(lieu):
    return [HabilitationFactory(lieu=lieu, user__email=f"{name}@tilleuls.test").user for name in ("ana", "bea")]


@pytest.fixture
def agent(db):
    """Who follows the lieux of this Caf; a reader and a neighbour are not told."""
    AgentFactory(lecteur=True, user__email="lecteur@caf77.test")
    AgentFactory(essonne=True, user__email="agent@caf91.test")
    return AgentFactory(user__email="agent@caf77.test").user


def give(lieu, count=1, now=NOW, **about):
    """`count` demandes transmitted at `now`, in one batch."""
    family = {"nom": FAMILY[0], "prenom": FAMILY[1], "telephone": FAMILY[3], "message": FAMILY[5]}
    about = {f"dossier__{name}": value for name, value in family.items()} | about
    made = [DemandeFactory(at=now, **about) for _ in range(count)]
    with transaction.atomic():
        batch = transmit(Demande.objects.filter(pk__in=[one.pk for one in made]), lieu_id=lieu.pk, now=now)
    return batch, made


def work(now, send=True):
    """What the beat and a worker do at `now`."""
    assert -1 not in sweep.run(now=now).values()
    if send:
        outbox.send_due(now=now)


def told(sink, address):
    """Of demandes; what else the same sweeps say is not looked at here."""
    return [one["Subject"] for one in sink.to(address) if "ilan annuel" not in one["Subject"]]


def day(text, hour="10:00"):
    return datetime.fromisoformat(f"{text}T{hour}").replace(tzinfo=PARIS).astimezone(UTC)


@pytest.mark.rule("NOT-1.a")
@pytest.mark.rule("NOT-1.b")
@pytest.mark.rule("RGP-2.a")
def test_each_active_person_gets_one_mail_a_batch_without_anything_of_the_families(lieu, persons, smtp_sink):
    HabilitationFactory(lieu=lieu, suspendue=True, user__email="partie@tilleuls.test")
    HabilitationFactory(lieu=lieu, user__ferme=True, user__email="fermee@tilleuls.test")
    HabilitationFactory(user__email="autre@lieu.test")
    _, made = give(lieu, 3, dossier__courriel=FAMILY[2])
    outbox.send_due(now=NOW)
    outbox.send_due(now=NOW)
    assert sorted(one["To"] for one in smtp_sink.mails) == ["ana@tilleuls.test", "bea@tilleuls.test"]
    for one in smtp_sink.mails:
        words = text_of(one)
        assert one["Subject"] == "3 demandes à récupérer"
        assert (one["List-Id"], one["Auto-Submitted"]) == ("<demandes-lieux.extranet.test>", "auto-generated")
        assert all(demande.reference in words for demande in made)
        assert "8 décembre 2026" in words
        assert "/espace/demandes/" in words
        html = one.get_body(("html",)).get_content()
        assert not any(secret in part for secret in FAMILY for part in (words, html, str(one["Subject"])))
    give(lieu)
    outbox.send_due(now=NOW)
    assert told(smtp_sink, "ana@tilleuls.test") == ["3 demandes à récupérer", "1 demande à récupérer"]


@pytest.mark.rule("ING-5.a")
def test_a_lieu_without_anybody_to_tell_is_given_nothing(lieu):
    HabilitationFactory(lieu=lieu, suspendue=True)
    batch, [demande] = give(lieu)
    demande.refresh_from_db()
    assert (batch, demande.state, demande.transmission) == (None, "a-orienter", None)
    assert not Message.objects.exists()


@pytest.mark.rule("NOT-3.a")
@pytest.mark.rule("NOT-4.d")
@pytest.mark.parametrize(
    ("accepted", "last"),
    [
        ("2026-11-23T22:59:59", "2026-12-08"),  # one second before midnight in Paris
        ("2026-11-23T23:00:00", "2026-12-09"),  # still the 23rd in UTC
        ("2026-10-24T21:59:59", "2026-11-08"),  # the night when clocks go back
        ("2026-10-24T22:00:00", "2026-11-09"),
        ("2026-10-25T22:59:59", "2026-11-09"),  # a day of 25 hours
        ("2027-03-27T22:59:59", "2027-04-11"),  # the night when clocks go forward
        ("2027-03-27T23:00:00", "2027-04-12"),
        ("2027-03-28T21:59:59", "2027-04-12"),  # a day of 23 hours
        ("2028-02-14T07:00:00", "2028-02-29"),
    ],
)
def test_the_fifteen_days_end_with_the_fifteenth_day_in_paris(lieu, persons, agent, smtp_sink, accepted, last):
    now = datetime.fromisoformat(accepted).replace(tzinfo=UTC)
    batch, _ = give(lieu, now=now)
    outbox.send_due(now=now)
    batch.refresh_from_db()
    assert batch.notified_at == now
    over = datetime.combine(date.fromisoformat(last) + timedelta(days=1), datetime.min.time(), PARIS)
    assert reminders.tell_late(now=over - timedelta(seconds=1)) == 0
    assert reminders.tell_late(now=over) == 1


@pytest.mark.rule("NOT-3.a")
def test_a_mail_begun_before_midnight_and_accepted_after_counts_from_its_acceptance(lieu, persons, smtp_sink):
    begun = datetime(2026, 11, 23, 22, 59, 58, tzinfo=UTC)
    batch, _ = give(lieu, now=begun)
    for person in persons:
        smtp_sink.refuse[person.email] = "451 greylisted"
    assert outbox.send_due(now=begun) == (0, 2)
    batch.refresh_from_db()
    assert batch.notified_at is None
    smtp_sink.refuse.clear()
    accepted = begun + timedelta(minutes=1)
    assert outbox.send_due(now=accepted) == (2, 0)
    batch.refresh_from_db()
    assert batch.notified_at == accepted
    assert "9 décembre 2026" in text_of(smtp_sink.to("ana@tilleuls.test")[0])


@pytest.mark.rule("NOT-3.a")
def test_a_mail_that_midnight_overtakes_on_its_way_counts_from_its_acceptance(lieu, persons, smtp_sink, monkeypatch):
    begun = datetime(2026, 11, 23, 22, 59, 58, tzinfo=UTC)
    monkeypatch.setattr(
        "extranet.core.outbox.sending.monotonic", lambda: 5.0 if smtp_sink.mails else 0.0
    )  # the dialogue takes five seconds
    batch, _ = give(lieu, now=begun)
    assert outbox.send_due(now=begun) == (2, 0)
    batch.refresh_from_db()
    assert batch.notified_at == begun + timedelta(seconds=5)


@pytest.mark.rule("NOT-3.a")
def test_the_first_accepted_mail_starts_the_clock_whatever_becomes_of_the_others(lieu, persons, smtp_sink):
    late = HabilitationFactory(lieu=lieu, user__email="lente@tilleuls.test").user
    batch, _ = give(lieu)
    smtp_sink.refuse |= {"ana@tilleuls.test": "550 no such user", late.email: "451 later"}
    outbox.send_due(now=NOW)
    batch.refresh_from_db()
    assert batch.notified_at == NOW
    assert Message.objects.get(recipient=f"user:{persons[0].pk}").failed_at == NOW
    smtp_sink.refuse.clear()
    outbox.send_due(now=NOW + timedelta(days=1))
    assert told(smtp_sink, late.email) == ["1 demande à récupérer"]
    assert told(smtp_sink, "ana@tilleuls.test") == []
    batch.refresh_from_db()
    assert batch.notified_at == NOW


@pytest.mark.rule("NOT-3.b")
def test_without_any_accepted_mail_no_day_is_counted_and_the_caf_knows_the_next_day(lieu, persons, agent, smtp_sink):
    batch, [demande] = give(lieu)
    smtp_sink.refuse = {person.email: "550 no such user" for person in persons}
    work(NOW)
    work(day("2026-11-23", "23:59"), send=False)
    assert not Message.objects.filter(kind="demandes.non-notifiee").exists()
    for now in (day("2026-11-24", "00:00"), day("2026-11-24", "08:00"), day("2026-12-20")):
        work(now)
    batch.refresh_from_db()
    assert batch.notified_at is None
    [alert] = smtp_sink.mails
    assert (alert["To"], alert["Subject"]) == ("agent@caf77.test", "Un lieu n’a pas pu être prévenu")
    assert "la demande qui lui a été transmise hier ou avant" in text_of(alert)
    assert TELEPHONE in text_of(alert)
    assert queries.demandes_visible_to(persons[0], day("2026-12-20")).get() == demande  # nothing is deleted


@pytest.mark.rule("NOT-2.e")
@pytest.mark.rule("NOT-3.b")
def test_an_alert_has_no_purpose_once_the_lieu_was_told_or_has_picked_up(lieu, persons, agent, smtp_sink):
    batch, _ = give(lieu)
    other, [demande] = give(lieu)
    reminders.tell_unnotified(now=day("2026-11-24"))
    Transmission.objects.filter(pk=batch.pk).update(notified_at=day("2026-11-24"))
    handover.fetch([demande.uuid], form="xml", by=persons[0], now=NOW, origin=handover.Origin())
    outbox.send_due(now=day("2026-11-24"))
    assert told(smtp_sink, "agent@caf77.test") == []


@pytest.mark.rule("NOT-4.a")
@pytest.mark.rule("NOT-4.d")
@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("2026-12-13", ["12-13 à", "12-18 Rappel", "12-24 Rappel", "12-29 En"]),  # a Sunday, then Christmas
        ("2026-10-25", ["10-25 à", "10-30 Rappel", "11-06 Rappel", "11-10 En"]),  # both on days off; 25 hours
        ("2026-03-25", ["03-25 à", "04-01 Rappel", "04-03 Rappel", "04-10 En"]),  # Easter Monday; 23 hours
    ],
)
def test_who_does_nothing_is_reminded_twice_on_working_days_then_late(lieu, persons, smtp_sink, sent, expected):
    left = []
    give(lieu, now=day(sent))
    for rank in (*range(20), 44, 46, 100):
        for hour in ("00:00", "23:59"):  # the same again changes nothing
            now = day(date.fromisoformat(sent) + timedelta(days=rank), hour) if rank else day(sent)
            before = len(told(smtp_sink, "ana@tilleuls.test"))
            work(now)
            for subject in told(smtp_sink, "ana@tilleuls.test")[before:]:
                word = subject.split()[0]
                left.append(f"{paris_date(now):%m-%d} {'à' if word == '1' else word}")
    assert left == expected
    assert told(smtp_sink, "bea@tilleuls.test") == told(smtp_sink, "ana@tilleuls.test")


@pytest.mark.rule("NOT-4.d")
def test_on_the_sixteenth_day_lieu_caf_and_waiting_families_are_told_once(lieu, persons, agent, smtp_sink):
    _, [fetched, waits, silent] = give(lieu, 3)
    for one, address in ((fetched, "prise"), (waits, "attend"), (silent, "")):
        rewrite(one, courriel=address and f"{address}@famille.test")
    outbox.send_due(now=NOW)
    handover.fetch([fetched.uuid], form="xml", by=persons[0], now=NOW, origin=handover.Origin())
    outbox.send_due(now=NOW)
    smtp_sink.mails.clear()
    now = day("2026-12-09", "00:00")
    for _ in range(2):
        work(now)
    assert sorted(one["To"] for one in smtp_sink.mails) == [
        "agent@caf77.test",
        "ana@tilleuls.test",
        "attend@famille.test",
        "bea@tilleuls.test",
    ]
    for one in smtp_sink.mails:
        words = text_of(one)
        assert fetched.reference not in words
        assert waits.reference in words
        assert not any(secret in words for secret in FAMILY)
    assert TELEPHONE in text_of(smtp_sink.to("attend@famille.test")[0])
    assert "8 décembre 2026" in text_of(smtp_sink.to("ana@tilleuls.test")[0])
    assert queries.demandes_visible_to(persons[0], now).count() == 3  # nothing is deleted


@pytest.mark.rule("NOT-2.e")
@pytest.mark.parametrize("meanwhile", ["picked up", "withdrawn", "past its day"])
def test_a_reminder_of_what_no_longer_waits_is_cancelled_at_sending(lieu, persons, smtp_sink, meanwhile):
    batch, [first, second] = give(lieu, 2)
    outbox.send_due(now=NOW)
    smtp_sink.mails.clear()
    now = day("2026-11-30")

    def end(demande):
        if meanwhile == "picked up":
            handover.fetch([demande.uuid], form="xml", by=persons[0], now=now, origin=handover.Origin())
        elif meanwhile == "withdrawn":
            destruction.withdraw(demande, now=now)
        else:
            Demande.objects.filter(pk=demande.pk).update(last_day=date(2026, 11, 29))

    assert reminders.remind(now=now) == 1
    end(first)
    end(second)
    outbox.send_due(now=now)
    assert [one for one in smtp_sink.mails if "Rappel" in one["Subject"]] == []
    rows = Message.objects.filter(kind="demandes.rappel")
    assert {row.cancelled_at for row in rows} == {now}
    assert (batch.demandes.count(), reminders.remind(now=day("2026-12-04"))) == (2, 0)


@pytest.mark.rule("NOT-4.b")
@pytest.mark.rule("NOT-4.c")
def test_reminders_leave_on_the_days_of_the_caf_and_by_the_holidays_of_the_lieu(client, lieu, persons, smtp_sink):
    """Day 3 is a Thursday, worked; in Strasbourg, 26 December is not: its reminder leaves two days before."""
    chief = AgentFactory(superviseur=True).user
    client.force_login(chief)
    address = reverse("admin:territory_caf_acte", args=[lieu.caf_id, "rappels"])
    for first, second, status in (("0", "5", 422), ("5", "5", 422), ("5", "15", 422), ("3", "", 302)):
        answer = client.post(address, {"premier_rappel": first, "second_rappel": second})
        assert answer.status_code == status
    give(lieu, 1)
    outbox.send_due(now=NOW)
    assert [reminders.remind(now=day(f"2026-11-{number}")) for number in (24, 25, 26, 27, 30)] == [0, 0, 1, 0, 0]
    smtp_sink.mails.clear()
    assert outbox.send_due(now=day("2026-11-26"))[0] == len(persons)
    assert {mail["Subject"].partition(" ")[0] for mail in smtp_sink.mails} == {"Rappel"}
    Lieu.objects.filter(pk=lieu.pk).update(code_postal="67000")
    assert queries.relances_of(Lieu.objects.filter(pk=lieu.pk)) == {lieu.pk: rules.Relances((3,), "67")}


@pytest.mark.rule("NOT-4.g")
def test_a_reminder_names_what_still_waits_and_no_day_after_that_of_destruction(lieu, persons, smtp_sink):
    _, [fetched, waits] = give(lieu, 2)
    outbox.send_due(now=NOW)
    handover.fetch([fetched.uuid], form="xml", by=persons[0], now=NOW, origin=handover.Origin())
    Demande.objects.filter(pk=waits.pk).update(last_day=date(2026, 12, 2))
    reminders.remind(now=day("2026-11-30"))
    outbox.send_due(now=day("2026-11-30"))
    words = text_of(smtp_sink.to("ana@tilleuls.test")[-1])
    assert waits.reference in words
    assert fetched.reference not in words
    assert "Le dernier jour est le 2 décembre 2026" in words


@pytest.mark.rule("NOT-5.a")
@pytest.mark.parametrize(
    ("swept", "started_again", "subjects"),
    [
        ([], "2026-12-01", ["Rappel"]),
        ([], "2026-12-05", ["Rappel"]),  # both days passed: one mail
        (["2026-11-30"], "2026-12-05", ["Rappel"]),  # the first was written and never left: only the second does
        (["2026-11-30"], "2026-12-02", ["Rappel"]),
        (["2026-11-30", "2026-12-04"], "2026-12-09", ["En retard"]),  # no reminder once it is late
        ([], "2026-12-20", ["En retard"]),
        ([], "2027-02-01", []),  # too old to be told: the lists show it
    ],
)
def test_workers_stopped_for_days_catch_up_without_a_pile(lieu, persons, smtp_sink, swept, started_again, subjects):
    give(lieu)
    outbox.send_due(now=NOW)
    smtp_sink.mails.clear()
    for text in swept:
        work(day(text), send=False)
    for hour in ("10:00", "10:01", "18:00"):
        work(day(started_again, hour))
    assert [subject.partition(" :")[0] for subject in told(smtp_sink, "ana@tilleuls.test")] == subjects


@pytest.mark.rule("CNS-2.a")
@pytest.mark.rule("SUI-3.a")
def test_a_lieu_can_sort_whatever_it_is_mailed_about_demandes_and_attestations():
    told = {name: kind for name, kind in KINDS.items() if name.split(".")[0] in ("demandes", "attestations")}
    assert [name for name, kind in told.items() if kind.to == "lieu" and not kind.liste] == []
