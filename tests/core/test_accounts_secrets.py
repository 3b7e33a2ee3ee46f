"""Passwords sent by mail: drawn at sending, kept as a hash, good once and for a while."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, transaction

from extranet.core.accounts import passwords, services
from extranet.core.accounts.models import Jeton, OneTimeSecret, User
from extranet.core.outbox import services as outbox
from extranet.core.outbox.models import Message
from tests.conftest import text_of
from tests.factories import use_mailed

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
OWN = "Demonstration-2026"


@pytest.fixture
def camille(db: None) -> User:
    return User.objects.create_user("camille.durand@lieu.test", OWN, nom="Durand", prenom="Camille")


def everything_stored() -> str:
    """Each value of each row of each table, as text."""
    found = []
    with connection.cursor() as cursor:
        for model in apps.get_models(include_auto_created=True):
            if not model._meta.managed or model._meta.app_label in ("territory", "contenttypes", "auth"):
                continue
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(model._meta.db_table)}")
            found += [repr(row) for row in cursor.fetchall()]
    return "\n".join(found)


@pytest.mark.rule("ACT-1.g")
def test_a_drawn_password_has_eight_signs_of_three_kinds_and_no_look_alike() -> None:
    drawn = {passwords.draw() for _ in range(500)}
    assert len(drawn) == 500
    for text in drawn:
        assert re.fullmatch(r"(?=.*[a-z])(?=.*[A-Z])(?=.*[2-9])[a-km-zA-HJ-NP-Z2-9]{8}", text), text


@pytest.mark.rule("ACT-2.a")
@pytest.mark.rule("ACT-2.b")
@pytest.mark.rule("ACT-5.b")
def test_a_mailed_password_is_stored_nowhere_in_clear(
    camille: User, smtp_sink: Any, settings: Any, caplog: pytest.LogCaptureFixture, tmp_path: Any
) -> None:
    services.request_password("camille.durand@lieu.test", now=NOW)
    assert not OneTimeSecret.objects.exists(), "drawn at sending, not before"
    assert outbox.send_due(now=NOW) == (1, 0)
    [mail] = smtp_sink.to("camille.durand@lieu.test")
    [text] = re.findall(r"Mot de passe : (\S{8})\s", text_of(mail))
    assert use_mailed(camille, text, now=NOW)
    services.choose_password(camille, "quatre mots sans lien", now=NOW)
    assert text not in everything_stored()
    assert text not in caplog.text


@pytest.mark.rule("ACT-2.a")
@pytest.mark.rule("ACT-2.c")
def test_each_sending_that_fails_draws_anew_and_three_open_together(camille: User, smtp_sink: Any) -> None:
    smtp_sink.refuse["camille.durand@lieu.test"] = "451 later"
    services.request_password("camille.durand@lieu.test", now=NOW)
    for minutes in (0, 2, 10, 30):
        outbox.send_due(now=NOW + timedelta(minutes=minutes))
    assert OneTimeSecret.objects.count() == 4
    assert services.alive_secrets(camille, NOW + timedelta(minutes=31)).count() == 3


@pytest.mark.rule("ACT-2.c")
@pytest.mark.rule("ACT-5.d")
@pytest.mark.parametrize("rank", [0, 1, 2])
def test_any_of_three_mails_opens_once_and_kills_the_others_and_the_old_password(camille: User, rank: int) -> None:
    texts = [services.issue_password(camille, "perte", now=NOW) for _ in range(3)]
    assert camille.check_password(OWN), "the old one works until a new one is used (ACT-5)"
    assert use_mailed(camille, texts[rank], now=NOW)
    assert not any(use_mailed(camille, text, now=NOW) for text in texts)
    assert not User.objects.get().check_password(OWN)


@pytest.mark.rule("ACT-2.c")
def test_a_fourth_kills_the_first(camille: User) -> None:
    first, second, *_ = (services.issue_password(camille, "activation", now=NOW) for _ in range(4))
    assert not use_mailed(camille, first, now=NOW)
    assert use_mailed(camille, second, now=NOW)


@pytest.mark.rule("ACT-2.a")
def test_a_password_is_never_drawn_inside_a_transaction_that_may_be_undone(camille: User) -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        services.issue_password(camille, "activation", now=NOW)


@pytest.mark.rule("ACT-3.a")
@pytest.mark.rule("ACT-5.b")
@pytest.mark.parametrize(
    ("kind", "life"), [("activation", timedelta(days=7)), ("perte", timedelta(hours=72))], ids=["opening", "lost"]
)
def test_a_mailed_password_expires(camille: User, kind: str, life: timedelta) -> None:
    text = services.issue_password(camille, kind, now=NOW)
    assert not use_mailed(camille, text, now=NOW + life)
    assert use_mailed(camille, text, now=NOW + life - timedelta(seconds=1))


@pytest.mark.rule("ACT-3.a")
def test_nine_wrong_tries_leave_it_open_and_the_tenth_kills_it(camille: User) -> None:
    nine, ten = (User.objects.create_user(f"{name}@lieu.test") for name in ("nine", "ten"))
    for person, tries, opens in ((nine, 9, True), (ten, 10, False)):
        text = services.issue_password(person, "activation", now=NOW)
        for _ in range(tries):
            services.note_wrong_try(person, now=NOW)
        assert use_mailed(person, text, now=NOW) is opens


@pytest.mark.rule("ACT-1.g")
def test_a_mailed_password_is_of_one_person_and_case_sensitive(camille: User) -> None:
    other = User.objects.create_user("alix@lieu.test")
    text = services.issue_password(camille, "activation", now=NOW)
    assert passwords.digest(camille.pk, text) != passwords.digest(other.pk, text), "nobody sees that two are equal"
    assert not use_mailed(other, text, now=NOW)
    assert not use_mailed(camille, text.swapcase(), now=NOW)
    assert use_mailed(camille, f" {text}\n", now=NOW), "copied with its blanks"


@pytest.mark.rule("ACT-5.c")
@pytest.mark.rule("ACT-5.e")
def test_three_mails_an_hour_and_the_same_row_for_anybody(camille: User, smtp_sink: Any) -> None:
    closed = User.objects.create_user("parti@lieu.test", OWN)
    services.suspend(closed, by=camille, now=NOW)
    for address in ("Camille.Durand@LIEU.test",) * 4 + ("inconnue@lieu.test", "parti@lieu.test"):
        before = Message.objects.count()
        services.request_password(address, now=NOW)
        assert Message.objects.count() == before + 1, address
    outbox.send_due(now=NOW)
    assert [mail["To"] for mail in smtp_sink.mails] == ["camille.durand@lieu.test"] * 3
    assert Message.objects.exclude(cancelled_at=None).count() == 3
    services.request_password("camille.durand@lieu.test", now=NOW + timedelta(minutes=59))
    outbox.send_due(now=NOW + timedelta(minutes=59))
    assert len(smtp_sink.mails) == 3
    services.request_password("camille.durand@lieu.test", now=NOW + timedelta(hours=1))
    outbox.send_due(now=NOW + timedelta(hours=1))
    assert len(smtp_sink.mails) == 4


@pytest.mark.rule("ACT-5.e")
def test_nothing_leaves_to_nobody_nor_to_a_person_suspended_meanwhile(camille: User, smtp_sink: Any) -> None:
    services.request_password("inconnue@lieu.test", now=NOW)
    services.request_password("camille.durand@lieu.test", now=NOW)
    services.suspend(camille, by="systeme", now=NOW)
    assert outbox.send_due(now=NOW) == (0, 0)
    assert not smtp_sink.mails
    assert not OneTimeSecret.objects.exists()
    assert Message.objects.exclude(cancelled_at=None).count() == 2


@pytest.mark.rule("NOT-2.e")
def test_a_mail_that_comes_after_the_choice_is_not_sent(camille: User, smtp_sink: Any) -> None:
    services.request_password("camille.durand@lieu.test", now=NOW)
    services.invite(camille, now=NOW)
    services.choose_password(camille, "quatre mots sans lien", now=NOW + timedelta(minutes=1))
    outbox.send_due(now=NOW + timedelta(minutes=2))
    assert [mail["Subject"] for mail in smtp_sink.mails] == ["Votre mot de passe a été choisi"]


@pytest.mark.rule("ACT-2.c")
def test_choosing_kills_a_mailed_password_that_was_not_used(camille: User) -> None:
    text = services.issue_password(camille, "perte", now=NOW)
    services.choose_password(camille, "quatre mots sans lien", now=NOW)
    assert not use_mailed(camille, text, now=NOW)


@pytest.mark.rule("ACT-3.d")
def test_the_first_choice_is_told_once_as_the_first(camille: User, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[User, bool, datetime]] = []
    hook: Callable[[User, bool, datetime], None] = lambda *facts: told.append(facts)  # noqa: E731
    monkeypatch.setattr(services, "AFTER_CHOICE", [hook])
    for minutes in (0, 1):
        now = NOW + timedelta(minutes=minutes)
        services.choose_password(User.objects.get(), f"quatre mots sans lien {minutes}", now=now)
    assert [first for _, first, _ in told] == [True, False]
    assert Message.objects.filter(kind="accounts.personnalise").count() == 2


@pytest.mark.rule("ACT-6.a")
def test_an_address_is_unique_regardless_of_case_and_stored_in_lower_case(camille: User) -> None:
    assert User.objects.create_user("  Alix@Lieu.Test ").email == "alix@lieu.test"
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.create_user("CAMILLE.DURAND@lieu.test")
    for address in ("Majuscule@lieu.test", " blanc@lieu.test"):
        with pytest.raises(IntegrityError), transaction.atomic():
            User.objects.bulk_create([User(email=address)])


@pytest.mark.rule("ACC-6.b")
def test_a_suspended_account_is_inactive_and_its_mailed_passwords_are_dead(camille: User) -> None:
    text = services.issue_password(camille, "activation", now=NOW)
    assert services.suspend(camille, by="systeme", now=NOW)
    assert not services.suspend(camille, by="systeme", now=NOW), "once"
    assert not use_mailed(camille, text, now=NOW)
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.update(is_active=True)


def test_dead_secrets_leave_after_thirty_days(camille: User) -> None:
    services.issue_password(camille, "activation", now=NOW)
    assert services.forget_old_secrets(now=NOW + timedelta(days=36)) == 0
    assert services.forget_old_secrets(now=NOW + timedelta(days=38)) == 1


@pytest.mark.rule("ACC-6.b")
@pytest.mark.rule("TEL-4.b")
@pytest.mark.rule("TEL-4.c")
def test_a_token_opens_until_it_ends_is_revoked_or_its_person_is_suspended(camille: User) -> None:
    text = services.create_token(camille, portee="lieu", nom="Logiciel du RPE", now=NOW, days=30)
    jeton = Jeton.objects.get()
    assert text not in everything_stored()
    assert jeton.prefix in text
    assert services.token_for(text, NOW) == jeton
    assert services.token_for(text[:-1], NOW) is None
    assert services.token_for(text, NOW + timedelta(days=30)) is None
    assert Jeton.objects.get().last_used_at == NOW
    Jeton.objects.update(revoked_at=NOW)
    assert services.token_for(text, NOW) is None
    Jeton.objects.update(revoked_at=None)
    services.suspend(camille, by="systeme", now=NOW)
    assert services.token_for(text, NOW) is None
