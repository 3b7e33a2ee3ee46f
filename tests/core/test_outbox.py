"""Mails leave with their facts, once, by a real SMTP dialogue (NOT-2)."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction

from extranet.core.outbox import kinds, services
from extranet.core.outbox.models import Message
from tests.conftest import text_of
from tests.factories import UserFactory

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@pytest.fixture
def person(db):
    return UserFactory(email="personne@lieu.test")


def post(person, key="1", now=NOW):
    with transaction.atomic():
        services.post("accounts.personnalise", key=key, to=[f"user:{person.pk}"], now=now)


@pytest.mark.rule("NOT-2.a")
@pytest.mark.rule("NOT-2.d")
def test_said_twice_is_sent_once(person, smtp_sink):
    post(person)
    post(person)
    assert services.send_due(now=NOW) == (1, 0)
    assert services.send_due(now=NOW) == (0, 0)
    [mail] = smtp_sink.to("personne@lieu.test")
    assert mail["Message-ID"].startswith(f"<{Message.objects.get().pk}@")
    assert mail["Auto-Submitted"] == "auto-generated"
    assert "&" not in text_of(mail).replace("&#", "")


@pytest.mark.rule("NOT-2.a")
def test_a_fact_rolled_back_sends_nothing(person, smtp_sink):
    try:
        with transaction.atomic():
            services.post("accounts.personnalise", key="1", to=[f"user:{person.pk}"], now=NOW)
            raise RuntimeError
    except RuntimeError:
        pass
    assert services.send_due(now=NOW) == (0, 0)
    assert smtp_sink.mails == []


@pytest.mark.rule("NOT-2.a")
def test_a_passing_refusal_is_tried_again_later_with_the_same_message_id(person, smtp_sink):
    post(person)
    smtp_sink.refuse["personne@lieu.test"] = "451 later"
    assert services.send_due(now=NOW) == (0, 1)
    assert services.send_due(now=NOW) == (0, 0)  # not before its time
    smtp_sink.refuse.clear()
    assert services.send_due(now=NOW + timedelta(minutes=2)) == (
        1,
        0,
    )  # a minute after the refusal, which took a moment
    assert len(smtp_sink.mails) == 1


@pytest.mark.rule("NOT-2.b")
def test_a_refusal_for_good_is_not_tried_again_and_is_seen(person, smtp_sink):
    post(person)
    smtp_sink.refuse["personne@lieu.test"] = "550 no such user"
    services.send_due(now=NOW)
    message = Message.objects.get()
    assert (message.failed_at, message.reply) == (NOW, "550")
    assert services.send_due(now=NOW + timedelta(hours=5)) == (0, 0)


@pytest.mark.rule("NOT-2.a")
def test_after_two_days_of_putting_off_the_addressee_is_given_up(person, smtp_sink):
    smtp_sink.refuse["personne@lieu.test"] = "451 later"
    post(person)
    now = NOW
    for _ in range(40):
        services.send_due(now=now)
        now += timedelta(hours=4)
    message = Message.objects.get()
    assert message.failed_at is not None
    assert message.attempts < 20


@pytest.mark.rule("NOT-2.d")
def test_a_message_held_by_one_worker_is_left_by_another(person, smtp_sink):
    post(person)
    Message.objects.update(lease_until=NOW + services.LEASE)
    assert services.send_due(now=NOW) == (0, 0)
    assert services.send_due(now=NOW + services.LEASE + timedelta(seconds=1)) == (1, 0)


@pytest.mark.rule("NOT-2.e")
def test_nobody_left_to_write_to_cancels(person, smtp_sink):
    post(person)
    person.is_active = False
    person.save()
    assert services.send_due(now=NOW) == (0, 0)
    assert Message.objects.get().cancelled_at == NOW


@pytest.mark.rule("CNS-1.c")
def test_no_address_and_no_text_lie_in_the_outbox(person):
    post(person)
    row = str(Message.objects.values().get())
    assert "personne@lieu.test" not in row


def test_no_mail_of_a_family_nor_one_with_a_secret_is_of_a_list():
    listed = {name for name, kind in kinds.KINDS.items() if kind.liste}
    assert not any("famille" in kinds.KINDS[name].to for name in listed)
    assert {name.partition(".")[0] for name in listed} == {"demandes", "attestations"}
