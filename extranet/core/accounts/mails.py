"""Mails about accounts. The password is drawn here, at sending, and is nowhere else (ACT-2)."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from extranet.core.accounts.devices import LIFE, text_of
from extranet.core.accounts.models import CodeAppareil, User
from extranet.core.accounts.services import asked_too_often, issue_password, person_of_request, spend_as_long
from extranet.core.outbox.kinds import Mail, addressee, link, mail
from extranet.core.outbox.models import Message


@addressee("user")
def persons(identifiers: Collection[str], now: datetime) -> dict[str, str]:
    """The addresses of active persons."""
    rows = User.objects.filter(pk__in=identifiers, is_active=True).values_list("pk", "email")
    return {str(pk): email for pk, email in rows}


@addressee("perdu")
def askers(digests: Collection[str], now: datetime) -> dict[str, str]:
    """ACT-5: the addresses of the active persons who asked for a password; nobody takes as long as somebody."""
    found = {}
    for digest in digests:
        if user := person_of_request(digest):
            found[digest] = user.email
        else:
            spend_as_long()
    return found


def _user(message: Message) -> User:
    return User.objects.get(pk=message.recipient.partition(":")[2])


@mail("accounts.perdu", when="une personne a perdu son mot de passe", to="la personne")
def perdu(message: Message, now: datetime) -> Mail | None:
    """ACT-5; nothing when a password was chosen since it was asked for, or when three left within the hour."""
    user = person_of_request(message.recipient.partition(":")[2])
    stale = user and user.password_chosen_at and user.password_chosen_at >= message.created_at
    if user is None or stale or asked_too_often(message):
        spend_as_long()
        return None
    text = issue_password(user, "perte", now=now)
    context = {"mot_de_passe": text, "lien": link("account_login"), "duree": "72 heures"}
    return Mail("Votre nouveau mot de passe", "account/courriels/perdu", context)


@mail("accounts.invitation", when="un compte d’agent est ouvert", to="l’agent")
def invitation(message: Message, now: datetime) -> Mail | None:
    """CTL-6; nothing when the agent has its own password by now."""
    user = _user(message)
    if user.password_chosen_at:
        return None
    text = issue_password(user, "activation", now=now)
    context = {"mot_de_passe": text, "lien": link("account_login"), "duree": "7 jours"}
    return Mail("Votre accès à l’espace Caf", "account/courriels/invitation", context)


@mail("accounts.personnalise", when="un mot de passe vient d’être choisi", to="la personne")
def personnalise(message: Message, now: datetime) -> Mail:
    """ACT-3: the person learns that a password was chosen, so that somebody else's act does not go unseen."""
    context = {"lien": link("account_reset_password")}
    return Mail("Votre mot de passe a été choisi", "account/courriels/personnalise", context)


def _codes(messages: Sequence[Message], now: datetime) -> dict[Any, CodeAppareil | None]:
    found = {str(code.uuid): code for code in CodeAppareil.objects.filter(uuid__in=[m.about["code"] for m in messages])}
    return {message.pk: found.get(message.about["code"]) for message in messages}


@mail("accounts.appareil", when="une personne se connecte d’un nouvel appareil", to="la personne", load=_codes)
def appareil(message: Message, now: datetime) -> Mail | None:
    """ACC-4.d: the code is worked out here; nothing once it opens nothing any more."""
    code: CodeAppareil | None = message.loaded
    if code is None or code.used_at or code.expires_at <= now:
        return None
    minutes, lost = int(LIFE.total_seconds() // 60), link("account_reset_password")
    context = {"code": text_of(code), "minutes": minutes, "lien": lost}
    return Mail("Votre code de connexion", "account/courriels/appareil", context)


CHANGES = {
    "application-ajoutee": "Une application de codes a été ajoutée à votre compte.",
    "application-retiree": "L’application de codes a été retirée de votre compte.",
    "cle-ajoutee": "Une clé d’accès a été ajoutée à votre compte.",
    "cle-retiree": "Une clé d’accès a été retirée de votre compte.",
    "codes-de-secours": "De nouveaux codes de secours ont été créés pour votre compte. Les anciens ne servent plus.",
    "reinitialise": "Votre Caf, ou la Cnaf, a retiré le second facteur de votre compte : application de codes, clés "
    "d’accès et codes de secours. Vos sessions ouvertes ont été fermées.",
}


@mail("accounts.second-facteur", when="le second facteur d’un compte change", to="la personne")
def second_facteur(message: Message, now: datetime) -> Mail:
    """ACC-4: the person learns of each change, so that somebody else's act does not go unseen."""
    context = {"phrase": CHANGES[message.about["quoi"]], "lien": link("account_reset_password")}
    return Mail("La protection de votre compte a changé", "account/courriels/second-facteur", context)
