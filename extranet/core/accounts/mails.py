"""Mails about accounts. The password is drawn here, at sending, and is nowhere else (ACT-2)."""

from collections.abc import Collection
from datetime import datetime

from extranet.core.accounts.models import User
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
