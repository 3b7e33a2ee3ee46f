"""A mail server that refuses us, hangs or closes loses no mail and holds nobody; one bad mail fails alone (NOT-2)."""

import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from extranet.core.outbox import kinds, replies, sending, services
from extranet.core.outbox.models import Message
from extranet.core.outbox.replies import Stage
from extranet.portal import health
from tests.core.relay import CLOSE, DRIP, HANG, Relay
from tests.factories import DemandeFactory, HabilitationFactory, LieuFactory, TransmissionFactory, UserFactory

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@pytest.fixture
def relay(settings, request):
    relay = Relay(together=getattr(request, "param", ""))
    server = relay.start()
    settings.EMAIL_BACKEND = "extranet.core.outbox.smtp.Backend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", relay.port
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "portail", "secret"
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    settings.EMAIL_TIMEOUT = 0.4
    yield relay
    relay.left.set()
    server.shutdown()
    server.server_close()


@pytest.fixture
def short(monkeypatch):
    """The server's time to look at a text, short enough for tests."""
    monkeypatch.setattr("extranet.core.outbox.smtp.AFTER_TEXT", 0.4)


@pytest.fixture
def person(db):
    return UserFactory(email="personne@lieu.test")


def post(person, key="1", now=NOW):
    with transaction.atomic():
        services.post("accounts.personnalise", key=key, to=[f"user:{person.pk}"], now=now)


def persons(count, domain="lieu.test", now=NOW):
    made = [UserFactory(email=f"p{rank}@{domain}") for rank in range(count)]
    for one in made:
        post(one, now=now)
    return made


def is_red(now):
    return not health._sending(now)["ok"]


# Word by word; or all at once, to a server that waits for a text though nobody is left to have it, or that does not.
TOGETHER = {"in turn": "", "together": "354 go on", "together, told at once": "554 5.5.1 no valid recipients"}
each_way = pytest.mark.parametrize("relay", TOGETHER.values(), ids=TOGETHER.keys(), indirect=True)

OURS = [
    ("GREETING", "554 no service here"),
    ("GREETING", "421 too busy"),
    ("GREETING", HANG),
    ("GREETING", CLOSE),
    ("GREETING", DRIP),
    ("EHLO", CLOSE),
    ("AUTH", "535 5.7.8 wrong credentials"),
    ("AUTH", "454 4.7.0 later"),
    ("AUTH", HANG),
    ("MAIL", "550 5.1.8 sender unknown"),
    ("MAIL", "550 no"),
    ("MAIL", "452 4.3.1 no room"),
    ("MAIL", CLOSE),
    ("RCPT", "550 5.7.1 relaying denied"),
    ("RCPT", "550 relay not permitted"),
    ("RCPT", "554 5.7.1 policy"),
    ("RCPT", "530 authentication required"),
    ("RCPT", "421 closing"),
    ("RCPT", HANG),
    ("DATA", "554 5.5.1 no"),
    ("DATA", HANG),
    ("TEXT", "554 5.7.1 looks like spam"),
    ("TEXT", "550 content refused"),
    ("TEXT", "552 5.3.4 too big"),
    ("TEXT", HANG),
    ("TEXT", CLOSE),
]


@pytest.mark.rule("NOT-2.a")
@pytest.mark.rule("RGP-5.a")
@pytest.mark.parametrize("relay", ["", "354 go on"], ids=["in turn", "together"], indirect=True)
@pytest.mark.parametrize(("word", "answer"), OURS, ids=[" ".join(row) for row in OURS])
def test_what_concerns_the_server_or_us_is_tried_again_and_red_and_leaves_once_it_is_well(
    person, relay, short, word, answer
):
    post(person)
    relay.says[word] = answer
    seen = []
    for hours in (0, 1, 49, 72):
        now = NOW + timedelta(hours=hours)
        assert services.send_due(now=now) == (0, 1), hours
        seen.append(is_red(now))
    assert seen[1:] == [True] * 3
    assert seen[0] is answer.startswith("5")  # what is asked to come again may be over in a quarter of an hour
    message = Message.objects.get()
    assert (message.failed_at, message.cancelled_at, message.cause) == (None, None, "serveur")
    relay.says.clear()
    well = NOW + timedelta(hours=72, minutes=15)
    assert services.send_due(now=well) == (1, 0)
    assert not is_red(well)
    [mail] = relay.mails
    assert mail["Message-ID"].startswith(f"<{message.pk}@")


@pytest.mark.rule("NOT-2.a")
@each_way
@pytest.mark.parametrize(
    ("word", "answer"),
    [
        ("RCPT", "550 5.1.1 no such user"),
        ("RCPT", "550 no such user here"),
        ("RCPT", "551 moved"),
        ("RCPT", "550 5.2.1 closed"),
        ("RCPT", "550 5.4.1 Recipient address rejected: Access denied"),
        ("RCPT", "556 5.1.10 takes no mail"),
        ("TEXT", "550 5.1.1 no such user"),
    ],
)
def test_a_refusal_of_the_addressee_is_final_and_no_trouble_of_ours(person, relay, word, answer):
    post(person)
    relay.says[word] = answer
    assert services.send_due(now=NOW) == (0, 0)
    message = Message.objects.get()
    assert (message.failed_at, message.cause, message.reply) == (NOW, "destinataire", answer[:3])
    assert not is_red(NOW + timedelta(hours=1))
    assert services.send_due(now=NOW + timedelta(days=1)) == (0, 0)


@pytest.mark.rule("NOT-2.a")
@pytest.mark.parametrize(
    "answer", ["450 4.2.0 greylisted", "451 4.7.1 greylisting", "552 mailbox full", "452 4.2.2 full"]
)
def test_a_mailbox_that_asks_to_come_again_is_tried_over_hours_then_given_up(person, relay, answer):
    post(person)
    relay.says["RCPT"] = answer
    for hours in (0, 1, 20, 47):
        assert services.send_due(now=NOW + timedelta(hours=hours)) == (0, 1)
        assert not is_red(NOW + timedelta(hours=hours))
    assert services.send_due(now=NOW + timedelta(hours=52)) == (0, 0)
    message = Message.objects.get()
    assert (message.cause, message.reply) == ("destinataire", answer[:3])
    assert message.failed_at


@pytest.mark.rule("NOT-2.a")
def test_what_only_this_mail_is_refused_for_two_days_is_closed_as_undeliverable(person, relay):
    spam = "554 5.7.1 looks like spam"

    def at(hours, minutes=0):
        return NOW + timedelta(hours=hours, minutes=minutes)

    post(person)
    relay.says["TEXT"] = spam
    for hours in (0, 47, 49):  # while nothing else is taken, the server may refuse all
        assert services.send_due(now=at(hours)) == (0, 1)
    relay.says.clear()
    post(UserFactory(), now=at(49, 1))
    assert services.send_due(now=at(49, 1)) == (1, 0)
    relay.says["TEXT"] = spam
    assert services.send_due(now=at(50)) == (0, 0)
    message = Message.objects.get(sent_at=None)
    assert (message.failed_at, message.cause, message.reply) == (at(50), "serveur", "554")
    assert not is_red(at(50))


@pytest.mark.rule("NOT-2.a")
@each_way
def test_a_server_that_hangs_up_on_a_refusal_has_refused_all_the_same(person, relay):
    post(person)
    relay.says |= {"RCPT": "550 5.1.1 no such user", "RSET": CLOSE}
    assert services.send_due(now=NOW) == (0, 0)
    assert Message.objects.get().failed_at == NOW


@pytest.mark.rule("NOT-2.a")
@each_way
def test_a_text_arrives_as_it_was_written(db, relay, kind):
    lines = ["un", ".", "..", ".deux", "", "trois."]
    kind(lambda message, now: kinds.Mail("Essai", GOOD.template, {"lien": "\n".join(lines)}))
    post_trials(2)
    assert services.send_due(now=NOW) == (2, 0)
    for mail in relay.mails:
        text = mail.get_body(("plain",)).get_content().splitlines()
        assert any(text[rank : rank + len(lines)] == lines for rank in range(len(text))), text


@pytest.mark.rule("NOT-2.a")
@each_way
def test_a_server_that_refuses_every_addressee_speaks_of_us(db, relay):
    persons(5)
    relay.says["RCPT"] = "550 5.1.1 no such user"
    assert services.send_due(now=NOW) == (0, 5)
    assert not Message.objects.exclude(failed_at=None).exists()
    assert is_red(NOW)
    relay.says.clear()
    relay.refuse = {f"p{rank}@lieu.test": "550 5.1.1 no such user" for rank in range(4)}
    assert services.send_due(now=NOW + timedelta(minutes=1)) == (1, 0)
    assert Message.objects.exclude(failed_at=None).count() == 4
    assert not is_red(NOW + timedelta(minutes=1))


@pytest.mark.rule("NOT-2.a")
def test_a_server_that_does_not_answer_ends_the_run_at_once_and_nothing_is_lost(db, relay, monkeypatch):
    monkeypatch.setattr(services, "BATCH", 50)
    persons(60)
    relay.says["GREETING"] = HANG
    began = time.monotonic()
    sent, left = services.send_due(now=NOW)
    assert (sent, left, relay.connections) == (0, services.BATCH, 1)
    assert time.monotonic() - began < 5
    relay.says.clear()
    assert services.send_due(now=NOW + timedelta(minutes=1)) == (60, 0)
    assert len(relay.mails) == 60


@pytest.mark.rule("NOT-2.a")
def test_a_server_that_answers_byte_by_byte_holds_nobody(db, relay):
    persons(3)
    relay.says["MAIL"] = DRIP
    began = time.monotonic()
    assert services.send_due(now=NOW) == (0, 3)
    assert time.monotonic() - began < 5


@pytest.mark.rule("NOT-2.a")
@each_way
def test_a_mail_at_which_the_server_hangs_waits_alone(db, relay, short):
    persons(3)
    relay.refuse["p0@lieu.test"] = HANG
    services.send_due(now=NOW)
    services.send_due(now=NOW)
    assert sorted(mail["To"] for mail in relay.mails) == ["p1@lieu.test", "p2@lieu.test"]
    waiting = Message.objects.get(sent_at=None)
    assert (waiting.attempts, waiting.cause, waiting.lease_until) == (1, "serveur", None)
    assert set(Message.objects.exclude(sent_at=None).values_list("attempts", flat=True)) == {1}


@pytest.mark.rule("NOT-2.a")
def test_three_refusals_of_us_in_a_row_end_the_run(db, relay):
    persons(10)
    relay.says["MAIL"] = "550 5.7.1 sender refused"
    assert services.send_due(now=NOW) == (0, 10)
    assert Message.objects.filter(cause="serveur").count() == sending.REFUSALS
    relay.says.clear()
    assert services.send_due(now=NOW)[0] == 10 - sending.REFUSALS
    assert services.send_due(now=NOW + timedelta(minutes=1)) == (sending.REFUSALS, 0)


LONG = "b" * 64
IMPOSSIBLE = [
    f"p@{LONG}.test",
    "p@a..test",
    "p@.test",
    "p@é" + "b" * 63 + ".test",
    "p\n@a.test",
    "p",
    "p@",
    "p@a@.test",
]


@pytest.mark.rule("NOT-2.a")
@each_way
def test_addresses_that_no_mail_can_carry_are_closed_when_met_and_hold_back_nobody(db, relay):
    for rank in range(64):
        UserFactory()
        one = UserFactory(email=f"p{rank}@lieu.test")
        post(one)
        type(one).objects.filter(pk=one.pk).update(email=str(rank) + IMPOSSIBLE[rank % len(IMPOSSIBLE)])
    post(UserFactory(email="bonne@lieu.test"))
    assert services.send_due(now=NOW) == (1, 0)
    assert relay.to("bonne@lieu.test")
    closed = Message.objects.filter(failed_at=NOW, reply="adresse", cause="destinataire")
    assert closed.count() == 64
    assert relay.connections == 1
    assert not is_red(NOW)


@pytest.fixture
def kind():
    """A kind of mail of the test's own, of the same making as others."""

    def add(writer, **options):
        kinds.mail("essai.essai", when="", to="", **options)(writer)

    yield add
    kinds.KINDS.pop("essai.essai", None)


def post_trials(count):
    made = [UserFactory(email=f"e{rank}@lieu.test") for rank in range(count)]
    for rank, one in enumerate(made):
        services.post("essai.essai", key=str(rank), to=[f"user:{one.pk}"], now=NOW)


GOOD = kinds.Mail("Essai", "account/courriels/personnalise", {"lien": "x"})
BAD = {
    "writing": lambda message, now: 1 / 0,
    "template": lambda message, now: kinds.Mail("Essai", "account/courriels/absent"),
    "subject": lambda message, now: kinds.Mail("Essai\nBcc: x@y.test", GOOD.template, GOOD.context),
    "rendering": lambda message, now: kinds.Mail("Essai", GOOD.template, {"lien": Unprintable()}),
}


class Unprintable:
    def __str__(self):
        raise RuntimeError


@pytest.mark.rule("NOT-2.a")
@pytest.mark.parametrize("fault", list(BAD))
def test_a_mail_that_cannot_be_written_fails_alone_is_seen_and_tried_again(db, relay, kind, fault):
    kind(lambda message, now: BAD[fault](message, now) if message.key == "0" else GOOD)
    post_trials(3)
    assert services.send_due(now=NOW) == (2, 1)
    message = Message.objects.get(key="0")
    assert (message.cause, message.failed_at, message.sent_at) == ("portail", None, None)
    assert is_red(NOW)
    kind(lambda message, now: GOOD)  # mended
    assert services.send_due(now=NOW + timedelta(minutes=1)) == (1, 0)
    assert not is_red(NOW + timedelta(minutes=1))


@pytest.mark.rule("NOT-2.a")
def test_a_mail_about_what_is_gone_fails_alone_whatever_is_read_for_many(relay, db):
    good = [HabilitationFactory(lieu=LieuFactory()) for _ in range(2)]
    for line in good:
        batch = TransmissionFactory(lieu=line.lieu, notified_at=None)
        DemandeFactory(transmise=True, lieu=line.lieu, transmission=batch, at=NOW)
        services.post(
            "demandes.transmission", key=str(batch.uuid), to=[f"user:{line.user_id}"], now=NOW, transmission=batch.pk
        )
    services.post("demandes.transmission", key="gone", to=[f"user:{good[0].user_id}"], now=NOW, transmission=0)
    Message.objects.create(kind="inconnu", key="x", recipient="inconnu:1", created_at=NOW, due_at=NOW, next_try_at=NOW)
    assert services.send_due(now=NOW) == (2, 2)
    assert set(Message.objects.filter(cause="portail").values_list("key", flat=True)) == {"gone", "x"}


@pytest.mark.rule("NOT-2.a")
@pytest.mark.rule("NOT-3.a")
def test_what_follows_a_sending_fails_alone_and_is_done_later_without_a_second_mail(db, relay, kind):
    followed, wrong = [], {"1"}

    def follow(messages):
        for message in messages:
            if message.key in wrong:
                raise RuntimeError
            followed.append((message.key, message.sent_at))

    kind(lambda message, now: GOOD, after=follow)
    post_trials(3)
    assert services.send_due(now=NOW) == (3, 0)
    assert {key for key, _ in followed} == {"0", "2"}
    assert is_red(NOW)
    wrong.clear()
    assert services.send_due(now=NOW + timedelta(hours=1)) == (0, 0)
    assert ("1", NOW) in followed  # with the moment of its acceptance
    assert len(relay.mails) == 3
    assert not is_red(NOW + timedelta(hours=1))


@pytest.mark.rule("NOT-2.a")
def test_by_hand_what_waits_for_a_later_try_is_tried_at_once(person, relay, time_machine):
    time_machine.move_to(NOW, tick=False)
    post(person)
    relay.says["AUTH"] = "535 wrong"
    for _ in range(2):
        with pytest.raises(SystemExit):
            call_command("send_mails")
    assert Message.objects.get().attempts == 2
    relay.says.clear()
    assert services.send_due(now=NOW) == (0, 0)  # a worker waits
    call_command("send_mails")
    assert len(relay.mails) == 1


@pytest.mark.rule("NOT-2.d")
def test_a_worker_that_slept_through_its_lease_writes_over_nobody(person, relay):
    post(person)
    slow = sending.Run(NOW, None, True)
    held = services._claim(slow)
    later = NOW + services.LEASE + timedelta(seconds=1)
    quick = sending.Run(later, None, True)
    again = services._claim(quick)
    assert [one.pk for one in again] == [held[0].pk]
    relay.says["RCPT"] = "550 5.1.1 no such user"
    sending.Batch(slow, held).send()
    message = Message.objects.get()
    assert (message.failed_at, message.lease_until) == (None, later + services.LEASE)
    relay.says.clear()
    sending.Batch(quick, again).send()
    assert Message.objects.get().sent_at == later


@pytest.mark.rule("NOT-2.d")
@pytest.mark.django_db(transaction=True)
def test_workers_at_once_send_each_mail_once(relay, monkeypatch):
    monkeypatch.setattr(services, "BATCH", 50)
    persons(120)
    together, counts = threading.Barrier(3), []

    def work():
        together.wait()
        counts.append(services.send_due(now=NOW))
        connection.close()

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len({mail["Message-ID"] for mail in relay.mails}) == len(relay.mails) == 120
    assert sum(sent for sent, _ in counts) == 120


@pytest.mark.rule("NOT-2.d")
def test_a_batch_of_fifty_costs_a_few_queries_and_one_connection(db, relay, monkeypatch):
    monkeypatch.setattr(sending, "monotonic", lambda: 0.0)  # a slow run notes what it sent twice a second
    lieux = [LieuFactory() for _ in range(5)]
    for _ in range(10):
        for lieu in lieux:
            line = HabilitationFactory(lieu=lieu)
            batch = TransmissionFactory(lieu=lieu, notified_at=None)
            DemandeFactory(transmise=True, lieu=lieu, transmission=batch, at=NOW)
            services.post(
                "demandes.transmission",
                key=str(batch.uuid),
                to=[f"user:{line.user_id}"],
                now=NOW,
                transmission=batch.pk,
            )
    with CaptureQueriesContext(connection) as queries:
        assert services.send_due(now=NOW) == (50, 0)
    assert relay.connections == 1
    asked = [one["sql"] for one in queries if "SAVEPOINT" not in one["sql"]]
    assert len(asked) <= 17, [sql[:90] for sql in asked]  # claim, read, note: for all fifty


CASES = [
    (Stage.DIALOGUE, 550, "5.1.1 whatever", False),
    (Stage.ADDRESSEE, 550, "5.1.1 unknown", True),
    (Stage.ADDRESSEE, 550, "no mailbox by that name", True),
    (Stage.ADDRESSEE, 550, "5.1.7 bad sender", False),
    (Stage.ADDRESSEE, 550, "blocked by 5.79.1.2", False),
    (Stage.ADDRESSEE, 553, "sorry, not in my list of allowed rcpthosts (#5.7.1)", False),
    (Stage.ADDRESSEE, 550, "5.7.1 you may not", False),
    (Stage.ADDRESSEE, 554, "refused", False),
    (Stage.ADDRESSEE, 503, "bad sequence", False),
    (Stage.ADDRESSEE, 450, "4.7.1 greylisted", True),
    (Stage.ADDRESSEE, 421, "4.7.0 too many connections", False),
    (Stage.CONTENT, 550, "spam", False),
    (Stage.CONTENT, 550, "5.2.1 mailbox closed", True),
    (Stage.CONTENT, 451, "4.3.0 later", False),
]


@pytest.mark.rule("NOT-2.a")
@pytest.mark.parametrize(("stage", "code", "text", "of_addressee"), CASES)
def test_whose_fault_a_refusal_is(stage, code, text, of_addressee):
    assert replies.concerns_addressee(stage, code, text) is of_addressee
