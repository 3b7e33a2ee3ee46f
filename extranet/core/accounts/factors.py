"""Second factors (ACC-4): who needs one, what allauth asks of us about them, and taking them off a lost telephone."""

import base64
import secrets
from collections.abc import Callable
from datetime import datetime
from typing import Any

from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from extranet.core import signed
from extranet.core.accounts import sessions
from extranet.core.accounts.models import User
from extranet.core.errors import WrongState
from extranet.core.journal import services as journal
from extranet.core.outbox import services as outbox

FACTORS = [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]

# Called as (user, now): apps above say who else needs a second factor.
ASKED: list[Callable[[User, datetime], bool]] = []

# What allauth calls a change → what the journal and the mail call it.
CHANGES = {
    "mfa/email/totp_activated": "application-ajoutee",
    "mfa/email/totp_deactivated": "application-retiree",
    "mfa/email/webauthn_added": "cle-ajoutee",
    "mfa/email/webauthn_removed": "cle-retiree",
    "mfa/email/recovery_codes_generated": "codes-de-secours",
}


def factors_of(user: User) -> QuerySet[Authenticator]:
    """What this person has as a second factor; recovery codes are none by themselves."""
    return factors_of_many(user.pk)


def factors_of_many(user: Any) -> QuerySet[Authenticator]:
    """The same for an expression: the account of each row of a list."""
    return Authenticator.objects.filter(user=user, type__in=FACTORS)


def is_asked(user: User, now: datetime) -> bool:
    """ACC-4.a, ACC-4.c: this person needs a second factor: agents and the Cnaf's staff, and whom their Caf asks it of.

    The demonstration does not ask its agents for one.
    """
    return (user.is_staff and settings.SECOND_FACTOR_ASKED) or any(asks(user, now) for asks in ASKED)


def must_enrol(user: User, now: datetime) -> bool:
    """It needs one and has none: no other page before."""
    return is_asked(user, now) and not factors_of(user).exists()


@transaction.atomic
def note_change(user: User, change: str, *, by: User, now: datetime) -> None:
    """A second factor of `user` has changed: recorded, and the person is told."""
    journal.record("compte.second-facteur", user, by=by, at=now, quoi=change)
    to, key = [f"user:{user.pk}"], f"{user.pk}:{change}:{now.timestamp():.3f}"
    outbox.post("accounts.second-facteur", key=key, to=to, now=now, quoi=change)


@transaction.atomic
def reset(user: User, *, by: User, now: datetime) -> None:
    """The second factors of a person who has lost them go, recovery codes too; its sessions end, and it is told.

    The right of `by` is the caller's to check.
    """
    User.objects.select_for_update().get(pk=user.pk)
    if not Authenticator.objects.filter(user=user.pk).delete()[0]:
        raise WrongState("Cette personne n’a pas de second facteur.")
    sessions.end_all(user)
    note_change(user, "reinitialise", by=by, now=now)


class FactorAdapter(DefaultMFAAdapter):
    """What allauth asks: secrets are kept sealed, and its sentences are the portal's."""

    error_messages = DefaultMFAAdapter.error_messages | {
        "incorrect_code": "Ce code n’est pas le bon, ou il a expiré. Attendez le suivant, puis recommencez.",
        "cannot_generate_recovery_codes": "Ajoutez d’abord une application ou une clé d’accès.",
    }

    def encrypt(self, text: str) -> str:
        return _seal().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """What no key opens any more is as good as forgotten: no code is the right one."""
        try:
            return _seal().decrypt(encrypted_text.encode()).decode()
        except InvalidToken:
            return base64.b32encode(secrets.token_bytes(20)).decode()

    def generate_authenticator_name(self, user: Any, type: Any) -> str:
        rank = Authenticator.objects.filter(user_id=user.pk, type=type).count() + 1
        return "Clé d’accès" if rank == 1 else f"Clé d’accès {rank}"

    def _get_site_name(self) -> str:
        return "Extranet monenfant.fr"


def _seal() -> Fernet:
    """Under the key of digests, which is outside the database and is not changed with the secret key."""
    return Fernet(base64.urlsafe_b64encode(bytes.fromhex(signed.digest("accounts.facteur", ""))))
