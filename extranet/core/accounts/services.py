"""Passwords by mail, choosing one's own, and tokens: what changes an account."""

import hashlib
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import F, Q, QuerySet

from extranet.core import signed
from extranet.core.accounts import passwords
from extranet.core.accounts.models import CodeAppareil, Jeton, OneTimeSecret, User
from extranet.core.dates import paris_date, start_of_day
from extranet.core.errors import NotFound, Refused
from extranet.core.journal import services as journal
from extranet.core.outbox import services as outbox
from extranet.core.outbox.models import Message

LIFE = {OneTimeSecret.Kind.ACTIVATION: timedelta(days=7), OneTimeSecret.Kind.PERTE: timedelta(hours=72)}
ALIVE_AT_ONCE = 3
MAILS_AN_HOUR = 3
NOBODY = 0  # no account has this key
TOKEN = "ext_"  # how each token begins, so that one is known where it must not be

# Called as (user, first, now) when somebody has chosen a password: apps above tell whom they have to.
AFTER_CHOICE: list[Callable[[User, bool, datetime], None]] = []


def alive_secrets(user: User | None, now: datetime) -> QuerySet[OneTimeSecret]:
    """Mailed passwords that still open; for nobody, the same query."""
    return OneTimeSecret.objects.filter(
        user=user.pk if user else NOBODY, used_at=None, killed_at=None, expires_at__gt=now, tries_left__gt=0
    ).order_by("created_at", "pk")


def issue_password(user: User, kind: str, *, now: datetime) -> str:
    """Draw a password for the mail that is being written: its hash is committed before this returns,
    the text nowhere (ACT-2).

    Up to three unexpired ones open together, so that whichever mail arrives works.
    """
    text = passwords.draw()
    digest = passwords.digest(user.pk, text)  # slow: before the lock, which would hold back whoever logs in meanwhile
    kept = OneTimeSecret.Kind(kind)
    with transaction.atomic(durable=True):
        User.objects.select_for_update().get(pk=user.pk)
        older = list(alive_secrets(user, now).values_list("pk", flat=True))
        if excess := older[: max(0, len(older) - ALIVE_AT_ONCE + 1)]:
            OneTimeSecret.objects.filter(pk__in=excess).update(killed_at=now)
        OneTimeSecret.objects.create(
            user=user,
            kind=kept,
            digest=digest,
            created_at=now,
            expires_at=now + LIFE[kept],
        )
    return text


def received(user: User | None, text: str, *, now: datetime) -> OneTimeSecret | None:
    """The living mailed password of `user` that `text` is; it is not used yet. One hash and one query in any case."""
    digest = passwords.digest(user.pk if user else None, text.strip())  # copied from a mail with a blank
    return alive_secrets(user, now).filter(digest=digest).first()


@transaction.atomic
def spend(user: User, secret_id: int, *, now: datetime) -> bool:
    """ACT-2.c: that mailed password is used, all others are dead, and the old one with them. False when it has served
    or died meanwhile.
    """
    if alive_secrets(user, now).filter(pk=secret_id).update(used_at=now) != 1:
        return False
    alive_secrets(user, now).update(killed_at=now)
    user.set_unusable_password()
    user.save(update_fields=["password"])
    journal.record("compte.mot-de-passe-recu-utilise", user, by=user, at=now)
    return True


def note_wrong_try(user: User | None, *, now: datetime) -> None:
    """ACT-3: ten wrong tries kill a mailed password."""
    alive_secrets(user, now).update(tries_left=F("tries_left") - 1)


@transaction.atomic
def choose_password(user: User, password: str, *, now: datetime) -> None:
    """ACT-3, ACT-4: the person's own password; mailed ones die, other sessions end.
    Refused when it is not a good one.
    """
    before = User.objects.select_for_update().get(pk=user.pk)
    if OneTimeSecret.objects.filter(user=user, digest=passwords.digest(user.pk, password.strip())).exists():
        raise Refused({"nouveau": "Choisissez un autre mot de passe que celui reçu par courriel."})
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise Refused({"nouveau": " ".join(error.messages)}) from None
    user.set_password(password)
    user.password_chosen_at = now
    user.save(update_fields=["password", "password_chosen_at"])
    alive_secrets(user, now).update(killed_at=now)
    journal.record("compte.mot-de-passe-choisi", user, by=user, at=now)
    outbox.post("accounts.personnalise", key=f"{user.pk}:{now.timestamp():.0f}", to=[f"user:{user.pk}"], now=now)
    for told in AFTER_CHOICE:
        told(user, before.password_chosen_at is None, now)


@transaction.atomic
def request_password(email: str, *, now: datetime) -> None:
    """ACT-5: ask for a new password. Nothing is looked up here: one row for any address, and the sending decides.

    The row carries a keyed digest of what was typed, which tells nobody the address of a stranger.
    """
    outbox.post("accounts.perdu", key=secrets.token_hex(8), to=[f"perdu:{_who_asks(email)}"], now=now)


def _who_asks(email: str) -> str:
    return signed.digest("accounts.perdu", email.strip().lower())


def person_of_request(digest: str) -> User | None:
    """The active person whose address `digest` was made of, found by trying all of them: as long for a stranger's."""
    asked = None
    for user in User.objects.filter(is_active=True).only("pk", "email", "password_chosen_at").iterator():
        if _who_asks(user.email) == digest:
            asked = user
    return asked


def spend_as_long() -> None:
    """The work of drawing a password, for one that is not sent: a worker that is busy longer would tell who exists."""
    passwords.digest(None, "")


def asked_too_often(message: Message) -> bool:
    """ACT-5: three mails within the hour before this request had already been granted to its address."""
    before = Q(created_at__lt=message.created_at) | Q(created_at=message.created_at, pk__lt=message.pk)
    granted = Message.objects.filter(
        before,
        kind=message.kind,
        recipient=message.recipient,
        created_at__gt=message.created_at - timedelta(hours=1),
        cancelled_at=None,
    )
    return granted.count() >= MAILS_AN_HOUR


def open_account(email: str, *, civilite: str, nom: str, prenom: str) -> User:
    """The account of `email`, locked; made when there is none. Asked for twice at once it is one account (ACT-6).

    Call inside the transaction of the act. Who opens several goes by the order of their addresses, so that two such
    acts never wait for each other.
    """
    found = User.objects.select_for_update().filter(email=email.strip().lower())
    if user := found.first():
        return user
    try:
        with transaction.atomic():
            return User.objects.create_user(email, civilite=civilite, nom=nom, prenom=prenom)
    except IntegrityError:  # the other act has just made it
        return found.get()


def invite(user: User, *, now: datetime) -> None:
    """Mail an agent its first password (CTL-6)."""
    outbox.post("accounts.invitation", key=secrets.token_hex(8), to=[f"user:{user.pk}"], now=now)


@transaction.atomic
def suspend(user: User, *, by: User | str, now: datetime) -> bool:
    """Close an account at once: sessions and tokens end with their next request (ACC-6).
    False when it was closed already.
    """
    if User.objects.filter(pk=user.pk, is_active=True).update(is_active=False, suspended_at=now) != 1:
        return False
    alive_secrets(user, now).update(killed_at=now)
    journal.record("compte.suspendu", user, by=by, at=now)
    return True


@transaction.atomic
def reopen(user: User, *, by: User | str, now: datetime) -> None:
    """Open a suspended account again, as a new one: no password, until one comes by mail. Changes `user` too."""
    user.is_active, user.suspended_at, user.password_chosen_at = True, None, None
    user.set_unusable_password()
    user.save(update_fields=["is_active", "suspended_at", "password_chosen_at", "password"])
    journal.record("compte.rouvert", user, by=by, at=now)


def create_token(user: User, *, portee: str, nom: str, now: datetime, days: int = 365) -> str:
    """A new token, in clear for the only time. Refused while the person has a living one of the same name."""
    return make_token(user, portee=portee, nom=nom, now=now, days=days)[1]


def make_token(user: User, *, portee: str, nom: str, now: datetime, days: int) -> tuple[Jeton, str]:
    """`create_token`, and its row."""
    text = f"{TOKEN}{secrets.token_urlsafe(32)}"
    with transaction.atomic():
        User.objects.select_for_update().get(pk=user.pk)
        living = tokens_of(user).filter(revoked_at=None, created_at__lte=now, expires_at__gt=now)
        if living.filter(nom=nom, portee=portee).exists():
            raise Refused({"nom": "Vous avez déjà un jeton en cours de ce nom."})
        jeton = Jeton.objects.create(
            user=user,
            nom=nom,
            prefix=text.removeprefix(TOKEN)[:8],
            digest=_token_digest(text),
            portee=portee,
            created_at=now,
            expires_at=now + timedelta(days=days),
        )
        journal.record("jeton.cree", jeton, by=user, at=now)
    return jeton, text


def tokens_of(user: User) -> QuerySet[Jeton]:
    """A person's tokens, the latest first; ended ones too."""
    return Jeton.objects.filter(user=user).order_by("-created_at", "-pk")


@transaction.atomic
def revoke_token(user: User, token_id: int, *, now: datetime) -> Jeton:
    """It opens nothing from the next request. NotFound unless it is the person's own; twice changes nothing."""
    jeton = tokens_of(user).filter(pk=token_id).first()
    if jeton is None:
        raise NotFound
    revoke(jeton, by=user, now=now)
    return jeton


@transaction.atomic
def revoke(jeton: Jeton, *, by: journal.Actor, now: datetime, **why: str) -> bool:
    """TEL-4.c: it opens nothing from the next request, whoever decided that; False when it was revoked already."""
    if not Jeton.objects.filter(pk=jeton.pk, revoked_at=None).update(revoked_at=now):
        return False
    journal.record("jeton.revoque", jeton, by=by, at=now, **why)
    return True


def token_for(text: str, now: datetime) -> Jeton | None:
    """The living token of an active person that `text` is; notes its use to the minute, and in the journal each day."""
    jeton = (
        Jeton.objects.filter(digest=_token_digest(text), revoked_at=None, expires_at__gt=now, user__is_active=True)
        .select_related("user")
        .first()
    )
    if jeton:
        _note_use(jeton, now)
    return jeton


@transaction.atomic
def _note_use(jeton: Jeton, now: datetime) -> None:
    mine = Jeton.objects.filter(pk=jeton.pk)
    if mine.exclude(last_used_at__gte=start_of_day(paris_date(now))).update(last_used_at=now):
        journal.record("jeton.utilise", jeton, by=jeton.user, at=now)  # the first of the day
    else:
        mine.exclude(last_used_at__gt=now - timedelta(minutes=1)).update(last_used_at=now)


def _token_digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def forget_old_secrets(*, now: datetime) -> int:
    """Mailed passwords and codes that no longer open leave after 30 days."""
    old = now - timedelta(days=30)
    dead = Q(expires_at__lt=old) | Q(used_at__lt=old) | Q(killed_at__lt=old)
    codes = CodeAppareil.objects.filter(expires_at__lt=old).delete()[0]
    return OneTimeSecret.objects.filter(dead).delete()[0] + codes
